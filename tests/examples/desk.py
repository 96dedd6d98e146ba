"""A sample ILS in a temporary folder, and our own SIP2 client at its counter."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from connectors.sip2.client import Sip2Client
from connectors.sip2.verbs import Verbs
from examples.alliance.readers import Reader, readers_of
from examples.alliance.roster import Library, load_roster, with_varied_dialects
from examples.ils.app import Ports, RunningIls, lay_out, serve_ils
from schemas.bib import Bib

SEED = 7
MORNING = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
LIBRARIES = with_varied_dialects(load_roster(31))
BY_SLUG = {library.slug: library for library in LIBRARIES}


class HandClock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now = MORNING

    def __call__(self) -> datetime:
        return self.now

    def forward(self, days: int) -> None:
        self.now += timedelta(days=days)


def readers(library: Library) -> tuple[Reader, ...]:
    return readers_of(library, SEED)


@asynccontextmanager
async def open_ils(
    library: Library, folder: Path, clock: HandClock, ports: Ports | None = None
) -> AsyncIterator[RunningIls]:
    lay_out([library], LIBRARIES, folder, SEED)
    async with await serve_ils(library, folder, clock, seed=SEED, ports=ports) as ils:
        yield ils


@asynccontextmanager
async def at_the_counter(library: Library, ils: RunningIls, clock: HandClock) -> AsyncIterator[Verbs]:
    async with Sip2Client("127.0.0.1", ils.ports.sip2, library.sip2, library.credentials) as client:
        yield Verbs(client, clock)


def barcode_of(bibs: list[Bib], title: str) -> str:
    return next(bib.items[0].barcode for bib in bibs if bib.title == title)
