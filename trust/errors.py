"""Every refusal of the trust layer.

::

    TrustError                    .code: ProblemCode, .may_retry
    ├── EnvelopeRefused           the bytes at the door
    │   ├── Oversize  MalformedEnvelope  NonCanonicalBase64  WrongPayloadType  NotOneSignature  MalformedPayload
    │   ├── UnknownKey  KeyNotValidNow  KeyRevoked  BadSignature
    │   └── SignerIsNotSrc  WrongDestination  Expired  FromTheFuture  NewerDirectory  OtherDirectory
    ├── KeyRefused
    │   └── WeakKey  MalformedKey  NoKeyInUse  KeyFileRefused (PassphraseRefused)
    ├── DirectoryRefused
    │   ├── NotEnoughSignatures  BrokenRootChain  RolledBack  DirectoryExpired  MixedFiles  MalformedDirectory
    │   └── FreshnessExpired  KeyForgotten
    ├── StreamRefused
    │   └── Replayed  OutOfSequence  StreamBroken  EpochNotReset
    ├── EvidenceRefused
    │   └── BrokenProof  SplitView  BadCheckpoint  BadBundle  BrokenLink
    ├── SealRefused               the reader's secrets
    ├── CeremonyRefused           what the admins' tool refuses: trust/ceremony/errors.py
    └── WrongUse                  a command that cannot be meant

Each carries a whole sentence: what is wrong, where, and what to do. None quotes a secret or a message's contents.
"""

from typing import ClassVar

from schemas.problems import PROBLEMS, ProblemCode

_DETAIL_CHARACTERS_MAX = 400
"""A detail travels in a signed Refusal, whose text is limited; the sender must not be able to fill it."""


class TrustError(Exception):
    """The root: whatever this package refuses is one of these."""

    code: ProblemCode
    default: ClassVar[ProblemCode]

    def __init__(self, detail: str, *, code: ProblemCode | None = None) -> None:
        self.detail = "".join(c if c.isprintable() else "?" for c in detail[:_DETAIL_CHARACTERS_MAX])
        super().__init__(self.detail)
        self.code = code or self.default

    @property
    def may_retry(self) -> bool:
        """Whether the same bytes may be accepted later."""
        return PROBLEMS[self.code].may_retry


class EnvelopeRefused(TrustError):
    """An envelope that is not let in."""

    default = ProblemCode.MALFORMED_ENVELOPE


class Oversize(EnvelopeRefused):
    """Larger than the protocol allows; nothing of it was decoded."""

    default = ProblemCode.OVERSIZE


class MalformedEnvelope(EnvelopeRefused):
    """Not a DSSE envelope of this protocol."""


class NonCanonicalBase64(EnvelopeRefused):
    """Base64 that does not re-encode to itself."""

    default = ProblemCode.NON_CANONICAL_BASE64


class WrongPayloadType(EnvelopeRefused):
    """A payload type that does not belong at this door."""

    default = ProblemCode.WRONG_PAYLOAD_TYPE


class NotOneSignature(EnvelopeRefused):
    """No signature, or several."""

    default = ProblemCode.NOT_ONE_SIGNATURE


class MalformedPayload(EnvelopeRefused):
    """Signed, but not a message; the code says in which way."""

    default = ProblemCode.MALFORMED_PAYLOAD


class UnknownKey(EnvelopeRefused):
    """Signed by a key that the directory does not list for this purpose."""

    default = ProblemCode.UNKNOWN_KEY


class KeyNotValidNow(EnvelopeRefused):
    """Signed outside the key's time of use, or after its signatures stopped counting."""

    default = ProblemCode.KEY_NOT_VALID_NOW


class KeyRevoked(EnvelopeRefused):
    """The key has been revoked."""

    default = ProblemCode.KEY_REVOKED


class BadSignature(EnvelopeRefused):
    """The signature does not fit the bytes."""

    default = ProblemCode.BAD_SIGNATURE


class SignerIsNotSrc(EnvelopeRefused):
    """A member speaks in another member's name."""

    default = ProblemCode.SIGNER_IS_NOT_SRC


class WrongDestination(EnvelopeRefused):
    """Addressed to somebody else."""

    default = ProblemCode.WRONG_DESTINATION


class Expired(EnvelopeRefused):
    """Its time to act has passed."""

    default = ProblemCode.EXPIRED


class FromTheFuture(EnvelopeRefused):
    """Created later than this clock allows; park it and try again."""

    default = ProblemCode.FROM_THE_FUTURE


class NewerDirectory(EnvelopeRefused):
    """Names a newer directory than is known here; refresh once and try again."""

    default = ProblemCode.NEWER_DIRECTORY


class OtherDirectory(EnvelopeRefused):
    """Names this directory's version with another hash: two histories are being shown."""

    default = ProblemCode.DIRECTORY_MIXED


class KeyRefused(TrustError):
    """A key that may not be used."""

    default = ProblemCode.BAD_REQUEST


class WeakKey(KeyRefused):
    """A small-order key, under which one constant signature fits many messages."""

    default = ProblemCode.WEAK_KEY


class MalformedKey(KeyRefused):
    """Bytes that are not a key of the scheme."""


class KeyFileRefused(KeyRefused):
    """A key file that cannot be read or written: passphrase, format, permissions."""


class NoKeyInUse(KeyRefused):
    """A member holds no key that may sign now: nothing is signed until it does."""

    default = ProblemCode.KEY_NOT_VALID_NOW


class PassphraseRefused(KeyFileRefused):
    """Not the passphrase of this key file."""


class DirectoryRefused(TrustError):
    """A directory that is not taken over; the one known before stays."""

    default = ProblemCode.DIRECTORY_MIXED


class NotEnoughSignatures(DirectoryRefused):
    """Signed by fewer admins or editors than the root asks."""

    default = ProblemCode.NOT_ENOUGH_SIGNATURES


class BrokenRootChain(DirectoryRefused):
    """A root is missing from the chain."""


class RolledBack(DirectoryRefused):
    """Older than what is known here."""

    default = ProblemCode.DIRECTORY_ROLLED_BACK


class DirectoryExpired(DirectoryRefused):
    """The final root or the targets have run out."""

    default = ProblemCode.DIRECTORY_EXPIRED


class MixedFiles(DirectoryRefused):
    """A file is not the one the editors signed, or one version has two contents."""


class MalformedDirectory(DirectoryRefused):
    """Not readable as the document it should be."""

    default = ProblemCode.MALFORMED_PAYLOAD


class FreshnessExpired(DirectoryRefused):
    """Nobody has lately vouched that this directory is the newest."""

    default = ProblemCode.FRESHNESS_EXPIRED


class KeyForgotten(DirectoryRefused):
    """A key that was listed before is missing or has another holder: what it signed could no longer be verified."""


class StreamRefused(TrustError):
    """A message that does not continue its stream."""

    default = ProblemCode.STREAM_BROKEN


class Replayed(StreamRefused):
    """This number of the stream was used before."""

    default = ProblemCode.REPLAYED


class OutOfSequence(StreamRefused):
    """An earlier message is missing; ask for it again from ``from_seq``."""

    default = ProblemCode.OUT_OF_SEQUENCE

    def __init__(self, detail: str, *, from_seq: int) -> None:
        super().__init__(detail)
        self.from_seq = from_seq


class StreamBroken(StreamRefused):
    """Two messages claim one place, or a message does not follow the one before."""


class EpochNotReset(StreamRefused):
    """Another epoch than the stream's, without the signed reset that begins it."""


class EvidenceRefused(TrustError):
    """Evidence that does not hold."""

    default = ProblemCode.BROKEN_PROOF


class BrokenProof(EvidenceRefused):
    """A path that does not lead to the signed root."""


class SplitView(EvidenceRefused):
    """The log shows two histories: what was seen before, or by somebody else, is not in this one."""

    default = ProblemCode.SPLIT_VIEW


class BadCheckpoint(EvidenceRefused):
    """Not a checkpoint signed by the log named."""


class BadBundle(EvidenceRefused):
    """A bundle that cannot be read."""


class BrokenLink(EvidenceRefused):
    """The first link of a bundle that does not hold, with the refusal that broke it."""

    def __init__(self, link: str, cause: TrustError) -> None:
        super().__init__(cause.detail, code=cause.code)
        self.link = link


class SealRefused(TrustError):
    """A sealed or session-signed text that does not open."""

    default = ProblemCode.BAD_REQUEST


class WrongUse(TrustError):
    """A command whose options do not go together."""

    default = ProblemCode.BAD_REQUEST
