import pytest

from connectors.tools.terminal import COLUMN_CELLS_MAX, plain, progress, table


def test_han_characters_take_two_cells():
    assert table(("题名", "册"), [("东方快车谋杀案", 1), ("1984", 12)]).splitlines() == [
        "题名            册",
        "东方快车谋杀案  1",
        "1984            12",
    ]


def test_a_long_text_is_cut_so_that_its_column_stays_narrow():
    cut = table(("题名",), [("长" * 100,)]).splitlines()[1]
    assert cut == "长" * ((COLUMN_CELLS_MAX - 1) // 2) + "…"


def test_what_comes_from_outside_cannot_steer_the_terminal():
    assert plain("三体\x1b]0;owned\x07\r\n\x9b2J") == "三体 ]0;owned    2J"
    assert plain(None) == ""
    assert "\x1b" not in table(("a",), [("\x1b[2J",)])


def test_away_from_a_terminal_progress_is_a_line_per_tenth(capsys):
    with progress("catalogue.mrc", 1000) as advance:
        for done in (0, 99, 100, 150, 390, 1000, 1000):
            advance(done)
    assert capsys.readouterr().err.splitlines() == [f"catalogue.mrc: {percent} %" for percent in (10, 30, 100)]


def test_on_a_terminal_progress_is_a_bar(monkeypatch, capsys):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with progress("catalogue.mrc", 1000) as advance:
        advance(500)
    assert "50 %" not in capsys.readouterr().err


@pytest.mark.parametrize("total", [0, 1])
def test_an_empty_file_has_progress_too(total):
    with progress("empty.mrc", total) as advance:
        advance(total)
