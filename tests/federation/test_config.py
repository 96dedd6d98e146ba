"""The gateway's settings: read once, relative to their file, refused by the setting's name and never by its value."""

import re
from pathlib import Path

import pytest

from federation.config import Settings
from trust.settings import SettingsRefused

MANUAL = (Path(__file__).parents[2] / "docs" / "gateway.md").read_text("utf-8")


def load(folder: Path, text: str) -> Settings:
    (folder / "gateway.toml").write_text(text, "utf-8")
    return Settings.load(folder / "gateway.toml")


def test_an_empty_file_is_a_gateway_on_loopback(tmp_path: Path) -> None:
    settings = load(tmp_path, "")
    assert (settings.host, settings.port, settings.redis) == ("127.0.0.1", 8080, None)


def test_paths_are_relative_to_the_files_folder_and_absolute_ones_stay(tmp_path: Path) -> None:
    settings = load(tmp_path, 'directory = "../directory"\nsigning_key = "/etc/delta/sign.pem"')
    assert settings.database == str(tmp_path / "gateway.db")
    assert settings.operator_socket == tmp_path / "operator.sock"
    assert settings.passphrase_file == tmp_path / "passphrase"
    assert settings.directory == tmp_path / ".." / "directory"
    assert settings.signing_key == Path("/etc/delta/sign.pem")


@pytest.mark.parametrize(("text", "named"), [
    ("port = 65536", "port"), ("port = -1", "port"), ('port = "http"', "port"),
    ("checkpoint_seconds = 0", "checkpoint"), ("databse = 'x'", "databse"), ("[gateway]", "gateway"),
    ("redis = 5", "redis")])
def test_a_setting_that_does_not_fit_is_refused_by_its_name(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(SettingsRefused, match=rf"gateway\.toml: {named}"):
        load(tmp_path, text)


def test_a_file_that_is_no_toml_says_where(tmp_path: Path) -> None:
    with pytest.raises(SettingsRefused, match=r"is no TOML file: Invalid value"):
        load(tmp_path, "port = 1\nport =")


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "gateway.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsRefused, match=r"gateway\.toml is no TOML file"):
        Settings.load(tmp_path / "gateway.toml")


def test_a_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(SettingsRefused, match=r"nowhere\.toml cannot be read: No such file"):
        Settings.load(tmp_path / "nowhere.toml")


def test_a_refusal_never_shows_the_value(tmp_path: Path) -> None:
    with pytest.raises(SettingsRefused) as refused:
        load(tmp_path, 'redis = ["redis://:271828@cache"]')
    assert "271828" not in str(refused.value)


def test_the_caches_address_is_not_in_the_repr(tmp_path: Path) -> None:
    assert "271828" not in repr(load(tmp_path, 'redis = "redis://:271828@cache"'))


# TLS


def test_files_of_tls_are_relative_to_the_files_folder(tmp_path: Path) -> None:
    tls = load(tmp_path, 'host = "0.0.0.0"\n[tls]\ncertificate = "gateway.pem"\nkey = "/etc/delta/gateway.key"').tls
    assert tls is not None
    assert (tls.certificate, tls.key) == (tmp_path / "gateway.pem", Path("/etc/delta/gateway.key"))


@pytest.mark.parametrize("text", ['[tls]\nkey = "a"', '[tls]\ncertificate = "a"', 'tls = true'])
def test_half_of_tls_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsRefused, match=r"gateway\.toml: tls"):
        load(tmp_path, text)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "gateway.example.org", ""])
def test_plain_http_is_for_loopback_or_behind_a_proxy(tmp_path: Path, host: str) -> None:
    with pytest.raises(SettingsRefused, match=r"gateway\.toml: host: .*behind_proxy = true"):
        load(tmp_path, f'host = "{host}"')
    assert load(tmp_path, f'host = "{host}"\nbehind_proxy = true').host == host


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.9", "::1", "localhost"])
def test_on_loopback_nothing_more_need_be_said(tmp_path: Path, host: str) -> None:
    assert load(tmp_path, f'host = "{host}"').tls is None


@pytest.mark.parametrize("text", re.findall(r"```toml\n(.*?)```", MANUAL, re.DOTALL))
def test_the_manual_s_settings_can_be_used(tmp_path: Path, text: str) -> None:
    assert load(tmp_path, text).tls is not None
