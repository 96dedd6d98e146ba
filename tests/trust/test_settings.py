"""A settings file: relative to its folder, refused by the setting's name and never by its value."""

from pathlib import Path

import pytest

from trust.settings import InFolder, Section, SettingsRefused, is_loopback


class Inner(Section):
    file: InFolder
    password: str = ""


class Outer(Section):
    inner: Inner | None = None
    more: tuple[Inner, ...] = ()
    log: InFolder = Path("log")


def load(folder: Path, text: str) -> Outer:
    (folder / "x.toml").write_text(text, "utf-8")
    return Outer.load(folder / "x.toml")


def test_paths_are_below_the_folder_at_every_depth_and_absolute_ones_stay(tmp_path: Path) -> None:
    told = load(tmp_path, "[inner]\nfile = 'a'\n[[more]]\nfile = '/b'\n[[more]]\nfile = '../c'")
    assert told.inner is not None
    assert [told.log, told.inner.file, *(each.file for each in told.more)] == [
        tmp_path / "log", tmp_path / "a", Path("/b"), tmp_path / ".." / "c"]


@pytest.mark.parametrize(("text", "named"), [
    ("[inner]", r"inner\.file"), ("[inner]\nfile = 'a'\npasword = '271828'", r"inner\.pasword"),
    ("[[more]]\nfile = 'a'\n[[more]]\nfile = 'b'\npassword = 271828", r"more\.1\.password"), ("other = 1", "other")])
def test_a_refusal_names_the_setting_and_shows_no_value(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(SettingsRefused, match=rf"x\.toml: {named}: ") as refused:
        load(tmp_path, text)
    assert "271828" not in str(refused.value)


def test_a_table_is_named_by_whoever_reads_it(tmp_path: Path) -> None:
    with pytest.raises(SettingsRefused, match=r"\[\[kiosk\]\]: file: "):
        Inner.of_table({"file": 7}, tmp_path, "[[kiosk]]")
    assert Inner.of_table({"file": "a"}, tmp_path, "").file == tmp_path / "a"


@pytest.mark.parametrize(("host", "is_here"), [
    ("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("", False),
    ("localhost.example.org", False), ("192.0.2.1", False), ("::ffff:192.0.2.1", False), ("2130706433", False)])
def test_what_stays_on_this_machine(host: str, is_here: bool) -> None:
    assert is_loopback(host) is is_here
