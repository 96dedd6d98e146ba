"""Make and sign the documents of the directory: drafts in, drafts with one more signature out.

Used by ``delta-trust``, the examples and the tests. Each admin signs the same draft on an own machine, so every step
is bytes to bytes. Not here: files, passphrases, and whether the result will be accepted (``trust.directory``).
"""

from base64 import b64encode
from binascii import a2b_base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from securesystemslib.signer import Signature, SSlibKey
from tuf.api.metadata import Metadata, Role, Root, TargetFile, Targets
from tuf.api.serialization.json import JSONSerializer

from schemas.directory import KeyPurpose, KeyScheme, PublicKeyRecord
from schemas.identifiers import Wire
from trust.errors import MalformedDirectory
from trust.keys import SealingKey, SigningKey, VerifyingKey
from trust.root import S, read_metadata, verifying_key


@dataclass(frozen=True, slots=True)
class Quorum:
    """Keys of which ``threshold`` must sign."""

    keys: tuple[VerifyingKey, ...]
    threshold: int

    def __post_init__(self) -> None:
        if not 1 <= self.threshold <= len(set(self.keys)) or len(set(self.keys)) != len(self.keys):
            raise MalformedDirectory(f"{self.threshold} of {len(set(self.keys))} different keys cannot be asked for")


def build_root(*, version: int, expires: datetime, admins: Quorum, editors: Quorum, gateway: Quorum) -> bytes:
    """Return an unsigned root. The gateway's keys state freshness: TUF's timestamp and snapshot roles."""
    quorums = {"root": admins, "targets": editors, "timestamp": gateway, "snapshot": gateway}
    root = Root(
        version=version,
        expires=expires,
        keys={key.key_id: _tuf_key(key) for quorum in quorums.values() for key in quorum.keys},
        roles={role: Role([key.key_id for key in quorum.keys], quorum.threshold) for role, quorum in quorums.items()},
    )
    return _encode(Metadata(root))


def quorum_of(root: Root, role: str) -> Quorum:
    """Return who signs for a role of a root; raise ``MalformedDirectory`` where a key is not one of ours."""
    entry = root.roles[role]
    return Quorum(tuple(verifying_key(root, key_id) for key_id in entry.keyids), entry.threshold)


def build_targets(*, version: int, expires: datetime, files: Mapping[str, bytes]) -> bytes:
    """Return unsigned targets that name these files by length and SHA-256."""
    targets = {name: TargetFile.from_data(name, data, ["sha256"]) for name, data in sorted(files.items())}
    return _encode(Metadata(Targets(version=version, expires=expires, targets=targets)))


def sign_document(kind: type[S], draft: bytes, keys: Iterable[SigningKey]) -> bytes:
    """Return the draft with these keys' signatures added to those it has."""
    metadata = read_metadata(kind, draft)
    for key in keys:
        metadata.signatures[key.key_id] = Signature(key.key_id, key.sign(metadata.signed_bytes).hex())
    return _encode(metadata)


def encode_document(document: Wire) -> bytes:
    """Return the bytes of ``directory.json``, ``tariff.json`` or ``policies.json``: indented, to be read by people."""
    return document.model_dump_json(indent=1, exclude_none=True).encode() + b"\n"


def record_of(
    key: VerifyingKey | SealingKey, *, use_from: datetime, sign_until: datetime, verify_until: datetime
) -> PublicKeyRecord:
    """Return the directory's record of a new key."""
    signs = isinstance(key, VerifyingKey)
    return PublicKeyRecord(
        key_id=key.key_id,
        purpose=KeyPurpose.SIGN if signs else KeyPurpose.SEAL,
        scheme=KeyScheme.ED25519 if signs else KeyScheme.ECDH_ES_P256,
        public=b64encode(key.raw if isinstance(key, VerifyingKey) else key.public).decode(),
        use_from=use_from,
        sign_until=sign_until,
        verify_until=verify_until,
    )


def key_of(record: PublicKeyRecord) -> VerifyingKey:
    """Return the key of a signing record."""
    return VerifyingKey.from_raw(a2b_base64(record.public))


def _tuf_key(key: VerifyingKey) -> SSlibKey:
    return SSlibKey(key.key_id, "ed25519", "ed25519", {"public": key.raw.hex()})


def _encode(metadata: Metadata[S]) -> bytes:
    return metadata.to_bytes(JSONSerializer(compact=True))
