"""Library systems as processes: they come back where they were, with what they knew, and stop when told."""

import asyncio
import json
import signal
import sys
import time

import pytest

from connectors.sip2.fields import CirculationStatus
from examples.alliance.clock import SteppedClock
from examples.ils.app import PortsFileDamaged, host
from examples.ils.circulation import checkout
from examples.ils.database import Database, DatabaseFailed
from examples.ils.model import ALLIANCE_CARD, Refused
from examples.ils.records import read_item
from tests.examples.desk import BY_SLUG, LIBRARIES, MORNING, HandClock, at_the_counter, open_ils, readers

YANGPU = BY_SLUG["yangpu"]


async def test_what_was_answered_survives_a_restart(tmp_path):
    clock = HandClock()
    async with open_ils(YANGPU, tmp_path, clock) as ils, at_the_counter(YANGPU, ils, clock) as counter:
        lent = await counter.checkout(ALLIANCE_CARD, "00000001")

    async with open_ils(YANGPU, tmp_path, clock, ils.ports) as again, at_the_counter(YANGPU, again, clock) as counter:
        assert again.ports == ils.ports
        item = await counter.item_information("00000001")
        assert (item.circulation_status, item.due_date) == (CirculationStatus.CHARGED, lent.due_date)
        reader = readers(YANGPU)[0]
        assert (await counter.patron_information(reader.card, reader.pin)).valid_password


async def test_a_crash_before_the_commit_undoes_and_after_it_keeps(tmp_path):
    class Killed(BaseException):
        pass

    async with open_ils(YANGPU, tmp_path, HandClock()):
        pass
    path = tmp_path / "yangpu" / "circulation.sqlite"
    seen = {}
    for point in ("before commit", "after commit"):

        def kill(reached, point=point):
            if reached == point:
                raise Killed

        database = Database(path, HandClock(), kill)
        with pytest.raises(Killed):
            await database.write(checkout, ALLIANCE_CARD, "00000002")
        seen[point] = (await database.read(read_item, "00000002")).loan is not None
        database.close()

    assert seen == {"before commit": False, "after commit": True}


async def test_a_refusal_changes_nothing(tmp_path):
    async with open_ils(YANGPU, tmp_path, HandClock()) as ils:
        with pytest.raises(Refused, match="unknown item"):
            await ils.database.write(checkout, ALLIANCE_CARD, "99999999")
        count = await ils.database.read(lambda unit: unit.db.execute("SELECT count(*) FROM event").fetchone()[0])
    assert count == 0


async def test_several_systems_share_a_process_and_say_where_they_are(tmp_path):
    ports_file = tmp_path / "ports.json"
    command = [sys.executable, "-m", "examples.ils", "--roster", "31", "--index", "0", "4", "12", "--seed", "7",
               "--folder", tmp_path, "--ports-file", ports_file, "--clock", tmp_path / "clock"]  # fmt: skip
    SteppedClock(tmp_path / "clock").set(MORNING)
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
    try:
        ports = await _wait_for(ports_file)
        assert list(ports) == [LIBRARIES[number].slug for number in (0, 4, 12)]
        assert ports["wuxi"]["z3950"] is None
        assert ports["yangpu"]["z3950"]
        process.kill()
        await process.wait()
        modified = ports_file.stat().st_mtime_ns
        process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
        await _wait_until(lambda: ports_file.stat().st_mtime_ns > modified)
        assert json.loads(ports_file.read_text()) == ports
    finally:
        process.send_signal(signal.SIGTERM)
        _, errors = await process.communicate()
    assert (process.returncode, errors) == (0, b"")


async def test_a_damaged_file_is_named(tmp_path):
    (tmp_path / "ports.json").write_text("{", "utf-8")
    with pytest.raises(PortsFileDamaged, match="delete it"):
        await host([], tmp_path, tmp_path / "ports.json", HandClock(), asyncio.Event())

    (tmp_path / "circulation.sqlite").write_bytes(b"this is no database" * 100)
    with pytest.raises(DatabaseFailed, match="cannot be opened"):
        Database(tmp_path / "circulation.sqlite", HandClock())


async def test_a_start_that_cannot_be_says_why(tmp_path):
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "examples.ils", "--folder", tmp_path, "--ports-file", tmp_path / "p", "--index", "31",
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, errors = await process.communicate()

    assert process.returncode == 2
    assert b"0 to 30" in errors


async def _wait_for(path):
    await _wait_until(path.exists)
    return json.loads(path.read_text("utf-8"))


async def _wait_until(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "too late"
        await asyncio.sleep(0.05)
