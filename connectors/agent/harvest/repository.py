"""An OAI-PMH repository as a source: it says itself what has changed since a moment of its own clock, and what is gone.

A page is a slice, so that a run that was cut asks again with the token of the page it had not finished. A token that
the repository no longer knows begins the list anew, once: what was sent already is recognised and not sent again.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from io import BytesIO

from yarl import URL

from connectors.agent.harvest.sources import END, Bad, Found, Gone, Reading, Slice, found_as
from connectors.marc.marcxml import read_marcxml
from connectors.oai.client import OaiClient
from connectors.oai.errors import OaiMalformed, OaiRefused
from connectors.oai.pages import BAD_TOKEN, OaiRecord, Page

NO_MARC = "bad_no_marc"
REPAIRED = "page_repaired"
"""Characters that XML forbids were replaced on so many pages."""
OVERLAP = timedelta(hours=1)
"""A record may become visible some time after the datestamp it bears; what comes twice is recognised."""


@dataclass(frozen=True)
class Repository:
    """A repository behind ``url``. Without a ``prefix`` its MARC format is found out; ``set_`` is a part of it."""

    url: str
    prefix: str = ""
    set_: str = ""
    resumes_exactly = True

    @property
    def name(self) -> str:
        """Its address, without what may be secret in it."""
        return str(URL(self.url).with_user(None).with_query(None))

    async def survey(self, since: str) -> Reading:
        """Return what has changed since a moment of the repository's clock."""
        async with OaiClient(self.url) as client:
            told = await client.identify()
            prefix = self.prefix or await client.marc_prefix()
        start = told.datestamp(datetime.fromisoformat(since)) if since else ""
        mark = (told.now - OVERLAP).isoformat()
        return Reading(not since, mark, prefix, lambda cursor: self._slices(prefix, start, cursor),
                       told.tells_all_deletions)

    async def _slices(self, prefix: str, since: str, token: str) -> AsyncIterator[Slice]:
        tokens, read = _Tokens(), 0
        async with OaiClient(self.url) as client:
            while True:
                try:
                    page = await client.list_records(prefix, since=since, set_=self.set_, token=token)
                except OaiRefused as refused:
                    if refused.code != BAD_TOKEN or not tokens.may_begin_anew(token):
                        raise
                    token, read = "", 0
                    continue
                read += len(page.records)
                share = min(1.0, read / page.total) if page.total else 0.0
                yield Slice(_found(page), page.token or END, share, (REPAIRED,) if page.is_repaired else ())
                if not page.token:
                    return
                tokens.check(page.token)
                token = page.token


def _found(page: Page) -> list[Found]:
    return [Gone(record.identifier) if record.is_deleted else _record(record) for record in page.records]


def _record(told: OaiRecord) -> Found:
    record = next(read_marcxml(BytesIO(told.metadata)), None) if told.metadata else None
    if record is None:
        return Bad(told.identifier, NO_MARC, "there is no MARC in this record's metadata", told.metadata)
    return found_as(record, told.identifier, told.identifier)


class _Tokens:
    """Notices a list that never ends, in the memory of one token (Brent), and a second token that is refused."""

    def __init__(self) -> None:
        self._kept, self._count, self._limit, self._begun_anew = "", 0, 1, False

    def check(self, token: str) -> None:
        """Take the token of the next page."""
        if token == self._kept:
            raise OaiMalformed("the repository gives the same pages again and again")
        self._count += 1
        if self._count == self._limit:
            self._kept, self._count, self._limit = token, 0, self._limit * 2

    def may_begin_anew(self, token: str) -> bool:
        """Whether the list may be asked for from its beginning; once."""
        self._begun_anew, before = True, self._begun_anew
        return bool(token) and not before
