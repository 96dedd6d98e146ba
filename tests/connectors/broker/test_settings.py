"""The broker's settings: targets by host, by profile and by SRU address, and what cannot be."""

from pathlib import Path

import pytest

from connectors.broker.settings import BrokerSettings
from connectors.z3950.apdu import IdPass
from connectors.z3950.profile import Profile, shipped_profiles
from trust.settings import SettingsRefused


def read(folder: Path, *targets: dict[str, object]) -> BrokerSettings:
    return BrokerSettings.of_table({"targets": targets}, folder, "[broker]")


def test_a_target_is_what_its_profile_says_and_the_settings_before_it(tmp_path: Path):
    (tmp_path / "nlc.toml").write_text(Profile(host="a", port=9991, query_charset="gb18030").to_toml(), "utf-8")
    (target,) = read(tmp_path, {"name": "国图", "profile": "nlc.toml", "database": "UCS01U", "user": "u",
                                "password": "s3cret"}).known()
    assert (target.profile.host, target.profile.port, target.profile.database) == ("a", 9991, "UCS01U")
    assert (target.profile.query_charset, target.credentials) == ("gb18030", IdPass(None, "u", "s3cret"))
    assert "s3cret" not in repr(target)


@pytest.mark.parametrize("name", shipped_profiles())
def test_a_shipped_profile_needs_a_host(tmp_path: Path, name: str):
    assert read(tmp_path, {"name": "x", "profile": name, "host": "h"}).known()[0].profile.host == "h"


def test_an_address_makes_it_sru(tmp_path: Path):
    (target,) = read(tmp_path, {"name": "x", "sru": "https://sru.example.edu/a"}).known()
    assert target.sru is not None
    assert target.sru.url == "https://sru.example.edu/a"


@pytest.mark.parametrize(("targets", "told"), [
    ([{"name": "x"}], "needs a host"),
    ([{"name": "x", "host": "a"}, {"name": "x", "host": "b"}], "two targets have one name"),
    ([{"name": "x", "profile": "nobody"}], "no profile 'nobody'"),
    ([{"name": "x", "profile": "missing.toml"}], "missing.toml"),
    ([{"name": "x", "sru": "ftp://a"}], "sru"),
])
def test_what_cannot_be_is_refused_by_name(tmp_path: Path, targets: list[dict[str, object]], told: str):
    with pytest.raises(SettingsRefused, match=told):
        read(tmp_path, *targets)
