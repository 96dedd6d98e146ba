"""The reference implementation as judge: our root and targets, with a timestamp and snapshot made here."""

from datetime import timedelta
from pathlib import Path

import pytest
from tuf.api.exceptions import DownloadHTTPError, UnsignedMetadataError
from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, Targets, Timestamp
from tuf.ngclient import Updater
from tuf.ngclient.fetcher import FetcherInterface

from tests.trust.samples import ADMINS, EDITORS, GATEWAY_KEY, Published
from trust.directory import DIRECTORY_FILE
from trust.publish import sign_document

HERE = "http://localhost/"


class Folder(FetcherInterface):
    """A repository in memory."""

    def __init__(self, files):
        self.files = files

    def _fetch(self, url):
        try:
            return iter([self.files[url.removeprefix(HERE)]])
        except KeyError:
            raise DownloadHTTPError("not found", 404) from None


def far_from_now(published):
    """The updater has its own clock, so these documents expire in a century."""
    century = timedelta(days=36_500)
    return published.but(expires=published.expires + century, root_expires=published.root_expires + century)


def repository(published, first):
    snapshot = Metadata(Snapshot(expires=published.expires, meta={"targets.json": MetaFile(published.version)}))
    timestamp = Metadata(Timestamp(expires=published.expires))
    files = {f"metadata/{published.root_version}.root.json": published.root,
             f"metadata/{first.root_version}.root.json": first.root,
             f"metadata/{published.version}.targets.json": published.targets,
             "metadata/1.snapshot.json": sign_document(Snapshot, snapshot.to_bytes(), [GATEWAY_KEY]),
             "metadata/timestamp.json": sign_document(Timestamp, timestamp.to_bytes(), [GATEWAY_KEY])}
    targets = Metadata[Targets].from_bytes(published.targets).signed.targets
    return files | {f"targets/{target.hashes['sha256']}.{name}": published.files[name]
                    for name, target in targets.items()}


def updater(tmp_path: Path, published, first):
    for name in ("metadata", "targets"):
        (tmp_path / name).mkdir()
    return Updater(str(tmp_path / "metadata"), HERE + "metadata/", str(tmp_path / "targets"), HERE + "targets/",
                   fetcher=Folder(repository(published, first)), bootstrap=first.root)


FIRST = far_from_now(Published())


@pytest.mark.parametrize("published", [
    FIRST,
    FIRST.but(version=2),
    FIRST.but(version=2, root_version=2, admins=(*ADMINS[:4], EDITORS[0]), root_signers=(*ADMINS[:3], EDITORS[0])),
], ids=["first", "second version", "second root"])
def test_the_updater_accepts_what_we_publish(tmp_path, published):
    client = updater(tmp_path, published, FIRST)
    client.refresh()
    target = client.get_targetinfo(DIRECTORY_FILE)
    path = client.download_target(target)
    assert Path(path).read_bytes() == published.files[DIRECTORY_FILE]
    assert published.accept(FIRST.accept()).version == published.version


def test_the_updater_refuses_what_we_refuse(tmp_path):
    published = FIRST.but(editor_signers=EDITORS[:1])
    with pytest.raises(UnsignedMetadataError):
        updater(tmp_path, published, FIRST).refresh()


def test_the_root_is_read_back_by_python_tuf():
    root = Metadata[Root].from_bytes(FIRST.root)
    root.signed.verify_delegate("targets", Metadata[Targets].from_bytes(FIRST.targets).signed_bytes,
                                Metadata[Targets].from_bytes(FIRST.targets).signatures)
