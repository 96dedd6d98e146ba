"""Closing a settlement window at an index of the evidence log, and what the parties then owe each other.

Windows follow each other without gap or overlap, so every transfer is in exactly one: a window takes what was posted
up to its index, and the ledger refuses anything later at an index inside it. What arrives late has a later index.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from schemas.identifiers import AgencyId
from schemas.ledger import Entry
from schemas.netting import Payment, net_positions, payments_for
from schemas.statement import Statement, Window, statements_of


class IndexAlreadyClosed(ValueError):
    """The index lies inside a closed window, or before the log begins."""


class WindowStore(Protocol):
    """What closing a window asks of storage."""

    def windows(self) -> Sequence[Window]:
        """Return all closed windows, the first one first."""
        ...

    def put_window(self, window: Window) -> None:
        """Keep a closed window for good."""
        ...

    def entries(self, after_index: int, upto_index: int) -> Sequence[Entry]:
        """Return the journal's entries at the indices ``(after_index, upto_index]``, in the order they were posted."""
        ...


@dataclass(frozen=True, slots=True)
class Settlement:
    """A closed window's result, in fen. Statements hold the gross lines that prove the net positions."""

    window: Window
    positions: dict[AgencyId, int]
    payments: tuple[Payment, ...]
    statements: dict[AgencyId, Statement]


def close_window(store: WindowStore, upto_index: int) -> Window:
    """Close the window that ends at ``upto_index``, an index the log has reached; closing it again returns it.

    Raises:
        IndexAlreadyClosed: no window can end there any more.
    """
    closed = store.windows()
    for window in closed:
        if window.upto_index == upto_index:
            return window
    after_index = closed[-1].upto_index if closed else -1
    if upto_index <= after_index:
        raise IndexAlreadyClosed(f"index {upto_index} is not after {after_index}, where the last window ended; "
                                 "close at a later one")
    window = Window(len(closed) + 1, after_index, upto_index)
    store.put_window(window)
    return window


def settle(store: WindowStore, window: Window) -> Settlement:
    """Return what a closed window's entries amount to; the same at any later time."""
    entries = store.entries(window.after_index, window.upto_index)
    positions = net_positions(entries)
    return Settlement(window, positions, payments_for(positions), statements_of(window, entries))
