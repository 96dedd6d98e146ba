"""A connector's settings: relative to their file, refused by the setting's name and never by its value."""

from pathlib import Path

import pytest

from connectors.agent.app import system_clock
from connectors.agent.config import Settings, SettingsRefused
from connectors.sip2.profile import Login, Terminator
from examples.alliance.ground import lay_ground, write_connector_settings
from examples.alliance.stock import item_mapping
from examples.ils.app import Ports
from tests.alliance import ROSTER

LEAST = """
agency = "CN-SH-YANGPU"
gateway_url = "http://127.0.0.1:8080/link"
[sip2]
port = 6001
institutional_card = "DELTA"
"""
MARC = '[marc]\nitem_tag = "905"\nbarcode = "b"\n'


def load(folder: Path, text: str) -> Settings:
    (folder / "connector.toml").write_text(text, "utf-8")
    return Settings.load(folder / "connector.toml")


def test_the_least_that_must_be_said(tmp_path: Path) -> None:
    settings = load(tmp_path, LEAST)
    assert (settings.sip2.host, settings.sip2.max_lines, settings.sip2.login) == ("127.0.0.1", 2, Login.SIP)
    assert (settings.marc, settings.z3950) == (None, None)


def test_paths_are_relative_to_the_files_folder(tmp_path: Path) -> None:
    settings = load(tmp_path, f'directory = "../directory"\n{LEAST}{MARC}file = "catalogue.mrc"')
    assert settings.journal == tmp_path / "journal.db"
    assert settings.desk_socket == tmp_path / "desk.sock"
    assert settings.directory == tmp_path / ".." / "directory"
    assert settings.marc is not None
    assert settings.marc.file == tmp_path / "catalogue.mrc"


@pytest.mark.parametrize("name", Terminator.__members__)
def test_a_terminator_is_written_by_its_name(tmp_path: Path, name: str) -> None:
    assert load(tmp_path, f'{LEAST}terminator = "{name}"').sip2.profile().terminator is Terminator[name]


def test_without_a_login_there_are_no_credentials(tmp_path: Path) -> None:
    with_login = load(tmp_path, f'{LEAST}user = "kiosk"\npassword = "271828"').sip2.credentials()
    assert with_login is not None
    assert (with_login.user, with_login.password) == ("kiosk", "271828")
    assert load(tmp_path, f'{LEAST}login = "none"').sip2.credentials() is None


def test_passwords_are_in_no_repr(tmp_path: Path) -> None:
    settings = load(tmp_path, f'{LEAST}password = "271828"')
    assert "271828" not in repr(settings) + str(settings) + repr(settings.sip2.credentials())


@pytest.mark.parametrize(("text", "named"), [
    ("", "agency"), (LEAST.replace("CN-SH-YANGPU", "yangpu"), "agency"), (LEAST.replace("6001", "0"), r"sip2\.port"),
    (LEAST.replace("6001", "70000"), r"sip2\.port"), (LEAST + 'terminator = "XX"', r"sip2\.terminator"),
    (LEAST + "max_lines = 0", r"sip2\.max_lines"), (LEAST + "deadline_seconds = 0", r"sip2\.deadline_seconds"),
    (LEAST + 'pasword = "271828"', r"sip2\.pasword"), (LEAST + "[marc]\nbarcode = 'b'", r"marc\.item_tag"),
    (LEAST + "[z3950]\nport = 210\nsyntax = 'danmarc'", r"z3950\.syntax"), ("journl = 'x'\n" + LEAST, "journl")])
def test_a_setting_that_does_not_fit_is_refused_by_its_name(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(SettingsRefused, match=rf"connector\.toml: {named}: ") as refused:
        load(tmp_path, text)
    assert "271828" not in str(refused.value)


@pytest.mark.parametrize("content", [b"agency = ", "机构 = '杨浦'".encode("gb18030"), b"\xff\xfe"])
def test_a_file_that_is_no_toml_in_utf_8_says_so(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "connector.toml").write_bytes(content)
    with pytest.raises(SettingsRefused, match=r"connector\.toml is no TOML file"):
        Settings.load(tmp_path / "connector.toml")


def test_a_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(SettingsRefused, match="cannot be read: No such file"):
        Settings.load(tmp_path / "connector.toml")


def test_every_dialect_of_the_sample_alliance_can_be_written_down(tmp_path: Path) -> None:
    ground = lay_ground(tmp_path, ROSTER, system_clock(), 0)
    write_connector_settings(ground, ROSTER, {library.slug: Ports(6001, 210) for library in ROSTER}, 8080, {})
    for library in ROSTER:
        settings = Settings.load(ground.connector_settings(library))
        written, meant = settings.sip2.profile(), library.sip2
        assert (written.charset, written.terminator, written.checksum, written.login, written.institution) == (
            meant.charset, meant.terminator, meant.checksum, meant.login, meant.institution)
        assert settings.sip2.credentials() == library.credentials
        assert settings.marc is not None
        assert settings.marc.mapping() == item_mapping(library)
