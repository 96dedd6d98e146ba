import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.catalogue import tokens as module
from federation.catalogue.tokens import Phrase, compact, fold, phrase, tokens

CHINESE = st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FA5), min_size=1, max_size=12)


@pytest.mark.parametrize(
    ("typed", "catalogued"),
    [
        ("东方快车谋杀案", "東方快車謀殺案"),
        ("brontë", "BRONTE"),
        ("ＡＢＣ１２３", "abc123"),
        ("乾隆", "干隆"),
        ("钱钟书", "錢鍾書"),
        ("卫", "衞"),
        ("ガ", "ｶﾞ"),
        ("三体II", "三体Ⅱ"),
    ],
)
def test_what_differs_only_in_writing_folds_alike(typed: str, catalogued: str) -> None:
    assert fold(typed) == fold(catalogued)


def test_a_voiced_kana_is_not_folded_into_another_letter() -> None:
    assert fold("ガ") != fold("カ")


def test_words_of_programmers_stay_whole() -> None:
    assert tokens("C++与C#程序, O'Reilly") == ("c++", "与", "c#", "程序", "序", "oreilly")


@pytest.mark.parametrize("text", ["", " ", "《》·—", "\x00", "_", '"'])
def test_text_without_letters_has_no_tokens(text: str) -> None:
    assert tokens(text) == ()
    assert phrase(text) == Phrase(())


def test_an_endless_word_is_cut() -> None:
    assert tokens("x" * 10_000) == ("x" * module.TOKEN_CHARS_MAX,)


@given(st.text(max_size=40))
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(CHINESE, CHINESE)
def test_a_part_of_a_text_folds_as_inside_the_whole(left: str, right: str) -> None:
    assert fold(left + right) == fold(left) + fold(right)


@given(st.text(max_size=60))
def test_tokens_are_safe_to_quote_and_to_join_by_spaces(text: str) -> None:
    for token in tokens(text):
        assert token
        assert not any(char.isspace() or char in '"‖' or unicodedata.category(char) == "Cc" for char in token)


@given(CHINESE, CHINESE, CHINESE)
def test_any_part_of_a_chinese_text_is_found_in_it(before: str, part: str, after: str) -> None:
    index, wanted = tokens(before + part + after), phrase(part)
    assert any(_stands_at(index, position, wanted) for position in range(len(index)))


def _stands_at(index: tuple[str, ...], position: int, wanted: Phrase) -> bool:
    here = index[position : position + len(wanted.tokens)]
    if wanted.prefix:
        return here[:-1] == wanted.tokens[:-1] and here[-1].startswith(wanted.tokens[-1])
    return here == wanted.tokens


@pytest.mark.parametrize("text", ["三体II", "体", "C++ 入门", "银行 行", "abc"])
def test_a_phrase_finds_the_text_it_was_made_of(text: str) -> None:
    assert any(_stands_at(tokens(text), position, phrase(text)) for position in range(len(tokens(text))))


def test_a_key_ignores_spaces_and_punctuation() -> None:
    assert compact("The Art of War!") == compact("the  art, of war") == "theartofwar"
