"""The sample books: 120 real titles from ``data/books.json``, and a few that libraries hold without an ISBN.

The titles without ISBN are there for their characters: 珅 and 東 hold the byte of ``|`` in GBK.
"""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True)
class Book:
    """One edition. ``isbn13`` is empty for a book without one; ``language`` is ISO 639-1; ``clc`` its class number."""

    title: str
    author: str
    isbn13: str
    publisher: str
    year: int
    clc: str
    language: str


WITHOUT_ISBN = (
    Book("和珅传", "冯佐哲", "", "中国青年出版社", 1989, "K827", "zh"),
    Book("東方快車謀殺案", "阿嘉莎·克莉絲蒂", "", "遠景出版社", 1981, "I561.45", "zh"),
    Book("江南园林志", "童寯", "", "中国工业出版社", 1963, "TU986", "zh"),
    Book("太湖备考", "金友理", "", "艺兰圃刻本", 1750, "K928.43", "zh"),
)


@cache
def load_books() -> tuple[Book, ...]:
    """Return all sample books, those without ISBN last."""
    text = files("examples.alliance").joinpath("data/books.json").read_text("utf-8")
    rows = json.loads(text)["books"]
    return tuple(Book(**{name: row[name] for name in Book.__match_args__}) for row in rows) + WITHOUT_ISBN
