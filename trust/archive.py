"""Reading and writing a small zip from an unknown hand: bounded in size, count and ratio, one file per name."""

import io
import struct
import zipfile
import zlib
from collections.abc import Mapping

from trust.errors import BadBundle

ARCHIVE_BYTES_MAX = 67_108_864
"""64 MiB, packed and unpacked alike: a loan of a hundred messages and a directory of 310 members need one."""
FILES_MAX = 4096
_EPOCH = (1980, 1, 1, 0, 0, 0)
_ALLOWED = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, struct.error, ValueError, EOFError, OSError, RuntimeError,
               NotImplementedError, OverflowError)


def pack(files: Mapping[str, bytes]) -> bytes:
    """Return a zip of these files; the same files give the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), files[name], zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def unpack(raw: bytes) -> dict[str, bytes]:
    """Return the files of a zip by name; raise ``BadBundle`` where it is not a plain one within the limits."""
    if len(raw) > ARCHIVE_BYTES_MAX:
        raise BadBundle(f"the file has {len(raw)} bytes, at most {ARCHIVE_BYTES_MAX} are allowed")
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            entries = archive.infolist()
            _require_plain(entries)
            return {entry.filename: archive.read(entry) for entry in entries}
    except _ZIP_ERRORS as error:
        raise BadBundle(f"not a zip file that can be read ({type(error).__name__})") from None


def _require_plain(entries: list[zipfile.ZipInfo]) -> None:
    """``archive.read`` never returns more than the size an entry declares, so the declared sizes bound the whole."""
    if len(entries) > FILES_MAX or sum(entry.file_size for entry in entries) > ARCHIVE_BYTES_MAX:
        raise BadBundle(f"more than {FILES_MAX} files or {ARCHIVE_BYTES_MAX} bytes unpacked")
    if len({entry.filename for entry in entries}) != len(entries):
        raise BadBundle("one file name stands twice")
    if any(entry.compress_type not in _ALLOWED or entry.flag_bits & 1 for entry in entries):
        raise BadBundle("encrypted, or packed in another way than deflate")
