"""Fingerprints for people: twelve words to read over the telephone, and a QR code for paper.

The words are the first 132 bits of a SHA-256: enough that nobody finds a second key with the same ones. They come from
BIP-39's English list, where the first four letters of a word name it. ``bip39_english.txt`` is the list as published
(github.com/bitcoin/bips, bip-0039, MIT licence). Not here: what a fingerprint is of.
"""

import html
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from segno import QRCode

WORDS = 12
_BITS = 11
_LETTERS = 4

_SHEET = """<!doctype html>
<html lang="zh-CN"><meta charset="utf-8"><title>{title}</title>
<style>
body {{ font: 12pt/1.5 sans-serif; margin: 2em; }}
section {{ break-inside: avoid; border-top: 1px solid; padding: 1em 0; display: flex; gap: 2em; }}
svg {{ flex: none; }} b {{ font: 14pt/1.6 monospace; }} code {{ overflow-wrap: anywhere; }}
</style>
<h1>{title}</h1>
{sections}
</html>
"""
_SECTION = "<section>{qr}<div><h2>{name}</h2><p><b>{words}</b></p><p><code>{whole}</code></p></div></section>"


def words_of(fingerprint: str) -> str:
    """Return the twelve words of a SHA-256 in hexadecimal.

    >>> words_of("00" * 31 + "ff")
    'abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon'
    """
    bits = int(fingerprint, 16) >> 4 * len(fingerprint) - _BITS * WORDS
    return " ".join(_words()[bits >> _BITS * place & 0x7FF] for place in reversed(range(WORDS)))


def nickname(fingerprint: str) -> str:
    """Return the first three words: enough to tell one key of an alliance from another, never to prove one."""
    return "-".join(words_of(fingerprint).split()[:3])


def is_same(heard: str, fingerprint: str) -> bool:
    """Whether the words that somebody wrote down are those of this fingerprint; case and word endings do not count.

    >>> is_same("ABAN " * 12, "00" * 32)
    True
    """
    return _stems(heard) == _stems(words_of(fingerprint))


def qr_for_terminal(fingerprint: str) -> str:
    """Return a QR code of the whole fingerprint, two modules to a character."""
    rows = [list(row) for row in _qr_code(fingerprint).matrix_iter(border=2)]
    rows += [[0] * len(rows[0])] * (len(rows) % 2)
    return "\n".join("".join(" ▀▄█"[2 * (not below) + (not above)] for above, below in zip(*pair, strict=True))
                     for pair in zip(rows[::2], rows[1::2], strict=True))


def sheet(title: str, fingerprints: Mapping[str, str]) -> bytes:
    """Return a page to print: name, words, QR code and hexadecimal of each fingerprint."""
    sections = "\n".join(
        _SECTION.format(qr=_qr_code(whole).svg_inline(scale=4), name=html.escape(name),
                        words=words_of(whole), whole=whole) for name, whole in fingerprints.items())
    return _SHEET.format(title=html.escape(title), sections=sections).encode()


def _qr_code(fingerprint: str) -> "QRCode":
    """Imported here: with its XML writer comes all of HTTP, and whoever verifies evidence needs neither."""
    import segno
    return segno.make_qr(fingerprint.upper())


def _stems(text: str) -> list[str]:
    return [word[:_LETTERS].lower() for word in text.replace("-", " ").split()]


@cache
def _words() -> tuple[str, ...]:
    return tuple(files(__package__).joinpath("bip39_english.txt").read_text("ascii").split())
