"""A library's own item fields: which tag and subfields carry barcode, location, call number and price.

CNMARC's 905 and its cousins (906, 935, AVA) and MARC 21's 852 and 952 are local: their letters differ per system, so
each member's connector names them in its configuration. A field may list several barcodes of one location.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from connectors.marc.record import Field
from schemas.bib import Holding, Item, element_of, price_fen

_NONE = ("",)


@dataclass(frozen=True, slots=True)
class ItemMapping:
    """Where one library keeps its items; a ``call_number`` of two codes (``"de"``) is class and book number, with /."""

    tag: str
    barcode: str
    branch: str = ""
    location: str = ""
    call_number: str = ""
    price: str = ""
    indicators: str = "  "

    def read(self, fields: Iterable[Field]) -> tuple[Holding, ...]:
        """Return the holdings that these item fields describe, one per branch, location and call number."""
        found: dict[tuple[str, str, str], list[Item]] = {}
        for _, _, subfields in fields:
            values = _by_code(subfields)
            place = self._place(values)
            price = price_fen(values[self.price][0]) if self.price in values else None
            items = found.setdefault(place, [])
            for barcode in values.get(self.barcode, ()):
                if barcode:
                    items.append(element_of(Item, {"barcode": barcode, "location": place[1], "call_number": place[2],
                                                   "price_fen": price}))
        return tuple([
            element_of(Holding, {"branch": branch, "location": location, "call_number": call_number,
                                 "items": tuple(items)})
            for (branch, location, call_number), items in found.items()
        ])

    def write(self, holding: Holding) -> Iterator[Field]:
        """Yield one field per item, or one for a holding without items."""
        for item in holding.items or (None,):
            values = {self.branch: holding.branch, self.location: holding.location}
            values |= self._call_number_codes(holding.call_number)
            if item is not None:
                values |= {self.barcode: item.barcode, self.price: _yuan(item.price_fen)}
            subfields = tuple(code + text for code, text in sorted(values.items()) if code and text)
            if subfields:
                yield Field(self.tag, self.indicators, subfields)

    def _place(self, values: Mapping[str, Sequence[str]]) -> tuple[str, str, str]:
        """Return branch, location and call number."""
        branch, location = values.get(self.branch, _NONE)[0], values.get(self.location, _NONE)[0]
        return branch, location, "/".join([text for code in self.call_number if (text := values.get(code, _NONE)[0])])

    def _call_number_codes(self, call_number: str) -> Mapping[str, str]:
        parts = call_number.split("/", max(len(self.call_number) - 1, 0))
        return dict(zip(self.call_number, parts, strict=False))


def _by_code(subfields: Iterable[str]) -> Mapping[str, Sequence[str]]:
    values: dict[str, list[str]] = {}
    for subfield in subfields:
        code, text = subfield[:1], subfield[1:]
        if code in values:
            values[code].append(text)
        else:
            values[code] = [text]
    return values


def _yuan(fen: int | None) -> str:
    return "" if fen is None else f"CNY{fen // 100}.{fen % 100:02d}"


CNMARC_905 = ItemMapping("905", barcode="b", branch="a", location="c", call_number="s", price="p")
MARC21_852 = ItemMapping("852", barcode="p", branch="b", location="c", call_number="h")
KOHA_952 = ItemMapping("952", barcode="p", branch="a", location="c", call_number="o", price="g")
