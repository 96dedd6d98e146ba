"""AZ, error detection: four hexadecimal digits that bring a sum over the message to zero, modulo 2^16.

The guide sums bytes from the message id through ``AZ``. Real systems also sum the characters instead (a difference
in any text beyond ASCII), and one leaves out the trailer ``|AYnAZ`` as well.
"""

from collections.abc import Callable, Mapping
from zlib import adler32

from connectors.sip2.profile import Checksum

# adler32's lower half is 1 + the sum of bytes modulo 65521: exact while 257 bytes cannot reach that.
_CHUNK_BYTES = 256


def byte_sum(data: bytes) -> int:
    """Return ``sum(data)``, at the speed of zlib: this is the hottest line of the codec.

    >>> byte_sum(bytes(range(256)) * 9) == sum(bytes(range(256)) * 9)
    True
    """
    if len(data) <= _CHUNK_BYTES:
        return (adler32(data) & 0xFFFF) - 1
    return sum([byte_sum(data[start : start + _CHUNK_BYTES]) for start in range(0, len(data), _CHUNK_BYTES)])


def _sum_bytes(signed: bytes, _text: str, _mark: bytes, _delimiter: str) -> int:
    return byte_sum(signed)


def _sum_code_points(_signed: bytes, text: str, mark: bytes, _delimiter: str) -> int:
    return sum(map(ord, text)) + sum(mark)


def _sum_utf16_units(signed: bytes, text: str, _mark: bytes, delimiter: str) -> int:
    """Sum UTF-16 code units: the systems that do so are written in a language whose characters are those."""
    if len(text) == 2:
        # 96 and 97 are an id and nothing else, and their checksums are constants.
        return byte_sum(signed)
    units = text.removesuffix(delimiter).encode("utf-16-be", "surrogatepass")
    return (byte_sum(units[::2]) << 8) + byte_sum(units[1::2])


#: What each variant sums: given the bytes up to AZ, the text before AY or AZ, those letters, and the delimiter.
SUMS: Mapping[Checksum, Callable[[bytes, str, bytes, str], int]] = {
    Checksum.BYTES: _sum_bytes,
    Checksum.CODE_POINTS: _sum_code_points,
    Checksum.CODE_POINTS_WITHOUT_TRAILER: _sum_utf16_units,
    Checksum.NONE: _sum_bytes,
}


def to_az(total: int) -> bytes:
    """Return the digits that bring ``total`` to zero.

    >>> to_az(byte_sum(b"9300CNLoginUserID|COLoginPassword|CPLocationCode|AY5AZ"))
    b'EC7B'
    """
    return b"%04X" % (-total & 0xFFFF)
