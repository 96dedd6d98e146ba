"""A running installation takes over newer directories, from the wire or from its folder, and never an older one."""

from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from tests.trust.samples import ADMINS, EDITORS, NOW, YANGPU, Published, agency, sample_directory
from trust import errors
from trust.archive import pack
from trust.directory import TrustedDirectory
from trust.folder import load_folder, write_folder
from trust.holding import HeldDirectory, pack_directory

FIRST = Published()
SECOND = Published(version=2)


def put(folder: Path, directory: TrustedDirectory) -> None:
    write_folder(folder, directory.root.chain, directory.targets, directory.files)


@pytest.fixture
def held(tmp_path: Path) -> HeldDirectory:
    put(tmp_path, FIRST.accept())
    return HeldDirectory(tmp_path, NOW)


def test_a_newer_version_from_the_wire_is_in_force_at_once_and_after_a_restart(held: HeldDirectory,
                                                                                tmp_path: Path) -> None:
    assert held.offer(pack_directory(SECOND.accept()), NOW)
    assert held().version == 2
    assert HeldDirectory(tmp_path, NOW)().version == 2
    assert not held.look(NOW), "it has judged this state of its folder"


def test_a_newer_version_that_somebody_puts_into_the_folder_is_taken_over(held: HeldDirectory, tmp_path: Path) -> None:
    assert not held.look(NOW)
    put(tmp_path, SECOND.accept())
    assert held.look(NOW)
    assert held().version == 2


def test_a_version_that_is_copied_file_by_file_is_in_force_once_it_is_whole(held: HeldDirectory, tmp_path: Path
                                                                             ) -> None:
    put(source := tmp_path / "source", SECOND.accept())
    names = ["targets.json", *(f"2/{name}" for name in SECOND.files)]
    (tmp_path / "2").mkdir()
    for name in names:
        data = (source / name).read_bytes()
        for part in (data[:9], data):
            with suppress(errors.TrustError):
                assert not held.look(NOW)
            (tmp_path / name).write_bytes(part)
    assert held.look(NOW)
    assert held().version == 2


def test_the_same_version_again_is_nothing_new(held: HeldDirectory) -> None:
    assert not held.offer(pack_directory(FIRST.accept()), NOW)


def test_a_new_root_comes_with_the_version_it_has(held: HeldDirectory, tmp_path: Path) -> None:
    rotated = Published(root_version=2, admins=(*ADMINS[1:], EDITORS[0]), root_signers=ADMINS[1:4])
    packed = pack({"roots/0001.json": FIRST.root, "roots/0002.json": rotated.root, "targets.json": FIRST.targets,
                   **FIRST.files})
    assert not held.offer(packed, NOW)
    assert held().root.version == 2
    assert load_folder(tmp_path, NOW).root.version == 2


@pytest.mark.parametrize(("offered", "refusal"), [
    (Published(version=2, editor_signers=EDITORS[:1]), errors.NotEnoughSignatures),
    (Published(version=2, expires=NOW), errors.DirectoryExpired),
    (Published(directory=sample_directory(agency(YANGPU))), errors.MixedFiles),
    (Published(version=2, directory=sample_directory(agency(YANGPU))), errors.KeyForgotten),
])
def test_what_does_not_verify_changes_nothing(held: HeldDirectory, tmp_path: Path, offered: Published,
                                              refusal: type[errors.TrustError]) -> None:
    packed = pack({"roots/0001.json": offered.root, "targets.json": offered.targets, **offered.files})
    with pytest.raises(refusal):
        held.offer(packed, NOW)
    assert held().version == 1
    assert HeldDirectory(tmp_path, NOW)().reference == held().reference


@pytest.mark.parametrize("packed", [b"", b"no zip", pack({}), pack({"targets.json": b"{}"})])
def test_what_is_no_directory_changes_nothing(held: HeldDirectory, packed: bytes) -> None:
    with pytest.raises(errors.TrustError):
        held.offer(packed, NOW)
    assert held().version == 1


def test_an_older_version_in_the_folder_is_refused_and_said_once(held: HeldDirectory, tmp_path: Path) -> None:
    held.offer(pack_directory(SECOND.accept()), NOW)
    put(tmp_path, FIRST.accept())
    with pytest.raises(errors.RolledBack):
        held.look(NOW)
    assert not held.look(NOW)
    assert held().version == 2


def test_a_library_that_was_away_for_long_comes_back(tmp_path: Path) -> None:
    put(tmp_path, FIRST.accept())
    later = NOW + timedelta(days=40)
    held = HeldDirectory(tmp_path, later)
    assert not held.is_in_force(later)
    assert held.offer(pack_directory(Published(version=2, expires=later + timedelta(days=30)).accept()), later)
    assert held.is_in_force(later)
