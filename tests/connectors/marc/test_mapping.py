"""CNMARC to Bib and back loses nothing; CNMARC to MARC 21 says the same in the other format's words."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.marc.items import CNMARC_905, KOHA_952, ItemMapping
from connectors.marc.mapping import TABLES, bib_from_record, format_of, record_from_bib
from connectors.marc.reader import read_iso2709
from connectors.marc.record import Field, MarcRecord
from schemas.bib import (
    AgentKind,
    Bib,
    Classification,
    Contributor,
    Entry,
    Holding,
    IssnStatus,
    Item,
    MarcFormat,
    Note,
    NoteKind,
    OtherTitle,
    Relation,
    Scheme,
    Subject,
    SubjectKind,
    TitleKind,
)
from tests.connectors.marc.records import CNMARC_LEADER, THREE_BODY, cnmarc, field, marc21
from tests.peers import require_shared_data

CNMARC, MARC21 = MarcFormat.CNMARC, MarcFormat.MARC21


def comparable(record: MarcRecord) -> Counter[tuple[object, ...]]:
    """A record's fields without what a library may place as it likes: the order of tags, and pinyin under $9 or $A."""
    return Counter(
        (
            f.tag,
            f.indicators,
            tuple(s for s in f.subfields if not is_pinyin(s)),
            tuple(sorted(s[1:] if s[0] in "A9" else s for s in f.subfields if is_pinyin(s))),
        )
        for f in record.fields
    )


def is_pinyin(subfield: str) -> bool:
    return subfield[:1].isupper() or subfield[:1] == "9"


def bib(*fields: str) -> Bib:
    return bib_from_record(cnmarc("001 1", *fields))


def only(record: MarcRecord, tag: str) -> Field:
    (found,) = record.every(tag)
    return found


def test_a_chinese_record_says_what_it_says() -> None:
    three_body = bib_from_record(THREE_BODY, CNMARC_905)
    assert (three_body.record_id, three_body.source) == ("012003", CNMARC)
    assert (three_body.title, three_body.title_pinyin, three_body.responsibility) == ("三体", "san ti", "刘慈欣著")
    assert (three_body.place, three_body.publisher, three_body.year) == ("重庆", "重庆出版社", 2008)
    assert (three_body.isbn13s, three_body.price_fen, three_body.clc) == (("9787536692930",), 2300, ("I247.55",))
    assert three_body.contributors == (Contributor(name="刘慈欣", role="著", pinyin="Liu Cixin"),)
    assert [subject.text for subject in three_body.subjects] == ["长篇小说--科学幻想小说--中国--当代"]
    assert three_body.holdings == (
        Holding(
            branch="SHYP",
            location="A3",
            call_number="I247.55/1",
            items=tuple(
                Item(barcode=barcode, location="A3", call_number="I247.55/1")
                for barcode in ("3100001234567", "3100001234568")
            ),
        ),
    )
    assert [local.tag for local in three_body.local_fields] == ["905"]


@pytest.mark.parametrize("code", ["A", "9"])
def test_pinyin_is_found_under_either_code(code: str) -> None:
    found = bib(f"200 1_ $a红楼梦${code}hong lou meng", f"701 _0 $a曹雪芹${code}Cao Xueqin$4著")
    assert (found.title_pinyin, found.contributors[0].pinyin) == ("hong lou meng", "Cao Xueqin")
    assert found.local_fields == ()


def test_a_foreign_name_is_one_inverted_name_and_two_subfields_again() -> None:
    found = bib("200 1_ $a傲慢与偏见", "701 _1 $a奥斯汀$bJane$c(英)$f1775-1817$4著")
    assert found.contributors == (
        Contributor(name="奥斯汀, Jane", role="著", qualifier="(英)", dates="1775-1817", inverted=True),
    )
    assert only(record_from_bib(found, CNMARC), "701") == field("701 _1 $a奥斯汀$bJane$c(英)$f1775-1817$4著")
    assert only(record_from_bib(found, MARC21), "700") == field("700 1_ $a奥斯汀, Jane,$c(英),$d1775-1817,$e著")


def test_places_and_periods_change_letters_between_the_formats() -> None:
    found = bib("606 0_ $a经济发展$x概况$y中国$z1994")
    assert found.subjects[0] == Subject(heading="经济发展", topics=("概况",), places=("中国",), periods=("1994",))
    assert only(record_from_bib(found, MARC21), "650") == field("650 _4 $a经济发展$x概况$z中国$y1994")


def test_cancelled_and_wrong_issn_change_letters_between_the_formats() -> None:
    found = bib("011 __ $y1000-0001", "011 __ $z1000-0002")
    assert [issn.status for issn in found.issns] == [IssnStatus.CANCELLED, IssnStatus.INCORRECT]
    written = record_from_bib(found, MARC21)
    assert [f.subfields for f in written.every("022")] == [("z1000-0001",), ("y1000-0002",)]


def test_a_body_and_a_meeting_are_told_by_the_first_indicator() -> None:
    found = bib("711 02 $a国家统计局$4编", "712 12 $a红楼梦学术讨论会")
    assert [agent.kind for agent in found.contributors] == [AgentKind.CORPORATE, AgentKind.MEETING]
    assert [f.tag for f in record_from_bib(found, MARC21).fields if f.tag[0] == "7"] == ["710", "711"]


def test_a_price_without_a_number_and_a_wrong_number_are_kept_but_identify_nothing() -> None:
    found = bib("010 __ $dCNY9.80", "010 __ $a7-5325-1234-5$dCNY25.00", "010 __ $z7-5037-1744-0")
    assert [isbn.valid for isbn in found.isbns] == [False, False, False]
    assert found.isbns[2].isbn13 == "9787503717444"
    assert (found.isbn13s, found.price_fen) == ((), 980)


def test_a_set_number_is_told_from_a_volume_number() -> None:
    found = bib("010 __ $a978-7-101-00308-6$b精装$d￥66.00（全三册）", "010 __ $a7-5037-1744-0$b上册")
    assert [isbn.is_set for isbn in found.isbns] == [True, False]


def test_a_unified_book_number_has_one_form_and_is_kept_as_written() -> None:
    found = bib("091 __ $a10019.3456")
    assert found.unified_book_number == "10019·3456"
    assert [local.subfields for local in found.local_fields] == [("a10019.3456",)]
    assert only(record_from_bib(found, CNMARC), "091") == field("091 __ $a10019.3456")


def test_an_embedded_field_is_read_in_either_technique() -> None:
    embedded = bib("454 _0 $12001 $aPride and prejudice$v2")
    direct = bib("454 _0 $tPride and prejudice$v2")
    assert embedded.related_titles == direct.related_titles
    assert embedded.related_titles[0].relation is Relation.ORIGINAL
    assert embedded.local_fields == ()
    assert only(record_from_bib(direct, CNMARC), "454") == field("454 _0 $tPride and prejudice$v2")


def test_non_sorting_marks_leave_the_title_and_are_counted() -> None:
    marked = MarcRecord(
        CNMARC_LEADER,
        (Field("001", "", ("1",)), Field("200", "1 ", ("a\x98The \x9csecret garden", "fF. Burnett"))),
        nonsorting=True,
    )
    found = bib_from_record(marked)
    assert (found.title, found.nonfiling) == ("The secret garden", 4)
    assert comparable(record_from_bib(found, CNMARC)) == comparable(marked)
    assert only(record_from_bib(found, MARC21), "245") == field("245 04 $aThe secret garden /$cF. Burnett")


@pytest.mark.parametrize(
    ("date", "year"),
    [("2008.1", 2008), ("[2004]", 2004), ("民国23年", 1934), ("200710", 2007), ("２０１２", 2012), ("清末", 1994)],
)
def test_the_year_is_read_tolerantly_and_else_taken_from_the_coded_date(date: str, year: int) -> None:
    assert bib("100 __ $a20020204d1994    em y0chiy0120    ea", f"210 __ $d{date}").year == year


def test_volume_series_notes_titles_and_languages_have_their_places() -> None:
    found = bib(
        "101 1_ $achi$ceng",
        "200 1_ $a哈利·波特$h1$i哈利·波特与魔法石$f(英) J.K.罗琳著$g苏农译",
        "320 __ $a有书目。",
        "327 1_ $a上卷$a下卷",
        "510 1_ $aHarry Potter$zeng",
        "692 __ $a28.24$v3",
    )
    assert (found.volume, found.volume_title, found.other_responsibilities) == ("1", "哈利·波特与魔法石", ("苏农译",))
    assert (found.languages, found.original_languages, found.is_translation) == (("chi",), ("eng",), True)
    assert found.notes == (
        Note(kind=NoteKind.BIBLIOGRAPHY, texts=("有书目。",)),
        Note(kind=NoteKind.CONTENTS, texts=("上卷", "下卷")),
    )
    assert found.other_titles == (OtherTitle(title="Harry Potter", kind=TitleKind.PARALLEL, language="eng"),)
    assert found.classes == (Classification(number="28.24", scheme=Scheme.CAS, edition="3"),)
    assert found.clc == ()
    assert found.local_fields == ()


def test_marc21_says_the_same_with_its_own_punctuation_and_pairs_pinyin_in_880() -> None:
    written = record_from_bib(bib_from_record(THREE_BODY), MARC21)
    assert written.leader == "00000nam a2200000 i 4500"
    assert written.control("008") == "080501s2008    cc     d            chi  "
    assert only(written, "020") == field("020 __ $a9787536692930$q平装$cCNY23.00")
    assert only(written, "245") == field("245 00 $6880-01$a三体 /$c刘慈欣著")
    assert only(written, "264") == field("264 _1 $a重庆 :$b重庆出版社,$c2008.1")
    assert only(written, "084") == field("084 __ $aI247.55$2clc/5")
    linked = [f for f in written.every("880") if f.subfields[0] == "6245-01"]
    assert linked == [field("880 00 $6245-01$asan ti /$cLiu Cixin zhu")]


def test_what_marc21_has_no_place_for_travels_in_886_and_comes_home() -> None:
    there = record_from_bib(bib_from_record(THREE_BODY), MARC21)
    assert field("886 2_ $2unimarc$a905$b  $aSHYP$b3100001234567$b3100001234568$cA3$sI247.55/1") in there.fields
    home = record_from_bib(bib_from_record(there), CNMARC)
    assert only(home, "905") == only(THREE_BODY, "905")


def test_a_marc21_record_is_read_without_its_punctuation() -> None:
    found = bib_from_record(
        marc21(
            "001 ocm1",
            "008 950601s1996    xxu           000 0 eng d",
            "020 __ $a0141439513 (pbk.) :$c$8.00",
            "100 1_ $aAusten, Jane,$d1775-1817.",
            "245 10 $aPride and prejudice :$ba novel /$cJane Austen ; edited by V. Jones.",
            "260 __ $aLondon :$bPenguin,$c1996.",
            "650 _0 $aSisters$vFiction.",
        )
    )
    assert (found.source, found.title, found.subtitle) == (MARC21, "Pride and prejudice", "a novel")
    assert (found.responsibility, found.other_responsibilities) == ("Jane Austen", ("edited by V. Jones",))
    assert (found.place, found.publisher, found.year) == ("London", "Penguin", 1996)
    assert (found.isbn13s, found.isbns[0].qualifier) == (("9780141439518",), "pbk.")
    assert found.contributors[0].name == "Austen, Jane"
    assert found.contributors[0].entry is Entry.MAIN
    assert (found.subjects[0].scheme, found.languages, found.country) == ("lcsh", ("eng",), "US")


def test_a_romanised_marc21_title_gives_way_to_the_chinese_in_its_880() -> None:
    found = bib_from_record(
        marc21("001 1", "245 10 $6880-02$aHong lou meng /$cCao Xueqin.", "880 10 $6245-02/$1$a红楼梦 /$c曹雪芹.")
    )
    assert (found.title, found.title_pinyin, found.responsibility) == ("红楼梦", "Hong lou meng", "曹雪芹")


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (cnmarc("001 1", "100 __ $a2002", "200 1_ $a三体"), CNMARC),
        (marc21("001 1", "100 1_ $aAusten, Jane", "245 10 $aPride"), MARC21),
        (marc21("001 1", "008 x", "245 10 $aPride"), MARC21),
        (cnmarc("001 1"), CNMARC),
    ],
)
def test_the_format_is_told_by_the_shape_of_the_record(record: MarcRecord, expected: MarcFormat) -> None:
    assert format_of(record) is expected


def test_a_record_without_a_number_gets_one_from_its_bytes() -> None:
    record = MarcRecord(CNMARC_LEADER, (field("200 1_ $a三体"),), raw=b"some bytes")
    assert bib_from_record(record).record_id == bib_from_record(record).record_id
    assert bib_from_record(record).record_id.startswith("sha256:")


def test_each_library_names_its_own_item_fields() -> None:
    local = ItemMapping("906", barcode="b", location="l", call_number="de", price="r")
    record = cnmarc("001 1", "906 __ $b1708903$dF124$e26$rCNY80.00", "906 __ $b1708904$dF124$e26$rNT$1")
    (holding,) = bib_from_record(record, local).holdings
    assert holding.call_number == "F124/26"
    assert [(item.barcode, item.price_fen) for item in holding.items] == [("1708903", 8000), ("1708904", None)]


def test_holdings_are_written_the_way_the_receiving_library_keeps_them() -> None:
    written = record_from_bib(bib_from_record(THREE_BODY, CNMARC_905), MARC21, KOHA_952)
    assert [f.subfields for f in written.every("952")] == [
        ("aSHYP", "cA3", "oI247.55/1", "p3100001234567"),
        ("aSHYP", "cA3", "oI247.55/1", "p3100001234568"),
    ]
    own = record_from_bib(bib_from_record(THREE_BODY, CNMARC_905), CNMARC, CNMARC_905)
    assert comparable(own) == comparable(THREE_BODY)


@pytest.mark.parametrize("target", [CNMARC, MARC21])
def test_every_kind_of_everything_has_a_field_in_both_formats(target: MarcFormat) -> None:
    table = TABLES[target]
    for kind in NoteKind:
        assert table.write("notes", Note(kind=kind, texts=("text",)).__dict__) is not None, kind
    for title in TitleKind:
        assert table.write("other_titles", OtherTitle(title="t", kind=title).__dict__) is not None, title
    for agent in AgentKind:
        for entry in Entry:
            element = Contributor(name="n", kind=agent, entry=entry).__dict__
            assert table.write("contributors", element) is not None, (agent, entry)
    for subject in SubjectKind:
        assert table.write("subjects", Subject(heading="h", kind=subject).__dict__) is not None, subject
    for scheme in set(Scheme) - {Scheme.OTHER}:
        assert table.write("classes", Classification(number="1", scheme=scheme).__dict__) is not None, scheme


TEXT = st.text(st.sampled_from("三体红楼梦abc 0129.,-()（）¥"), min_size=0, max_size=6)
TAGS = [
    "010", "011", "035", "091", "100", "101", "102", "105", "200", "205", "210", "215", "225", "300", "314", "320",
    "327", "330", "410", "454", "500", "510", "517", "600", "601", "606", "607", "610", "690", "692", "701", "702",
    "711", "712", "801", "856", "886", "905", "AVA",
]  # fmt: skip
SUBFIELDS = st.lists(st.tuples(st.sampled_from("abcdefghijuvxyz1234A9EF"), TEXT).map("".join), min_size=1, max_size=5)
FIELDS = st.builds(
    Field,
    st.sampled_from(TAGS),
    st.sampled_from(["  ", "0 ", "1 ", " 0", " 1", "02", "12", "2 ", "10", "99"]),
    SUBFIELDS.map(tuple),
)


@given(st.lists(FIELDS, max_size=8))
@settings(max_examples=300)
def test_cnmarc_to_bib_and_back_loses_nothing(fields: list[Field]) -> None:
    record = MarcRecord(CNMARC_LEADER, (Field("001", "", ("1",)), *fields))
    back = record_from_bib(bib_from_record(record, source=CNMARC), CNMARC)
    assert back.leader == record.leader
    assert comparable(back) == comparable(record)


@given(st.lists(FIELDS, max_size=6))
@settings(max_examples=100)
def test_a_bib_survives_the_wire(fields: list[Field]) -> None:
    found = bib_from_record(MarcRecord(CNMARC_LEADER, (Field("001", "", ("1",)), *fields)), source=CNMARC)
    assert Bib.model_validate_json(found.model_dump_json()) == found


@given(st.lists(FIELDS, max_size=8))
@settings(max_examples=200)
def test_any_fields_read_as_marc21_become_a_bib_that_both_formats_write(fields: list[Field]) -> None:
    found = bib_from_record(MarcRecord(CNMARC_LEADER, (Field("001", "", ("1",)), *fields)), source=MARC21)
    for target in MarcFormat:
        written = record_from_bib(found, target)
        assert written.control("001") == "1"


def test_ten_real_records_come_back_whole() -> None:
    with require_shared_data("marc", "cnmarc-dp2-sample.gb18030.iso").open("rb") as stream:
        records = [record for record in read_iso2709(stream) if isinstance(record, MarcRecord)]
    assert len(records) == 10
    for record in records:
        found = bib_from_record(record)
        assert comparable(record_from_bib(found, CNMARC)) == comparable(record)
        assert found.title
        assert found.isbn13s
        assert found.year
