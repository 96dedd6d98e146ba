"""``delta-connector doctor --sru``: try what an SRU server can do, and write its profile.

The profile is the one that Z39.50 targets have. Where the server is, in which version it answers and which schema is
MARC stands in the file's head, and under ``sru`` in JSON.
"""

import argparse
import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from yarl import URL

from connectors.sru.client import SruClient
from connectors.sru.cql import literal
from connectors.sru.cql_rpn import INDEX_OF
from connectors.sru.errors import SruError
from connectors.sru.messages import Explanation, ScanRequest, SearchAnswer, SearchRequest, Version
from connectors.tools.files import whole_file
from connectors.tools.terminal import error_code, note, plain, say, say_json, table
from connectors.z3950.live import CONTROL
from connectors.z3950.probe import CANARIES, Finding
from connectors.z3950.profile import Feature, Profile

VISIT_SECONDS = 60.0
_STEP_SECONDS = 5.0
_WORDS = ("a", "the", "1", "computer")
_MARC = ("marcxml", "cnmarcxml", "unimarc", "marc21")
"""What servers call a schema of MARC."""
_FALLS_MAX = 3


@dataclass
class Visited:
    """What a visit came to."""

    url: str
    version: Version = Version.V1_2
    schema: str = ""
    has_shown: bool = False
    profile: Profile = field(default_factory=Profile)
    findings: list[Finding] = field(default_factory=list)

    @property
    def is_usable(self) -> bool:
        """Whether the server finds and shows."""
        return bool(self.profile.uses) and self.has_shown

    def note(self, name: str, is_good: bool, text: str) -> None:
        """Add a finding."""
        self.findings.append(Finding(name, is_good, text))


def run(arguments: argparse.Namespace) -> int:
    """Visit ``arguments.sru``, say what was found, write the profile if asked to."""
    visited = asyncio.run(visit(arguments.sru, arguments.canary or CANARIES))
    if arguments.json:
        say_json(to_json(visited))
    else:
        say(to_text(visited))
    if arguments.write:
        _write(arguments.write, visited)
    return 0 if visited.is_usable else 1


def address_of(text: str) -> str:
    """Read the URL of a database; for ``argparse``."""
    try:
        url = URL(text)
    except ValueError:
        url = URL()
    if url.scheme not in ("http", "https") or not url.host:
        raise argparse.ArgumentTypeError(f"{text!r} is no URL as http://127.0.0.1:8080/sru/union")
    return text


async def visit(url: str, canaries: tuple[str, ...] | list[str]) -> Visited:
    """Ask the server at ``url`` what it can do; what has been found when the time is over counts."""
    place = URL(url)
    visited = Visited(url, profile=Profile(host=place.host or "", port=place.port or 80,
                                           database=place.path.strip("/") or "Default", syntaxes=("xml",)))
    try:
        async with asyncio.timeout(VISIT_SECONDS):
            for version in Version:
                if await _is_answered(visited, version):
                    break
            await _Questions(visited, canaries).run()
    except TimeoutError:
        visited.note("visit", is_good=False, text=f"not done within {VISIT_SECONDS:g} s")
    return visited


def to_json(visited: Visited) -> dict[str, object]:
    """Return the shape that programs rely on."""
    return {
        "usable": visited.is_usable,
        "findings": [{"name": each.name, "good": each.is_good, "text": each.text} for each in visited.findings],
        "profile": visited.profile.to_table(),
        "sru": {"url": visited.url, "version": visited.version, "schema": visited.schema},
    }


def to_text(visited: Visited) -> str:
    """Return the same for people."""
    verdict = "可以使用 usable" if visited.is_usable else "不能使用 not usable"
    rows = [(each.name, "+" if each.is_good else "-", each.text) for each in visited.findings]
    return "\n".join([verdict, "", table(("项目 Tried", "", "结果 Seen"), rows)])


async def _is_answered(visited: Visited, version: Version) -> bool:
    """Try a version; a server that describes itself in it is asked the rest in it too."""
    try:
        async with SruClient(visited.url, version=version, deadline_seconds=_STEP_SECONDS) as client:
            said = await client.explain()
    except SruError as error:
        visited.note(f"explain {version}", False, f"{error_code(error)}: {error}")
        return False
    visited.version = version
    visited.schema = _marc_schema(said)
    text = f"{said.title or said.database}; {' '.join(said.schemas)}; {' '.join(said.indexes)}"
    visited.note(f"explain {version}", True, text)
    if said.database:
        visited.profile = replace(visited.profile, database=said.database)
    return True


def _marc_schema(said: Explanation) -> str:
    of_marc = (name for wanted in _MARC for name in said.schemas if name.lower() == wanted)
    return next(of_marc, next(iter(said.schemas), ""))


class _Questions:
    """The questions, one after another; a few falls end the visit."""

    def __init__(self, visited: Visited, canaries: tuple[str, ...] | list[str]) -> None:
        self._visited = visited
        self._canaries = canaries
        self._client = SruClient(visited.url, version=visited.version, deadline_seconds=_STEP_SECONDS)
        self._falls = 0
        self._sample = ""

    async def run(self) -> None:
        """Ask everything, as long as the server bears it."""
        async with self._client:
            for use, index in INDEX_OF.items():
                await self._ask(f"index {index}", self._index(use, index))
            for question in ("charset", "records", "scan", "sort"):
                await self._ask(question, getattr(self, f"_{question}"))

    async def _ask(self, name: str, question: Callable[[], Awaitable[tuple[bool, str]]]) -> None:
        if self._falls >= _FALLS_MAX:
            return
        try:
            is_good, text = await question()
        except SruError as error:
            self._falls += 1
            is_good, text = False, f"{error_code(error)}: {error}"
        self._visited.note(name, is_good, text)

    def _index(self, use: int, index: str) -> Callable[[], Awaitable[tuple[bool, str]]]:
        async def question() -> tuple[bool, str]:
            hits = 0
            for word in _WORDS:
                answer = await self._search(f"{index}={word}")
                if answer.diagnostics:
                    return False, _complaint(answer)
                if hits := answer.hits or 0:
                    self._sample = self._sample or f"{index}={word}"
                    break
            profile = self._visited.profile
            self._visited.profile = replace(profile, uses=profile.uses | {use})
            return True, f"{hits} hits"

        return question

    async def _records(self) -> tuple[bool, str]:
        answer = await self._search(self._sample or "a", count=1)
        if not answer.records:
            return False, _complaint(answer) or "nothing could be found to try it with"
        self._visited.has_shown = True
        return True, f"{len(answer.records[0].data)} octets of {answer.records[0].schema}"

    async def _scan(self) -> tuple[bool, str]:
        answer = await self._client.scan(ScanRequest("dc.title=a", maximum=3))
        if answer.diagnostics or not answer.terms:
            return False, " ".join(str(each.code) for each in answer.diagnostics) or "no terms"
        self._offer("scan")
        return True, " ".join(term.value for term in answer.terms)

    async def _sort(self) -> tuple[bool, str]:
        answer = await self._search(f"{self._sample or 'a'} sortBy dc.title")
        if answer.diagnostics:
            return False, _complaint(answer)
        self._offer("sort")
        return True, "by title"

    async def _charset(self) -> tuple[bool, str]:
        """Prove that terms beyond ASCII are read: a known word is found, and one that nobody holds is not."""
        for canary in self._canaries:
            found, nobodys = [(await self._search(f'"{literal(word)}"')).hits for word in (canary, CONTROL)]
            if found and not nobodys:
                self._visited.profile = replace(self._visited.profile, is_charset_proved=True, canary=canary)
                self._sample = self._sample or f'"{literal(canary)}"'
                return True, canary
        return False, "no canary was found"

    async def _search(self, query: str, count: int = 0) -> SearchAnswer:
        return await self._client.search(SearchRequest(query, maximum=count, schema=self._visited.schema))

    def _offer(self, feature: Feature) -> None:
        profile = self._visited.profile
        self._visited.profile = replace(profile, offers=profile.offers | {feature})


def _complaint(answer: SearchAnswer) -> str:
    return "; ".join(f"diagnostic {each.code} {each.message} {each.details}".rstrip() for each in answer.diagnostics)


def _write(path: Path, visited: Visited) -> None:
    """Write the profile, with the findings as the sources of its facts."""
    lines = [f"delta-connector doctor --sru {visited.url}", f"SRU {visited.version}, schema {visited.schema}",
             *(f"{'+' if each.is_good else '-'} {each.name}: {plain(each.text)}" for each in visited.findings)]
    with whole_file(path) as file:
        file.write("".join(f"# {line}\n" for line in lines).encode() + b"\n" + visited.profile.to_toml().encode())
    note(f"{path}: 已写入 written")
