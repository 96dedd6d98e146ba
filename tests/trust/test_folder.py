from pathlib import Path

import pytest

from tests.trust.samples import NOW, Published
from trust import folder as trust_folder
from trust.errors import MalformedDirectory
from trust.folder import load_folder, write_folder

FIRST, SECOND = Published(), Published(version=2)


def write(path, published):
    write_folder(path, [published.root], published.targets, published.files)


def test_what_was_written_is_read_back(tmp_path):
    write(tmp_path, FIRST)
    assert load_folder(tmp_path, NOW).hash == FIRST.accept().hash


@pytest.mark.parametrize("writes_done", range(5))
def test_a_folder_cut_anywhere_in_the_middle_still_holds_the_version_before(tmp_path, monkeypatch, writes_done):
    write(tmp_path, FIRST)
    done = []
    real = trust_folder.write_atomically

    def cut_short(path, data):
        if len(done) == writes_done:
            raise OSError(28, "No space left on device")
        done.append(path)
        real(path, data)

    monkeypatch.setattr(trust_folder, "write_atomically", cut_short)
    with pytest.raises(OSError, match="No space"):
        write(tmp_path, SECOND)
    assert load_folder(tmp_path, NOW).version == 1
    monkeypatch.undo()
    write(tmp_path, SECOND)
    assert load_folder(tmp_path, NOW).version == 2


@pytest.mark.parametrize("missing", ["targets.json", "roots/1.json", "1/directory.json"])
def test_a_missing_file_is_named(tmp_path, missing):
    write(tmp_path, FIRST)
    Path(tmp_path, missing).unlink()
    with pytest.raises(MalformedDirectory, match=r"roots|targets\.json|directory\.json"):
        load_folder(tmp_path, NOW)
