"""The union catalogue through a connector's Z39.50 face, as YAZ's own clients see it."""

import asyncio
import re

import pytest

from examples.alliance.books import load_books
from federation.catalogue.pinyin import pinyins
from schemas.loan import Loan
from tests.connectors.faces.conftest import DATABASE, Served
from tests.connectors.kiosk.city import until
from tests.peers import require_program

pytestmark = pytest.mark.asyncio(loop_scope="module")
HITS = re.compile(r"Number of hits: (\d+)")
RED = "find @attr 1=4 红楼梦"


async def test_every_demo_book_is_found_by_title_pinyin_author_and_isbn(served: Served) -> None:
    finds = []
    for book in load_books():
        finds += [f'@attr 1=4 "{book.title}"', f'@attr 1=1003 "{book.author}"']
        finds += [f"@attr 1=7 {book.isbn13}"] if book.isbn13 else []
        spoken = next(iter(pinyins(book.title)), None)
        finds += [f"@attr 1=4 {spoken.joined}", f'@attr 1=4 "{" ".join(spoken.syllables)}"'] if spoken else []
    said = await served.session(*(f"find {query}" for query in finds))
    hits = [int(found) for found in HITS.findall(said)]
    assert len(hits) == len(finds) > 400
    assert [query for query, found in zip(finds, hits, strict=True) if not found] == []


@pytest.mark.parametrize(("syntax", "expected"), [
    ("usmarc", ["Record type: USmarc", "245 10 $a 红楼梦", "852    $a CN-310110-1-YANGPU", "020    $a 9787020002207"]),
    ("unimarc", ["Record type: Unimarc", "200 1  $a 红楼梦", "905    $a CN-310110-1-YANGPU"]),
    ("xml", ["Record type: XML", 'xmlns="http://www.loc.gov/MARC21/slim"', ">红楼梦 /</subfield>"]),
    ("sutrs", ["Record type: SUTRS", "题名 Title: 红楼梦", "上海市杨浦区图书馆 Yangpu District Library",
               "可借 available"]),
    ("opac", ["Record type: OPAC", "245 10 $a 红楼梦", "nucCode: CN-310104-1-SHANGHAI", "availableNow: -1",
              "localLocation: 上海市杨浦区图书馆 Yangpu District Library"]),
])
async def test_a_work_is_shown_in_every_syntax(served: Served, syntax: str, expected: list[str]) -> None:
    said = await served.session(RED, f"format {syntax}", "show 1")
    assert [text for text in expected if text not in said] == []


async def test_a_search_tells_how_many_works_each_library_has(served: Served) -> None:
    said = await served.session(RED, "find @attr 1=4 这本书没有人收藏")
    shares = re.findall(r"id=(\S+馆) [^:]+: (ok|empty|not harvested)", said)
    assert len(shares) == 2 * len(served.city.members)
    assert ("上海市杨浦区图书馆", "ok") in shares
    assert ("上海市杨浦区图书馆", "empty") in shares


async def test_a_syntax_that_we_do_not_write_is_refused(served: Served) -> None:
    assert "[239] Record syntax not supported" in await served.session(RED, "format grs-1", "show 1")


async def test_records_come_with_a_search_where_the_origin_wants_them(served: Served) -> None:
    said = await served.session("ssub 3", "lslb 4", "format usmarc", RED)
    assert "records returned: 1" in said
    assert "245 10 $a 红楼梦" in said


async def test_operators_words_and_sets_are_followed(served: Served) -> None:
    said = await served.session(
        "find @and @attr 1=4 红楼 @attr 1=1003 曹雪芹", "find @or @attr 1=4 红楼梦 @attr 1=7 9787020002207",
        "find @not @attr 1=4 红楼梦 @attr 1=1003 曹雪芹", 'find "红楼梦 曹雪芹"', "find @attr 1=4 @attr 5=1 红楼",
        "find @and @set 1 @attr 1=31 1996", "find @and @set 1 @attr 1=31 1795")
    assert HITS.findall(said) == ["1", "1", "0", "1", "1", "1", "0"]


@pytest.mark.parametrize(("query", "code"), [
    ("@attr 1=9999 a", 114), ("@attr 2=5 @attr 1=31 1990", 117), ("@attr 3=1 a", 119), ("@attr 4=109 a", 118),
    ("@attr 5=2 a", 120), ("@attr 6=3 a", 122), ("@attr 9=1 a", 113), ("@attr gils 1=2 a", 121),
    ("@set nothing", 30), (f"@attr 1=4 {'长' * 501}", 11)])
async def test_what_the_catalogue_cannot_look_for_has_its_diagnostic(served: Served, query: str, code: int) -> None:
    assert f"[{code}]" in await served.session(f"find {query}")


async def test_a_query_that_nests_too_deep_is_refused_and_the_next_one_is_answered(served: Served) -> None:
    nested = " ".join("@and a @or b" for _ in range(30))
    said = await served.session(f"find {nested} c", RED)
    assert "[3] Unsupported search" in said
    assert HITS.findall(said) == ["0", "1"]


async def test_another_database_is_not_served(served: Served) -> None:
    assert "[235] Database does not exist" in await served.session("base Default", "find a", "scan @attr 1=4 a")


async def test_indexes_are_scanned_with_their_counts(served: Served) -> None:
    said = await served.session("scan @attr 1=4 红楼", "scan @attr 1=1003 caoxue", "scan @attr 1=7 97870200022",
                                "scan @attr 1=21 z", "scan @attr 1=1018 a")
    assert "* 红楼梦 (1)" in said
    assert re.search(r"\* .*曹雪芹.* \(1\)", said)
    assert "* 9787020002207 (1)" in said
    assert "[114] Unsupported Use attribute -- v2 addinfo 'scan publisher'" in said


async def test_a_scan_may_begin_before_its_term(served: Served) -> None:
    said = await served.session("scanpos 2", "scansize 3", "scan @attr 1=4 红楼梦", "scanstep 2", "scan @attr 1=4 a")
    assert "3 entries, position=2" in said
    assert "\n* 红楼梦 (1)" in said
    assert "[205]" in said


async def test_a_set_is_sorted_both_ways(served: Served) -> None:
    query = "find @or @attr 1=4 红楼梦 @attr 1=4 西游记"
    shown = ["format sutrs", "show 1+2"]
    rising = await served.session(query, "sort 1=4 i<", *shown)
    falling = await served.session(query, "sort title >i", *shown)
    assert rising.index("红楼梦") < rising.index("西游记")
    assert falling.index("西游记") < falling.index("红楼梦")
    refused = await served.session(query, "sort 1=21 i<")
    assert "[207] Cannot sort according to sequence" in refused


async def test_sets_have_names_until_they_are_deleted(served: Served) -> None:
    said = await served.session(RED, "find @attr 1=4 西游记", "format sutrs", "show 1+1+1", "delete 1", "show 1+1+1",
                                "delete 1")
    assert "题名 Title: 红楼梦" in said
    assert "Got deleteResultSetResponse status=0" in said
    assert "[30] Specified result set does not exist" in said
    assert "1 status=1" in said


@pytest.mark.parametrize("charset", ["utf-8", "gb18030"])
async def test_terms_and_records_are_in_the_charset_that_was_negotiated(served: Served, charset: str) -> None:
    said = await served.yaz_client(f"negcharset {charset}", f"open {served.target}", RED, "format sutrs", "show 1",
                                   "scan @attr 1=4 红楼梦", charset=charset)
    assert f"Accepted character set : {charset}" in said.replace("UTF-8", "utf-8")
    assert "题名 Title: 红楼梦" in said
    assert "* 红楼梦 (1)" in said


async def test_a_charset_that_we_do_not_have_is_not_accepted(served: Served) -> None:
    said = await served.yaz_client("negcharset koi8-r", f"open {served.target}", RED)
    assert "Accepted character set : none" in said
    assert HITS.findall(said) == ["1"]


async def test_zoomsh_searches_and_shows(served: Served) -> None:
    process = await asyncio.create_subprocess_exec(
        require_program("zoomsh"), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE)
    script = (f"set databaseName {DATABASE}\nset preferredRecordSyntax xml\nset charset utf-8\n"
              f"connect 127.0.0.1:{served.faces.z3950_port}\nsearch @attr 1=7 9787020002207\nshow 0 1\nquit\n")
    said, _ = await asyncio.wait_for(process.communicate(script.encode()), 30)
    assert "1 hits" in said.decode()
    assert "红楼梦" in said.decode()


async def foreign_title(served: Served) -> str:
    """Return the title of a book that the home library does not hold."""
    home = served.city.home.library
    for book in load_books():
        said = await served.session(f'find @attr 1=4 "{book.title}"', "format sutrs", "show 1")
        if book.isbn13 and HITS.findall(said) == ["1"] and home.agency_id not in said:
            return book.title
    raise LookupError("every book is held at home")


async def test_an_item_order_becomes_a_signed_request_of_the_readers_library(served: Served) -> None:
    home, reader, title = served.city.home, served.city.reader(), await foreign_title(served)
    said = await served.yaz_client(f"auth {reader.card} {reader.pin}", f"open {served.target}",
                                   f'find @attr 1=4 "{title}"', "itemorder item 1")
    assert "Status: accepted" in said
    (conv,) = re.findall(r"Target Reference: (\S+)", said)

    async def promised() -> Loan | None:
        loan = await home.loan(conv)
        return loan if loan is not None and loan.confirmed else None

    loan: Loan = await until(promised)
    assert (loan.home, loan.title) == (home.library.agency_id, title)
    shown = await served.session(f'find @attr 1=4 "{title}"', "format opac", "show 1")
    assert "availableNow: 0" in shown


@pytest.mark.parametrize(("login", "item", "code"), [
    ((), 1, 222), (("auth 310110000001 000000",), 1, 222), (("auth nobody",), 1, 222), ((), 7, 13)])
async def test_nobody_orders_without_card_and_pin_nor_what_is_not_there(served: Served, login: tuple[str, ...],
                                                                        item: int, code: int) -> None:
    said = await served.yaz_client(*login, f"open {served.target}", RED, f"itemorder item {item}")
    assert "Status: failure" in said
    assert f"[{code}]" in said


async def test_a_service_that_we_do_not_offer_is_refused(served: Served) -> None:
    assert "[221]" in await served.session(RED, "adm-create")


