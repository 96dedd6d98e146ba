"""The field table of CNMARC, row by row: what the Bib says of a field, where MARC 21 has it, and that it comes home.

``own`` is the tag in MARC 21 that says it; 886 is the field for foreign data, which both formats have: there travels
what MARC 21 has no words for. Every row comes back to CNMARC as it left, straight and by way of MARC 21.
"""

from itertools import islice

import pymarc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.marc.mapping import bib_from_record, record_from_bib
from connectors.marc.record import Field, MarcRecord
from connectors.marc.writer import write_iso2709
from schemas.bib import Bib, MarcFormat
from tests.benchmarks import marc_records
from tests.connectors.marc.records import CNMARC_LEADER, THREE_BODY, cnmarc, field
from tests.connectors.marc.test_mapping import comparable
from tests.connectors.marc.validity import faults

CNMARC, MARC21 = MarcFormat.CNMARC, MarcFormat.MARC21
MAPPED = {
    "010 __ $a978-7-5366-9293-0$b精装$dCNY23.00": "020",
    "010 __ $z7-5325-1234-5": "020",
    "010 __ $dCNY9.80": "020",
    "011 __ $a1000-0001$dCNY5.00": "022",
    "011 __ $y1000-0002": "022",
    "011 __ $z1000-0003": "022",
    "035 __ $a(aleph)000218074BNU03": "035",
    "091 __ $a10019·3456": "024",
    "101 0_ $achi": "041",
    "101 1_ $achi$ceng": "041",
    "102 __ $aCN$b310000": "044",
    "205 __ $a2版$f王力修订": "250",
    "210 __ $a北京$c商务印书馆$d2004": "264",
    "215 __ $a320页$c图$d27cm$e1光盘": "300",
    "225 2_ $a中国科幻基石丛书$Azhong guo ke huan": "490",
    "300 __ $a据手稿整理": "500",
    "302 __ $a中英文对照": "546",
    "304 __ $a题名取自封面": "500",
    "305 __ $a据1980年版": "500",
    "306 __ $a限国内发行": "500",
    "307 __ $a附光盘": "500",
    "308 __ $a丛书名取自封面": "500",
    "310 __ $a线装": "563",
    "311 __ $a续编": "580",
    "312 __ $a英文题名取自封底": "500",
    "314 __ $a著者姓名取自版权页": "500",
    "320 __ $a有书目": "504",
    "325 __ $a影印本": "533",
    "326 __ $a月刊": "310",
    "327 1_ $a上卷$a下卷": "505",
    "328 __ $a博士论文": "502",
    "330 __ $a文化大革命如火如荼": "520",
    "333 __ $a高中以上": "521",
    "337 __ $aWindows XP": "538",
    "410 _0 $12001 $a中国科幻基石丛书$v3": "830",
    "451 _0 $12001 $a三体$v2": "775",
    "453 _0 $12001 $aThe three-body problem": "767",
    "454 _0 $12001 $aPride and prejudice": "765",
    "461 _0 $12001 $a地球往事$v1": "773",
    "463 _0 $12001 $a黑暗森林": "774",
    "500 11 $a石头记$Ashi tou ji": "130",
    "500 10 $a红楼梦": "730",
    "510 1_ $aDream of the red chamber": "246",
    "512 1_ $a封面题名": "246",
    "513 1_ $a附加题名页": "246",
    "514 1_ $a卷端题名": "246",
    "515 1_ $a逐页题名": "246",
    "516 1_ $a书脊题名": "246",
    "517 1_ $a金陵十二钗$e又名情僧录$h1$i上": "246",
    "530 1_ $a识别题名": "222",
    "540 1_ $a编目员补充题名": "246",
    "541 1_ $a编目员译题名$zeng": "242",
    "600 _0 $a鲁迅$ALu Xun$f1881-1936$x评论": "600",
    "600 _1 $a奥斯汀$bJane$c(英)": "600",
    "601 02 $a国家统计局$x历史": "610",
    "601 12 $a红楼梦学术讨论会": "611",
    "602 __ $a孔氏": "600",
    "605 __ $a红楼梦$x研究": "630",
    "606 0_ $a经济发展$Ajing ji$x概况$y中国$z1994$j年鉴": "650",
    "607 __ $a上海$x历史": "651",
    "610 0_ $a科幻": "653",
    "675 __ $a82-3": "080",
    "676 __ $a823$v21": "082",
    "680 __ $aPL2727$b.S2": "050",
    "686 __ $a823.5$2ncl": "084",
    "690 __ $aI247.55$v5": "084",
    "692 __ $a28.24$v3": "084",
    "700 _0 $a曹雪芹$4著": "100",
    "701 _0 $a刘慈欣$ALiu Cixin$f1963-$4著": "700",
    "701 _1 $a奥斯汀$bJane$c(英)$f1775-1817$4著": "700",
    "702 _0 $a苏农$4译$31234": "700",
    "711 02 $a清华大学$b图书馆$4编": "710",
    "712 12 $a红楼梦学术讨论会$4编": "711",
    "721 __ $a孔氏": "700",
    "801 _0 $aCN$bNLC$c20080501": "040",
    "856 4_ $uhttp://example.org/1$y全文$z馆内": "856",
}
"""A field of CNMARC, and the tag in which MARC 21 says it."""

KEPT = [
    "020 __ $aCN$b2008-1", "022 __ $aCN$b1", "049 __ $aA120000TJL$bUCS01000$c1", "092 __ $aCN$b61-859",
    "094 __ $aCN$bGB/T 1.1", "105 __ $aak  z   000yy", "106 __ $ar", "115 __ $av", "135 __ $adrbn", "207 _0 $aVol. 1",
    "303 __ $a著录说明", "313 __ $a主题说明", "321 __ $a索引", "324 __ $a原版", "336 __ $a文本", "345 __ $a采访",
    "345 __ $a新华书店", "422 _0 $12001 $a本刊", "488 _0 $12001 $a其他", "501 __ $a作品集", "503 1_ $a统一惯用标题",
    "518 1_ $a现代标准书写题名", "604 __ $12001 $a红楼梦", "608 __ $a年鉴", "661 __ $ax", "696 __ $a其他分类",
    "730 0_ $a书商", "802 __ $a00", "830 __ $a编目员附注", "905 __ $aBNU$b1$dF124$e26$sF124/26", "935 __ $b1-3$dF124",
    "990 __ $a1", "AVA __ $bMDMP$d86", "OWN __ $aBM01", "CAT __ $a1", "LEV __ $a1",
]
"""Fields without a place in the Bib: kept as local fields, in 886 abroad."""

READ_AND_KEPT = {
    "214 _0 $a北京$c商务印书馆$d2004": "publisher", "219 _0 $a北京$c商务印书馆$d2004": "publisher",
    "452 _0 $12001 $a三体": "related_titles", "462 _0 $12001 $a地球往事": "related_titles",
    "464 _0 $12001 $a短篇": "related_titles", "205 __ $a2版$b修订版": "edition",
    "210 __ $a北京$c商务$d2004$g厂": "publisher",
    "200 1_ $a三体$dThree body$zeng": "parallel_titles", "101 2_ $achi$eeng": "languages",
    "091 __ $a10019.3456": "unified_book_number", "225 1_ $a丛书": "series", "606 __ $x历史": "local_fields",
}
"""Fields of which the Bib has a part, or says what another place says: read, and kept beside."""


def record_of(text: str) -> MarcRecord:
    title = () if text.startswith("200") else ("200 1_ $a三体",)
    return cnmarc("001 1", *title, text)


def away(record: MarcRecord) -> MarcRecord:
    return record_from_bib(bib_from_record(record, source=CNMARC), MARC21)


def home(record: MarcRecord) -> MarcRecord:
    return record_from_bib(bib_from_record(record, source=MARC21), CNMARC)


@pytest.mark.parametrize("text", MAPPED)
def test_the_bib_says_a_mapped_field_whole(text: str) -> None:
    found = bib_from_record(record_of(text), source=CNMARC)
    assert found.local_fields == ()
    assert comparable(record_from_bib(found, CNMARC)) == comparable(record_of(text))


@pytest.mark.parametrize(("text", "own"), MAPPED.items())
def test_marc21_has_a_field_for_it(text: str, own: str) -> None:
    assert own in {written.tag for written in away(record_of(text)).fields}


@pytest.mark.parametrize("text", KEPT)
def test_what_the_bib_has_no_place_for_is_kept_and_travels_in_886(text: str) -> None:
    found = bib_from_record(record_of(text), source=CNMARC)
    assert [local.tag for local in found.local_fields] == [text[:3]]
    assert [written.subfields[1] for written in away(record_of(text)).every("886")] == ["a" + text[:3]]


@pytest.mark.parametrize(("text", "attribute"), READ_AND_KEPT.items())
def test_what_the_bib_says_in_part_is_read_and_kept(text: str, attribute: str) -> None:
    found = bib_from_record(record_of(text), source=CNMARC)
    assert [Field(each.tag, each.indicators, each.subfields) for each in found.local_fields] == [field(text)]
    assert getattr(found, attribute)


@pytest.mark.parametrize("text", [*MAPPED, *KEPT, *READ_AND_KEPT])
def test_every_row_comes_home_straight_and_by_way_of_marc21(text: str) -> None:
    record = record_of(text)
    assert comparable(record_from_bib(bib_from_record(record, source=CNMARC), CNMARC)) == comparable(record)
    assert comparable(home(away(record))) >= comparable(record)


@given(st.lists(st.sampled_from([*MAPPED, *KEPT, *READ_AND_KEPT]), max_size=12),
       st.text("cnoda#-^ ?", min_size=3, max_size=3))
@settings(max_examples=150, deadline=None)
def test_any_rows_together_are_valid_marc21_and_come_home(texts: list[str], codes: str) -> None:
    fields = [field(text) for text in texts if not text.startswith("200")]
    leader = f"00000{codes}0 22-----   450 "
    record = MarcRecord(leader, (field("001 1"), field("200 1_ $a三体$f刘慈欣著"), *fields))
    written = away(record)
    if sum(each.tag in ("700", "500") for each in fields) < 2:
        assert list(faults(written)) == []
    assert pymarc.Record(write_iso2709(written)).title == "三体 /"
    assert comparable(home(written)) >= comparable(record)
    assert comparable(record_from_bib(bib_from_record(record, source=CNMARC), CNMARC)) == comparable(record)


def test_whole_records_are_valid_marc21() -> None:
    records = [THREE_BODY, *islice(marc_records.cnmarc(8), 100)]
    assert [list(faults(away(record))) for record in records] == [[]] * len(records)


def test_generated_records_come_home_from_either_format() -> None:
    for record in islice(marc_records.cnmarc(9), 60):
        assert comparable(record_from_bib(bib_from_record(record), CNMARC)) == comparable(record)
        assert comparable(home(away(record))) >= comparable(record)
    for record in islice(marc_records.marc21(9), 60):
        found = bib_from_record(record)
        back = record_from_bib(found, MARC21)
        assert Bib.model_validate_json(found.model_dump_json()) == found
        assert bib_from_record(back) == found.model_copy(update={"local_fields": bib_from_record(back).local_fields})
        assert list(faults(back)) == []


def test_a_new_leader_has_no_fillers() -> None:
    record = MarcRecord("00757#^-  22-----#  450 ", THREE_BODY.fields)
    assert list(faults(away(record))) == []
    assert CNMARC_LEADER[5:8] == away(record).leader[5:8]
