"""A start-up probe: what a target really supports, found by asking, as a profile and the findings it rests on.

What a target says at Init is only where the probe begins: each feature is tried. A target that falls silent or hangs up
at one question is asked the next on a fresh association, so that one weak point does not hide the others; a few such
falls end the visit. Nothing is changed at the target: no result set outlives the association, nothing is ordered.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from connectors.z3950 import oid
from connectors.z3950.apdu import Credentials, Option
from connectors.z3950.association import DEFAULT_SET, Association
from connectors.z3950.errors import ProtocolViolation, TargetDiagnostic, TargetError, Z3950Error
from connectors.z3950.live import is_charset_proved_by
from connectors.z3950.profile import Feature, Profile
from connectors.z3950.query import USE, Attribute, Query, Use, look_for
from connectors.z3950.reply import Record
from connectors.z3950.sort import SortKey

CANARIES = ("中国", "上海", "历史")
"""Words that nearly every Chinese catalogue holds; a library names a better one of its own."""
QUERY_CHARSETS = ("utf-8", "gb18030", "big5")
PROBED_USES = tuple(Use)
PROBED_SYNTAXES = ("usmarc", "unimarc", "xml", "sutrs", "opac", "grs-1")
_CANARY_USES = (Use.ANY, Use.TITLE)
_FREQUENT = ("a", "the", "1", "computer")
_FALLS_MAX = 3
_SET = "deltaprobe"


_Question: TypeAlias = Callable[[Association], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was tried: its name, whether it worked, and what was seen."""

    name: str
    is_good: bool
    text: str


@dataclass(frozen=True, slots=True)
class Report:
    """What a probe came to. ``is_usable``: the target searched and presented."""

    profile: Profile
    findings: tuple[Finding, ...]
    samples: tuple[Record, ...]
    """A record in each syntax that the target has."""
    is_usable: bool


@dataclass
class _Seen:
    uses: set[int] = field(default_factory=set)
    syntaxes: list[str] = field(default_factory=list)
    samples: list[Record] = field(default_factory=list)
    features: set[Feature] = field(default_factory=set)
    broken: set[Feature] = field(default_factory=set)
    charset: str = ""
    canary: str = ""
    negotiates: bool = False
    sample: Query | None = None
    """A query that finds something."""


async def probe(
    profile: Profile, credentials: Credentials | None = None, *, canaries: Sequence[str] = CANARIES, seconds: float
) -> Report:
    """Ask the target of ``profile`` what it can do, within ``seconds``; what has been found by then counts."""
    visit = _Visit(profile, credentials, canaries)
    try:
        async with asyncio.timeout(seconds):
            await visit.run()
    except TimeoutError:
        visit.note("visit", is_good=False, text=f"not done within {seconds:g} s")
    finally:
        visit.end()
    return visit.report()


class _Visit:
    """The questions, one after another."""

    def __init__(self, profile: Profile, credentials: Credentials | None, canaries: Sequence[str]) -> None:
        self._profile = replace(profile, uses=frozenset(), attributes={}, offers=frozenset(), broken=frozenset())
        self._credentials = credentials
        self._canaries = canaries
        self._association: Association | None = None
        self._falls = 0
        self._seen = _Seen()
        self._findings: list[Finding] = []

    def note(self, name: str, is_good: bool, text: str) -> None:
        """Add a finding."""
        self._findings.append(Finding(name, is_good, text))

    def end(self) -> None:
        """Leave the target."""
        if self._association is not None:
            self._association.hang_up()

    def report(self) -> Report:
        """Return what is known by now."""
        seen = self._seen
        profile = replace(
            self._profile,
            uses=frozenset(seen.uses),
            syntaxes=tuple(seen.syntaxes) or self._profile.syntaxes,
            offers=frozenset(seen.features),
            broken=frozenset(seen.broken),
            query_charset=seen.charset or self._profile.query_charset,
            is_charset_proved=bool(seen.charset),
            canary=seen.canary or self._profile.canary,
            negotiates=seen.negotiates,
        )
        return Report(profile, tuple(self._findings), tuple(seen.samples), bool(seen.uses and seen.syntaxes))

    async def run(self) -> None:
        """Ask everything, as long as the target bears it."""
        questions: Mapping[str, _Question] = {
            "init": self._init,
            **{f"use {int(use)}": self._use(use) for use in PROBED_USES},
            **{f"syntax {name}": self._syntax(name) for name in PROBED_SYNTAXES},
            "piggyback": self._piggyback,
            "named_sets": self._named_sets,
            "delete": self._delete,
            "sort": self._sort,
            "scan": self._scan,
            **{f"charset {name}": self._charset(name) for name in QUERY_CHARSETS},
        }
        for name, question in questions.items():
            if self._falls < _FALLS_MAX:
                await self._ask(name, question)
        if self._seen.uses and self._falls < _FALLS_MAX:
            await self._negotiate()

    async def _ask(self, name: str, question: _Question) -> None:
        try:
            await question(await self._open())
        except TargetDiagnostic as diagnostic:
            self.note(name, False, f"diagnostic {diagnostic.code} {diagnostic.text}".rstrip())
        except (TargetError, ProtocolViolation) as error:
            self._falls += 1
            self.note(name, False, f"{type(error).__name__}: {error}")

    async def _open(self) -> Association:
        if self._association is None or not self._association.is_open:
            self._association = Association(self._profile, self._credentials)
            await self._association.connect()
        return self._association

    async def _init(self, association: Association) -> None:
        options = " ".join(option.name.lower() for option in Option if option in association.offered)
        self.note("init", True, f"{association.implementation}: {options}")

    def _use(self, use: Use) -> _Question:
        async def question(association: Association) -> None:
            hits, query = 0, look_for("", use)
            for word in _FREQUENT:
                query = look_for(word, use)
                if hits := await association.search(query):
                    break
            self._seen.uses.add(use)
            self._seen.sample = self._seen.sample or (query if hits else None)
            self.note(f"use {int(use)}", True, f"{hits} hits")

        return question

    def _syntax(self, name: str) -> _Question:
        async def question(association: Association) -> None:
            await self._find_sample(association)
            [record] = await association.present(1, 1, oid.SYNTAXES[name])
            if record.diagnostic is not None:
                raise record.diagnostic
            is_good = record.syntax == oid.SYNTAXES[name]
            if is_good:
                self._seen.syntaxes.append(name)
                self._seen.samples.append(record)
            self.note(f"syntax {name}", is_good, f"{len(record.data)} octets of {record.syntax}")

        return question

    async def _find_sample(self, association: Association, result_set: str = DEFAULT_SET) -> int:
        if self._seen.sample is None:
            raise TargetDiagnostic(0, "nothing could be found to try it with")
        return await association.search(self._seen.sample, result_set=result_set)

    async def _piggyback(self, association: Association) -> None:
        await self._find_sample(association)
        assert self._seen.sample is not None, "or nothing would have been found"
        _, records = await association.find(self._seen.sample, 1)
        self._settle("piggyback", bool(records), f"{len(records)} records came with the search")

    async def _named_sets(self, association: Association) -> None:
        if Option.NAMED_RESULT_SETS in association.offered:
            hits = await self._find_sample(association, _SET)
            records = await association.present(1, 1, result_set=_SET)
            self._settle("named_sets", bool(hits and records), f"{hits} hits in a set of its own name")

    async def _delete(self, association: Association) -> None:
        if Option.DELETE_RESULT_SET in association.offered:
            name = _SET if "named_sets" in self._seen.features else DEFAULT_SET
            await self._find_sample(association, name)
            self._settle("delete", await association.delete(name), f"deleted {name}")

    async def _sort(self, association: Association) -> None:
        if Option.SORT in association.offered:
            await self._find_sample(association)
            await association.sort([SortKey((Attribute(USE, Use.TITLE),))])
            self._settle("sort", True, "by title")

    async def _scan(self, association: Association) -> None:
        if Option.SCAN in association.offered:
            entries = await association.scan(look_for(_FREQUENT[0], Use.TITLE), 3)
            self._settle("scan", bool(entries), " ".join(entry.term for entry in entries))

    def _settle(self, feature: Feature, is_good: bool, text: str) -> None:
        (self._seen.features if is_good else self._seen.broken).add(feature)
        self.note(feature, is_good, text)

    def _charset(self, name: str) -> _Question:
        async def question(association: Association) -> None:
            if self._seen.charset:
                return
            association.charset = name
            use = next((use for use in _CANARY_USES if use in self._seen.uses), None)
            for canary in self._canaries:
                if await is_charset_proved_by(association, canary, use):
                    self._seen.charset, self._seen.canary = name, canary
                    break
            self.note(f"charset {name}", bool(self._seen.charset), self._seen.canary or "no canary was found")

        return question

    async def _negotiate(self) -> None:
        """Propose the query charset at Init, at which some targets hang up."""
        charset = self._seen.charset or self._profile.query_charset
        profile = replace(self._profile, query_charset=charset, negotiates=True)
        try:
            async with Association(profile, self._credentials) as association:
                await self._find_sample(association)
                self._seen.negotiates = association.is_charset_negotiated
            self.note("negotiation", self._seen.negotiates, association.charset)
        except Z3950Error as error:
            self.note("negotiation", False, f"{type(error).__name__}: {error}")
