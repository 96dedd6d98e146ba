"""Generated MARC records, no two alike, as cataloguers write them: CNMARC as national and city libraries do, MARC 21 as
LC and Koha do, one book in five Chinese with its romanised twin in 880.

What differs from book to book in life differs here (numbers, titles and their pinyin, names, abstracts, notes,
barcodes); what repeats in life repeats as it does there (languages, publishers, extents; headings and class numbers
from some thousands, a few of them often). Fields stand in the record as they are typed, not as our writer would choose
them, local ones included. Same seed, same records.
"""

from collections.abc import Iterator
from itertools import count
from random import Random

from pypinyin import lazy_pinyin

from connectors.marc.record import Field, MarcRecord
from tests.benchmarks.union import CLASSES, ENGLISH, GIVEN, PUBLISHERS, SURNAMES, TOPICS, WORDS

CNMARC_LEADER, MARC21_LEADER = "00000nam0 2200000   450 ", "00000nam a2200000 i 4500"
_PLACES = ("北京", "上海", "南京", "杭州", "合肥", "重庆", "武汉", "成都")
_ROLES = ("著", "主编", "编著", "译", "编", "绘")
_FORENAMES = ("Jane", "Timothy J.", "Margaret", "Samuel", "Ruth Anne", "Oliver", "Edith", "Hugo")
_NAMES = ("Austen", "Bradley", "Whitfield", "O'Connor", "Lindqvist", "Marchetti", "Novák", "Hargreaves", "Ito")
_PRESSES = ("Penguin Books", "Oxford University Press", "Springer", "Routledge", "Yale University Press", "MIT Press")


class Books:
    """An endless supply of things to say about books."""

    def __init__(self, seed: int) -> None:
        self._random = random = Random(seed)
        self.chance, self.pick, self.number = random.random, random.choice, random.randrange
        self.headings = [self.words(1, 3) for _ in range(3000)]
        self.topics = [self.english(1, 3).capitalize() for _ in range(3000)]
        self.series = [self.words(2, 4) + "丛书" for _ in range(1500)]

    def often(self, things: list[str]) -> str:
        """One of ``things``, the first ones far more often than the last."""
        return things[int(len(things) * self.chance() ** 3)]

    def words(self, fewest: int, most: int) -> str:
        return "".join(self._random.choices(WORDS, k=self._random.randint(fewest, most)))

    def english(self, fewest: int, most: int) -> str:
        return " ".join(self._random.choices(ENGLISH, k=self._random.randint(fewest, most)))

    def sentence(self, words: int) -> str:
        return "，".join(self.words(3, 6) for _ in range(words // 5 + 1)) + "。"

    def person(self) -> str:
        return self.pick(SURNAMES) + "".join(self._random.choices(GIVEN, k=self._random.randint(1, 2)))

    def foreigner(self) -> str:
        return f"{self.pick(_NAMES)}, {self.pick(_FORENAMES)}"

    def isbn(self) -> str:
        digits = f"9787{self.number(10**8):08}"
        return f"{digits}{-sum(int(digit) * (1, 3)[at % 2] for at, digit in enumerate(digits)) % 10}"

    def day(self) -> str:
        return f"{self.number(1, 13):02}{self.number(10, 28)}"

    def call_number(self) -> tuple[str, str]:
        return f"{self.pick(CLASSES)}{self.number(10)}", str(self.number(1000))


def cnmarc(seed: int = 1) -> Iterator[MarcRecord]:
    """Yield CNMARC records without end."""
    books = Books(seed)
    return (MarcRecord(CNMARC_LEADER, tuple(_cnmarc(books, number))) for number in count(1))


def marc21(seed: int = 2) -> Iterator[MarcRecord]:
    """Yield MARC 21 records without end."""
    books = Books(seed)
    return (MarcRecord(MARC21_LEADER, tuple(_marc21(books, number))) for number in count(1))


def pinyin(text: str) -> str:
    return " ".join(lazy_pinyin(text))


def field(tag: str, indicators: str, *subfields: str) -> Field:
    return Field(tag, indicators, subfields)


def _cnmarc(books: Books, number: int) -> Iterator[Field]:
    year, day, author, role = books.number(1979, 2026), books.day(), books.person(), books.pick(_ROLES)
    yield field("001", "", f"{number:09}")
    yield field("005", "", f"{year}{day}{books.number(10**6):06}.0")
    yield _isbn(books, year)
    yield field("100", "  ", f"a{year}{day}d{year}    em y0chiy50      ea")
    yield field("101", "0 ", "achi")
    yield field("102", "  ", "aCN", f"b{books.pick(('110000', '310000', '320000', '330000', '340000'))}")
    yield field("105", "  ", f"a{books.pick(('ak', 'a ', 'y '))}  {books.pick('az ')}   000{books.pick('yaf')}y")
    yield field("106", "  ", "ar")
    yield from _description(books, year, author, role)
    yield from _access(books, author, role)
    yield field("801", " 0", "aCN", "b" + books.pick(("NLC", "SHL", "NJL", "ZJL")), f"c{year}{day}")
    clc, book = books.call_number()
    yield field("690", "  ", "a" + clc, f"v{books.pick('345')}")
    for copy in range(books.number(1, 4)):
        yield field("905", "  ", "aSHYP", f"b{number:07}{copy:06}", "c" + books.pick(("A3", "B1", "C2")), "d" + clc,
                    "e" + book, f"s{clc}/{book}")
    if books.chance() < 0.5:
        yield field("998", "  ", f"acn{books.number(100):03}")


def _isbn(books: Books, year: int) -> Field:
    isbn, binding = books.isbn(), books.pick(("b精装", "b平装", "", ""))
    written = f"{isbn[:3]}-7-{isbn[4:8]}-{isbn[8:12]}-{isbn[12]}" if year > 2006 else f"7-{isbn[4:8]}-{isbn[8:12]}-X"
    return field("010", "  ", "a" + written, *filter(None, (binding,)), f"dCNY{books.number(9, 199)}.00")


def _description(books: Books, year: int, author: str, role: str) -> Iterator[Field]:
    title, subtitle = books.words(2, 5), "e" + books.words(2, 5) if books.chance() < 0.4 else ""
    yield field("200", "1 ", "a" + title, "A" + pinyin(title), *filter(None, (subtitle,)), f"f{author}{role}",
                f"F{pinyin(author)} {pinyin(role)}")
    if books.chance() < 0.35:
        yield field("205", "  ", f"a第{books.pick('23456')}版")
    yield field("210", "  ", "a" + books.pick(_PLACES), "c" + books.pick(PUBLISHERS), f"d{year}.{books.number(1, 13)}")
    yield field("215", "  ", f"a{books.number(80, 900)}页", *filter(None, (books.pick(("c图", "c彩图", "", "")),)),
                f"d{books.pick((19, 21, 23, 24, 26, 27))}cm")
    if books.chance() < 0.45:
        series = books.often(books.series)
        yield field("225", "2 ", "a" + series, "A" + pinyin(series))
        yield field("410", " 0", "12001 ", "a" + series)
    if books.chance() < 0.5:
        yield field("300", "  ", "a" + books.sentence(5))
    if books.chance() < 0.4:
        yield field("320", "  ", f"a有书目 (第{books.number(80, 900)}页)")
    yield field("330", "  ", "a" + books.sentence(books.number(20, 60)))


def _access(books: Books, author: str, role: str) -> Iterator[Field]:
    if books.chance() < 0.3:
        other = books.words(2, 4)
        yield field("517", "1 ", "a" + other, "A" + pinyin(other))
    for _ in range(books.number(1, 4)):
        heading, period = books.often(books.headings), books.pick(("z现代", "z当代", "", ""))
        yield field("606", "0 ", "a" + heading, "A" + pinyin(heading), "x" + books.pick(TOPICS), "y中国",
                    *filter(None, (period,)))
    yield field("701", " 0", "a" + author, "A" + pinyin(author), "4" + role)
    if books.chance() < 0.4:
        second = books.person()
        yield field("702", " 0", "a" + second, "A" + pinyin(second), "4" + books.pick(_ROLES))


def _marc21(books: Books, number: int) -> Iterator[Field]:
    yield field("001", "", f"ocn{number:09}")
    yield field("003", "", "OCoLC")
    yield field("005", "", f"20{books.number(10, 26)}{books.day()}{books.number(10**6):06}.0")
    yield from (_in_chinese if books.chance() < 0.2 else _in_english)(books)
    call, (clc, book) = f"{books.pick('BDHPQ')}{books.pick('ABCDR')}{books.number(9000)}", books.call_number()
    for copy in range(books.number(1, 3)):
        yield field("952", "  ", "00", "10", "aSHYP", "bSHYP", "c外文图书借阅室", f"d2024-0{books.number(1, 9)}-11",
                    f"g{books.number(20, 90)}.00", f"o{clc}/{book}", f"p{number:07}{copy:06}", "yBK")
    yield field("998", "  ", "a" + call)


def _numbers(books: Books, year: int, language: str, country: str) -> Iterator[Field]:
    yield field("008", "", f"{books.number(10, 26):02}{books.day()}s{year}    {country}"
                           f"{books.pick(('a   ', '    '))}  b    001 0 {language} d")
    yield field("010", "  ", f"a  {books.number(10**9):010}")
    yield field("020", "  ", f"a{books.isbn()} ({books.pick(('pbk.', 'hardback', 'alk. paper'))})")
    yield field("035", "  ", f"a(OCoLC){books.number(10**9):09}")
    yield field("040", "  ", "aDLC", "beng", "erda", "cDLC", "dDLC", *(("dOCLCF",) if books.chance() < 0.5 else ()))
    yield field("050", "00", f"a{books.pick('BDHPQ')}{books.number(9000)}", f"b.{books.pick('ABCDR')}{year}")
    yield field("082", "00", f"a{books.number(100, 999)}.{books.number(99)}", "223")


def _carrier(books: Books) -> Iterator[Field]:
    yield field("300", "  ", f"a{books.pick(('xii', 'viii', 'xxi'))}, {books.number(80, 900)} pages :",
                "billustrations ;", f"c{books.pick((21, 23, 24, 25))} cm")
    yield field("336", "  ", "atext", "btxt", "2rdacontent")
    yield field("337", "  ", "aunmediated", "bn", "2rdamedia")
    yield field("338", "  ", "avolume", "bnc", "2rdacarrier")


def _in_english(books: Books) -> Iterator[Field]:
    year, author, title = books.number(1979, 2026), books.foreigner(), books.english(3, 7).capitalize()
    surname, _, forename = author.partition(", ")
    yield from _numbers(books, year, "eng", "nyu")
    yield field("100", "1 ", f"a{author},", f"d{books.number(1900, 1990)}-", "eauthor.")
    yield field("245", "10", f"a{title} :", f"b{books.english(4, 8)} /", f"c{forename} {surname}.")
    if books.chance() < 0.3:
        yield field("250", "  ", f"a{books.pick(('Second', 'Third', 'Revised'))} edition.")
    yield field("264", " 1", f"a{books.pick(('New York', 'London', 'Oxford', 'Cambridge'))} :",
                f"b{books.pick(_PRESSES)},", f"c[{year}]")
    yield from _carrier(books)
    if books.chance() < 0.35:
        series = books.often(books.topics)
        yield field("490", "1 ", f"a{series} ;", f"v{books.number(1, 90)}")
        yield field("830", " 0", f"a{series} ;", f"v{books.number(1, 90)}.")
    yield field("504", "  ", f"aIncludes bibliographical references (pages {books.number(80, 900)}-900) and index.")
    if books.chance() < 0.5:
        yield field("505", "0 ", "a" + " -- ".join(books.english(2, 6).capitalize() for _ in range(8)) + ".")
    yield field("520", "  ", "a" + ". ".join(books.english(8, 16).capitalize() for _ in range(4)) + ".")
    for _ in range(books.number(2, 5)):
        yield field("650", " 0", f"a{books.often(books.topics)}", *(("xHistory",) if books.chance() < 0.4 else ()),
                    *(("y20th century.",) if books.chance() < 0.4 else ()))
    if books.chance() < 0.3:
        yield field("651", " 0", f"a{books.pick(('China', 'Great Britain', 'United States'))}", "xSocial conditions.")
    if books.chance() < 0.4:
        yield field("700", "1 ", f"a{books.foreigner()},", "eeditor.")
    if books.chance() < 0.3:
        yield field("856", "42", "3Publisher description", f"uhttp://www.loc.gov/catdir/{books.number(10**7)}-d.html")


def _in_chinese(books: Books) -> Iterator[Field]:
    year, author, title = books.number(1979, 2026), books.person(), books.words(2, 5)
    publisher, place = books.pick(PUBLISHERS), books.pick(_PLACES)
    yield from _numbers(books, year, "chi", "cc ")
    yield field("100", "1 ", "6880-01", f"a{pinyin(author).capitalize()},", "eauthor.")
    yield field("245", "10", "6880-02", f"a{pinyin(title).capitalize()} /", f"c{pinyin(author).capitalize()} zhu.")
    yield field("264", " 1", "6880-03", f"a{pinyin(place).capitalize()} :", f"b{pinyin(publisher).capitalize()},",
                f"c{year}.")
    yield from _carrier(books)
    yield field("500", "  ", "a" + books.english(4, 9).capitalize() + ".")
    for _ in range(books.number(1, 4)):
        yield field("650", " 0", f"a{books.often(books.topics)}", "zChina.")
    yield field("880", "1 ", "6100-01/$1", f"a{author},", "eauthor.")
    yield field("880", "10", "6245-02/$1", f"a{title} /", f"c{author}著.")
    yield field("880", " 1", "6264-03/$1", f"a{place} :", f"b{publisher},", f"c{year}.")
