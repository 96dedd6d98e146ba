"""905 and its cousins: each library's own item fields, as they stand in real records, and as docs/marc.md maps them."""

import re
import tomllib
from pathlib import Path

import pytest

from connectors.agent.config import MarcSettings
from connectors.marc.items import ItemMapping
from connectors.marc.mapping import bib_from_record
from connectors.marc.reader import read_iso2709
from connectors.marc.record import MarcRecord
from schemas.bib import Holding, Item
from tests.connectors.marc.records import cnmarc
from tests.peers import require_shared_data

PAGE = (Path(__file__).parents[3] / "docs/marc.md").read_text("utf-8")
EXAMPLES = re.findall(r"```\n(\d{3}|[A-Z]{3})([^\n]*)\n```\n\n```toml\n\[marc\]\n([^`]*)```", PAGE)


def mapping(toml: str) -> ItemMapping:
    return MarcSettings(**tomllib.loads(toml)).mapping()


def holdings(toml: str, *fields: str) -> tuple[Holding, ...]:
    return bib_from_record(cnmarc("001 1", *fields), mapping(toml)).holdings


@pytest.mark.parametrize(("tag", "field", "toml"), EXAMPLES)
def test_every_example_of_the_page_finds_its_holdings(tag: str, field: str, toml: str) -> None:
    (holding,) = holdings(toml, tag + field)
    assert holding.call_number.startswith(("F124", "I247"))
    assert [item.barcode for item in holding.items] == (["1708903"] if "1708903" in field else [])


def test_the_page_has_an_example_of_each_kind() -> None:
    assert [tag for tag, _, _ in EXAMPLES] == ["905", "906", "AVA", "952"]


def test_one_field_may_list_several_copies() -> None:
    toml = 'item_tag = "935"\nbarcode = "b"\ncall_number = "de"'
    (holding,) = holdings(toml, "935 __ $a211260$b1731854$b1736772$dF124$e26$zD")
    assert [item.barcode for item in holding.items] == ["1731854", "1736772"]


def test_copies_of_several_fields_are_put_together_by_place() -> None:
    toml = 'item_tag = "905"\nbarcode = "b"\nbranch = "a"\nlocation = "c"\ncall_number = "s"'
    found = holdings(toml, "905 __ $aSHYP$b1$cA3$sI1/1", "905 __ $aSHYP$b2$cA3$sI1/1", "905 __ $aSHYP$b3$cB1$sI1/1")
    assert [(holding.location, len(holding.items)) for holding in found] == [("A3", 2), ("B1", 1)]
    assert found[0].items[0] == Item(barcode="1", location="A3", call_number="I1/1")


def test_the_real_records_hold_copies_under_two_cousins_of_905() -> None:
    with require_shared_data("marc", "cnmarc-dp2-sample.utf-8.iso").open("rb") as stream:
        records = [record for record in read_iso2709(stream) if isinstance(record, MarcRecord)]
    copies = ItemMapping("906", barcode="b", call_number="de", price="r")
    places = ItemMapping("AVA", barcode="", branch="b", location="c", call_number="d")
    bibs = [bib_from_record(record, copies) for record in records]
    assert sum(len(bib.items) for bib in bibs) >= 7
    assert {item.call_number for bib in bibs for item in bib.items} == {"F124/26"}
    assert any("主馆" in holding.location for record in records for holding in bib_from_record(record, places).holdings)
