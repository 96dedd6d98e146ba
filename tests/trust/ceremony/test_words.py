import hashlib
import re
from pathlib import Path

import segno
from hypothesis import given
from hypothesis import strategies as st

import trust.ceremony
from trust.ceremony.words import WORDS, is_same, nickname, qr_for_terminal, sheet, words_of

FINGERPRINTS = st.binary(min_size=32, max_size=32).map(bytes.hex)
LIST = Path(trust.ceremony.__file__).with_name("bip39_english.txt").read_text()


def test_the_list_is_the_one_published_with_bip_39():
    assert hashlib.sha256(LIST.encode()).hexdigest() == (
        "2f5eed53a4727b4bf8880d8f3f199efc90e58503646d9ff8eff3a2ed3b24dbda")
    assert len({word[:4] for word in LIST.split()}) == 2048


@given(FINGERPRINTS)
def test_the_words_carry_the_first_132_bits(fingerprint):
    numbers = [LIST.split().index(word) for word in words_of(fingerprint).split()]
    bits = "".join(f"{number:011b}" for number in numbers)
    assert len(numbers) == WORDS
    assert int(bits, 2) == int(fingerprint[:33], 16)


@given(FINGERPRINTS, FINGERPRINTS)
def test_words_that_somebody_wrote_down_are_compared_as_people_write(one, other):
    assert is_same(words_of(one).upper().replace(" ", "  "), one)
    assert is_same(words_of(one).replace(" ", "-"), one)
    assert is_same(words_of(other), one) == (one[:33] == other[:33])
    assert words_of(one).startswith(nickname(one).replace("-", " "))


def test_the_qr_code_at_the_terminal_is_the_one_on_paper():
    lines = qr_for_terminal("ab" * 32).splitlines()
    light = [[(" ▀▄█".index(character) >> below) & 1 for character in line] for line in lines for below in (0, 1)]
    modules = [list(row) for row in segno.make_qr("AB" * 32).matrix_iter(border=2)]
    assert [[1 - bit for bit in row] for row in light[:len(modules)]] == modules


def test_a_sheet_shows_names_as_text():
    page = sheet("指纹", {"<b>": "ab" * 32}).decode()
    assert "&lt;b&gt;" in page
    assert re.search(r"<code>(ab){32}</code>", page)
