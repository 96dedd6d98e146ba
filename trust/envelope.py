"""Messages in, signed envelopes out; envelopes in, verified messages out. The one door.

``open_envelope`` serves live traffic, ``open_archived`` evidence of the past: there the key must have been good when
the message arrived in the log, not now. A ``Verified`` exists only where every rule held. Not here: streams and
replay (``trust.stream``), and whether the sender may say this (the loan's tables).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from schemas.dialogue import rule_of
from schemas.directory import Agency, KeyStatus, PublicKeyRecord
from schemas.identifiers import AgencyId, KeyId, MessageHash
from schemas.messages import AnyMessage, MalformedMessage, decode_message, encode_message
from schemas.problems import ProblemCode
from trust.directory import TrustedDirectory
from trust.dsse import Unverified, decode_envelope, encode_envelope, hash_signed, pae
from trust.errors import (
    Expired,
    FromTheFuture,
    KeyNotValidNow,
    KeyRevoked,
    MalformedPayload,
    NewerDirectory,
    OtherDirectory,
    SignerIsNotSrc,
    WrongDestination,
)
from trust.keys import SigningKey, VerifyingKey

__all__ = ["CLOCK_SKEW_MAX", "Sealed", "Verified", "open_archived", "open_envelope", "pae", "require_unexpired", "seal"]

CLOCK_SKEW_MAX = timedelta(seconds=120)
"""How far a sender's clock may be ahead: libraries' clocks drift by minutes, and a refusal would lose their mail."""

M = TypeVar("M", bound=AnyMessage)


@dataclass(frozen=True, slots=True)
class Sealed:
    """A message as it was signed; ``envelope`` is sent, stored and archived as it is."""

    hash: MessageHash
    envelope: bytes
    message: AnyMessage


@dataclass(frozen=True, slots=True)
class Verified(Generic[M]):
    """A message whose signer, addressee, directory and times were checked."""

    message: M
    hash: MessageHash
    envelope: bytes
    payload: bytes
    signer: AgencyId
    key_id: KeyId


def seal(message: AnyMessage, key: SigningKey) -> Sealed:
    """Sign a message; raise ``Oversize`` where it is too large to send."""
    message_hash, envelope = encode_envelope(encode_message(message), key)
    return Sealed(message_hash, envelope, message)


def open_envelope(
    raw: bytes, directory: TrustedDirectory, *, now: datetime, me: AgencyId | None
) -> Verified[AnyMessage]:
    """Verify what has just arrived for ``me``; a relay, which passes on other agencies' mail, gives ``None``.

    The ``expires`` of a durable message is a business date and is left to the caller (``require_unexpired``).

    Raises:
        EnvelopeRefused: by name; ``may_retry`` tells whether to park it and refresh the directory.
    """
    unverified = decode_envelope(raw)
    agency, record, key = directory.key(unverified.key_id)
    _require_in_force(record, now)
    verified = _verify(raw, unverified, agency, key)
    message = verified.message
    _require_known_directory(message, directory)
    _require_signed_in_time(record, message.created)
    _require_addressed(message, me)
    if message.created > now + CLOCK_SKEW_MAX:
        ahead = (message.created - now).total_seconds()
        raise FromTheFuture(f"created {message.created:%FT%TZ}, the clock here says {now:%FT%TZ}: {ahead:.0f} s ahead")
    if message.stream is None:
        require_unexpired(message, now)
    return verified


def open_archived(
    raw: bytes, directory: TrustedDirectory, *, arrived: datetime, index: int
) -> Verified[AnyMessage]:
    """Verify a message that the evidence log holds at ``index`` since ``arrived``; today's date plays no part.

    Raises:
        EnvelopeRefused: by name.
    """
    unverified = decode_envelope(raw)
    agency, record, key = directory.key(unverified.key_id)
    if record.invalid_from is not None and index >= record.invalid_from:
        raise KeyRevoked(f"key {record.key_id[:12]} is void from log index {record.invalid_from}, this is {index}")
    _require_dates(record, arrived)
    verified = _verify(raw, unverified, agency, key)
    _require_known_directory(verified.message, directory)
    _require_signed_in_time(record, verified.message.created)
    return verified


def require_unexpired(message: AnyMessage, now: datetime) -> None:
    """Raise ``Expired`` where the message's time to act has passed."""
    if message.expires <= now:
        raise Expired(f"{message.type} expired {message.expires:%FT%TZ}, the clock here says {now:%FT%TZ}")


def _verify(raw: bytes, unverified: Unverified, agency: Agency, key: VerifyingKey) -> Verified[AnyMessage]:
    key.verify(unverified.signature, unverified.signed)
    try:
        message = decode_message(unverified.payload)
    except MalformedMessage as error:
        raise MalformedPayload(str(error), code=error.code) from None
    if message.src != agency.agency:
        raise SignerIsNotSrc(f"signed by {agency.agency} in the name of {message.src}")
    _require_numbered(message)
    return Verified(message, hash_signed(unverified.signed), raw, unverified.payload, agency.agency, key.key_id)


def _require_in_force(record: PublicKeyRecord, now: datetime) -> None:
    if record.status is KeyStatus.REVOKED:
        raise KeyRevoked(f"key {record.key_id[:12]} was revoked: {record.reason or 'no reason given'}")
    _require_dates(record, now)


def _require_dates(record: PublicKeyRecord, moment: datetime) -> None:
    if not record.use_from - CLOCK_SKEW_MAX <= moment <= record.verify_until:
        raise KeyNotValidNow(f"key {record.key_id[:12]} counts from {record.use_from:%FT%TZ} until "
                             f"{record.verify_until:%FT%TZ}, the clock here says {moment:%FT%TZ}")


def _require_signed_in_time(record: PublicKeyRecord, created: datetime) -> None:
    if not record.use_from <= created <= record.sign_until:
        raise KeyNotValidNow(f"key {record.key_id[:12]} signs from {record.use_from:%FT%TZ} until "
                             f"{record.sign_until:%FT%TZ}, the message was created {created:%FT%TZ}")


def _require_numbered(message: AnyMessage) -> None:
    """A durable message stands in the stream of its type, any other in none: a number would let it never expire."""
    channel, numbered_on = rule_of(message.type).channel, message.stream.channel if message.stream else ""
    if numbered_on != channel:
        raise MalformedPayload(f"{message.type} is numbered on {channel or 'no channel'}, this one on "
                               f"{numbered_on or 'none'}", code=ProblemCode.STREAM_BROKEN)


def _require_addressed(message: AnyMessage, me: AgencyId | None) -> None:
    if me is not None and me != message.dst and me not in message.copies:
        raise WrongDestination(f"addressed to {message.dst}, opened by {me}")


def _require_known_directory(message: AnyMessage, directory: TrustedDirectory) -> None:
    version, directory_hash = message.dir
    if version > directory.version:
        raise NewerDirectory(f"names directory version {version}, known here is {directory.version}; refresh")
    if version == directory.version and directory_hash != directory.hash:
        raise OtherDirectory(f"{message.src} and this side hold different directories of version {version}; "
                             "compare their hashes with another library")
