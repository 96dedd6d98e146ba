import re

import pytest

from connectors.sip2.profile import Checksum, Login, Terminator
from examples.alliance.readers import readers_of
from examples.alliance.roster import load_roster, with_varied_dialects
from schemas.bib import MarcFormat


@pytest.mark.parametrize("count", [2, 5, 31, 60, 310])
def test_a_roster_of_any_size_has_distinct_agencies(count):
    libraries = load_roster(count)

    assert len({library.slug for library in libraries}) == len({library.agency_id for library in libraries}) == count
    assert all(re.fullmatch(library.agency_id.pattern, library.agency_id) for library in libraries)


def test_a_smaller_roster_is_the_beginning_of_a_larger_one():
    assert load_roster(60)[:31] == load_roster(31)


def test_thirty_one_libraries_show_every_setting():
    libraries = with_varied_dialects(load_roster(31))
    profiles = [library.sip2 for library in libraries]

    assert {profile.charset for profile in profiles} == {"utf-8", "gbk", "gb18030", "cp850"}
    assert {profile.terminator for profile in profiles} == set(Terminator)
    assert {profile.checksum for profile in profiles} == set(Checksum)
    assert {profile.login for profile in profiles} == set(Login)
    assert {library.marc.format for library in libraries} == set(MarcFormat)
    assert {library.marc.charset for library in libraries} == {"utf-8", "gbk", "gb18030"}
    assert any(library.z3950 is None for library in libraries)


def test_only_a_library_with_a_login_has_credentials_and_they_stay_hidden():
    for library in with_varied_dialects(load_roster(31)):
        assert (library.credentials is None) == (library.sip2.login is Login.NONE)
        assert "-sample" not in repr(library.credentials)


def test_readers_are_the_same_for_the_same_seed_and_hide_their_names_and_pins():
    library = load_roster(1)[0]
    readers = readers_of(library, 7)

    assert readers == readers_of(library, 7) != readers_of(library, 8)
    assert {"䶮", "㛃", "喆"} <= {reader.name[1:] for reader in readers}
    assert any(reader.block for reader in readers)
    assert not any(reader.pin in repr(reader) or reader.name in repr(reader) for reader in readers)
