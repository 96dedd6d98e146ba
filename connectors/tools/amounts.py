"""What the options of a search command take: a number of records, of seconds, a charset; all for ``argparse``."""

import argparse

from connectors.marc.charset import charset_named
from connectors.marc.record import UnknownCharset

_COUNT_MAX = 100_000
SECONDS_MAX = 3600.0


def charset(name: str) -> str:
    """Read the name of a charset that Python or MARC knows."""
    try:
        return charset_named(name)
    except UnknownCharset as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def count(text: str) -> int:
    """Read a number of records."""
    if not (text.isascii() and text.isdecimal()) or int(text) > _COUNT_MAX:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of records from 0 to {_COUNT_MAX}")
    return int(text)


def seconds(text: str) -> float:
    """Read a number of seconds."""
    try:
        amount = float(text)
    except ValueError:
        amount = 0.0
    if not 0 < amount <= SECONDS_MAX:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds up to {SECONDS_MAX:g}")
    return amount
