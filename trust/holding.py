"""The directory that a running installation holds: in force until a newer one verifies, whoever brings it.

A newer version comes over the wire from the gateway or as files that somebody puts into the folder; both are judged
alike, against the one in force. What does not verify changes nothing.
"""

from datetime import datetime, timedelta
from pathlib import Path

from tuf.api.metadata import Root, Targets

from trust.archive import pack, unpack
from trust.directory import FILES, TrustedDirectory, accept
from trust.errors import DirectoryExpired, MalformedDirectory
from trust.folder import ROOTS, TARGETS, load_folder, read_folder, write_folder
from trust.root import read_metadata


def pack_directory(directory: TrustedDirectory) -> bytes:
    """Return a directory as one file, to be handed on."""
    roots = {f"{ROOTS}/{number:04}.json": root for number, root in enumerate(directory.root.chain, 1)}
    return pack({**roots, TARGETS: directory.targets, **directory.files})


class HeldDirectory:
    """A folder's directory; call it to get the version in force.

    One that has run out is held all the same, as what a newer one must follow: a library that was away for long
    must be able to come back. ``is_in_force`` tells.

    Raises:
        DirectoryRefused: the folder holds none that verifies.
    """

    def __init__(self, folder: Path, now: datetime) -> None:
        self._folder = folder
        self._judged = _state(folder)
        self._current = _load_even_expired(folder, now)

    def __call__(self) -> TrustedDirectory:
        """Return the version in force."""
        return self._current

    def is_in_force(self, now: datetime) -> bool:
        """Whether neither the root's nor the editors' signatures have run out."""
        return now < min(self._current.expires, self._current.root.expires)

    def look(self, now: datetime) -> bool:
        """Take over what somebody has put into the folder; return whether it is newer. Each state is judged once.

        Raises:
            DirectoryRefused: it does not verify; the version in force stays.
        """
        state = _state(self._folder)
        if state == self._judged:
            return False
        self._judged = state
        return self._replace(load_folder(self._folder, now, self._current))

    def offer(self, packed: bytes, now: datetime) -> bool:
        """Take over what the gateway hands out, and keep it in the folder; return whether it is newer.

        Raises:
            TrustError: it does not verify; the version in force stays.
            OSError: it cannot be kept; the version in force stays.
        """
        files = unpack(packed)
        roots = [files[name] for name in sorted(files) if name.startswith(f"{ROOTS}/")]
        if TARGETS not in files:
            raise MalformedDirectory(f"the gateway handed out a directory without {TARGETS}")
        newer = accept(roots, files[TARGETS], {name: files[name] for name in FILES if name in files}, now,
                       self._current)
        if newer.reference == self._current.reference and newer.root.version == self._current.root.version:
            return False
        write_folder(self._folder, newer.root.chain, newer.targets, newer.files)
        self._judged = _state(self._folder)
        return self._replace(newer)

    def _replace(self, newer: TrustedDirectory) -> bool:
        is_newer = newer.version > self._current.version
        self._current = newer
        return is_newer


def _load_even_expired(folder: Path, now: datetime) -> TrustedDirectory:
    try:
        return load_folder(folder, now)
    except DirectoryExpired:
        roots, targets, _ = read_folder(folder)
        ends = min(read_metadata(Root, roots[-1]).signed.expires, read_metadata(Targets, targets).signed.expires)
        return load_folder(folder, ends - timedelta(seconds=1))


def _state(folder: Path) -> tuple[bytes, tuple[tuple[str, int], ...]]:
    """Return what changes while another version is put into a folder, in whatever order its files come."""
    try:
        targets = (folder / TARGETS).read_bytes()
        return targets, tuple(sorted((str(path), path.stat().st_size) for path in folder.glob("*/*.json")))
    except OSError:
        return b"", ()
