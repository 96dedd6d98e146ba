"""Secrets that a test plants, in every spelling in which a program might have written them down."""

import json
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

BASE64_CORE_MIN = 8
"""Fewer characters than these turn up by chance."""


def spellings(secret: str) -> frozenset[bytes]:
    """Return a secret's bytes in the charsets used here, escaped, and inside base64 once and twice, wherever it begins.

    An order is base64 (JWS) in base64 (DSSE): what stands in there in clear is found all the same.
    """
    plain = {secret.encode(), secret.encode("gb18030"), json.dumps(secret)[1:-1].encode(), quote(secret).encode()}
    once = {core for text in plain for core in _in_base64(text)}
    return frozenset(plain | once | {core for text in once for core in _in_base64(text)})


def _in_base64(text: bytes) -> Iterator[bytes]:
    """Return the characters of base64 that depend on ``text`` alone, for each place in a group of three."""
    for before in range(3):
        encoded = b64encode(bytes(before) + text)
        core = encoded[-(-before * 8 // 6):(before + len(text)) * 8 // 6]
        if len(core) >= BASE64_CORE_MIN:
            yield core
            yield core.translate(bytes.maketrans(b"+/", b"-_"))


def found_in(data: bytes, secrets: Mapping[str, str]) -> set[str]:
    """Return the names of the secrets that can be read in some bytes."""
    return {name for name, secret in secrets.items() if any(spelt in data for spelt in spellings(secret))}


def files_with(folder: Path, secrets: Mapping[str, str]) -> dict[str, set[str]]:
    """Return for each secret the files below a folder in which it can be read."""
    found: dict[str, set[str]] = {name: set() for name in secrets}
    for path in _files(folder.rglob("*")):
        for name in found_in(path.read_bytes(), secrets):
            found[name].add(path.relative_to(folder).as_posix())
    return found


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    return (path for path in paths if path.is_file())
