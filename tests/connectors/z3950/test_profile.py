"""Profiles: every field survives its file, the shipped ones load, and what cannot be is refused by name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.z3950 import oid
from connectors.z3950.adapt import adapt
from connectors.z3950.chunk import Chunk
from connectors.z3950.errors import ProfileError, UnsupportedQuery
from connectors.z3950.pqf import parse, to_pqf
from connectors.z3950.profile import Profile, shipped_profiles

from .strategies import queries


@pytest.mark.parametrize("name", shipped_profiles())
def test_a_shipped_profile_is_read_back_as_written(name: str):
    profile = Profile.shipped(name)
    assert Profile.from_toml(profile.to_toml()) == profile
    assert profile.host == ""


@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=20), st.frozensets(st.integers(1, 9999)))
def test_any_text_and_number_survives_the_file(text: str, uses: frozenset[int]):
    profile = Profile(host=text, canary=text, uses=uses, attributes={"1=4": "1=1016"})
    assert Profile.from_toml(profile.to_toml()) == profile


@pytest.mark.parametrize(("table", "key"), [
    ({"port": 0}, "port"),
    ({"port": "210"}, "port"),
    ({"query_charset": "klingon"}, "query_charset"),
    ({"syntaxes": []}, "syntaxes"),
    ({"syntaxes": ["paper"]}, "syntaxes"),
    ({"password": "secret"}, "password"),
    ({"broken": ["everything"]}, "broken"),
    ({"attributes": {"title": "1=4"}}, "attributes"),
    ({"attributes": {"1=4": "drop"}}, "attributes"),
    ({"chunk_records": 10**9}, "chunk_records"),
])  # fmt: skip
def test_what_a_profile_cannot_be_is_named(table: dict[str, object], key: str):
    with pytest.raises(ProfileError, match=key) as refused:
        Profile.from_table(table)
    assert "secret" not in str(refused.value)


def test_what_is_no_toml_and_no_profile_is_named():
    with pytest.raises(ProfileError, match="no TOML"):
        Profile.from_toml("port = ")
    with pytest.raises(ProfileError, match="there are"):
        Profile.shipped("nowhere")


def test_syntaxes_are_names_or_oids_and_features_are_good_until_known_better():
    profile = Profile(syntaxes=("UNIMARC", "1.2.3"), offers=frozenset({"scan", "sort"}), broken=frozenset({"sort"}))
    assert profile.syntax_oids == (oid.UNIMARC, "1.2.3")
    assert profile.is_good_at("scan")
    assert not profile.is_good_at("sort")
    assert not profile.is_good_at("delete")
    assert Profile().is_good_at("delete")


def test_attributes_are_translated_dropped_or_refused_and_the_change_is_said():
    profile = Profile(uses=frozenset({4, 1016}), attributes={"1=1018": "1=1016", "2=103": "", "1=31": "refuse"})
    query = parse('@and @attr 1=1018 科学 @or @attr 2=103 @attr 1=4 a @attr 1=7 "9787"')
    adapted = adapt(query, profile)
    assert to_pqf(adapted.query) == "@and @attr 1=1016 科学 @or @attr 1=4 a 9787"
    assert adapted.changes == ("1=1018>1=1016", "2=103>", "1=7>")
    with pytest.raises(UnsupportedQuery) as refused:
        adapt(parse("@attr 1=31 2020"), profile)
    assert refused.value.code == 114


@given(queries)
def test_a_profile_that_knows_nothing_changes_nothing(query):
    adapted = adapt(query, Profile())
    assert (adapted.query, adapted.changes) == (query, ())


def test_a_chunk_grows_while_all_is_delivered_and_fits_into_a_message():
    chunk = Chunk(10, 100, message_bytes=40_000)
    chunk.delivered(10, 10, 10_000)
    assert chunk.records == 20
    chunk.delivered(20, 20, 20_000)
    assert chunk.records == 40
    chunk.delivered(40, 40, 80_000)
    assert chunk.records == 20
    chunk.delivered(5, 5, 100)
    assert chunk.records == 20


def test_a_chunk_shrinks_to_what_was_delivered_and_never_grows_again():
    chunk = Chunk(20, 100, message_bytes=1 << 20)
    chunk.delivered(20, 7, 100)
    chunk.delivered(7, 7, 100)
    assert chunk.records == 7
    chunk.refused(7)
    assert chunk.records == 3
    chunk.delivered(3, 3, 1)
    assert chunk.records == 3
