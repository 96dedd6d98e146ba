"""The first step of the ceremony: one encrypted key file per admin, and the list of fingerprints they read aloud.

Each admin then takes the own file away; nobody keeps two. Drafting, signing and publishing are in ``trust.publish``.
"""

import getpass
import json
import os
import sys
from argparse import Namespace
from pathlib import Path

from trust.errors import KeyFileRefused, WrongUse
from trust.keys import RandomBytes, SigningKey, VerifyingKey, write_atomically

PASSPHRASE_CHARACTERS_MIN = 12
"""Key files use PBKDF2 with few rounds, so the passphrase must carry the strength: four random words will do."""
ADMINS_MAX = 99
LIST_FILE = "admins.json"


def init_ceremony(arguments: Namespace) -> int:
    """Make the admins' keys as the command line asks; return the exit code."""
    folder: Path = arguments.folder
    admins, threshold = arguments.admins, arguments.threshold
    _require_counts(admins, threshold)
    passphrases = _passphrases(arguments.passphrases, admins)
    if not arguments.yes and not _agreed(f"Write {admins} admin keys, of which {threshold} must sign, to {folder}?"):
        return 1
    keys = make_admin_keys(folder, passphrases, threshold, os.urandom)
    listed = [{"file": _key_name(n), "fingerprint": fingerprint(key)} for n, key in enumerate(keys, 1)]
    if arguments.json:
        _say(json.dumps({"admins": listed, "threshold": threshold}, indent=1))
    else:
        _say(f"Each admin takes one file away and reads the fingerprint aloud; {threshold} of {admins} must sign:")
        _say("\n".join(f"  {entry['file']}  {entry['fingerprint']}" for entry in listed))
    return 0


def make_admin_keys(
    folder: Path, passphrases: list[bytes], threshold: int, random_bytes: RandomBytes
) -> list[VerifyingKey]:
    """Write one encrypted key file per passphrase, and last the list of them; never over an existing file."""
    keys = [SigningKey.generate(random_bytes) for _ in passphrases]
    public = [key.verifying for key in keys]
    document = {"threshold": threshold, "admins": [{"key_id": key.key_id, "public": key.raw.hex()} for key in public]}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for number, (key, passphrase) in enumerate(zip(keys, passphrases, strict=True), 1):
            key.save(folder / _key_name(number), passphrase)
        write_atomically(folder / LIST_FILE, json.dumps(document, indent=1).encode() + b"\n", overwrite=False)
    except OSError as error:
        raise KeyFileRefused(f"{folder}: cannot be written: {error.strerror}; take an empty folder") from None
    return public


def fingerprint(key: VerifyingKey) -> str:
    """Return the first 128 bits of the key id in groups of four, to be read aloud and compared."""
    return " ".join(key.key_id[at:at + 4] for at in range(0, 32, 4))


def _require_counts(admins: int, threshold: int) -> None:
    if not 1 <= threshold <= admins <= ADMINS_MAX:
        raise WrongUse(f"{threshold} of {admins} admins cannot be; give 1 <= threshold <= admins <= {ADMINS_MAX}")


def _passphrases(path: Path | None, admins: int) -> list[bytes]:
    if path is None:
        given = [getpass.getpass(f"Passphrase of admin {number}: ") for number in range(1, admins + 1)]
    else:
        try:
            given = path.read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            raise KeyFileRefused(f"{path}: cannot be read as text; give one passphrase per line") from None
    if len(given) != admins or any(len(passphrase) < PASSPHRASE_CHARACTERS_MIN for passphrase in given):
        raise WrongUse(f"{admins} passphrases of at least {PASSPHRASE_CHARACTERS_MIN} characters are needed")
    return [passphrase.encode() for passphrase in given]


def _agreed(question: str) -> bool:
    if not sys.stdin.isatty():
        raise WrongUse("nobody is at the terminal to agree; give --yes")
    return input(f"{question} [y/N] ").strip().lower() in {"y", "yes"}


def _key_name(number: int) -> str:
    return f"admin-{number}.key.pem"


def _say(text: str) -> None:
    print(text)  # noqa: T201 - a command line
