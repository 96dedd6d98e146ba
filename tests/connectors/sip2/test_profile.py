import json
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.sip2.errors import ProfileError
from connectors.sip2.profile import (
    CHARSETS,
    Checksum,
    ErrorDetection,
    Login,
    Profile,
    Terminator,
    shipped_profiles,
)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("charset", "klingon"),
        ("delimiter", "ab"),
        ("delimiter", "A"),
        ("delimiter", "東"),
        ("delimiter", "\r"),
        ("timezone", "Mars/Olympus"),
        ("timezone", "../etc"),
        ("unsupported", frozenset({"XS"})),
        ("send_empty", frozenset({"63AC"})),
    ],
)
def test_a_dialect_that_cannot_be_is_refused_by_name(field: str, value: object) -> None:
    with pytest.raises(ProfileError, match=field):
        Profile(**{field: value})  # type: ignore[arg-type]


def test_the_terminal_password_never_shows() -> None:
    assert "s3cret" not in repr(Profile(terminal_password="s3cret"))


def test_equal_profiles_are_equal_and_hashable() -> None:
    assert {Profile(charset="gbk"), Profile(charset="gbk")} == {Profile(charset="gbk")}
    assert str(Profile().zone) == "Asia/Shanghai"


# As TOML


def profiles_in_full() -> st.SearchStrategy[Profile]:
    text = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
    return st.builds(
        Profile,
        charset=st.sampled_from(sorted(CHARSETS)),
        terminator=st.sampled_from(Terminator),
        checksum=st.sampled_from(Checksum),
        error_detection=st.sampled_from(ErrorDetection),
        login=st.sampled_from(Login),
        institution=text,
        terminal_password=text,
        location=text,
        language=text,
        heartbeat_seconds=st.integers(0, 86_400),
        unsupported=st.frozensets(st.sampled_from(["15", "25", "01"])),
        omit=st.frozensets(st.sampled_from(["63.AC", "11.AD"])),
        negative_fee_is_owed=st.booleans(),
    )


@given(profiles_in_full())
def test_a_profile_survives_as_toml_and_as_json(profile: Profile) -> None:
    assert Profile.from_toml(profile.to_toml()) == profile
    assert Profile.from_table(json.loads(json.dumps(profile.to_table()))) == profile


def test_what_a_file_leaves_out_is_the_default() -> None:
    assert Profile.from_toml("") == Profile()
    assert Profile.from_toml('terminator = "LF"') == Profile(terminator=Terminator.LF)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("charsett = 'gbk'", "charsett"),
        ("checksum = 'crc32'", "checksum must be one of bytes, code_points"),
        ("terminator = '\\\\r'", "terminator must be one of CR, CRLF, LF"),
        ("terminator = ['CR']", "terminator must be"),
        ("send_nb_due_date = 1", "send_nb_due_date must be true or false"),
        ("heartbeat_seconds = true", "heartbeat_seconds must be a whole number"),
        ("heartbeat_seconds = -1", "heartbeat_seconds must be 0 to"),
        ("unsupported = '15'", "unsupported must be a list"),
        ("unsupported = [15]", "unsupported must be a list"),
        ("omit = ['AC']", "omit is a list of texts such as '63.AC'"),
        ("charset = 'klingon'", "klingon"),
        ("charset", "no TOML"),
    ],
)
def test_a_file_that_is_no_profile_is_refused_by_name(text: str, named: str) -> None:
    with pytest.raises(ProfileError, match=named):
        Profile.from_toml(text)


def test_a_password_in_the_wrong_place_is_not_shown() -> None:
    with pytest.raises(ProfileError) as refused:
        Profile.from_toml("terminal_password = ['s3cret']")
    assert "s3cret" not in str(refused.value)


# The starting points that come with the package


@pytest.mark.parametrize("name", shipped_profiles())
def test_a_starting_point_loads_and_each_of_its_lines_says_where_the_fact_comes_from(name: str) -> None:
    assert isinstance(Profile.shipped(name), Profile)
    above = ""
    for line in files("connectors.sip2").joinpath("profiles", f"{name}.toml").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            assert above.startswith("#"), line
        above = line


def test_the_starting_points_hold_what_is_known_of_each_system() -> None:
    assert set(shipped_profiles()) == {
        "koha", "evergreen-sipserver", "folio-edge", "dp2", "generic-gbk", "generic-utf8"
    }  # fmt: skip
    assert Profile.shipped("dp2").checksum is Checksum.CODE_POINTS_WITHOUT_TRAILER
    assert "15" in Profile.shipped("folio-edge").unsupported
    assert Profile.shipped("generic-gbk").error_detection is ErrorDetection.LEARN
    with pytest.raises(ProfileError, match=r"there are .*koha"):
        Profile.shipped("../koha")
