"""The connector's journal: what it answers is on disk, one unit at a time, and readers' secrets show nowhere."""

import asyncio
import sqlite3
import stat
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from connectors.agent.effects import Do, Verb
from connectors.agent.journal import Journal, JournalFailed
from connectors.agent.tables import SCHEMA_VERSION, Session, Slot, Unit
from schemas.identifiers import ConversationId, ItemBarcode, MessageHash
from schemas.lifecycle import Outcome
from schemas.loan import Loan
from tests.schemas.loan_story import HOME, POINT, SUPPLIER
from trust.stream import StreamHead

CARD = "310110000001"
LOAN = Loan(ConversationId("loan-0001"), HOME, POINT, barcode=ItemBarcode("31000001"))


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal(tmp_path / "journal.db")
    yield opened
    opened.close()


def on_disk(journal: Journal, name: str) -> str | None:
    connection = sqlite3.connect(journal._path)
    try:
        row = connection.execute("SELECT value FROM fact WHERE name = ?", (name,)).fetchone()
        return row[0] if row else None
    finally:
        connection.close()


def fail(unit: Unit) -> None:
    unit.set_fact("half", "done")
    raise KeyError("the unit's own")


# Durability

async def test_what_is_answered_is_on_disk(journal: Journal) -> None:
    await journal.run(lambda unit: unit.set_fact("received", "7"))
    assert on_disk(journal, "received") == "7"


async def test_a_unit_that_fails_leaves_nothing_and_the_journal_goes_on(journal: Journal) -> None:
    with pytest.raises(KeyError):
        await journal.run(fail)
    await journal.run(lambda unit: unit.set_fact("after", "1"))
    assert (on_disk(journal, "half"), on_disk(journal, "after")) == (None, "1")


async def test_a_waiter_that_is_cancelled_leaves_the_work_done(journal: Journal) -> None:
    begun, go = threading.Event(), threading.Event()

    def work(unit: Unit) -> None:
        begun.set()
        go.wait(5)
        unit.set_fact("received", "8")

    waiting = asyncio.create_task(journal.run(work))
    await asyncio.to_thread(begun.wait, 5)
    waiting.cancel()
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await journal.run(lambda unit: unit.fact("received")) == "8"


async def test_a_unit_is_between_its_two_points(tmp_path: Path) -> None:
    points: list[str] = []
    journal = Journal(tmp_path / "journal.db", points.append)
    await journal.run(lambda unit: points.append(unit.fact("received", "nothing")))
    journal.close()
    assert points == ["nothing", "before commit", "after commit"]


async def test_a_full_disk_is_told_as_such_and_the_journal_goes_on(journal: Journal) -> None:
    def too_much(unit: Unit) -> None:
        pages = unit._db.execute("PRAGMA page_count").fetchone()[0]
        unit._db.execute(f"PRAGMA max_page_count={pages}")
        try:
            for number in range(100):
                unit.set_fact(f"{number}", "x" * 5000)
        finally:
            unit._db.execute("PRAGMA max_page_count=1000000")

    with pytest.raises(sqlite3.OperationalError, match="full"):
        await journal.run(too_much)
    await journal.run(lambda unit: unit.set_fact("after", "1"))
    assert (on_disk(journal, "0"), on_disk(journal, "after")) == (None, "1")


async def test_what_was_kept_is_there_after_a_restart(tmp_path: Path) -> None:
    for expected in ("", "1"):
        journal = Journal(tmp_path / "journal.db")
        assert await journal.run(lambda unit: unit.fact("started")) == expected
        await journal.run(lambda unit: unit.set_fact("started", "1"))
        journal.close()


async def test_the_journal_is_its_owners_alone(tmp_path: Path) -> None:
    (tmp_path / "journal.db").touch(mode=0o644)
    journal = Journal(tmp_path / "journal.db")
    await journal.run(lambda unit: unit.set_fact("a", "b"))
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    journal.close()
    assert set(modes) >= {"journal.db", "journal.db-wal"}
    assert set(modes.values()) == {0o600}


@pytest.mark.parametrize("content", [b"not a database " * 500, b"00714cam0"])
def test_a_file_that_is_no_journal_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "catalogue.mrc").write_bytes(content)
    with pytest.raises(JournalFailed, match=r"catalogue\.mrc: cannot be opened .* is it a connector's journal\?"):
        Journal(tmp_path / "catalogue.mrc")
    assert (tmp_path / "catalogue.mrc").read_bytes() == content


def test_a_folder_that_is_not_there_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(JournalFailed, match=r"journal\.db: cannot be opened"):
        Journal(tmp_path / "nowhere" / "journal.db")


def test_a_journal_whose_tables_another_version_has_made_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    Journal(path).close()
    with closing(sqlite3.connect(path)) as other:
        assert other.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
        other.execute(f"PRAGMA user_version={SCHEMA_VERSION + 1}")
    with pytest.raises(JournalFailed, match=rf"version {SCHEMA_VERSION + 1}, this program knows {SCHEMA_VERSION}"):
        Journal(path)
    with closing(sqlite3.connect(path)) as other:
        assert other.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION + 1,)


# The outbox, the streams, the messages

async def test_the_outbox_is_a_queue_that_forgets_only_what_was_answered(journal: Journal) -> None:
    def work(unit: Unit) -> list[str]:
        for name in ("c", "a", "b"):
            unit.enqueue(name, name.encode())
        unit.dequeue("a")
        unit.dequeue("never there")
        return [name for name, _ in unit.outbox(10)]

    assert await journal.run(work) == ["c", "b"]
    assert await journal.run(lambda unit: (unit.waiting(), unit.outbox(1))) == (2, [("c", b"c")])


async def test_messages_that_are_sent_again_go_before_all_others_in_their_order(journal: Journal) -> None:
    def work(unit: Unit) -> list[str]:
        for name in ("a", "b", "c", "d"):
            unit.add_message(name, "Request", "loan-0001", None, name.encode())
        unit.enqueue("d", b"d")
        unit.enqueue("b", b"b")
        for _ in range(2):
            unit.enqueue_first(["a", "b", "c"])
        unit.enqueue("e", b"e")
        return [name for name, _ in unit.outbox(10)]

    assert await journal.run(work) == ["a", "b", "c", "d", "e"]


async def test_an_envelope_is_enqueued_once(journal: Journal) -> None:
    await journal.run(lambda unit: unit.enqueue("a", b"a"))
    with pytest.raises(sqlite3.IntegrityError):
        await journal.run(lambda unit: unit.enqueue("a", b"a"))


async def test_a_streams_head_is_its_own(journal: Journal) -> None:
    head = StreamHead(1, 5, MessageHash("ab" * 32))
    await journal.run(lambda unit: unit.set_head(HOME, SUPPLIER, "loan", head))
    heads = await journal.run(lambda unit: (unit.head(HOME, SUPPLIER, "loan"), unit.head(SUPPLIER, HOME, "loan")))
    assert heads == (head, StreamHead())


async def test_messages_are_returned_as_far_as_the_log_says(journal: Journal) -> None:
    def work(unit: Unit) -> list[str]:
        unit.add_message("late", "Request", "loan-0001", 9, b"late")
        unit.add_message("own", "Request", "loan-0001", None, b"own")
        unit.add_message("early", "Request", "loan-0001", 2, b"early")
        unit.add_message("money", "StatementProposal", "", 3, b"money")
        unit.set_index("own", 5)
        return [hash_ for hash_, _, _ in unit.messages_upto(8)]

    assert await journal.run(work) == ["early", "own"]
    assert await journal.run(lambda unit: (unit.has_message("own"), unit.has_message("other"))) == (True, False)
    assert await journal.run(lambda unit: unit.envelope("late")) == b"late"


async def test_a_missing_confirmation_is_told_once(journal: Journal) -> None:
    def work(unit: Unit) -> None:
        for name, by in (("a", "2026-12-01"), ("b", "2026-12-02"), ("c", "2026-12-01")):
            unit.add_message(name, "Request", "loan-0001", None, b"")
            unit.await_confirmation(name, by)
        unit.confirmed("c")

    await journal.run(work)
    assert await journal.run(lambda unit: unit.unconfirmed("2026-12-01T12")) == [
        ("a", "Request", "loan-0001")]
    assert await journal.run(lambda unit: unit.unconfirmed("2026-12-01T12")) == []


# Loans and tasks

async def test_a_loan_is_found_by_its_barcode_until_it_ends(journal: Journal) -> None:
    await journal.run(lambda unit: unit.put_loan(LOAN))
    assert await journal.run(lambda unit: unit.loans_with("31000001")) == [LOAN]
    ended = Loan(LOAN.conv, HOME, POINT, barcode=LOAN.barcode, outcome=Outcome.COMPLETED)
    await journal.run(lambda unit: unit.put_loan(ended))
    assert await journal.run(lambda unit: unit.loans_with("31000001")) == []
    assert await journal.run(Unit.loans) == []
    assert await journal.run(lambda unit: unit.loans(unfinished=False)) == [ended]


async def test_a_loans_tasks_are_open_one_after_another(journal: Journal) -> None:
    def work(unit: Unit) -> None:
        unit.add_task("loan-0001", Do(Verb.PLACE_HOLD, argument={"barcodes": "1 2"}))
        unit.add_task("loan-0002", Do(Verb.CHECK_PATRON))
        unit.add_task("loan-0001", Do(Verb.CHECK_OUT, argument={"barcode": "1"}))

    def open_now(unit: Unit) -> list[tuple[str, Verb]]:
        return [(task.conv, task.do.verb) for task in unit.open_tasks()]

    await journal.run(work)
    assert await journal.run(open_now) == [("loan-0001", Verb.PLACE_HOLD), ("loan-0002", Verb.CHECK_PATRON)]
    await journal.run(lambda unit: unit.mark_done(1))
    assert await journal.run(open_now) == [("loan-0002", Verb.CHECK_PATRON), ("loan-0001", Verb.CHECK_OUT)]
    assert await journal.run(lambda unit: (unit.has_task("loan-0001", Verb.CHECK_OUT),
                                           unit.has_task("loan-0001", Verb.PLACE_HOLD))) == (True, False)


async def test_a_write_that_was_sent_is_known_with_its_copy(journal: Journal) -> None:
    await journal.run(lambda unit: unit.add_task("loan-0001", Do(Verb.PLACE_HOLD, argument={"barcodes": "1 2"})))
    assert await journal.run(lambda unit: unit.held_barcode("loan-0001")) is None
    await journal.run(lambda unit: unit.mark_sent(1, "2", "CARD"))
    (task,) = await journal.run(Unit.open_tasks)
    assert task.sent
    assert task.do.argument == {"barcodes": "1 2", "barcode": "2", "card": "CARD"}
    assert await journal.run(lambda unit: (unit.card_of("loan-0001"), unit.card_of("loan-0002"))) == ("CARD", None)
    assert await journal.run(lambda unit: unit.held_barcode("loan-0001")) == "2"


# Readers and stock

async def test_only_slots_that_are_taken_use_credit(journal: Journal) -> None:
    def work(unit: Unit) -> None:
        for number, card, taken, by in ((1, CARD, True, None), (2, CARD, False, "2026-12-01"),
                                        (3, "other", True, None)):
            unit.put_slot(Slot(f"loan-{number:04}", card, taken, False, by, "{}"))

    await journal.run(work)
    assert await journal.run(lambda unit: unit.slots_taken(CARD)) == 1
    assert await journal.run(lambda unit: unit.slots_unanswered("2026-12-02")) == ["loan-0002"]
    assert await journal.run(lambda unit: unit.slots_unanswered("2026-11-30")) == []


async def test_two_sign_ins_never_share_a_challenge(journal: Journal) -> None:
    session = Session("one", "challenge", "2026-12-01", None, None)
    await journal.run(lambda unit: unit.put_session(session))
    assert await journal.run(lambda unit: unit.session("one")) == session
    assert await journal.run(lambda unit: unit.session("two")) is None


def test_a_readers_card_and_key_are_in_no_repr() -> None:
    shown = repr((Slot("loan-0001", CARD, True, False, None, "{}"), Session("one", "secret", "2026", CARD, "key")))
    assert CARD not in shown
    assert "secret" not in shown


async def test_own_copies_are_known_by_record_and_by_barcode(journal: Journal) -> None:
    rows = [("r1", "2", 4500), ("r1", "1", None), ("r2", "3", 100)]
    for _ in range(2):
        await journal.run(lambda unit: unit.put_items(rows))
    assert await journal.run(lambda unit: unit.items_of("r1")) == [("1", None), ("2", 4500)]
    assert await journal.run(lambda unit: (unit.price_of("2"), unit.price_of("1"), unit.price_of("9"))) == (
        4500, None, None)
    assert await journal.run(lambda unit: (unit.owns("1"), unit.owns("9"))) == (True, False)


async def test_alarms_are_kept_in_order_and_cut_to_size(journal: Journal) -> None:
    for code in ("replayed", "not_confirmed"):
        await journal.run(lambda unit, code=code: unit.alarm("2026-12-01", code, "x" * 900))
    alarms = await journal.run(Unit.alarms)
    assert [alarm["code"] for alarm in alarms] == ["replayed", "not_confirmed"]
    assert {len(alarm["detail"]) for alarm in alarms} == {500}
