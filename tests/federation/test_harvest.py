"""Harvests on the road: taken over, withdrawn, and never in a loan's way."""



from schemas.bib import Bib
from schemas.messages import (
    Accepted,
    HarvestBatch,
    MessageType,
)
from schemas.problems import ProblemCode
from tests.alliance import (
    FIRST,
    GATEWAY,
    HOME,
    RECORD,
    Alliance,
    body_of,
)
from tests.federation.telling import said

M, P = MessageType, ProblemCode


async def test_a_harvest_is_taken_over_and_later_withdrawn(town: Alliance) -> None:
    bib = Bib(record_id=RECORD, source="CNMARC", title="红楼梦")
    for number, (bibs, deleted, found) in enumerate((((bib,), (), 1), ((), (RECORD,), 0)), 1):
        batch = HarvestBatch(run="r", number=number, bibs=bibs, deleted=deleted)
        message = await said(town, M.HARVEST_BATCH, FIRST, GATEWAY, batch)
        assert isinstance(body_of(await town.gateway.receive(message.envelope, FIRST)), Accepted)
        page = await town.database.run(lambda unit: unit.catalogue.search("红楼梦"))
        assert page.total == found


async def test_a_harvest_delays_no_loan_for_it_is_a_stream_of_its_own(town: Alliance) -> None:
    batch = HarvestBatch(run="r", number=1, bibs=())
    message = await said(town, M.HARVEST_BATCH, HOME, GATEWAY, batch)
    await town.order(FIRST)
    await town.rest()
    assert isinstance(body_of(await town.gateway.receive(message.envelope, HOME)), Accepted)
