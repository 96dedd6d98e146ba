import re
import tomllib
from pathlib import Path

import pytest

from connectors.kiosk.config import KioskSettings
from connectors.sip2.profile import Terminator
from schemas.identifiers import AgencyId
from trust.settings import SettingsRefused

TABLE = {"port": 6001, "place": "一楼大厅"}


def test_a_table_is_a_dialect_and_a_place():
    (kiosk,) = KioskSettings.read([TABLE | {"charset": "gbk", "terminator": "CRLF", "institution": "YP"}]).kiosks
    assert (kiosk.profile.charset, kiosk.profile.terminator, kiosk.profile.institution) == (
        "gbk", Terminator.CRLF, "YP")
    assert kiosk.place == "一楼大厅"


@pytest.mark.parametrize(("wrong", "word"), [
    ({"port": 70000}, "port"), ({"charset": "klingon"}, "charset"), ({"login": "sip"}, "user"),
    ({"subnet": "10.0.0.0/99"}, "subnet"), ({"certificate": "a.pem"}, "private_key"), ({"colour": "red"}, "colour"),
    ({"hold_days": 0}, "hold_days"), ({"lines_max": 0}, "lines_max"), ({"idle_seconds": 0}, "idle_seconds"),
    ({"timezone": "Mars/Olympus"}, "timezone"), ({"sort_bins": {"not an isil": "1"}}, "sort_bins"),
])
def test_a_wrong_setting_is_named(wrong, word):
    with pytest.raises(SettingsRefused, match=word):
        KioskSettings.read([TABLE, TABLE | wrong])


def test_a_password_is_never_shown():
    table = TABLE | {"login": "sip", "user": "k1", "password": "s3cret"}
    assert "s3cret" not in repr(KioskSettings.read([table]))
    with pytest.raises(SettingsRefused) as refused:
        KioskSettings.read([table | {"password": ["s3cret"]}])
    assert "s3cret" not in str(refused.value)


def test_kiosks_of_one_address_share_its_door_and_its_certificate():
    settings = KioskSettings.read([TABLE, TABLE | {"place": "二楼"}, TABLE | {"port": 6002}])
    assert [len(kiosks) for kiosks in settings.by_port.values()] == [2, 1]
    mixed = KioskSettings.read([TABLE, TABLE | {"certificate": "a.pem", "private_key": "a.key"}])
    with pytest.raises(SettingsRefused, match="certificate"):
        _ = mixed.by_port


def test_files_are_found_beside_the_settings():
    table = TABLE | {"certificate": "a.pem", "private_key": "a.key"}
    (kiosk,) = KioskSettings.read([table], Path("/etc/delta")).kiosks
    assert kiosk.certificate == Path("/etc/delta/a.pem")


def test_every_library_has_its_bin_and_what_nobody_owns_goes_to_staff():
    (kiosk,) = KioskSettings.read([TABLE | {"alliance_bin": "A", "staff_bin": "S",
                                            "sort_bins": {"CN-310110-1-YP": "3"}}]).kiosks
    assert [kiosk.bin_for(owner) for owner in (AgencyId("CN-310110-1-YP"), AgencyId("CN-X"), None)] == ["3", "A", "S"]


def test_the_manuals_example_is_accepted():
    manual = (Path(__file__).resolve().parents[3] / "docs" / "kiosks.md").read_text("utf-8")
    (example,) = re.findall("```toml\n(.*?)```", manual, re.DOTALL)
    settings = KioskSettings.read(tomllib.loads(example)["kiosk"])
    assert [kiosk.locker for kiosk in settings.kiosks] == ["", "地铁站书柜"]
    assert len(settings.by_port) == 1
