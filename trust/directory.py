"""The signed directory and its rules of acceptance (TUF): the only way to a key.

``targets`` (k of n editors, whom ``root`` names) binds ``directory.json``, ``tariff.json`` and ``policies.json`` by
length and hash. The chain of roots is in ``trust.root``, freshness in ``trust.freshness``; files and network are not
here. Source: TUF specification 5.6, over python-tuf's metadata API.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from tuf.api.metadata import Targets

from schemas.directory import Agency, Directory, KeyPurpose, KeyStatus, Policies, PublicKeyRecord, Tariff
from schemas.identifiers import AgencyId, MessageHash
from trust.document import Unreadable, W, read_document
from trust.errors import DirectoryExpired, KeyForgotten, MalformedDirectory, MixedFiles, RolledBack, UnknownKey
from trust.keyring import Keyring, SealingEntry, build_keyring
from trust.keys import VerifyingKey
from trust.root import DOCUMENT_BYTES_MAX, TrustedRoot, hash_document, read_metadata

DIRECTORY_FILE = "directory.json"
TARIFF_FILE = "tariff.json"
POLICIES_FILE = "policies.json"
FILES = (DIRECTORY_FILE, TARIFF_FILE, POLICIES_FILE)


@dataclass(frozen=True)
class TrustedDirectory:
    """A directory that was accepted. ``targets`` and ``files`` are the signed bytes, to be passed on as they are."""

    version: int
    hash: MessageHash
    expires: datetime
    directory: Directory
    tariff: Tariff
    policies: Policies
    root: TrustedRoot
    targets: bytes
    files: Mapping[str, bytes]
    keyring: Keyring

    @property
    def reference(self) -> tuple[int, MessageHash]:
        """Version and hash, as a message's ``dir`` states them."""
        return self.version, self.hash

    def key(self, key_id: str) -> tuple[Agency, PublicKeyRecord, VerifyingKey]:
        """Return a signing key and who holds it; raise ``UnknownKey`` where none is listed."""
        try:
            return self.keyring.signing[key_id]
        except KeyError:
            raise UnknownKey(f"version {self.version} of the directory lists no signing key {key_id[:12]}; "
                             "refresh the directory once and try again") from None

    def signing_keys(self, agency: AgencyId) -> tuple[VerifyingKey, ...]:
        """Return every key whose signatures count for an agency, past ones too; none that was revoked."""
        return tuple(key for holder, record, key in self.keyring.signing.values()
                     if holder.agency == agency and record.status is not KeyStatus.REVOKED)

    def sealing_key(self, agency: AgencyId, now: datetime) -> SealingEntry:
        """Return the key to seal to an agency with, the newest in use; raise ``UnknownKey`` where there is none."""
        holder = self.directory.by_id.get(agency)
        record = holder.key_in_use(KeyPurpose.SEAL, now) if holder else None
        if record is None:
            raise UnknownKey(f"{agency} has no sealing key in use on {now:%FT%TZ}; it must enrol one")
        return next(entry for entry in self.keyring.sealing[agency] if entry[0] is record)


def accept(
    root_chain: Sequence[bytes],
    targets: bytes,
    files: Mapping[str, bytes],
    now: datetime,
    known: TrustedDirectory | None = None,
) -> TrustedDirectory:
    """Verify a directory and return it; what was ``known`` stays in force where this raises.

    Without ``known`` the first root of the chain is the one the caller trusts, from the installation.

    Raises:
        DirectoryRefused: by name.
        WeakKey: a key of small order is listed.
    """
    root = known.root.follow(root_chain) if known else TrustedRoot.begin(root_chain)
    root.require_unexpired(now)
    metadata = read_metadata(Targets, targets)
    root.require_signed(metadata)
    signed = metadata.signed
    reference = signed.version, hash_document(metadata)
    if known:
        _require_not_older(reference, known)
    if signed.expires <= now:
        raise DirectoryExpired(f"the editors' signatures on version {signed.version} ran out {signed.expires:%FT%TZ}, "
                               f"the clock here says {now:%FT%TZ}; the editors must sign a new version")
    own_files = {name: require_listed(signed, name, files) for name in FILES}
    directory = _read(Directory, DIRECTORY_FILE, own_files)
    if known:
        _require_kept(known.directory, directory)
    return TrustedDirectory(
        *reference,
        expires=signed.expires,
        directory=directory,
        tariff=_read(Tariff, TARIFF_FILE, own_files),
        policies=_read(Policies, POLICIES_FILE, own_files),
        root=root,
        targets=targets,
        files=own_files,
        keyring=build_keyring(directory),
    )


def _require_not_older(reference: tuple[int, MessageHash], known: TrustedDirectory) -> None:
    if reference[0] < known.version:
        raise RolledBack(f"version {reference[0]} of the directory was offered, version {known.version} is known")
    if reference[0] == known.version and reference != known.reference:
        raise MixedFiles(f"two different directories carry version {known.version}; the editors must explain")


def _require_kept(known: Directory, directory: Directory) -> None:
    for key_id, (holder, _) in known.keys.items():
        if key_id not in directory.keys or directory.keys[key_id][0].agency != holder.agency:
            raise KeyForgotten(f"key {key_id[:12]} of {holder.agency} is no longer listed as its own; keys are revoked "
                               "or retired, never removed: the editors must sign a version that keeps it")


def require_listed(signed: Targets, name: str, files: Mapping[str, bytes]) -> bytes:
    """Return a file if the targets name exactly its bytes; raise ``MixedFiles`` otherwise."""
    entry, data = signed.targets.get(name), files.get(name)
    if entry is None or data is None:
        raise MixedFiles(f"{name} is missing {'from targets' if entry is None else 'beside targets'}")
    # Of the hashes that TUF allows only SHA-256 counts here.
    named = entry.length, entry.hashes.get("sha256")
    if len(data) > DOCUMENT_BYTES_MAX or named != (len(data), hashlib.sha256(data).hexdigest()):
        raise MixedFiles(f"{name} is not the file that version {signed.version} of targets names")
    return data


def _read(model: type[W], name: str, files: Mapping[str, bytes]) -> W:
    try:
        return read_document(model, files[name])
    except Unreadable as error:
        raise MalformedDirectory(f"{name}: {error}") from None
