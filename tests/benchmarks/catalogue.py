"""The union catalogue: ingest with clustering and indexing, search latency, memory and disk.

A generated union of 31 libraries is taken in, in batches as a harvest delivers them, one commit each; making the
records is not timed. Then a process that holds nothing but the catalogue is asked a fixed mix of queries and says its
latencies and its memory. The references are the goals themselves. One pass; a search's time is its own, not a best.

The mix: titles 30 %, authors 15 %, one or two words 20 %, pinyin and initials 10 %, ISBN 10 %, several fields or a
boolean 10 %, words that match far too much 5 %. Facets are counted for every search; one in four is narrowed by a
facet or two, of these one in five to what is available. Suggestions are asked after each letter of a title or a name,
in Chinese or pinyin, from the second on. A few thousand copies are out on loans.
"""

import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from pypinyin import lazy_pinyin

from federation.catalogue.facets import Facet, Narrowing
from federation.storage.catalogue import Catalogue
from federation.storage.sqlite import open_connection
from federation.storage.unit import DDL
from schemas.bib import Bib
from schemas.identifiers import AgencyId
from tests.benchmarks.harness import Effort, Line, percentile, resident_megabytes, settled_heap
from tests.benchmarks.union import CITIES, CLASSES, TOPICS, WORDS, Union, Work

RECORDS = 100_000
BATCH = 100
QUERIES = 1000
INGEST_GOAL = 2000.0
SEARCH_GOAL_MS = 50.0
MEMORY_GOAL_MB = 1000.0
COPIES_OUT = 5000


@dataclass(frozen=True, slots=True)
class Asked:
    """One search."""

    text: str
    narrowing: Narrowing


@dataclass(frozen=True, slots=True)
class Searched:
    """What the searching process found: milliseconds of each search and suggestion, its memory, how many capped."""

    searches: tuple[float, ...]
    suggestions: tuple[float, ...]
    resident_megabytes: float
    capped: int


def run(effort: Effort) -> Iterator[Line]:
    """Measure a union of 100,000 records."""
    union = Union(500 if effort.is_quick else RECORDS)
    with TemporaryDirectory(prefix="bench-") as folder:
        path = Path(folder) / "catalogue.db"
        connection = open_connection(path, DDL)
        seconds = sum(ingest(connection, union))
        connection.close()
        yield from lines(union, path, union.records / seconds)


def ingest(connection: sqlite3.Connection, records: Iterable[tuple[AgencyId, Bib]]) -> Iterator[float]:
    """Take the records in; yield each batch's seconds."""
    catalogue, source = Catalogue(connection), iter(records)
    with settled_heap() as settle:
        settle()
        while batch := list(islice(source, BATCH)):
            begin = time.perf_counter()
            connection.execute("BEGIN IMMEDIATE")
            for agency, bib in batch:
                catalogue.upsert(agency, [bib])
            connection.execute("COMMIT")
            yield time.perf_counter() - begin


def lines(union: Union, path: Path, ingested_per_second: float) -> Iterator[Line]:
    """Yield the figures of a catalogue that has been filled."""
    size = f"{union.records:,} records"
    yield Line.within(f"catalogue ingest, {size}", "records/s", ingested_per_second, INGEST_GOAL)
    _lend(path)
    asked, typed = queries(union, QUERIES), typing(union, QUERIES)
    with ProcessPoolExecutor(1, get_context("spawn")) as process:
        found = process.submit(search, path, asked, typed, union.cities).result()
    yield Line.within(f"catalogue search p95, {size}", "ms", percentile(found.searches, 0.95), SEARCH_GOAL_MS)
    yield Line(f"catalogue search median, {size}", "ms", percentile(found.searches, 0.5), SEARCH_GOAL_MS, "goal of p95")
    yield Line.within(f"catalogue suggestions p95, {size}", "ms", percentile(found.suggestions, 0.95), SEARCH_GOAL_MS)
    yield Line.within(f"catalogue resident memory, {size}", "MB", found.resident_megabytes, MEMORY_GOAL_MB)
    stored = path.stat().st_size
    yield Line(f"catalogue on disk, {size}", "MB", stored / 1e6, _text_bytes(path) / 1e6, "the records' own JSON")
    yield Line(f"catalogue searches capped, {size}", "of the mix", found.capped, len(asked), "all searches")


def search(path: Path, asked: list[Asked], typed: list[str], cities: Mapping[AgencyId, str]) -> Searched:
    """Ask every query once; runs in a process of its own."""
    connection = sqlite3.connect(path)
    catalogue = Catalogue(connection)
    searches, suggestions, capped = [], [], 0
    for one in asked:
        begin = time.perf_counter()
        page = catalogue.search(one.text, narrowing=one.narrowing, cities=cities)
        searches.append((time.perf_counter() - begin) * 1000)
        capped += page.capped
    for text in typed:
        begin = time.perf_counter()
        catalogue.suggest(text)
        suggestions.append((time.perf_counter() - begin) * 1000)
    return Searched(tuple(searches), tuple(suggestions), resident_megabytes(), capped)


def queries(union: Union, count: int) -> list[Asked]:
    """Return the mix, shuffled; the same for the same union."""
    random = Random(f"{union.seed}:queries")
    kinds = [kind for kind, weight in _MIX.items() for _ in range(weight)]
    chosen = [Asked(kinds[number % len(kinds)](random, random.choice(union.works)),
                    _narrowing(random, union) if random.random() < 0.25 else Narrowing({})) for number in range(count)]
    random.shuffle(chosen)
    return chosen


def typing(union: Union, count: int) -> list[str]:
    """Return beginnings of titles and names as they are typed."""
    random = Random(f"{union.seed}:typing")
    texts = (random.choice((work.title, work.author, "".join(lazy_pinyin(work.title)))) for work in
             random.choices(union.works, k=count))
    return [text[:end] for text in texts for end in range(2, min(len(text), 8) + 1)][:count]


def _narrowing(random: Random, union: Union) -> Narrowing:
    values = {Facet.CITY: random.choice(CITIES), Facet.LIBRARY: random.choice(union.agencies),
              Facet.DECADE: random.choice(("1990", "2000", "2010")), Facet.LANGUAGE: random.choice(("chi", "eng")),
              Facet.CLASS: random.choice(CLASSES)[0]}
    facets = random.sample(tuple(values), random.randint(1, 2))
    return Narrowing({facet: values[facet] for facet in facets}, available=random.random() < 0.2)


def _lend(path: Path) -> None:
    """Put copies on open loans, evenly; again changes nothing."""
    connection = sqlite3.connect(path)
    rows = connection.execute("SELECT m.agency, i.barcode FROM bib_item i JOIN bib_member m ON m.number = i.member "
                              "ORDER BY m.number, i.position").fetchall()
    lent = rows[::max(1, len(rows) // COPIES_OUT)]
    connection.executemany(
        "INSERT INTO loan (conv, home, supplier, barcode, lent, changed, state) VALUES (?, ?, ?, ?, 1, '', '{}') "
        "ON CONFLICT DO NOTHING", [(f"loan-{number}", agency, agency, barcode) for number, (agency, barcode)
                                   in enumerate(lent)])
    connection.commit()
    connection.close()


def _text_bytes(path: Path) -> int:
    """Return the bytes of the records themselves, as the catalogue keeps them."""
    connection = sqlite3.connect(path)
    (size,) = connection.execute("SELECT sum(length(CAST(bib AS BLOB))) FROM bib_member").fetchone()
    connection.close()
    return int(size)


def _isbn(_random: Random, work: Work) -> str:
    return work.isbn13 or work.title


def _boolean(random: Random, work: Work) -> str:
    return random.choice((f"title:{work.title[:2]} author:{work.author}", f"{work.title} -{random.choice(WORDS)}",
                          f"{work.title} OR {random.choice(TOPICS)}", f"{work.author} publisher:{work.publisher[:2]}"))


_MIX: Mapping[Callable[[Random, Work], str], int] = {
    lambda random, work: work.title: 30,
    lambda random, work: work.author: 15,
    lambda random, work: " ".join(random.sample(WORDS, random.randint(1, 2))): 20,
    lambda random, work: "".join(lazy_pinyin(work.title)): 5,
    lambda random, work: "".join(syllable[:1] for syllable in lazy_pinyin(work.title)): 5,
    _isbn: 10,
    _boolean: 10,
    lambda random, work: random.choice(("中国", "历史", "的", "小说", "江苏", "the")): 5,
}
"""How to ask for a work, and how often of a hundred times."""
