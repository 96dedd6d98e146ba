"""A library's own item fields: which tag and subfields carry barcode, location, call number and price.

CNMARC's 905 and its cousins (906, 935, AVA) and MARC 21's 852 and 952 are local: their letters differ per system, so
each member's connector names them in its configuration. A field may list several barcodes of one location.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from connectors.marc.record import Field
from schemas.bib import Holding, Item, price_fen


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
        for field in fields:
            branch, location, call_number = self._place(field)
            price = price_fen(field.value(self.price)) if self.price else None
            items = found.setdefault((branch, location, call_number), [])
            items += (
                Item(barcode=barcode, location=location, call_number=call_number, price_fen=price)
                for barcode in field.values(self.barcode)
                if barcode
            )
        return tuple(
            Holding(branch=branch, location=location, call_number=call_number, items=tuple(items))
            for (branch, location, call_number), items in found.items()
        )

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

    def _place(self, field: Field) -> tuple[str, str, str]:
        branch = field.value(self.branch) if self.branch else ""
        location = field.value(self.location) if self.location else ""
        return branch, location, "/".join(filter(None, map(field.value, self.call_number)))

    def _call_number_codes(self, call_number: str) -> Mapping[str, str]:
        parts = call_number.split("/", max(len(self.call_number) - 1, 0))
        return dict(zip(self.call_number, parts, strict=False))


def _yuan(fen: int | None) -> str:
    return "" if fen is None else f"CNY{fen // 100}.{fen % 100:02d}"


CNMARC_905 = ItemMapping("905", barcode="b", branch="a", location="c", call_number="s", price="p")
MARC21_852 = ItemMapping("852", barcode="p", branch="b", location="c", call_number="h")
KOHA_952 = ItemMapping("952", barcode="p", branch="a", location="c", call_number="o", price="g")
