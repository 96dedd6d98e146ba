"""The chain of roots: who administers the alliance, from the root that came with the installation to today's.

Root N + 1 counts only when a threshold of root N's admins and a threshold of its own have signed it. A root that has
expired on the way is fine, an expired final one is not. Source: TUF specification 5.3, over python-tuf's metadata API.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self, TypeVar

from tuf.api.metadata import Metadata, Root, Targets
from tuf.api.serialization import DeserializationError, SerializationError

from schemas.identifiers import MessageHash
from trust.errors import (
    BrokenRootChain,
    DirectoryExpired,
    MalformedDirectory,
    MixedFiles,
    NotEnoughSignatures,
    RolledBack,
)
from trust.keys import VerifyingKey

DOCUMENT_BYTES_MAX = 8_388_608
"""Eight MiB: a directory of some 5,000 members with several keys each; checked before anything is decoded."""
ROOTS_MAX = 1024

S = TypeVar("S", Root, Targets)


@dataclass(frozen=True)
class TrustedRoot:
    """The roots followed so far, as signed bytes from the first one trusted on; the last one is in force."""

    chain: tuple[bytes, ...]
    version: int
    expires: datetime
    metadata: Metadata[Root]

    @classmethod
    def begin(cls, offered: Sequence[bytes]) -> Self:
        """Trust the first root as given, out of band, and follow the others."""
        if not offered:
            raise BrokenRootChain("no root at all; give the root that came with the installation")
        first = _read_root(offered[0])
        _require_threshold(first, first)
        return cls((offered[0],), first.signed.version, first.signed.expires, first).follow(offered)

    def follow(self, offered: Sequence[bytes]) -> Self:
        """Return the root in force after the offered ones; those known already are compared, not counted.

        Raises:
            RolledBack: the chain ends before the root known here.
            DirectoryRefused: by name, for any other break.
        """
        if len(offered) > ROOTS_MAX:
            raise MalformedDirectory(f"more than {ROOTS_MAX} roots in one chain")
        root = self
        newest = self.version
        for raw in offered:
            metadata = _read_root(raw)
            newest = metadata.signed.version
            root = root._step(raw, metadata)
        if newest < self.version:
            raise RolledBack(f"the chain of roots ends at version {newest}, version {self.version} is known")
        return root

    def _step(self, raw: bytes, metadata: Metadata[Root]) -> Self:
        version = metadata.signed.version
        if version == self.version and hash_document(metadata) != hash_document(self.metadata):
            raise MixedFiles(f"two different roots carry version {version}; ask the admins")
        if version <= self.version:
            return self
        if version != self.version + 1:
            raise BrokenRootChain(f"root {self.version + 1} is missing before root {version}; fetch the whole chain")
        _require_threshold(self.metadata, metadata)
        _require_threshold(metadata, metadata)
        return type(self)((*self.chain, raw), version, metadata.signed.expires, metadata)

    def require_unexpired(self, now: datetime) -> None:
        """Raise ``DirectoryExpired`` where the root in force has run out."""
        if self.expires <= now:
            raise DirectoryExpired(f"root {self.version} ran out {self.expires:%FT%TZ}, the clock here says "
                                   f"{now:%FT%TZ}; the admins must sign root {self.version + 1}")

    def require_signed(self, document: Metadata[S]) -> None:
        """Raise ``NotEnoughSignatures`` where fewer have signed than this root asks for that kind of document."""
        _require_threshold(self.metadata, document)

    def freshness_keys(self) -> dict[str, VerifyingKey]:
        """Return the keys that may state freshness: those in both the timestamp and the snapshot role."""
        roles = self.metadata.signed.roles
        key_ids = set(roles["timestamp"].keyids) & set(roles["snapshot"].keyids)
        return {key_id: verifying_key(self.metadata.signed, key_id) for key_id in key_ids}


def read_metadata(kind: type[S], raw: bytes) -> Metadata[S]:
    """Read a TUF document of one kind; raise ``MalformedDirectory`` otherwise. Nothing is verified yet."""
    if len(raw) > DOCUMENT_BYTES_MAX:
        raise MalformedDirectory(f"{kind.type}: {len(raw)} bytes, at most {DOCUMENT_BYTES_MAX} are allowed")
    try:
        metadata: Metadata[S] = Metadata.from_bytes(raw)
        metadata.signed_bytes  # noqa: B018 - the canonical form must exist: it is what the signatures cover
    except (DeserializationError, SerializationError) as error:
        raise MalformedDirectory(f"{kind.type}: not a TUF document ({error.__cause__ or error})") from None
    if not isinstance(metadata.signed, kind) or type(metadata.signed.version) is not int:
        raise MalformedDirectory(f"a document of kind {kind.type} was expected")
    return metadata


def hash_document(metadata: Metadata[S]) -> MessageHash:
    """Return the SHA-256 of what is signed, in canonical form: the same however many have signed."""
    return MessageHash(hashlib.sha256(metadata.signed_bytes).hexdigest())


def _read_root(raw: bytes) -> Metadata[Root]:
    metadata = read_metadata(Root, raw)
    for key_id in metadata.signed.keys:
        verifying_key(metadata.signed, key_id)
    return metadata


def verifying_key(root: Root, key_id: str) -> VerifyingKey:
    """Return one of a root's keys. One key under two ids could fill a threshold alone, so the id must derive from it.

    Raises:
        MalformedDirectory: missing, not Ed25519, or under another id.
    """
    try:
        key = root.keys[key_id]
        verifying = VerifyingKey.from_raw(bytes.fromhex(key.keyval["public"]))
    except (KeyError, ValueError, TypeError):
        raise MalformedDirectory(f"root {root.version}: key {key_id[:12]} is missing or not in hexadecimal") from None
    if (key.keytype, key.scheme) != ("ed25519", "ed25519") or verifying.key_id != key_id:
        raise MalformedDirectory(f"root {root.version}: key {key_id[:12]} is not an Ed25519 key with its derived id")
    return verifying


def _require_threshold(delegator: Metadata[Root], document: Metadata[S]) -> None:
    role = document.signed.type
    result = delegator.signed.get_verification_result(role, document.signed_bytes, document.signatures)
    if not result:
        raise NotEnoughSignatures(
            f"{role} {document.signed.version} has {len(result.signed)} of the {result.threshold} signatures that "
            f"root {delegator.signed.version} asks for; collect {result.missing} more"
        )
