"""The client against Zebra: what a real catalogue server does with every operation."""

from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from connectors.z3950 import oid
from connectors.z3950.apdu_services import (
    ExtendedServicesRequest,
    ItemOrder,
    PartNotToKeep,
    ResultSetItem,
    order_to_external,
)
from connectors.z3950.association import Association
from connectors.z3950.errors import TargetDiagnostic
from connectors.z3950.pqf import parse
from connectors.z3950.probe import probe
from connectors.z3950.profile import Profile
from connectors.z3950.query import Attribute, Term, Use, look_for
from connectors.z3950.sort import Order, SortKey

from .programs import running_zebra

THE = look_for("the", Use.TITLE)


@pytest.fixture
async def zebra(tmp_path: Path) -> AsyncIterator[Profile]:
    async with running_zebra(tmp_path) as port:
        yield Profile(host="127.0.0.1", port=port, deadline_seconds=5.0)


@pytest.mark.parametrize(("syntax", "beginning"), [
    (oid.USMARC, b"0"), (oid.XML, b"<"), (oid.SUTRS, b"usmarc:"), (oid.GRS1, b"\x30"),
])  # fmt: skip
async def test_presents_in_every_syntax(zebra: Profile, syntax: str, beginning: bytes):
    async with Association(zebra) as association:
        hits = await association.search(THE)
        records = await association.present(1, hits, syntax)
    assert len(records) == hits > 5
    assert {record.syntax for record in records} == {syntax}
    assert records[0].data.startswith(beginning)


async def test_a_syntax_that_it_has_not_is_refused(zebra: Profile):
    async with Association(zebra) as association:
        await association.search(THE)
        [record] = await association.present(1, 1, oid.UNIMARC)
        assert record.diagnostic is not None
        assert record.diagnostic.code == 238


async def test_records_come_with_the_search(zebra: Profile):
    async with Association(zebra) as association:
        hits, records = await association.find(THE, 3)
        assert hits > len(records) == 3
        assert records == await association.present(1, 3)


async def test_scans_an_index(zebra: Profile):
    async with Association(zebra) as association:
        entries = await association.scan(Term("computer", (Attribute(1, 4),)), 5)
        assert entries[0].term == "computer"
        assert (entries[0].occurrences or 0) > 0
        assert [entry.term for entry in entries] == sorted(entry.term for entry in entries)
        with pytest.raises(TargetDiagnostic):
            await association.scan(Term("x", (Attribute(1, 9999),)), 5)


async def test_named_result_sets_live_side_by_side_until_deleted(zebra: Profile):
    async with Association(zebra) as association:
        one = await association.search(THE, result_set="one")
        two = await association.search(parse("@attr 1=4 computer"), result_set="two")
        assert one != two
        assert len(await association.present(1, 99, result_set="one")) == one
        assert len(await association.present(1, 99, result_set="two")) == two
        assert await association.search(parse("@or @set one @set two")) >= max(one, two)
        assert await association.delete("one")
        assert await association.present(1, 1, result_set="one") == []
        assert len(await association.present(1, 99, result_set="two")) == two
        assert await association.delete()


async def test_sort_is_done_or_refused_by_name(zebra: Profile):
    async with Association(zebra) as association:
        await association.search(THE)
        key = SortKey((Attribute(1, 1018),), Order.DESCENDING)
        with suppress(TargetDiagnostic):
            await association.sort([key])
        assert len(await association.present(1, 2)) == 2


async def test_an_item_order_that_is_not_served_is_refused_and_the_association_goes_on(zebra: Profile):
    order = ItemOrder(None, PartNotToKeep(ResultSetItem("default", 1)))
    async with Association(zebra) as association:
        await association.search(THE)
        request = ExtendedServicesRequest(task_specific_parameters=order_to_external(order))
        with pytest.raises(TargetDiagnostic) as refused:
            await association.extended_service(request)
        assert refused.value.code == 221
        assert await association.search(THE) > 0


async def test_charsets_are_negotiated(zebra: Profile):
    negotiating = Profile(host=zebra.host, port=zebra.port, query_charset="iso8859-1", negotiates=True)
    async with Association(negotiating) as association:
        assert association.is_charset_negotiated
        assert association.charset == "iso8859-1"
        assert await association.search(THE) > 0


async def test_a_probe_finds_what_zebra_can_do(zebra: Profile):
    report = await probe(zebra, seconds=20)
    found = report.profile
    assert report.is_usable
    assert {Use.TITLE, Use.AUTHOR, Use.ANY} <= found.uses
    assert Use.ISBN not in found.uses
    assert found.syntaxes[:2] == ("usmarc", "xml")
    assert {"scan", "named_sets", "delete", "piggyback"} <= found.offers
    assert not found.is_charset_proved
    assert found.negotiates
    assert Profile.from_toml(found.to_toml()) == found
    assert {sample.syntax for sample in report.samples} >= {oid.USMARC, oid.XML}
