import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypinyin import lazy_pinyin

from federation.catalogue import pinyin as module
from federation.catalogue.pinyin import READINGS_MAX, catalogued_pinyin, pinyin_readings, pinyins


def test_a_title_is_typed_by_its_pinyin() -> None:
    assert pinyins("紅樓夢") == ((("hong", "lou", "meng"), "hongloumeng", "hlm"),)


def test_a_reading_follows_from_its_context() -> None:
    spelled = [pinyins(text) for text in ("重庆", "重要", "乾隆", "水浒传")]
    assert [[entry.joined for entry in entries] for entries in spelled] == [
        ["chongqing"], ["zhongyao"], ["qianlong"], ["shuihuzhuan"]]


@pytest.mark.parametrize(("text", "typed"), [
    ("和珅传", "heshenzhuan"), ("和珅传", "heshenchuan"), ("曾国藩", "zengguofan"), ("单田芳", "shantianfang"),
    ("重访边城", "chongfangbiancheng"), ("曾国藩传", "zengguofanzhuan"), ("旅行者", "luxingzhe"),
])
def test_where_no_word_decides_every_common_reading_is_there(text: str, typed: str) -> None:
    assert typed in {entry.joined for entry in pinyins(text)}


@pytest.mark.parametrize("text", ["重长行乐朝藏曾单", "传" * 100, "重" + "红楼梦" * 100])
def test_the_readings_of_one_title_are_few(text: str) -> None:
    assert 1 < len(pinyins(text)) <= READINGS_MAX


@pytest.mark.parametrize(("written", "initials"), [
    ("he shen zhuan", "hsz"), ("heshen zhuan", "hsz"), ("Héshēn zhuàn", "hsz"), ("heshenzhuan", "hsz"),
    ("lü xing", "lx"), ("san ti 2", "st2"), ("", None), ("--- ", None), ("xyz", "x"),
])
def test_a_cataloguers_pinyin_may_be_written_by_syllable_or_by_word(written: str, initials: str | None) -> None:
    found = catalogued_pinyin(written)
    assert (found and found.initials) == initials


def test_a_latin_title_has_no_pinyin() -> None:
    assert pinyins("Jane Eyre") == ()


def test_every_syllable_of_the_dictionary_is_known() -> None:
    common = range(0x4E00, 0x9FA6)
    spelled = {lazy_pinyin(chr(code))[0].replace("v", "u") for code in common}
    interjections_and_units = {"m", "n", "hm", "fiao", "nun"}
    assert {syllable for syllable in spelled if syllable.isascii()} - interjections_and_units <= module._SYLLABLE_SET


def test_every_syllable_of_the_table_is_spelled_somewhere() -> None:
    rare = {"dei", "dia", "kei", "shei", "zhei"}  # second readings only
    spelled = {lazy_pinyin(chr(code))[0].replace("v", "u") for code in range(0x4E00, 0x9FA6)}
    assert module._SYLLABLE_SET - rare <= spelled


@pytest.mark.parametrize("word", ["hlm", "x", "", "kleppmann", "a1b", "a" * 1000, "红楼"])
def test_what_is_no_pinyin_has_no_reading(word: str) -> None:
    assert pinyin_readings(word) == ()


def test_umlaut_u_may_be_typed_as_v() -> None:
    assert pinyin_readings("nvren") == (("nu", "ren"),)


@settings(max_examples=50)
@given(st.lists(st.sampled_from(["xi", "an", "xian", "ge", "e", "nan", "na"]), min_size=1, max_size=15))
def test_readings_are_few_and_spell_the_word(syllables: list[str]) -> None:
    word = "".join(syllables)
    readings = pinyin_readings(word)
    assert len(readings) <= READINGS_MAX
    assert all("".join(reading) == word and len(reading) > 1 for reading in readings)


@given(st.text(max_size=40))
def test_any_text_has_its_readings(text: str) -> None:
    for entry in (*pinyins(text), *filter(None, [catalogued_pinyin(text)])):
        assert entry.syllables
        assert all(syllable and not any(char.isspace() for char in syllable) for syllable in entry.syllables)
