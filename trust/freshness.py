"""Freshness: the gateway's short-lived word that one editor-signed directory is the newest.

It takes the place of TUF's timestamp and snapshot documents and has no counter of its own: a gateway that could run a
version forward would lock every library out. It names what the editors signed, and gives nothing authority. It bounds
an honest gateway's staleness; against a hostile one the directory itself expires.
"""

from datetime import datetime, timedelta

from schemas.identifiers import MessageHash, Timestamp, Wire
from trust.directory import TrustedDirectory
from trust.document import Unreadable, read_document
from trust.dsse import decode_envelope, encode_envelope
from trust.errors import FreshnessExpired, MalformedPayload, MixedFiles, NewerDirectory, RolledBack, UnknownKey
from trust.keys import SigningKey

FRESHNESS_TYPE = "application/vnd.delta-lending.freshness+json"
FRESHNESS_MAX = timedelta(hours=24)
"""A statement that claims to hold for longer is refused: it would let a stolen gateway key freeze everybody."""


class Freshness(Wire):
    """The directory in force, by version and hash, and until when the gateway vouches for that."""

    version: int
    hash: MessageHash
    valid_until: Timestamp


def seal_freshness(freshness: Freshness, key: SigningKey) -> bytes:
    """Sign a statement with the gateway's key."""
    return encode_envelope(freshness.model_dump_json().encode(), key, FRESHNESS_TYPE)[1]


def check_freshness(raw: bytes, directory: TrustedDirectory, now: datetime) -> Freshness:
    """Return the statement if it vouches for this directory now.

    Raises:
        EnvelopeRefused: form, key or signature; ``NewerDirectory`` where a newer version must be fetched first.
        DirectoryRefused: it is stale, holds too long, or names another directory of this version.
    """
    unverified = decode_envelope(raw, FRESHNESS_TYPE)
    key = directory.root.freshness_keys().get(unverified.key_id)
    if key is None:
        raise UnknownKey(f"root {directory.root.version} does not let key {unverified.key_id[:12]} state freshness")
    key.verify(unverified.signature, unverified.signed)
    freshness = _decode(unverified.payload)
    _require_same(freshness, directory)
    if not now < freshness.valid_until <= now + FRESHNESS_MAX:
        raise FreshnessExpired(f"the gateway vouches until {freshness.valid_until:%FT%TZ}, the clock here says "
                               f"{now:%FT%TZ}; ask it again, and compare the clocks")
    return freshness


def _require_same(freshness: Freshness, directory: TrustedDirectory) -> None:
    if freshness.version > directory.version:
        raise NewerDirectory(f"version {freshness.version} is in force, known here is {directory.version}; fetch it")
    if freshness.version < directory.version:
        raise RolledBack(f"the gateway vouches for version {freshness.version}, version {directory.version} is known")
    if freshness.hash != directory.hash:
        raise MixedFiles(f"the gateway vouches for another directory of version {freshness.version}")


def _decode(payload: bytes) -> Freshness:
    try:
        return read_document(Freshness, payload)
    except Unreadable as error:
        raise MalformedPayload(f"not a freshness statement: {error}") from None
