"""The reference implementation as judge: our root and targets, with a timestamp and snapshot made here."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tuf.api import exceptions
from tuf.api.exceptions import DownloadHTTPError
from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, Targets, Timestamp
from tuf.ngclient import Updater
from tuf.ngclient.fetcher import FetcherInterface

from tests.trust.samples import ADMINS, EDITORS, GATEWAY_KEY, NOW, YANGPU, Published, agency, sample_directory
from trust import errors
from trust.directory import DIRECTORY_FILE, accept
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


def repository(published, first, online=1):
    """``online`` is the version of what the hub signs as it likes."""
    far = FIRST.expires
    meta = {"targets.json": MetaFile(published.version)}
    snapshot = Metadata(Snapshot(version=online, expires=far, meta=meta))
    timestamp = Metadata(Timestamp(version=online, expires=far, snapshot_meta=MetaFile(online)))
    files = {f"metadata/{published.root_version}.root.json": published.root,
             f"metadata/{first.root_version}.root.json": first.root,
             f"metadata/{published.version}.targets.json": published.targets,
             f"metadata/{online}.snapshot.json": sign_document(Snapshot, snapshot.to_bytes(), [GATEWAY_KEY]),
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


def second_time(tmp_path, published, first, **served):
    """The same installation asks again, and is offered other documents."""
    updater(tmp_path, first, first).refresh()
    return Updater(str(tmp_path / "metadata"), HERE + "metadata/", str(tmp_path / "targets"), HERE + "targets/",
                   fetcher=Folder(repository(published, first, online=2) | served), bootstrap=first.root)


SECOND_EDITORS = (*EDITORS[1:], ADMINS[0])


def doubled(raw):
    document = json.loads(raw)
    document["signatures"].append(document["signatures"][0])
    return json.dumps(document).encode()


PAST = datetime(2020, 1, 1, tzinfo=UTC)
REFUSED = {
    "rollback": (FIRST.but(version=2), FIRST, exceptions.BadVersionNumberError, errors.RolledBack),
    "freeze": (None, FIRST.but(expires=PAST), exceptions.ExpiredMetadataError, errors.DirectoryExpired),
    "fast forward by the hub": (FIRST, FIRST.but(version=99, editor_signers=(GATEWAY_KEY,)),
                                exceptions.UnsignedMetadataError, errors.NotEnoughSignatures),
    "under-signed targets": (FIRST, FIRST.but(version=2, editor_signers=EDITORS[:1]),
                             exceptions.UnsignedMetadataError, errors.NotEnoughSignatures),
    "under-signed root": (FIRST, FIRST.but(root_version=2, root_signers=ADMINS[:2]),
                          exceptions.UnsignedMetadataError, errors.NotEnoughSignatures),
    "root of new admins only": (FIRST, FIRST.but(root_version=2, admins=EDITORS, root_signers=EDITORS),
                                exceptions.UnsignedMetadataError, errors.NotEnoughSignatures),
    "expired final root": (FIRST, FIRST.but(root_version=2, root_expires=PAST),
                           exceptions.ExpiredMetadataError, errors.DirectoryExpired),
    "editor replaced by root 2": (FIRST, FIRST.but(root_version=2, editors=SECOND_EDITORS, version=2),
                                  exceptions.UnsignedMetadataError, errors.NotEnoughSignatures),
}


@pytest.mark.parametrize(("known", "offered", "theirs", "ours"), REFUSED.values(), ids=REFUSED)
def test_the_updater_refuses_what_we_refuse(tmp_path, known, offered, theirs, ours):
    client = second_time(tmp_path, offered, known) if known else updater(tmp_path, offered, FIRST)
    with pytest.raises(theirs):
        client.refresh()
    with pytest.raises(ours):
        accept([FIRST.root, offered.root], offered.targets, offered.files, NOW, known and known.accept())


def test_the_updater_refuses_mixed_files_as_we_do(tmp_path):
    other = FIRST.but(directory=sample_directory(agency(YANGPU)))
    client = updater(tmp_path, FIRST, FIRST)
    client.refresh()
    target = client.get_targetinfo(DIRECTORY_FILE)
    client._fetcher.files[f"targets/{target.hashes['sha256']}.{DIRECTORY_FILE}"] = other.files[DIRECTORY_FILE]
    with pytest.raises(exceptions.RepositoryError):
        client.download_target(target)
    with pytest.raises(errors.MixedFiles):
        accept([FIRST.root], FIRST.targets, other.files, NOW)


def test_the_updater_counts_one_signature_once_as_we_do(tmp_path):
    once = FIRST.but(version=2, editor_signers=EDITORS[:1])
    client = second_time(tmp_path, once, FIRST, **{"metadata/2.targets.json": doubled(once.targets)})
    with pytest.raises(exceptions.RepositoryError):
        client.refresh()
    with pytest.raises(errors.MalformedDirectory):
        accept([FIRST.root], doubled(once.targets), once.files, NOW)


def test_the_root_is_read_back_by_python_tuf():
    root = Metadata[Root].from_bytes(FIRST.root)
    root.signed.verify_delegate("targets", Metadata[Targets].from_bytes(FIRST.targets).signed_bytes,
                                Metadata[Targets].from_bytes(FIRST.targets).signatures)
