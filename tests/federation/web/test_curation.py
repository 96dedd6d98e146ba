"""The librarians' part of the operator's socket: reasons, pins with who and why, building anew."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from examples.alliance.people import JsonPeer, Refused, over_socket
from federation.web.link import Links
from federation.web.operator import serve_operator
from tests.alliance import FIRST, HOME, Alliance
from tests.federation.catalogue.books import book

RED, STONE = f"{HOME}/1", f"{FIRST}/1"
WISH = {"kind": "together", "one": RED, "other": STONE, "by": "王馆员", "reason": "同一版本"}


@pytest.fixture
async def operator(town: Alliance, tmp_path: Path) -> AsyncIterator[JsonPeer]:
    def fill(unit: Any) -> None:
        unit.catalogue.upsert(HOME, [book("红楼梦", "曹雪芹", isbn="9787020002207")])
        unit.catalogue.upsert(FIRST, [book("石头记", "脂砚斋", isbn="9787536692930")])

    await town.database.run(fill)
    async with serve_operator(town.gateway, Links(town.gateway), tmp_path / "operator.sock"):
        peer = over_socket(tmp_path / "operator.sock")
        async with peer.http:
            yield peer


async def test_why_two_are_not_one_is_told_with_every_finding(operator: JsonPeer) -> None:
    answer = await operator.ask("GET", f"/catalogue/why?one={RED}&other={STONE}")
    assert (answer["verdict"], answer["shared_keys"], answer["links"]) == ("never_compared", [], [])
    assert {"rule": "isbn_differs", "points": -25, "detail": "9787020002207 | 9787536692930"} in (
        answer["between"]["reasons"])


async def test_a_pin_is_made_shown_and_undone(operator: JsonPeer) -> None:
    pin = await operator.ask("POST", "/catalogue/pins", WISH)
    assert {**pin, "made": pin["made"]["by"]} == {
        "number": 1, "kind": "together", "one": RED, "other": STONE, "made": "王馆员", "undone": None}
    work = await operator.ask("GET", f"/catalogue/why?one={RED}")
    assert [link["pin"]["number"] for link in work["links"]] == [1, 1]
    undone = await operator.ask("POST", "/catalogue/pins/1/undo", {"by": "李馆员", "reason": "看错了"})
    assert (undone["undone"]["by"], undone["undone"]["reason"]) == ("李馆员", "看错了")
    assert await operator.ask("GET", "/catalogue/pins") == []
    assert await operator.ask("GET", "/catalogue/pins?undone") == [undone]
    assert (await operator.ask("GET", f"/catalogue/why?one={RED}"))["links"] == []


@pytest.mark.parametrize(("wish", "status", "named"), [
    ({"kind": "apart"}, 409, "PinsConflict"), ({}, 409, "AlreadyPinned"), ({"other": RED}, 409, "AlreadyPinned"),
    ({"other": "CN-NOWHERE/1"}, 404, "NoSuchRecord"), ({"other": "no-such-work"}, 404, "NoSuchRecord"),
    ({"reason": ""}, 400, ""), ({"by": ""}, 400, ""), ({"kind": "maybe"}, 400, ""), ({"more": 1}, 400, "")])
async def test_what_cannot_be_pinned_is_refused_by_name(operator: JsonPeer, wish: dict[str, Any], status: int,
                                                        named: str) -> None:
    await operator.ask("POST", "/catalogue/pins", WISH)
    with pytest.raises(Refused) as refused:
        await operator.ask("POST", "/catalogue/pins", WISH | wish)
    assert refused.value.status == status
    assert named in str(refused.value)
    assert len(await operator.ask("GET", "/catalogue/pins?undone")) == 1


@pytest.mark.parametrize("number", ["1", "99999999999", "x"])
async def test_a_pin_that_does_not_stand_cannot_be_undone(operator: JsonPeer, number: str) -> None:
    with pytest.raises(Refused) as refused:
        await operator.ask("POST", f"/catalogue/pins/{number}/undo", {"by": "李馆员", "reason": "看错了"})
    assert refused.value.status == 404


async def test_why_of_nothing_is_not_found(operator: JsonPeer) -> None:
    for query in ("", "?one=nothing", f"?one={RED}&other=nothing", "?one=%2F"):
        with pytest.raises(Refused) as refused:
            await operator.ask("GET", f"/catalogue/why{query}")
        assert refused.value.status == 404


async def test_the_clusters_are_built_anew_step_by_step(operator: JsonPeer) -> None:
    phases = [(await operator.ask("POST", "/catalogue/reindex"))["phase"] for _ in range(2)]
    assert phases == ["clusters", "done"]
