"""A connector's settings: relative to their file, refused by the setting's name and never by its value."""

import re
from dataclasses import fields, replace
from pathlib import Path

import pytest

from connectors.agent.app import run_connector, system_clock
from connectors.agent.config import MarcSettings, Settings, Sip2Settings, Z3950Settings
from connectors.agent.harvest.settings import HarvestSettings, OaiSettings
from connectors.ils.port import IlsUnavailable, Reason
from connectors.sip2.dialect import LearnedDialect
from connectors.sip2.messages import Message, build
from connectors.sip2.profile import Checksum, ErrorDetection, Profile, Terminator, shipped_profiles
from connectors.sip2.server import LineState, serve
from connectors.sip2.tls import server_context
from examples.alliance.ground import lay_ground, write_connector_settings
from examples.alliance.readers import readers_of
from examples.alliance.stock import item_mapping
from examples.ils.app import Ports, lay_out, serve_ils
from tests.alliance import ROSTER
from tests.connectors.sip2.certificates import Authority
from trust.settings import SettingsRefused

LEAST = """
agency = "CN-SH-YANGPU"
gateway_url = "http://127.0.0.1:8080/link"
[sip2]
port = 6001
institutional_cards = ["DELTA"]
"""
PARTNER = "CN-310115-1-PUDONG"
TLS = "tls = true\nca_file = 'ca.pem'\n"
OURS = "certificate = 'us.pem'\nprivate_key = 'us.key'\n"
MARC = '[marc]\nitem_tag = "905"\nbarcode = "b"\n'


async def answer(request: Message, _line: LineState) -> Message:
    if request.id == "93":
        return build("94", ok=True)
    if request.id == "99":
        return build("98", on_line_status=True, BX="Y" * 16)
    return build("18", circulation_status="03", transaction_date=" " * 18, AB=request.get("AB"), AJ="和珅传")


def load(folder: Path, text: str) -> Settings:
    (folder / "connector.toml").write_text(text, "utf-8")
    return Settings.load(folder / "connector.toml")


def test_the_least_that_must_be_said(tmp_path: Path) -> None:
    settings = load(tmp_path, LEAST)
    assert (settings.sip2.host, settings.sip2.max_lines, settings.sip2.profile) == ("127.0.0.1", 2, Profile())
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
    assert load(tmp_path, f'{LEAST}terminator = "{name}"').sip2.profile.terminator is Terminator[name]


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
    (LEAST.replace("6001", "70000"), r"sip2\.port"), (LEAST + 'terminator = "XX"', "sip2"),
    (LEAST + "max_lines = 0", r"sip2\.max_lines"), (LEAST + "deadline_seconds = 0", r"sip2\.deadline_seconds"),
    (LEAST + 'pasword = "271828"', r"sip2\.pasword"), (LEAST + "[marc]\nbarcode = 'b'", r"marc\.item_tag"),
    (LEAST + "[z3950]\nport = 210\nsyntax = 'danmarc'", r"z3950\.syntax"), ("journl = 'x'\n" + LEAST, "journl")])
def test_a_setting_that_does_not_fit_is_refused_by_its_name(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(SettingsRefused, match=rf"connector\.toml: {named}: ") as refused:
        load(tmp_path, text)
    assert "271828" not in str(refused.value)


# the dialect


def test_a_shipped_profile_is_taken_by_its_name_and_single_keys_go_before_it(tmp_path: Path) -> None:
    told = load(tmp_path, f'{LEAST}profile = "koha"\ncharset = "gbk"\nomit = ["63.AC"]').sip2.profile
    shipped = Profile.shipped("koha")
    assert (shipped.heartbeat_seconds, shipped.charset) == (25, "utf-8")
    assert told == replace(shipped, charset="gbk", omit=frozenset({"63.AC"}))


def test_a_profile_that_doctor_wrote_is_taken_by_its_path(tmp_path: Path) -> None:
    found = Profile(charset="gb18030", terminator=Terminator.LF, checksum=Checksum.CODE_POINTS, timezone="Asia/Tokyo",
                    error_detection=ErrorDetection.LEARN, unsupported=frozenset({"15"}), negative_fee_is_owed=True)
    (tmp_path / "ils.toml").write_text(f"# delta-connector doctor\n\n{found.to_toml()}", "utf-8")
    assert load(tmp_path, f'{LEAST}profile = "ils.toml"').sip2.profile == found
    told = load(tmp_path, f'{LEAST}profile = "ils.toml"\nheartbeat_seconds = 30\nterminal_password = "271828"').sip2
    assert told.profile == replace(found, heartbeat_seconds=30, terminal_password="271828")
    assert "271828" not in repr(told)


@pytest.mark.parametrize(("text", "said"), [
    ('profile = "kohaa"', "no profile 'kohaa'; there are .*koha"),
    ('profile = "none.toml"', "none.toml cannot be read"),
    ('charset = "klingon"', "charset 'klingon' is not one of"), ('terminator = "XX"', "one of CR, CRLF, LF"),
    ("heartbeat_seconds = -1", "heartbeat_seconds must be 0 to"), ('omit = "63.AC"', "omit must be a list of texts")])
def test_a_dialect_that_cannot_be_is_refused_by_its_key(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SettingsRefused, match=rf"connector\.toml: sip2: .*{said}"):
        load(tmp_path, LEAST + text)


# the gateway


@pytest.mark.parametrize("url", ["http://gateway.example.org/link", "ws://192.0.2.7:8080/link",
                                 "http://[2001:db8::7]/link"])
def test_nothing_goes_to_another_machine_in_the_clear_unless_it_is_said(tmp_path: Path, url: str) -> None:
    text = LEAST.replace("http://127.0.0.1:8080/link", url)
    with pytest.raises(SettingsRefused, match=r"gateway_url: .*use https, or say gateway_without_tls"):
        load(tmp_path, text)
    assert load(tmp_path, f"gateway_without_tls = true\n{text}").gateway_tls() is None


@pytest.mark.parametrize("url", ["https://gateway.example.org/link", "wss://192.0.2.7/link", "http://localhost/link",
                                 "ws://[::1]:8080/link"])
def test_tls_and_loopback_need_no_more_words(tmp_path: Path, url: str) -> None:
    settings = load(tmp_path, LEAST.replace("http://127.0.0.1:8080/link", url))
    assert (settings.gateway_tls() is None) == (not url.startswith(("https", "wss")))


@pytest.mark.parametrize("url", ["gateway.example.org", "ftp://gateway/link", "https://", "", "http://[::1/link"])
def test_what_is_no_address_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(SettingsRefused, match="gateway_url: no address like https"):
        load(tmp_path, LEAST.replace("http://127.0.0.1:8080/link", url))


def test_an_authority_without_tls_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsRefused, match="gateway_ca_file needs an https address"):
        load(tmp_path, f'gateway_ca_file = "ca.pem"\n{LEAST}')


# TLS


def test_tls_files_are_relative_to_the_files_folder(tmp_path: Path) -> None:
    sip2 = load(tmp_path, f"{LEAST}{TLS}certificate = 'us.pem'\nprivate_key = 'us.key'\nserver_name = 'ils'").sip2
    assert (sip2.ca_file, sip2.certificate, sip2.private_key) == (
        tmp_path / "ca.pem", tmp_path / "us.pem", tmp_path / "us.key")
    with pytest.raises(SettingsRefused, match="not usable for TLS"):
        sip2.client()


@pytest.mark.parametrize("text", ["ca_file = 'ca.pem'", "server_name = 'ils'", "tls = true\ncertificate = 'us.pem'",
                                  "tls = true\nprivate_key = 'us.key'"])
def test_half_of_tls_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsRefused, match=r"sip2: .*(need|needs) (tls = true|both)"):
        load(tmp_path, LEAST + text)


async def test_an_ils_behind_tls_is_asked_under_the_name_it_bears_and_shown_our_certificate(tmp_path: Path) -> None:
    """A real handshake: their certificate is another host's, and they want one of ours."""
    authority = Authority(tmp_path, "ca")
    certificate, key = authority.issue("ils.example.org")
    authority.issue("us")
    tls = server_context(certificate, key, client_ca_file=authority.file)
    async with serve("127.0.0.1", 0, Profile(), answer, tls=tls) as server:
        text = LEAST.replace("6001", str(server.port)) + TLS
        for extra, is_let_in in ((OURS + "server_name = 'ils.example.org'", True), (OURS, False),
                                 ("server_name = 'ils.example.org'", False)):
            sip2 = load(tmp_path, text + extra).sip2
            async with sip2.client() as client:
                asked = sip2.ils(client, system_clock).item("B1")
                if is_let_in:
                    assert (await asked).known
                else:
                    with pytest.raises(IlsUnavailable):
                        await asked


# cards and words


def test_partners_have_cards_of_their_own_or_share(tmp_path: Path) -> None:
    cards = load(tmp_path, f"{LEAST}[sip2.partner_cards]\n{PARTNER} = 'DELTA-7'").sip2.cards()
    assert (cards.pool, cards.partners) == (("DELTA",), {PARTNER: "DELTA-7"})


@pytest.mark.parametrize(("text", "named"), [
    (LEAST.replace('["DELTA"]', "[]"), r"sip2\.institutional_cards"), (LEAST.replace('["DELTA"]', "['']"), "sip2"),
    (f"{LEAST}[sip2.partner_cards]\nyangpu = 'X'", r"sip2\.partner_cards\.yangpu"),
    (f"{LEAST}patron_type_code = 'pc'", r"sip2\.patron_type_code"),
    (f"{LEAST}[[sip2.reasons]]\ntext = '已满'\nreason = 'Full'", r"sip2\.reasons: row 1: reason 'Full' is none of"),
    (f"{LEAST}[[sip2.reasons]]\npattern = '('\nreason = 'OnLoan'", r"sip2\.reasons: row 1: .*regular expression"),
    (f"{LEAST}reasons = ['已满']", r"sip2\.reasons: row 1: a row has a reason")])
def test_cards_and_reasons_that_cannot_be_are_refused_by_name(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(SettingsRefused, match=named):
        load(tmp_path, text)


def test_a_library_adds_its_ils_s_own_words(tmp_path: Path) -> None:
    table = load(tmp_path, f"{LEAST}[[sip2.reasons]]\ntext = '本册已借出'\nreason = 'NonCirculating'").sip2.reasons
    assert (table.reason_of("本册已借出"), table.reason_of("已借出")) == (Reason.NON_CIRCULATING, Reason.ON_LOAN)


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
        written, meant = settings.sip2.profile, library.sip2
        assert (written.charset, written.terminator, written.checksum, written.login, written.institution) == (
            meant.charset, meant.terminator, meant.checksum, meant.login, meant.institution)
        assert settings.sip2.credentials() == library.credentials
        assert settings.marc is not None
        assert settings.marc.mapping() == item_mapping(library)


# what is learned


async def test_what_is_learned_of_the_ils_is_written_once_and_known_at_the_next_start(tmp_path: Path) -> None:
    library = next(each for each in ROSTER if each.sip2.checksum is Checksum.CODE_POINTS)
    ground = lay_ground(tmp_path, ROSTER[:2], system_clock(), 0)
    lay_out([library], ROSTER, tmp_path, 7)
    async with await serve_ils(library, tmp_path, system_clock, seed=7) as ils:
        write_connector_settings(ground, ROSTER[:2], {each.slug: ils.ports for each in ROSTER[:2]}, 1, {})
        told = Settings.load(ground.connector_settings(ROSTER[0]))
        assert library.credentials is not None
        dialect = replace(library.sip2, checksum=Checksum.BYTES, error_detection=ErrorDetection.LEARN)
        sip2 = told.sip2.model_copy(update={"profile": dialect, "user": library.credentials.user,
                                            "password": library.credentials.password})
        settings = told.model_copy(update={"sip2": sip2})
        for had_learned in (None, LearnedDialect(Checksum.CODE_POINTS)):
            async with run_connector(settings) as connector:
                assert connector.client.status().learned == had_learned
                await sip2.ils(connector.client, system_clock).patron(readers_of(library, 7)[0].card)


# the manual

MANUAL = (Path(__file__).parents[3] / "docs" / "connector.md").read_text("utf-8")


@pytest.mark.parametrize("text", re.findall(r"```toml\n(.*?)```", MANUAL, re.DOTALL))
def test_the_manual_s_settings_can_be_used(tmp_path: Path, text: str) -> None:
    assert load(tmp_path, text).agency == "CN-310110-1-YANGPU"


def test_the_manual_names_every_setting_profile_and_reason() -> None:
    models = (Settings, Sip2Settings, MarcSettings, Z3950Settings, OaiSettings, HarvestSettings)
    known = [name for model in models for name in model.model_fields]
    names = [*known, *(item.name for item in fields(Profile)), *shipped_profiles(), *Reason]
    assert [name for name in names if not re.search(rf"[`\[.]{name}[`\]]", MANUAL)] == []
