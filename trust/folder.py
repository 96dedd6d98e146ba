"""The directory as a folder of files: how an installation keeps it, and how one is handed to another.

::

    roots/<number>.json     the chain of roots in order; the first is the one this installation trusts
    targets.json            what the editors signed
    directory.json  tariff.json  policies.json
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from trust.directory import FILES, TrustedDirectory, accept
from trust.errors import MalformedDirectory
from trust.keys import write_atomically
from trust.root import DOCUMENT_BYTES_MAX

ROOTS, TARGETS = "roots", "targets.json"


def write_folder(folder: Path, roots: Sequence[bytes], targets: bytes, files: Mapping[str, bytes]) -> None:
    """Write a directory; ``targets.json`` comes last, so that a folder cut in the middle never looks complete."""
    (folder / ROOTS).mkdir(parents=True, exist_ok=True)
    for number, root in enumerate(roots, 1):
        write_atomically(folder / ROOTS / f"{number}.json", root)
    for name in FILES:
        write_atomically(folder / name, files[name])
    write_atomically(folder / TARGETS, targets)


def load_folder(folder: Path, now: datetime, known: TrustedDirectory | None = None) -> TrustedDirectory:
    """Read and verify a directory.

    Raises:
        DirectoryRefused: by name; a missing file says which.
    """
    paths = sorted((folder / ROOTS).glob("*.json"), key=lambda path: int(path.stem) if path.stem.isdigit() else 0)
    if not paths:
        raise MalformedDirectory(f"{folder} holds no roots/<number>.json; copy the alliance's directory there")
    roots = [_read(path) for path in paths]
    return accept(roots, _read(folder / TARGETS), {name: _read(folder / name) for name in FILES}, now, known)


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > DOCUMENT_BYTES_MAX:
            raise MalformedDirectory(f"{path.name} is larger than {DOCUMENT_BYTES_MAX} bytes")
        return path.read_bytes()
    except OSError as error:
        raise MalformedDirectory(f"{path} cannot be read ({error.strerror}); copy the whole directory again") from None
