"""One search of one target, from the query to the answer, over a pool: whatever happens, what has come is returned.

The query is adapted to the target, an association taken that may hold its result set already, the record syntaxes are
tried in their order, records fetched part by part. Where nothing is found for a query beyond ASCII, the profile's
canary is asked for: only where it is found, and a word that nobody holds is not, is the query charset proved.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing

from connectors.z3950.adapt import adapt
from connectors.z3950.answer import Answer
from connectors.z3950.apdu import Credentials
from connectors.z3950.association import Association
from connectors.z3950.errors import MalformedQuery, TargetClosed, TargetDiagnostic, TargetSilent, Z3950Error
from connectors.z3950.pool import Pool, Session
from connectors.z3950.profile import Profile
from connectors.z3950.query import Query, Term, Use, look_for, terms
from connectors.z3950.reply import Record

CONTROL = "龘靐齉爩"
"""A word that no catalogue holds: a target that finds it finds anything, and its finding the canary proves nothing."""

# Bib-1 diagnostics: record not available in the syntax asked for, syntax not supported.
_WRONG_SYNTAX = frozenset({238, 239})
# Result set deleted by the target, does not exist, name not allowed.
_SET_GONE = frozenset({27, 30, 128})


async def ask_target(
    pool: Pool,
    profile: Profile,
    query: Query,
    wanted: int,
    *,
    credentials: Credentials | None = None,
    seconds: float,
    heard: Callable[[Answer], None] = lambda _: None,
) -> Answer:
    """Search, fetch the first ``wanted`` records, and return the answer within ``seconds``.

    ``heard`` is told of the answer whenever there is more in it: when the hits are known, and with each part.

    Raises:
        MalformedQuery: the query cannot be written in the target's charset.
    """
    is_plain = all(term.value.isascii() for term in terms(query))
    answer = Answer(wanted, is_plain, pool.is_charset_proved(profile))
    try:
        adapted = adapt(query, profile)
        answer.changes = adapted.changes
        async with asyncio.timeout(seconds):
            await _Search(pool, profile, adapted.query, credentials, answer, heard).run()
    except TimeoutError:
        answer.end(TargetSilent(f"{profile}: not done within {seconds:g} s"))
    except MalformedQuery:
        raise
    except Z3950Error as error:
        answer.end(error)
    return answer


async def is_charset_proved_by(association: Association, canary: str, use: int | None = Use.ANY) -> bool:
    """Whether the target finds ``canary``, and does not find a word that nobody holds."""
    words = [Term(word) if use is None else look_for(word, use) for word in (canary, CONTROL)]
    found = [await _hits(association, adapt(word, association.profile).query) for word in words]
    return found[0] > 0 and found[1] == 0


async def _hits(association: Association, query: Query) -> int:
    try:
        return await association.search(query)
    except (TargetDiagnostic, MalformedQuery):
        return 0


class _Search:
    """One search under way."""

    def __init__(
        self,
        pool: Pool,
        profile: Profile,
        query: Query,
        credentials: Credentials | None,
        answer: Answer,
        heard: Callable[[Answer], None],
    ) -> None:
        self._pool = pool
        self._profile = profile
        self._query = query
        self._credentials = credentials
        self._answer = answer
        self._heard = heard

    async def run(self) -> None:
        """Ask; an association that went stale while it rested is replaced by a fresh one."""
        while True:
            async with self._pool.lease(self._profile, self._credentials, self._query) as session:
                try:
                    return await self._ask(session)
                except TargetClosed:
                    if session.is_fresh or self._answer.records:
                        raise

    async def _ask(self, session: Session) -> None:
        answer = self._answer
        held = session.find_held(self._query)
        if held is None:
            await self._find(session)
        else:
            answer.hits = held.hits
            self._heard(answer)
            try:
                await self._fetch(session, held.name, 0)
            except TargetDiagnostic as diagnostic:
                if diagnostic.code not in _SET_GONE or answer.records:
                    raise
                await self._find(session)
        if answer.hits == 0 and not answer.is_plain and not answer.is_charset_proved and self._profile.canary:
            await self._prove(session)

    async def _find(self, session: Session) -> None:
        """Build the result set, and fetch from it."""
        profile, answer, association = self._profile, self._answer, session.association
        name = session.place_for(self._query)
        first = min(answer.wanted, profile.chunk_records) if "piggyback" in profile.offers - profile.broken else 0
        answer.hits, records = await association.find(self._query, first, session.syntax, result_set=name)
        if profile.is_good_at("result_set_reuse"):
            session.hold(self._query, name, answer.hits)
        if _is_wrong_syntax(records):
            records = []
        answer.take(records)
        self._heard(answer)
        await self._fetch(session, name, len(records))

    async def _fetch(self, session: Session, name: str, done: int) -> None:
        """Fetch what is wanted behind the first ``done`` records, in the first syntax that the target has."""
        if done >= self._answer.places:
            return
        syntaxes = (session.syntax,) if session.syntax else self._profile.syntax_oids
        for syntax in syntaxes[:-1]:
            if await self._is_fetched(session, name, done, syntax):
                return
        await self._is_fetched(session, name, done, syntaxes[-1], is_last=True)

    async def _is_fetched(self, session: Session, name: str, done: int, syntax: str, *, is_last: bool = False) -> bool:
        """Fetch in ``syntax``; return False where the target does not have it and another can be tried."""
        answer = self._answer
        parts = session.association.stream(done + 1, answer.places - done, syntax, result_set=name)
        try:
            async with aclosing(parts):
                async for part in parts:
                    if not is_last and not session.syntax and _is_wrong_syntax(part):
                        return False
                    session.syntax = syntax
                    answer.take(part)
                    self._heard(answer)
        except TargetDiagnostic as diagnostic:
            if is_last or session.syntax or diagnostic.code not in _WRONG_SYNTAX:
                raise
            return False
        return True

    async def _prove(self, session: Session) -> None:
        session.held.clear()  # the canary takes the place of the default result set
        if await is_charset_proved_by(session.association, self._profile.canary):
            self._pool.prove_charset(self._profile)
            self._answer.is_charset_proved = True


def _is_wrong_syntax(records: Sequence[Record]) -> bool:
    return bool(records) and all(each.diagnostic and each.diagnostic.code in _WRONG_SYNTAX for each in records)
