"""Section 4's values and section 2's bytes."""

import hashlib
import json
from base64 import b64decode, b64encode
from datetime import date, datetime
from typing import Any, NoReturn

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

P = 2**255 - 19
Y_OF_ORDER_8 = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
SMALL_ORDER_Y = {0, 1, P - 1, P, P + 1, Y_OF_ORDER_8, P - Y_OF_ORDER_8}


class Refused(Exception):
    """The code that the page names."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code
        self.uses_number = False


def require(holds: object, code: str) -> None:
    if not holds:
        raise Refused(code)


def as_time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def as_date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def read_json(data: bytes, malformed: str, twice: str, number: str | None) -> Any:
    """Strict JSON; ``number`` is the code for one with a point, ``None`` where such numbers may stand."""
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        require(len({key for key, _ in pairs}) == len(pairs), twice)
        return dict(pairs)

    def no_float(_text: str) -> NoReturn:
        raise Refused(number or malformed)

    try:
        document = json.loads(data.decode("utf-8"), object_pairs_hook=unique, parse_constant=no_float,
                              parse_float=no_float if number else None)
        json.dumps(document, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError):
        raise Refused(malformed) from None
    return document


def canonical_base64(text: str, code: str) -> bytes:
    try:
        data = b64decode(text)
    except ValueError:
        raise Refused(code) from None
    require(b64encode(data).decode() == text, code)
    return data


def pae(kind: str, payload: bytes) -> bytes:
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind.encode(), len(payload), payload)


def key_id(scheme: str, raw: bytes) -> str:
    return hashlib.sha256(scheme.encode() + b":" + raw).hexdigest()


def is_weak(raw: bytes) -> bool:
    return int.from_bytes(raw, "little") & (2**255 - 1) in SMALL_ORDER_Y


def verifies(raw: bytes, signature: bytes, signed: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(raw).verify(signature, signed)
    except InvalidSignature:
        return False
    return True


def accept_key(raw: bytes) -> str:
    require(len(raw) == 32, "bad_request")
    require(not is_weak(raw), "weak_key")
    return key_id("ed25519", raw)
