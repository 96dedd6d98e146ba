"""Records for the catalogue's tests, written as a cataloguer would say them."""

from schemas.bib import Bib, Contributor, Holding, Isbn, Item, MarcFormat


def book(
    title: str,
    author: str = "",
    *,
    isbn: str = "",
    qualifier: str = "",
    publisher: str = "",
    year: int | None = None,
    record_id: str = "1",
    barcodes: tuple[str, ...] = (),
    **fields: object,
) -> Bib:
    contributors = (Contributor(name=author, role="著"),) if author else ()
    items = tuple(Item(barcode=barcode) for barcode in barcodes)
    described = {
        "record_id": record_id,
        "source": MarcFormat.CNMARC,
        "title": title,
        "contributors": contributors,
        "isbns": (Isbn.parse(isbn, qualifier),) if isbn else (),
        "publisher": publisher,
        "year": year,
        "holdings": (Holding(branch="总馆", location="外借部", call_number="I/1", items=items),) if items else (),
    }
    return Bib.model_validate(described | fields)
