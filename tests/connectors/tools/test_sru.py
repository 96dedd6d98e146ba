"""``delta-connector sru`` and ``doctor --sru`` against real servers, and against those that are not there."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from connectors.cli import main
from connectors.sru.messages import Version
from connectors.tools.sru_doctor import address_of
from connectors.z3950.profile import Profile
from tests.connectors.sru.shelf import shelf
from tests.connectors.sru.test_client import answering
from tests.connectors.sru.zebra import zebra_sru


@pytest.fixture
async def url() -> AsyncIterator[str]:
    async with shelf() as port:
        yield f"http://127.0.0.1:{port}/sru"


async def run(capsys: Any, *arguments: str) -> tuple[int, str]:
    code = await asyncio.to_thread(main, list(arguments))
    return code, capsys.readouterr().out


async def search(capsys: Any, *arguments: str) -> tuple[int, dict[str, Any]]:
    code, said = await run(capsys, "sru", "search", *arguments, "--json")
    return code, json.loads(said)


async def test_a_search_answers_in_the_stated_shape(url: str, capsys: Any) -> None:
    code, answer = await search(capsys, url, "红楼梦")
    assert set(answer) == {"state", "hits", "records", "diagnostics", "seconds"}
    assert (code, answer["state"], answer["hits"], answer["diagnostics"]) == (0, "ok", 1, [])
    (record,) = answer["records"]
    assert (set(record), record["syntax"], record["charset"]) == ({"syntax", "charset", "marc"}, "xml", "utf-8")
    assert record["marc"]["fields"][0]["245"]["subfields"] == [{"a": "红楼梦"}]


async def test_a_record_that_cannot_be_had_makes_the_set_partial(url: str, capsys: Any) -> None:
    code, answer = await search(capsys, url, "红")
    assert (code, answer["state"], answer["hits"], len(answer["records"])) == (0, "partial", 2, 1)
    assert [each["code"] for each in answer["diagnostics"]] == [64]


@pytest.mark.parametrize(("query", "expected"), [("xyzzy", ("empty", 0)), ("无此书", ("unconfirmed", 1)),
                                                 ("dc.subject=x", ("failed", 1)), ("坏", ("failed", 1))])
async def test_nothing_found_is_told_by_its_state(url: str, capsys: Any, query: str, expected: tuple[str, int]) -> None:
    code, answer = await search(capsys, url, query)
    assert ((answer["state"], code), answer["hits"]) == (expected, 0)


@pytest.mark.parametrize("count", [0, 1, 5])
async def test_n_counts_records_however_few_a_server_gives_at_once(tmp_path: Path, capsys: Any, count: int) -> None:
    async with zebra_sru(tmp_path) as zebra:
        code, answer = await search(capsys, zebra, "dc.title=computer", "-n", str(count), "--schema", "marcxml")
    assert (code, answer["state"], len(answer["records"])) == (0, "ok", count)


async def silent(_request: web.Request) -> web.StreamResponse:
    await asyncio.sleep(30)
    return web.Response()


async def locked(_request: web.Request) -> web.StreamResponse:
    return web.Response(status=401)


async def test_a_silent_server_is_timed_out_and_one_with_a_lock_refuses(capsys: Any) -> None:
    async with answering(silent) as mute, answering(locked) as shut:
        late, answer = await search(capsys, mute, "a", "--timeout", "0.3")
        refused, other = await search(capsys, shut, "a")
    assert (late, answer["state"], answer["seconds"] < 2) == (1, "timed_out", True)
    assert (refused, other["state"]) == (1, "refused")


async def test_nobody_there_is_a_failure(capsys: Any) -> None:
    code, answer = await search(capsys, "http://127.0.0.1:1/sru", "a")
    assert (code, answer["state"], answer["diagnostics"][0]["code"]) == (1, "failed", "target_unreachable")


async def test_people_get_a_table(url: str, capsys: Any) -> None:
    code, said = await run(capsys, "sru", "search", url, "红楼梦", "--version", Version.V2_0)
    assert code == 0
    assert "完成" in said
    assert "红楼梦" in said


@pytest.mark.parametrize("arguments", [
    ("search", "http://127.0.0.1:1/", 'title="'), ("search", "http://127.0.0.1:1/", "三", "--charset", "latin-1"),
    ("search", "http://127.0.0.1:1/", "a", "-n", "many"), ("scan", "http://127.0.0.1:1/", "(")])
async def test_wrong_use_is_told_and_is_2(capsys: Any, arguments: tuple[str, ...]) -> None:
    try:
        code = await asyncio.to_thread(main, ["sru", *arguments])
    except SystemExit as ended:
        code = ended.code
    assert code == 2
    assert capsys.readouterr().out == ""


async def test_an_index_is_scanned(url: str, capsys: Any) -> None:
    code, said = await run(capsys, "sru", "scan", url, "dc.title=三体", "-n", "1", "--json")
    assert (code, json.loads(said)) == (0, {"terms": [{"term": "三体", "occurrences": 1}]})
    assert "三体" in (await run(capsys, "sru", "scan", url, "dc.title=三体"))[1]


async def test_what_a_server_refuses_to_scan_is_a_refusal(url: str, capsys: Any) -> None:
    assert (await run(capsys, "sru", "scan", url, "shoe.size=43"))[0] == 1


async def test_a_server_is_described(url: str, capsys: Any) -> None:
    code, said = await run(capsys, "sru", "explain", url, "--json")
    told = json.loads(said)
    assert (code, told["database"], list(told["schemas"])) == (0, "books", ["marcxml"])
    assert "测试目录" in (await run(capsys, "sru", "explain", url))[1]


async def test_the_doctor_finds_what_a_server_can_do_and_writes_it_down(url: str, capsys: Any, tmp_path: Path) -> None:
    file = tmp_path / "target.toml"
    code, said = await run(capsys, "doctor", "--sru", url, "--canary", "红楼梦", "--write", str(file), "--json")
    told = json.loads(said)
    assert (code, told["usable"], told["sru"]["schema"]) == (0, True, "marcxml")
    profile = Profile.from_toml(file.read_text("utf-8"))
    assert (profile.database, profile.is_charset_proved, profile.canary) == ("books", True, "红楼梦")
    assert profile.offers == {"sort", "scan"}
    assert 21 not in profile.uses
    assert f"# delta-connector doctor --sru {url}" in file.read_text("utf-8")


async def test_the_doctor_finds_zebra_usable(tmp_path: Path, capsys: Any) -> None:
    async with zebra_sru(tmp_path) as zebra:
        code, said = await run(capsys, "doctor", "--sru", zebra)
    assert code == 0
    assert "可以使用 usable" in said


async def test_the_doctor_finds_nobody(capsys: Any) -> None:
    code, said = await run(capsys, "doctor", "--sru", "http://127.0.0.1:1/x")
    assert code == 1
    assert "不能使用 not usable" in said


@pytest.mark.parametrize("text", ["127.0.0.1:80/x", "ftp://a/b", "http://", "http://["])
def test_a_url_that_is_none(text: str) -> None:
    with pytest.raises(Exception, match="is no URL"):
        address_of(text)
