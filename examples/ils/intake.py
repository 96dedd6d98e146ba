"""Filling a new circulation database: items from the library's own catalogue file, readers, the institutional card.

Run at every start: what is there already stays as it is.
"""

import hashlib
from collections.abc import Iterable

from examples.alliance.readers import Reader
from examples.ils.database import Unit
from examples.ils.model import ALLIANCE_CARD
from schemas.bib import Bib

# scrypt at its cheapest sensible cost: these PINs are invented, and a demo starts hundreds of readers.
_SCRYPT_N, _SCRYPT_R, _SCRYPT_P = 1024, 8, 1
_NO_PIN = b""


def hash_pin(card: str, pin: str) -> bytes:
    """Return what is kept of a PIN; the card salts it."""
    return hashlib.scrypt(pin.encode(), salt=card.encode(), n=_SCRYPT_N, r=_SCRYPT_R, p=_SCRYPT_P)


def take_in_items(unit: Unit, bibs: Iterable[Bib]) -> None:
    """Add the copies of the catalogue that are not there yet."""
    rows = (
        (item.barcode, bib.record_id, bib.title, bib.responsibility, next(iter(bib.isbn13s), ""), item.call_number,
         item.location, item.price_fen)
        for bib in bibs for item in bib.items
    )  # fmt: skip
    unit.db.executemany("INSERT OR IGNORE INTO item VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)


def enrol(unit: Unit, readers: Iterable[Reader]) -> None:
    """Add the readers that are not there yet, and the card on which partners borrow."""
    known = {card for (card,) in unit.db.execute("SELECT card FROM patron")}
    rows = [
        (reader.card, hash_pin(reader.card, reader.pin), reader.name, reader.patron_type, reader.block)
        for reader in readers
        if reader.card not in known
    ]
    if ALLIANCE_CARD not in known:
        rows.append((ALLIANCE_CARD, _NO_PIN, "长三角馆际互借", "alliance", ""))
    unit.db.executemany("INSERT INTO patron VALUES (?, ?, ?, ?, ?)", rows)
