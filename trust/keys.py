"""Signing keys (Ed25519) and sealing keys (P-256), and their files.

A key id derives from the key, so one id never names two keys. Small-order Ed25519 points are refused when a key is
loaded: under them one constant signature fits many messages, and their owner could repudiate everything.
Randomness is an argument. Not here: which key may do what, and when (``trust.directory``).
"""

import hashlib
import os
import secrets
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    derive_private_key,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from schemas.directory import KeyScheme
from schemas.identifiers import KeyId
from trust.errors import BadSignature, KeyFileRefused, MalformedKey, PassphraseRefused, WeakKey

RandomBytes = Callable[[int], bytes]
"""``os.urandom`` in production; a seeded source in the demo and in tests."""

_KEY_FILE_BYTES_MAX = 16_384
_ENCRYPTED = b"-----BEGIN ENCRYPTED PRIVATE KEY-----"
_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_P = 2**255 - 19

# The y coordinates of the eight points of small order, and p and p + 1, the encodings of 0 and 1 that are not reduced.
_Y_OF_ORDER_8 = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
_SMALL_ORDER_Y = (0, 1, _Y_OF_ORDER_8, _P - _Y_OF_ORDER_8, _P - 1, _P, _P + 1)
SMALL_ORDER_ENCODINGS = frozenset(
    (y | sign << 255).to_bytes(32, "little") for y in _SMALL_ORDER_Y for sign in (0, 1)
)
"""Every 32-byte encoding that ``cryptography`` may load as a point of order 1, 2, 4 or 8."""


def derive_key_id(scheme: KeyScheme, public: bytes) -> KeyId:
    """Return the id of a public key: SHA-256 of the scheme's name, a colon and the key's bytes."""
    return KeyId(hashlib.sha256(scheme.encode() + b":" + public).hexdigest())


class VerifyingKey:
    """An Ed25519 public key that was checked when it was loaded. Get one from ``from_raw``."""

    __slots__ = ("_key", "key_id", "raw")

    def __init__(self, raw: bytes) -> None:
        if len(raw) != 32:
            raise MalformedKey(f"an Ed25519 public key has 32 bytes, this one has {len(raw)}")
        if raw in SMALL_ORDER_ENCODINGS:
            raise WeakKey("this public key is a point of small order; the library must enrol another key")
        self.raw = raw
        self.key_id = derive_key_id(KeyScheme.ED25519, raw)
        self._key = Ed25519PublicKey.from_public_bytes(raw)

    @classmethod
    def from_raw(cls, raw: bytes) -> "VerifyingKey":
        """Return the key for these 32 bytes, loaded at most once.

        Raises:
            MalformedKey: not 32 bytes.
            WeakKey: a point of small order.
        """
        return _verifying_key(raw)

    def verify(self, signature: bytes, signed: bytes) -> None:
        """Return if the signature fits; raise ``BadSignature`` otherwise."""
        try:
            self._key.verify(signature, signed)
        except InvalidSignature:
            raise BadSignature(f"the signature by key {self.key_id[:12]} does not fit the bytes") from None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, VerifyingKey) and other.raw == self.raw

    def __hash__(self) -> int:
        return hash(self.raw)

    def __repr__(self) -> str:
        return f"VerifyingKey({self.key_id[:12]}…)"


@lru_cache(maxsize=8192)
def _verifying_key(raw: bytes) -> VerifyingKey:
    return VerifyingKey(raw)


class SigningKey:
    """An Ed25519 private key. Its ``repr`` shows the key id only."""

    __slots__ = ("_key", "key_id", "verifying")

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.verifying = VerifyingKey.from_raw(key.public_key().public_bytes_raw())
        self.key_id = self.verifying.key_id

    @classmethod
    def from_raw(cls, seed: bytes) -> Self:
        """Return the key of a 32-byte seed (RFC 8032)."""
        if len(seed) != 32:
            raise MalformedKey(f"an Ed25519 seed has 32 bytes, this one has {len(seed)}")
        return cls(Ed25519PrivateKey.from_private_bytes(seed))

    @classmethod
    def generate(cls, random_bytes: RandomBytes) -> Self:
        """Make a new key."""
        return cls.from_raw(random_bytes(32))

    @classmethod
    def load(cls, path: Path, passphrase: bytes) -> Self:
        """Read an encrypted PKCS#8 file; raise ``KeyFileRefused`` where it cannot be used."""
        key = _load_private(path, passphrase)
        if not isinstance(key, Ed25519PrivateKey):
            raise KeyFileRefused(f"{path}: not an Ed25519 key; give the library's signing key")
        return cls(key)

    def save(self, path: Path, passphrase: bytes) -> None:
        """Write an encrypted PKCS#8 file, whole or not at all; never over an existing one."""
        _save_private(self._key, path, passphrase)

    def sign(self, data: bytes) -> bytes:
        """Return the 64-byte signature."""
        return self._key.sign(data)

    def __repr__(self) -> str:
        return f"SigningKey({self.key_id[:12]}…, private •••)"


class SealingKey:
    """A P-256 private key that opens what was sealed to its owner. Its ``repr`` shows the key id only."""

    __slots__ = ("key_id", "private", "public")

    def __init__(self, private: EllipticCurvePrivateKey) -> None:
        if not isinstance(private.curve, SECP256R1):
            raise MalformedKey(f"a sealing key is on P-256, this one is on {private.curve.name}")
        self.private = private
        self.public = encode_point(private.public_key())
        self.key_id = derive_key_id(KeyScheme.ECDH_ES_P256, self.public)

    @classmethod
    def generate(cls, random_bytes: RandomBytes) -> Self:
        """Make a new key."""
        return cls(generate_p256(random_bytes))

    @classmethod
    def load(cls, path: Path, passphrase: bytes) -> Self:
        """Read an encrypted PKCS#8 file; raise ``KeyFileRefused`` where it cannot be used."""
        key = _load_private(path, passphrase)
        if not isinstance(key, EllipticCurvePrivateKey):
            raise KeyFileRefused(f"{path}: not a P-256 key; give the library's sealing key")
        return cls(key)

    def save(self, path: Path, passphrase: bytes) -> None:
        """Write an encrypted PKCS#8 file, whole or not at all; never over an existing one."""
        _save_private(self.private, path, passphrase)

    def __repr__(self) -> str:
        return f"SealingKey({self.key_id[:12]}…, private •••)"


def generate_p256(random_bytes: RandomBytes) -> EllipticCurvePrivateKey:
    """Make a private key (FIPS 186-5 A.2.1: 64 extra random bits make the modular bias negligible)."""
    secret = int.from_bytes(random_bytes(40), "big") % (_P256_ORDER - 1) + 1
    return derive_private_key(secret, SECP256R1())


def encode_point(public: EllipticCurvePublicKey) -> bytes:
    """Return the uncompressed point (SEC 1): 65 bytes that begin with 04."""
    return public.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def decode_point(raw: bytes) -> EllipticCurvePublicKey:
    """Read an uncompressed P-256 point; raise ``MalformedKey`` where it is not on the curve."""
    problem = "not an uncompressed P-256 point of 65 bytes that begins with 04"
    if len(raw) != 65:
        raise MalformedKey(problem)
    try:
        return EllipticCurvePublicKey.from_encoded_point(SECP256R1(), raw)
    except ValueError:
        raise MalformedKey(problem) from None


def write_atomically(path: Path, data: bytes, *, mode: int = 0o644, overwrite: bool = True) -> None:
    """Write a file whole or not at all: a new file beside it, fsync, rename, fsync of the folder.

    Raises:
        FileExistsError: the file exists and ``overwrite`` is false.
        OSError: the folder cannot be written.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if overwrite:
            draft.replace(path)
        else:
            path.hardlink_to(draft)
    finally:
        draft.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _save_private(key: Ed25519PrivateKey | EllipticCurvePrivateKey, path: Path, passphrase: bytes) -> None:
    if not passphrase:
        raise KeyFileRefused(f"{path}: a private key is never stored without a passphrase; give one")
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                            serialization.BestAvailableEncryption(passphrase))
    try:
        write_atomically(path, pem, mode=0o600, overwrite=False)
    except FileExistsError:
        raise KeyFileRefused(f"{path}: exists already; move it away first, it is never overwritten") from None
    except OSError as error:
        raise KeyFileRefused(f"{path}: cannot be written: {error.strerror}") from None


def _load_private(path: Path, passphrase: bytes) -> object:
    try:
        if path.stat().st_mode & 0o077:
            raise KeyFileRefused(f"{path}: others may read this private key; run chmod 600 on it")
        with path.open("rb") as file:
            pem = file.read(_KEY_FILE_BYTES_MAX)
    except OSError as error:
        raise KeyFileRefused(f"{path}: cannot be read: {error.strerror}") from None
    if not pem.startswith(_ENCRYPTED):
        raise KeyFileRefused(f"{path}: not an encrypted PKCS#8 key file; give the file that delta-trust wrote")
    try:
        return serialization.load_pem_private_key(pem, passphrase)
    except (ValueError, TypeError):
        raise PassphraseRefused(f"{path}: not its passphrase, or the file is damaged; nobody can recover a lost "
                                "passphrase: make a new key and let the others rotate this one out") from None
