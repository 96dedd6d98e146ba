import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.loans.rota import Candidate, propose
from federation.web.stages import Stage
from federation.web.texts import Language, accepted_language, chosen_language, load_texts, phrase, speech_of
from schemas.lending import OrderRefusal
from tests.federation.web.site import LIBRARIES

TEXTS = load_texts()


def names(section):
    return {name.removesuffix(".one") for name in section}


@pytest.mark.parametrize("section", ["pages", "facets", "script"])
def test_both_languages_say_the_same_things_about_the_same_values(section):
    zh, en = TEXTS[Language.ZH][section], TEXTS[Language.EN][section]
    assert names(zh) == names(en)
    for name in zh:
        assert set(re.findall(r"\{\w*\}", zh[name])) == set(re.findall(r"\{\w*\}", en[name])), name


def test_every_stage_has_its_words():
    assert {f"stage.{stage}" for stage in Stage} == {
        name for name in TEXTS[Language.ZH]["script"] if name.startswith("stage.")}


def test_every_reason_of_the_rota_has_english_words():
    candidates = [Candidate(LIBRARIES[1], "r1", on_shelf, 3, 2, 1) for on_shelf in (True, None)]
    entries = propose(candidates, LIBRARIES[0], LIBRARIES[0], 5)
    reasons = {re.sub(r"\d+", "{}", re.sub(r"\([+-]\d+\)$", "", reason)) for entry in entries
               for reason in entry.reasons}
    assert reasons == set(TEXTS[Language.EN]["reasons"])


def test_one_is_singular_in_english():
    pages = TEXTS[Language.EN]["pages"]
    assert phrase(pages, "held_by", count=1) == "held by 1 library"
    assert phrase(pages, "held_by", count=2) == "held by 2 libraries"


@pytest.mark.parametrize(("header", "language"), [
    ("", "zh"), ("zh-CN,zh;q=0.9,en;q=0.8", "zh"), ("en-GB,en;q=0.9", "en"), ("fr", "zh"), ("fr, en;q=0.3", "en"),
    ("en;q=0.5, zh-TW;q=0.7", "zh"), ("en;q=0", "zh"), ("*", "zh"), ("en;q=high", "zh"), ("zhx, en-US", "en"),
])
def test_the_browser_s_preference_is_kept(header, language):
    assert accepted_language(header) == language


@given(st.text())
def test_any_text_is_a_header(header):
    assert accepted_language(header) in Language


def test_a_language_is_asked_for_by_its_name():
    assert [chosen_language(name) for name in ("zh", "en", "fr", "", None)] == [*Language, None, None, None]


@pytest.mark.parametrize(("words", "language"), [
    ("红楼梦", "zh"), ("東方快車謀殺案", "zh"), ("㛃", "zh"), ("𠮷", "zh"), ("ノルウェイの森", "ja"),
    ("C++ Primer", "en"),
])
def test_catalogued_text_names_its_language(words, language):
    assert speech_of(words) == language


@pytest.mark.parametrize("language", Language)
def test_every_refusal_of_an_order_is_told_in_words(language):
    assert {f"note.{reason}" for reason in OrderRefusal} <= TEXTS[language]["script"].keys()
