"""The directory as a folder of files: how an installation keeps it, and how one is handed to another.

::

    roots/<number>.json     the chain of roots in order; the first is the one this installation trusts
    targets.json            what the editors signed: the version in force
    <version>/              directory.json  tariff.json  policies.json

A new version is written beside the one in force and comes into force when ``targets.json`` is replaced, so a folder
is whole at every instant; past versions stay to be looked up.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from tuf.api.metadata import Targets

from trust.directory import FILES, TrustedDirectory, accept
from trust.errors import MalformedDirectory
from trust.keys import write_atomically
from trust.root import DOCUMENT_BYTES_MAX, read_metadata

ROOTS, TARGETS = "roots", "targets.json"


def write_folder(folder: Path, roots: Sequence[bytes], targets: bytes, files: Mapping[str, bytes]) -> None:
    """Write a directory that was accepted; raise ``OSError`` where the folder cannot be written."""
    own = folder / _version(targets)
    for needed in (folder / ROOTS, own):
        needed.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        write_atomically(own / name, files[name])
    for number, root in enumerate(roots, 1):
        write_atomically(folder / ROOTS / f"{number}.json", root)
    write_atomically(folder / TARGETS, targets)


def load_folder(folder: Path, now: datetime, known: TrustedDirectory | None = None) -> TrustedDirectory:
    """Read and verify a directory.

    Raises:
        DirectoryRefused: by name; a missing file says which.
    """
    return accept(*read_folder(folder), now, known)


def read_folder(folder: Path) -> tuple[list[bytes], bytes, dict[str, bytes]]:
    """Return the chain of roots, the targets and their files, unverified; raise ``MalformedDirectory`` without them."""
    roots, targets = _read_roots(folder), _read(folder / TARGETS)
    own = folder / _version(targets)
    return roots, targets, {name: _read(own / name) for name in FILES}


def _read_roots(folder: Path) -> list[bytes]:
    paths = sorted((folder / ROOTS).glob("*.json"), key=lambda path: int(path.stem) if path.stem.isdigit() else 0)
    if not paths:
        raise MalformedDirectory(f"{folder} holds no roots/<number>.json; copy the alliance's directory there")
    return [_read(path) for path in paths]


def _version(targets: bytes) -> str:
    return str(read_metadata(Targets, targets).signed.version)


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > DOCUMENT_BYTES_MAX:
            raise MalformedDirectory(f"{path.name} is larger than {DOCUMENT_BYTES_MAX} bytes")
        return path.read_bytes()
    except OSError as error:
        raise MalformedDirectory(f"{path} cannot be read ({error.strerror}); copy the whole directory again") from None
