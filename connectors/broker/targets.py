"""One target and how it is asked, over Z39.50 or SRU: the same question, the same answer, the same seven states.

A target over SRU has a profile too: its attribute map, limits and deadline hold there as well. SRU's diagnostics are
told by the Bib-1 numbers that mean the same, so that whoever reads an answer need not know which way it came.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol

from connectors.sru.client import SruClient
from connectors.sru.cql import CqlQuery, to_cql
from connectors.sru.cql_rpn import to_cql_tree
from connectors.sru.errors import SruDiagnostic, UnwritableQuery
from connectors.sru.live import ask_server
from connectors.sru.messages import Version
from connectors.z3950.adapt import adapt
from connectors.z3950.answer import Answer
from connectors.z3950.apdu import Credentials
from connectors.z3950.errors import MalformedQuery, TargetDiagnostic, Z3950Error
from connectors.z3950.live import ask_target
from connectors.z3950.pool import Pool
from connectors.z3950.profile import Profile
from connectors.z3950.query import Query

Heard = Callable[[Answer], None]

_BIB1_OF: Mapping[int, int] = MappingProxyType({
    10: 108, 15: 121, 16: 114, 19: 117, 20: 117, 28: 120, 31: 119, 37: 110, 39: 110, 51: 30, 61: 13,
    66: 239, 67: 238, 80: 207, 235: 235,
})
"""SRU's diagnostics → Bib-1's; any other is 100, unspecified."""
_UNSPECIFIED = 100


@dataclass(frozen=True, slots=True)
class SruAddress:
    """Where a target listens for SRU."""

    url: str
    version: Version = Version.V1_2
    schema: str = "marcxml"


@dataclass(frozen=True, slots=True)
class Target:
    """A catalogue outside the alliance; ``name`` is shown and must be its own. With ``sru`` it is asked over that."""

    name: str
    profile: Profile
    credentials: Credentials | None = field(default=None, repr=False)
    sru: SruAddress | None = None


class Line(Protocol):
    """The way to a target."""

    async def ask(self, query: Query, profile: Profile, wanted: int, seconds: float, heard: Heard) -> Answer:
        """Search and fetch the first ``wanted`` records within ``seconds``, adapting the query to ``profile``."""

    async def close(self) -> None:
        """Hang up."""


def line_to(target: Target, pool: Pool) -> Line:
    """Return the way to a target; nothing is opened yet. Z39.50 goes over ``pool``, which others may share."""
    return _Z3950Line(pool, target.credentials) if target.sru is None else _SruLine(target.sru, target.profile)


class _Z3950Line:
    def __init__(self, pool: Pool, credentials: Credentials | None) -> None:
        self._pool = pool
        self._credentials = credentials

    async def ask(self, query: Query, profile: Profile, wanted: int, seconds: float, heard: Heard) -> Answer:
        try:
            return await ask_target(self._pool, profile, query, wanted, credentials=self._credentials,
                                    seconds=seconds, heard=heard)
        except MalformedQuery as error:
            return failed(wanted, error)

    async def close(self) -> None:
        """Do nothing: the pool closes what is at rest."""


class _SruLine:
    def __init__(self, address: SruAddress, profile: Profile) -> None:
        self._address = address
        self._client = SruClient(address.url, version=address.version, charset=profile.query_charset,
                                 deadline_seconds=profile.deadline_seconds)
        self._is_open = False

    async def ask(self, query: Query, profile: Profile, wanted: int, seconds: float, heard: Heard) -> Answer:
        if not self._is_open:
            self._is_open = True
            await self._client.__aenter__()
        try:
            adapted = adapt(query, profile)
            text = to_cql(CqlQuery(to_cql_tree(adapted.query)))
            answer = await ask_server(self._client, text, wanted, schema=self._address.schema, seconds=seconds)
        except SruDiagnostic as error:  # our own: CQL has no word for a part of the query
            answer = failed(wanted, TargetDiagnostic(error.code, error.details))
        except UnwritableQuery as error:
            return failed(wanted, MalformedQuery(str(error)))
        except Z3950Error as error:
            return failed(wanted, error)
        else:
            answer.changes = adapted.changes
        answer.diagnostics = [TargetDiagnostic(_BIB1_OF.get(each.code, _UNSPECIFIED), each.text)
                              for each in answer.diagnostics]
        heard(answer)
        return answer

    async def close(self) -> None:
        if self._is_open:
            await self._client.__aexit__(None, None, None)


def failed(wanted: int, error: Z3950Error) -> Answer:
    """Return the answer of a target that ``error`` kept from being asked."""
    answer = Answer(wanted, is_plain=False)
    answer.end(error)
    return answer
