"""Vectors for money: what each message of a loan moves, statements and their digests, positions and payments."""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

from schemas.identifiers import AgencyId, ConversationId
from schemas.ledger import Entry, Transfer
from schemas.lending import Action, Custody, Quote, ReservationGranted
from schemas.messages import MessageType
from schemas.netting import net_positions, payments_for
from schemas.statement import Window, statement_of
from tests.schemas.loan_story import (
    CLEARING,
    HOME,
    PICKUP,
    SECOND,
    SUPPLIER,
    TARIFF,
    THIRD,
    Story,
    collected,
    ordered,
    reserved,
    shipped,
)

C = Custody
FREE_CARRIAGE = Quote(fee_fen=800, carriage_out_fen=0, carriage_back_fen=0, guarantee_fen=5000)


def _completed(story: Story) -> None:
    story.take(C.RETURNED_AT, PICKUP)
    story.ship_back()
    story.take(C.SUPPLIER, SUPPLIER)
    story.complete()


def _returned_elsewhere(story: Story) -> None:
    story.take(C.RETURNED_AT, THIRD)
    story.ship_back()
    story.take(C.SUPPLIER, SUPPLIER)
    story.complete()


def _given_back_at_once(story: Story) -> None:
    story.take(C.SUPPLIER, SUPPLIER)
    story.complete()


def _overtaken(story: Story) -> None:
    """A third library took it back and sent it; its messages come when the loan has ended."""
    known = story.last
    _given_back_at_once(story)
    story.take(C.RETURNED_AT, THIRD, known)
    story.ask(Action.SHIPPED_RETURN, THIRD)


def _not_collected(story: Story) -> None:
    story.take(C.PICKUP_POINT, PICKUP)
    _given_back_at_once(story)


def _granted_again(story: Story) -> None:
    body = ReservationGranted(total_fen=story.quote.total_fen)
    story.say(MessageType.RESERVATION_GRANTED, CLEARING, HOME, body, story.loan.reservation)


def _second_supplier(story: Story) -> None:
    story.request()
    story.unfilled()
    story.request(SECOND)
    story.accept()
    story.confirm()
    story.ship()


def _uncollected(story: Story) -> None:
    story.take(C.LOCKER, PICKUP)
    story.ship_back()
    story.take(C.SUPPLIER, SUPPLIER)
    story.complete()


def _cancelled(story: Story) -> None:
    story.request()
    story.cancel()
    story.agree_to_cancel()
    story.release()


LOANS: dict[str, tuple[str, Callable[..., Story], Callable[[Story], object], Quote | None]] = {
    "completed": ("collected, returned at the pickup library, sent back", collected, _completed, None),
    "returned_elsewhere": ("returned at a third library, which is paid for its trouble", collected,
                           _returned_elsewhere, None),
    "back_to_the_supplier": ("the reader brings it to the supplier itself", collected, _given_back_at_once, None),
    "overtaken": ("a parcel faster than the news of it: who took it back tells late, and is paid", collected,
                  _overtaken, None),
    "not_collected": ("the supplier takes it back from the pickup point", shipped, _not_collected, None),
    "granted_again": ("one question answered twice sets nothing aside anew", reserved, _granted_again, None),
    "never_left": ("the supplier takes its own parcel back", shipped, _given_back_at_once, None),
    "uncollected": ("it waits in a locker and goes back", shipped, _uncollected, None),
    "second_supplier": ("the first one cannot supply", reserved, _second_supplier, None),
    "cancelled": ("cancelled before it was sent", reserved, _cancelled, None),
    "unfilled": ("nobody can supply", reserved, lambda story: (story.request(), story.unfilled(),
                                                               story.release("Unfilled")), None),
    "order_only": ("an order alone moves nothing", ordered, lambda story: None, None),
    "lost": ("lost by the reader and charged", collected, Story.lose, None),
    "lost_for_more": ("a charge above the guarantee is cut to it", collected, lambda story: story.lose(9999), None),
    "lost_for_nothing": ("lost, and nothing charged", shipped, lambda story: story.lose(None), None),
    "free_carriage": ("what costs nothing makes no transfer", collected, _completed, FREE_CARRIAGE),
}


def files() -> dict[str, Any]:
    stories = list(_stories())
    return {
        "tariff": {
            "about": "the messages of a loan in the order of the log, and the transfers that each of them causes",
            "tariff": TARIFF.model_dump(), "clearing": CLEARING,
            "loans": [_loan(name, story) for name, story in stories],
        },
        "statements": {
            "about": "settled transfers by log index, one party's statement of a window, its bytes and their digest",
            "cases": list(_statements([entry for _, story in stories for entry in story.journal])),
        },
        "netting": {
            "about": "what each party is owed on balance (negative: owes) and the payments that settle it, in order",
            "cases": [_netted(name, positions) for name, positions in _positions(stories).items()],
        },
    }


def _stories() -> Iterator[tuple[str, Story]]:
    for number, (name, (_, begin, go_on, quote)) in enumerate(LOANS.items()):
        fields = {"conv": ConversationId(f"loan-{number:04}"), "first_index": number * 100}
        story = begin(**fields, **({"quote": quote} if quote else {}))
        go_on(story)
        yield name, story


def _loan(name: str, story: Story) -> dict[str, Any]:
    messages = [{"index": story.first_index + number, "hash": hash_,
                 "message": json.loads(message.model_dump_json(exclude_none=True)),
                 "transfers": [_transfer(entry.transfer) for entry in story.journal
                               if entry.index == story.first_index + number]}
                for number, (message, hash_) in enumerate(story.said)]
    return {"name": name, "about": LOANS[name][0], "messages": messages}


def _transfer(transfer: Transfer) -> dict[str, Any]:
    return asdict(transfer)


def _statements(entries: list[Entry]) -> Iterator[dict[str, Any]]:
    for name, party, window in (
        ("whole", HOME, Window(1, -1, 10_000)), ("supplier", SUPPLIER, Window(1, -1, 10_000)),
        ("part", HOME, Window(2, 6, 112)), ("third", THIRD, Window(1, -1, 10_000)),
        ("empty", AgencyId("CN-AH-WUHU"), Window(3, -1, 10_000)),
    ):
        own = [entry for entry in entries if party in (entry.transfer.debit, entry.transfer.credit)]
        statement = statement_of(party, window, own)
        yield {"name": name, "party": party, "window": asdict(window),
               "entries": [{"index": entry.index, "transfer": _transfer(entry.transfer)} for entry in own],
               "expected": {"net_fen": statement.net_fen, "lines": len(statement.lines),
                            "bytes": statement.encode().decode(), "digest": statement.digest}}


def _positions(stories: list[tuple[str, Story]]) -> dict[str, dict[str, int]]:
    entries = [entry for _, story in stories for entry in story.journal]
    return {
        "of_these_loans": dict(net_positions(entries)),
        "nobody": {},
        "two": {"CN-A": -500, "CN-B": 500},
        "one_pays_all": {"CN-A": -600, "CN-B": 100, "CN-C": 200, "CN-D": 300},
        "ties_by_name": {"CN-D": 100, "CN-C": 100, "CN-B": -100, "CN-A": -100},
        "rest_waits_its_turn": {"CN-A": -700, "CN-B": 500, "CN-C": -300, "CN-D": 400, "CN-E": 100},
        "large": {"CN-A": 2**53 - 1, "CN-B": -(2**52), "CN-C": 1 - 2**52},
    }


def _netted(name: str, positions: dict[str, int]) -> dict[str, Any]:
    payments = payments_for({AgencyId(party): fen for party, fen in positions.items()})
    return {"name": name, "positions": positions, "expected": [asdict(payment) for payment in payments]}
