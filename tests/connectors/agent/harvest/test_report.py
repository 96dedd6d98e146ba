"""The counts of a harvest, and when deletions are held back."""

import json

import pytest

from connectors.agent.harvest.report import KINDS_MAX, OTHER, SHOWN_MAX, Tally, Withheld, withheld
from connectors.agent.harvest.sources import Bad
from connectors.marc.record import MarcRecord, Problem

N = Withheld.NO


@pytest.mark.parametrize(("vanished", "known", "pieced", "bad", "before", "share", "verdict"), [
    (0, 100, True, 9, 0, 0.2, N),
    (20, 100, False, 0, 0, 0.2, N),
    (21, 100, False, 0, 0, 0.2, Withheld.TOO_MANY),
    (100, 100, False, 0, 0, 1.0, N),
    (1, 100, False, 0, 0, 0.0, Withheld.TOO_MANY),
    (1, 100, True, 0, 0, 0.2, Withheld.PIECED),
    (1, 100, False, 3, 2, 0.2, Withheld.UNREADABLE),
    (1, 100, False, 2, 2, 0.2, N),
])
def test_deletions_are_held_back(vanished: int, known: int, pieced: bool, bad: int, before: int, share: float,
                                 verdict: Withheld) -> None:
    assert withheld(vanished, known, pieced=pieced, bad=bad, bad_before=before, lost_share_max=share) is verdict


def test_a_tally_comes_back_from_the_journal_as_it_was() -> None:
    tally = Tally(read=3, withheld=Withheld.PIECED)
    tally.add(MarcRecord("", (), problems=(Problem.DIRECTORY,)), ["905", "905", "999"])
    tally.reject(Bad("byte 7", "bad_junk", "junk", b"\x00"))
    assert Tally.from_json(json.loads(json.dumps(tally.to_json()))) == tally
    assert (tally.unmapped, tally.problems) == ({"905": 2, "999": 1}, {"directory": 1, "bad_junk": 1})


def test_garbage_does_not_make_a_report_grow() -> None:
    tally = Tally()
    for number in range(2000):
        tally.add(MarcRecord("", ()), [f"{number:04}"])
        tally.reject(Bad("x", "bad_junk", "d" * 999))
    assert (len(tally.unmapped), tally.unmapped[OTHER]) == (KINDS_MAX + 1, 2000 - KINDS_MAX)
    assert (len(tally.first_bad), tally.bad) == (SHOWN_MAX, 2000)
