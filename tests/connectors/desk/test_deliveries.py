"""Copies to be brought to their readers, at the desk's socket and in staff's terminal."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from connectors.cli import main
from schemas.identifiers import AgencyId
from tests.alliance import BARCODES, FIRST, HOME, PICKUP, Alliance, alliance, point
from tests.connectors.desk.test_api import Desk, desk_of
from trust.sealing import Secret, seal_address, to_jwk

ADDRESS = Secret("王小波 13800000000\n上海市杨浦区平凉路1490弄\x1b[2J")


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Alliance]:
    async with alliance(tmp_path) as opened:
        yield opened


@pytest.fixture
async def desk(town: Alliance, tmp_path: Path) -> AsyncIterator[Desk]:
    """The pickup library's desk."""
    async with desk_of(town, PICKUP, tmp_path / "desk.sock") as opened:
        yield opened


async def on_its_way(town: Alliance) -> str:
    """A loan whose copy is to be brought to its reader, sent to the pickup library."""
    conv = f"loan-{town.orders + 1:04}"
    _, key = town.directory.sealing_key(HOME, town.clock())
    signed = town.signed_order(conv, pickup=point(PICKUP), address=seal_address(to_jwk(key), conv, ADDRESS))
    await town.order(FIRST, pickup=PICKUP, altered={"signed_order": signed})
    await town.rest()
    await scan(town, FIRST)
    return conv


async def scan(town: Alliance, library: AgencyId) -> None:
    await town[library].scan(BARCODES[FIRST])
    await town.rest()


async def command(tmp_path: Path, *words: str) -> int:
    settings = tmp_path / "connector.toml"
    settings.write_text(f'agency = "{PICKUP}"\ngateway_url = "http://127.0.0.1:1/link"\n[sip2]\nport = 1\n'
                        'institutional_cards = ["A"]\n', "utf-8")
    return await asyncio.to_thread(main, [*words, "--config", str(settings)])


async def test_the_desk_shows_an_address_while_its_copy_is_here(desk: Desk) -> None:
    conv = await on_its_way(desk.town)
    shown: list[Any] = []
    for _ in range(3):
        listed = [loan["conv"] for loan in await desk.peer.ask("GET", "/deliveries")]
        if listed:
            shown.append(await desk.peer.ask("GET", f"/loans/{conv}/address"))
        else:
            assert await desk.refusal("GET", f"/loans/{conv}/address") == (409, "nothing_to_do")
        await scan(desk.town, PICKUP)
    assert shown == [{"conv": conv, "address": ADDRESS.reveal()}]
    assert await desk.refusal("GET", "/loans/no-such-loan/address") == (409, "nothing_to_do")


async def test_no_list_shows_an_address(desk: Desk) -> None:
    await on_its_way(desk.town)
    await scan(desk.town, PICKUP)
    for path in ("/status", "/loans?all", "/pull-list", "/uncollected", "/conflicts", "/deliveries"):
        assert "13800000000" not in str(await desk.peer.ask("GET", path))


async def test_staff_read_it_in_the_terminal_on_one_line_that_cannot_steer_it(
        desk: Desk, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    conv = await on_its_way(desk.town)
    assert await command(tmp_path, "address", conv) == 1
    assert "nothing_to_do" in capsys.readouterr().err
    await scan(desk.town, PICKUP)
    assert await command(tmp_path, "deliveries") == 0
    assert conv in capsys.readouterr().out
    assert await command(tmp_path, "address", conv) == 0
    assert capsys.readouterr().out == f"{conv}  王小波 13800000000 上海市杨浦区平凉路1490弄 [2J\n"
    assert await command(tmp_path, "address", conv, "--json") == 0
    assert "13800000000" in capsys.readouterr().out
