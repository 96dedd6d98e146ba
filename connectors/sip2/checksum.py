"""AZ, error detection: four hexadecimal digits that bring a sum over the message to zero, modulo 2^16.

The guide sums bytes from the message id through ``AZ``. Real systems also sum the characters instead (a difference
in any text beyond ASCII), and one leaves out the trailer ``|AYnAZ`` as well.
"""

from zlib import adler32

from connectors.sip2.profile import Checksum

# adler32's lower half is 1 + the sum of bytes modulo 65521: exact while 257 bytes cannot reach that.
_CHUNK_BYTES = 256


def byte_sum(data: bytes) -> int:
    """Return ``sum(data)``, at the speed of zlib: this is the hottest line of the codec.

    >>> byte_sum(bytes(range(256)) * 9) == sum(bytes(range(256)) * 9)
    True
    """
    total = 0
    for start in range(0, len(data), _CHUNK_BYTES):
        total += (adler32(data[start : start + _CHUNK_BYTES]) & 0xFFFF) - 1
    return total


def checksum(variant: Checksum, body: bytes, text: str, trailer: bytes, delimiter: str) -> int:
    """Return the value of AZ for ``body``, which reads ``text``, followed by ``trailer`` (``AYnAZ`` or ``AZ``).

    >>> body = "9300CNLoginUserID|COLoginPassword|CPLocationCode|"
    >>> f"{checksum(Checksum.BYTES, body.encode(), body, b'AY5AZ', '|'):04X}"
    'EC7B'
    """
    if variant is Checksum.BYTES:
        total = byte_sum(body + trailer)
    elif variant is Checksum.CODE_POINTS:
        total = sum(map(ord, text)) + sum(trailer)
    else:
        total = _utf16_sum(text.removesuffix(delimiter))
    return -total & 0xFFFF


def _utf16_sum(text: str) -> int:
    """Sum UTF-16 code units: the systems that do so are written in a language whose characters are those."""
    units = text.encode("utf-16-be", "surrogatepass")
    return (byte_sum(units[::2]) << 8) + byte_sum(units[1::2])
