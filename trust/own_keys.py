"""A member's own private keys: several at a time, so that one follows another without a restart.

A successor's file is put beside the present one. ``OwnKeys`` are what lies in the folder at the moment. ``Signer``
looks there when it needs a key that it lacks. It takes the one that the directory names in use, never another.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Generic, TypeVar

from schemas.directory import Agency, KeyPurpose, KeyStatus, PublicKeyRecord
from schemas.identifiers import AgencyId
from schemas.problems import ProblemCode
from trust.directory import TrustedDirectory
from trust.errors import KeyFileRefused, NoKeyInUse
from trust.keys import SealingKey, SigningKey

log = logging.getLogger(__name__)

K = TypeVar("K", SigningKey, SealingKey)
_State = tuple[int, int]
"""What changes when another file takes a name: when it was written, and its size."""


class OwnKeys(Generic[K]):
    """The keys in the file ``first`` and in every file beside it that ``others`` matches, as they lie there now.

    Raises:
        KeyFileRefused: one of the files cannot be used. Of those that come later each is told once, and passed over.
    """

    def __init__(self, first: Path, others: str, load: Callable[[Path], K]) -> None:
        self._first = first
        self._others = others
        self._load: Callable[[Path], K] = load
        self._read: Mapping[Path, tuple[_State, K | None]] = {
            path: (_state(path), load(path)) for path in sorted({first, *first.parent.glob(others)})}

    def __iter__(self) -> Iterator[K]:
        """Look into the folder, and yield the keys."""
        paths = {self._first, *self._first.parent.glob(self._others)}
        self._read = {path: self._known(path) for path in sorted(paths)}
        return iter([key for _, key in self._read.values() if key is not None])

    def _known(self, path: Path) -> tuple[_State, K | None]:
        state = _state(path)
        if path in self._read and self._read[path][0] == state:
            return self._read[path]
        try:
            return state, self._load(path)
        except KeyFileRefused as error:
            log.warning("a key file is passed over: %s", error)
            return state, None


class Signer:
    """Chooses the key that ``me`` signs with now."""

    def __init__(self, me: AgencyId, keys: Iterable[SigningKey]) -> None:
        self._me = me
        self._keys = keys
        self._known: Mapping[str, SigningKey] = {}

    def key_ids(self) -> frozenset[str]:
        """Return which keys are here now."""
        return frozenset(key.key_id for key in self._keys)

    def key(self, directory: TrustedDirectory, now: datetime) -> SigningKey:
        """Return the newest key in use that is here: while two overlap, either counts everywhere.

        Raises:
            NoKeyInUse: the code says whether all are revoked, out of their time, or not here.
        """
        member = directory.directory.by_id.get(self._me)
        in_use = member.keys_in_use(KeyPurpose.SIGN, now) if member else []
        if not in_use or in_use[0].key_id not in self._known:
            self._known = {key.key_id: key for key in self._keys}
        for record in in_use:
            if record.key_id in self._known:
                return self._known[record.key_id]
        raise self._refusal(directory, member, in_use, now)

    def _refusal(self, directory: TrustedDirectory, member: Agency | None, in_use: Iterable[PublicKeyRecord],
                 now: datetime) -> NoKeyInUse:
        for record in in_use:
            return NoKeyInUse(f"the directory lets {self._me} sign with key {record.key_id[:12]}, and no key file here "
                              "holds it; put the file beside the others", code=ProblemCode.UNKNOWN_KEY)
        own = [record for record in (member.keys if member else ()) if record.key_id in self._known]
        if own and all(record.status is KeyStatus.REVOKED for record in own):
            return NoKeyInUse(f"the alliance has revoked the keys of {self._me} that are here "
                              f"({own[-1].reason or 'no reason given'}); nothing is signed with them any more: enrol "
                              "again", code=ProblemCode.KEY_REVOKED)
        return NoKeyInUse(f"no key of {self._me} may sign on {now:%FT%TZ} by version {directory.version} of the "
                          "directory; renew the keys with delta-trust enroll --renew")


def _state(path: Path) -> _State:
    try:
        status = path.stat()
    except OSError:
        return 0, 0
    return status.st_mtime_ns, status.st_size
