"""The terminal of ``delta-trust``: explain, ask, take a passphrase, answer people or programs.

Explanations and questions go to standard error, answers to standard output, so that ``--json`` is one clean object.
"""

import getpass
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from trust.archive import ARCHIVE_BYTES_MAX
from trust.ceremony.errors import NotHere
from trust.errors import KeyFileRefused, PassphraseRefused, WrongUse
from trust.keys import write_atomically

PASSPHRASE_CHARACTERS_MIN = 12
"""Key files use PBKDF2 with few rounds, so the passphrase must carry the strength: four random words will do."""
TRIES = 3

T = TypeVar("T")


def say(text: str) -> None:
    """Print an answer."""
    sys.stdout.write(text + "\n")


def note(text: str) -> None:
    """Print a line for people beside the answer."""
    sys.stderr.write(text + "\n")


def answer(document: Mapping[str, object], lines: Sequence[str], *, as_json: bool) -> None:
    """Answer a program or a person."""
    say(json.dumps(document, ensure_ascii=False, indent=1) if as_json else "\n".join(lines))


def explain(chinese: str, english: str) -> None:
    """Say what the command is about to do."""
    note(f"{chinese}\n  {english}")


def agreed(question: str, *, yes: bool) -> bool:
    """Ask before what cannot be undone; raise ``WrongUse`` where nobody can answer."""
    if yes:
        return True
    if not sys.stdin.isatty():
        raise WrongUse("没有人在终端上确认 nobody is at the terminal to agree; give --yes")
    if ask(f"{question} [y/N]").lower() in {"y", "yes", "是"}:
        return True
    note("未做任何改动 nothing was changed")
    return False


def ask(question: str) -> str:
    """Ask for one line; raise ``WrongUse`` where nobody can answer."""
    if not sys.stdin.isatty():
        raise WrongUse(f"没有人在终端上回答 nobody is at the terminal to answer: {question}")
    sys.stderr.write(f"{question}\n> ")
    sys.stderr.flush()
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    return line.strip()


def unlock(load: Callable[[Path, bytes], T], path: Path, passphrase_file: Path | None) -> T:
    """Open a key file with the passphrase from a file, or from the terminal in three tries."""
    if passphrase_file is not None:
        return load(path, read_passphrase(passphrase_file))
    for _ in range(TRIES - 1):
        try:
            return load(path, _typed(f"{path.name} 的口令 passphrase: "))
        except PassphraseRefused as refused:
            note(refused.detail)
    return load(path, _typed(f"{path.name} 的口令 passphrase: "))


def new_passphrase(whose: str) -> bytes:
    """Ask for a new passphrase, twice."""
    while True:
        first = _typed(f"{whose}: 新口令,至少 {PASSPHRASE_CHARACTERS_MIN} 个字符 new passphrase: ")
        if len(first.decode()) < PASSPHRASE_CHARACTERS_MIN:
            note(f"太短 too short: at least {PASSPHRASE_CHARACTERS_MIN} characters, such as four random words")
        elif first == _typed(f"{whose}: 再输入一次 once more: "):
            return first
        else:
            note("两次不同 the two differ")


def read_passphrase(path: Path) -> bytes:
    """Return the only line of a passphrase file."""
    return read_passphrases(path, 1)[0]


def read_passphrases(path: Path, count: int) -> list[bytes]:
    """Return the passphrases of a file, one a line; raise ``WrongUse`` where they are too few or too short."""
    try:
        given = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise KeyFileRefused(f"{path}: cannot be read as text; give one passphrase per line") from None
    if len(given) != count or any(len(passphrase) < PASSPHRASE_CHARACTERS_MIN for passphrase in given):
        raise WrongUse(f"{path}: needs {count} passphrases, one a line, of at least {PASSPHRASE_CHARACTERS_MIN} "
                       "characters")
    return [passphrase.encode() for passphrase in given]


def read_file(path: Path) -> bytes:
    """Return a file's bytes, within the limit; raise ``NotHere`` where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(ARCHIVE_BYTES_MAX + 1)
    except OSError as error:
        raise NotHere(f"{path}: cannot be read: {error.strerror}; check the name and the folder") from None


def write_file(path: Path, data: bytes, *, overwrite: bool = True) -> None:
    """Write a file whole or not at all; raise ``NotHere`` where that fails."""
    try:
        write_atomically(path, data, overwrite=overwrite)
    except OSError as error:
        raise NotHere(f"{path}: cannot be written: {error.strerror}; nothing was changed") from None


def _typed(prompt: str) -> bytes:
    if not sys.stdin.isatty():
        raise WrongUse("没有人在终端上输入口令 nobody is at the terminal to type a passphrase; give it in a file")
    return getpass.getpass(prompt).encode()
