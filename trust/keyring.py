"""Every key of a directory, checked once and ready for use.

Holds the rules that signatures cannot: one id for one key, a scheme that fits the purpose, dates in order, no weak
key, no agency or key listed twice, exactly one gateway.
"""

from binascii import a2b_base64, b2a_base64
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

from schemas.directory import Agency, Directory, KeyPurpose, KeyScheme, PublicKeyRecord, Role
from trust.errors import MalformedDirectory, MalformedKey
from trust.keys import VerifyingKey, decode_point, derive_key_id

_SCHEME_OF = {KeyPurpose.SIGN: KeyScheme.ED25519, KeyPurpose.SEAL: KeyScheme.ECDH_ES_P256}

SigningEntry = tuple[Agency, PublicKeyRecord, VerifyingKey]
SealingEntry = tuple[PublicKeyRecord, EllipticCurvePublicKey]


@dataclass(frozen=True, slots=True)
class Keyring:
    """Signing keys by key id; sealing keys by agency, in the order of the directory."""

    signing: Mapping[str, SigningEntry]
    sealing: Mapping[str, tuple[SealingEntry, ...]]


def build_keyring(directory: Directory) -> Keyring:
    """Check every key record.

    Raises:
        MalformedDirectory: a record or an agency breaks a rule of this module.
        WeakKey: a public key of small order.
    """
    _require_distinct(directory)
    signing: dict[str, SigningEntry] = {}
    sealing: dict[str, tuple[SealingEntry, ...]] = {}
    for agency in directory.agencies:
        for record in agency.keys:
            raw = _public_bytes(agency, record)
            if record.purpose is KeyPurpose.SIGN:
                signing[record.key_id] = (agency, record, VerifyingKey.from_raw(raw))
            else:
                sealing[agency.agency] = (*sealing.get(agency.agency, ()), (record, _point(raw)))
    return Keyring(signing, sealing)


def _require_distinct(directory: Directory) -> None:
    if len(directory.by_id) != len(directory.agencies):
        raise MalformedDirectory("directory.json lists an agency twice")
    if len(directory.keys) != sum(len(agency.keys) for agency in directory.agencies):
        raise MalformedDirectory("directory.json lists one key id twice; a key belongs to one agency, once")
    gateways = sum(agency.role is Role.GATEWAY for agency in directory.agencies)
    if gateways != 1:
        raise MalformedDirectory(f"directory.json lists {gateways} gateways; an alliance has exactly one")


def _public_bytes(agency: Agency, record: PublicKeyRecord) -> bytes:
    where = f"directory.json, {agency.agency}, key {record.key_id[:12]}"
    if record.scheme is not _SCHEME_OF[record.purpose]:
        raise MalformedDirectory(f"{where}: scheme {record.scheme} does not serve the purpose {record.purpose}")
    if not record.use_from <= record.sign_until <= record.verify_until:
        raise MalformedDirectory(f"{where}: use_from, sign_until and verify_until must follow each other")
    try:
        raw = a2b_base64(record.public)
    except ValueError:
        raw = b""
    if b2a_base64(raw, newline=False).decode() != record.public or not raw:
        raise MalformedDirectory(f"{where}: the public key is not canonical base64")
    if derive_key_id(record.scheme, raw) != record.key_id:
        raise MalformedDirectory(f"{where}: the id does not derive from the key")
    return raw


@lru_cache(maxsize=8192)
def _point(raw: bytes) -> EllipticCurvePublicKey:
    try:
        return decode_point(raw)
    except MalformedKey as error:
        raise MalformedDirectory(f"directory.json: {error.detail}") from None
