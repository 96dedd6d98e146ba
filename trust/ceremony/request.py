"""A request to be enrolled: somebody's new public keys, signed by every one of them.

A file of one DSSE envelope with a signature per key, which proves that the applicant holds each (a sealing key signs
this once, by ECDSA: NIST SP 800-57 part 1 allows it for proof of possession). A member that rotates lets its old key
sign too, and is known by that; everybody else is known by the request's words, read over the telephone. Pure: no
files, no clock. What the alliance makes of a request is in ``trust.ceremony.admission``.
"""

import json
from base64 import b64encode
from binascii import a2b_base64, b2a_base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.hashes import SHA256
from pydantic import Field, ValidationError, model_validator

from schemas.directory import KeyPurpose, KeyScheme
from schemas.identifiers import AgencyId, KeyId, MessageHash, ShortText, Timestamp, Wire
from trust.ceremony.errors import MalformedRequest, NoProofOfPossession
from trust.document import Unreadable, read_document
from trust.dsse import hash_signed, pae
from trust.errors import BadSignature, MalformedKey
from trust.keys import SealingKey, SigningKey, VerifyingKey, decode_point, derive_key_id

REQUEST_TYPE = "application/vnd.delta-lending.enrolment+json"
REQUEST_BYTES_MAX = 16_384
SIGNATURES_MAX = 3


class Applicant(StrEnum):
    """Who may ask to be enrolled: the members' roles of the directory, and the people who sign it."""

    LIBRARY = "library"
    GATEWAY = "gateway"
    WITNESS = "witness"
    ADMIN = "admin"
    EDITOR = "editor"

    @property
    def is_person(self) -> bool:
        """Whether the key goes into the root and not into the directory."""
        return self in {Applicant.ADMIN, Applicant.EDITOR}

    @property
    def purposes(self) -> tuple[KeyPurpose, ...]:
        """Which keys it holds: only a library has readers' secrets sealed to it."""
        return (KeyPurpose.SIGN, KeyPurpose.SEAL) if self is Applicant.LIBRARY else (KeyPurpose.SIGN,)


class NewKey(Wire):
    """A public key in base64, as the directory lists it."""

    purpose: KeyPurpose
    public: Annotated[str, Field(max_length=200)]

    @property
    def raw(self) -> bytes:
        """The key's bytes; raise ``MalformedRequest`` where they are not canonical base64."""
        try:
            raw = a2b_base64(self.public)
        except ValueError:
            raw = b""
        if not raw or b2a_base64(raw, newline=False).decode() != self.public:
            raise MalformedRequest(f"the {self.purpose} key is not canonical base64; make the request again")
        return raw

    @property
    def scheme(self) -> KeyScheme:
        """The algorithm that serves the purpose."""
        return KeyScheme.ED25519 if self.purpose is KeyPurpose.SIGN else KeyScheme.ECDH_ES_P256

    @property
    def key_id(self) -> KeyId:
        """The id that derives from the key."""
        return derive_key_id(self.scheme, self.raw)


class Enrolment(Wire):
    """What an applicant asks. ``agency`` is empty for a person."""

    v: Literal[1] = 1
    applicant: Applicant
    agency: AgencyId | None = None
    name: ShortText
    created: Timestamp
    keys: tuple[NewKey, ...]

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.agency is None) is not self.applicant.is_person:
            raise ValueError("a member has an agency, a person has none")
        if tuple(key.purpose for key in self.keys) != self.applicant.purposes:
            raise ValueError("not the keys that this applicant holds")
        return self


@dataclass(frozen=True, slots=True)
class Request:
    """A request whose new keys have all signed it. ``raw`` is the file; ``hash`` gives its words."""

    hash: MessageHash
    enrolment: Enrolment
    raw: bytes
    signed: bytes
    other_signatures: Mapping[str, bytes]

    @property
    def signing_key(self) -> VerifyingKey:
        """The new signing key."""
        return VerifyingKey.from_raw(self.enrolment.keys[0].raw)

    def is_signed_by(self, key: VerifyingKey) -> bool:
        """Whether this key, which is none of the new ones, has signed the request too."""
        try:
            key.verify(self.other_signatures[key.key_id], self.signed)
        except (KeyError, BadSignature):
            return False
        return True

    def __str__(self) -> str:
        return f"{self.enrolment.agency or self.enrolment.name} ({self.enrolment.applicant})"


class _Signature(Wire):
    keyid: KeyId
    sig: Annotated[str, Field(max_length=200)]


class _Envelope(Wire):
    payloadType: Literal["application/vnd.delta-lending.enrolment+json"]  # noqa: N815 - DSSE's own name
    payload: Annotated[str, Field(max_length=REQUEST_BYTES_MAX)]
    signatures: Annotated[tuple[_Signature, ...], Field(min_length=1, max_length=SIGNATURES_MAX)]


def make_request(
    applicant: Applicant, keys: Sequence[SigningKey | SealingKey], *, name: str, agency: AgencyId | None,
    now: datetime, old_key: SigningKey | None = None,
) -> bytes:
    """Return the request file: signed by every new key, and by the old one where there is one.

    Raises:
        MalformedRequest: the agency or the name is not of its form.
    """
    publics = tuple(NewKey(purpose=purpose, public=b64encode(_public(key)).decode())
                    for purpose, key in zip(applicant.purposes, keys, strict=True))
    try:
        enrolment = Enrolment(applicant=applicant, agency=agency, name=name, keys=publics,
                              created=now.replace(microsecond=0))
    except ValidationError as error:
        where = error.errors(include_input=False, include_url=False)[0]["loc"]
        raise MalformedRequest(f"{where[0] if where else 'the applicant'} is not of its form; an agency is its ISIL, "
                               "such as CN-310110-YPL") from None
    payload = enrolment.model_dump_json(exclude_none=True).encode()
    signatures = [{"keyid": key.key_id, "sig": b64encode(_sign(key, pae(payload, REQUEST_TYPE))).decode()}
                  for key in (*keys, *([old_key] if old_key else ()))]
    document = {"payloadType": REQUEST_TYPE, "payload": b64encode(payload).decode(), "signatures": signatures}
    return json.dumps(document, indent=1).encode() + b"\n"


def read_request(raw: bytes) -> Request:
    """Read a request file and verify that every new key has signed it.

    Raises:
        MalformedRequest: not such a file.
        NoProofOfPossession: a new key has not signed, or its signature does not fit.
        WeakKey: a signing key of small order.
    """
    if len(raw) > REQUEST_BYTES_MAX:
        raise MalformedRequest(f"{len(raw)} bytes, a request has at most {REQUEST_BYTES_MAX}")
    try:
        envelope = read_document(_Envelope, raw)
        payload = a2b_base64(envelope.payload)
        enrolment = read_document(Enrolment, payload)
        signatures = {str(entry.keyid): a2b_base64(entry.sig) for entry in envelope.signatures}
    except (Unreadable, ValueError) as error:
        raise MalformedRequest(f"not a request of delta-trust enroll: {error}") from None
    signed = pae(payload, REQUEST_TYPE)
    for key in enrolment.keys:
        _require_possessed(key, signatures.pop(key.key_id, b""), signed)
    return Request(hash_signed(signed), enrolment, raw, signed, signatures)


def _require_possessed(key: NewKey, signature: bytes, signed: bytes) -> None:
    try:
        if key.purpose is KeyPurpose.SIGN:
            VerifyingKey.from_raw(key.raw).verify(signature, signed)
        else:
            decode_point(key.raw).verify(signature, signed, ECDSA(SHA256()))
    except MalformedKey as error:
        raise MalformedRequest(error.detail) from None
    except (BadSignature, InvalidSignature):
        raise NoProofOfPossession(f"the {key.purpose} key {key.key_id[:12]} has not signed the request; the applicant "
                                  "must make it again with delta-trust enroll") from None


def _public(key: SigningKey | SealingKey) -> bytes:
    return key.verifying.raw if isinstance(key, SigningKey) else key.public


def _sign(key: SigningKey | SealingKey, signed: bytes) -> bytes:
    return key.sign(signed) if isinstance(key, SigningKey) else key.private.sign(signed, ECDSA(SHA256()))
