"""An evidence bundle: all that was said in one loan, provable by anybody with the alliance's root and no network.

One zip: the envelopes, their places in the log with inclusion proofs under one signed checkpoint, the chain of roots
and the directory. Verification asks whether each key was good when the message arrived, never what the time is now.

::

    bundle.json             the loan and its leaves: index, message, arrived, kind, proof
    checkpoint.txt          the log's size and root, signed by the gateway and its witnesses
    envelopes/<hash>.json   the signed messages; missing where retention has erased one
    directory/              roots/<version>.json, targets.json, directory.json, tariff.json, policies.json
"""

from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated

from pydantic import Base64Bytes, Field

from schemas.identifiers import ConversationId, MessageHash, ShortText, Timestamp, Wire
from trust.archive import pack, unpack
from trust.checkpoint import Checkpoint, open_checkpoint
from trust.cosignature import cosigners
from trust.directory import FILES, TrustedDirectory, accept
from trust.document import Unreadable, read_document
from trust.envelope import open_archived
from trust.errors import BadBundle, BrokenLink, BrokenProof, TrustError
from trust.evidence import PROOF_HASHES_MAX, leaf_hash, verify_inclusion
from trust.statements import describe

LEAVES_MAX = 2048
_MANIFEST, _CHECKPOINT, _TARGETS = "bundle.json", "checkpoint.txt", "directory/targets.json"


class Leaf(Wire):
    """One entry of the log, with the path from it to the checkpoint's root."""

    index: Annotated[int, Field(ge=0, lt=2**53)]
    message: MessageHash
    arrived: Timestamp
    kind: ShortText
    proof: Annotated[tuple[Base64Bytes, ...], Field(max_length=PROOF_HASHES_MAX)]


class Manifest(Wire):
    """The table of contents."""

    v: Annotated[int, Field(ge=1, le=1)] = 1
    loan: ConversationId
    leaves: Annotated[tuple[Leaf, ...], Field(min_length=1, max_length=LEAVES_MAX)]


@dataclass(frozen=True, slots=True)
class Entry:
    """What the log's keeper gives for one leaf; ``envelope`` is ``None`` where retention has erased it."""

    index: int
    message: MessageHash
    arrived: Timestamp
    kind: str
    envelope: bytes | None
    proof: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Statement:
    """Who said what, and when it arrived in the log."""

    who: str
    what: str
    when: str


@dataclass(frozen=True, slots=True)
class Report:
    """A bundle that holds. ``witnesses`` are the members that have cosigned its checkpoint."""

    loan: ConversationId
    statements: tuple[Statement, ...]
    leaves: int
    witnesses: tuple[str, ...]


def write_bundle(
    loan: ConversationId, entries: Iterable[Entry], checkpoint: bytes, directory: TrustedDirectory
) -> bytes:
    """Return the bundle of a loan; the same input gives the same bytes."""
    ordered = sorted(entries, key=lambda entry: entry.index)
    manifest = Manifest(loan=loan, leaves=tuple(
        Leaf(index=entry.index, message=entry.message, arrived=entry.arrived, kind=entry.kind,
             proof=tuple(b64encode(value) for value in entry.proof)) for entry in ordered))
    files = {_MANIFEST: manifest.model_dump_json(indent=1).encode(), _CHECKPOINT: checkpoint,
             _TARGETS: directory.targets}
    files |= {f"directory/{name}": data for name, data in directory.files.items()}
    files |= {f"directory/roots/{number:04}.json": root for number, root in enumerate(directory.root.chain)}
    files |= {_envelope_name(entry.message): entry.envelope for entry in ordered if entry.envelope is not None}
    return pack(files)


def verify_bundle(raw: bytes, trusted_root: bytes) -> Report:
    """Verify everything from the root down to the last message.

    Raises:
        BrokenLink: the first link that does not hold, by name.
    """
    with _link("bundle"):
        files = unpack(raw)
        manifest = _read_manifest(files)
    with _link("directory"):
        directory = _accept_directory(files, trusted_root, max(leaf.arrived for leaf in manifest.leaves))
    with _link("checkpoint"):
        gateway, note = directory.directory.gateway.agency, _need(files, _CHECKPOINT)
        checkpoint = open_checkpoint(note, gateway, directory.signing_keys(gateway))
        witnesses = tuple(sorted(cosigners(note, checkpoint, directory)))
    statements = []
    for leaf in manifest.leaves:
        with _link(f"leaf {leaf.index}"):
            _verify_leaf(leaf, checkpoint)
        with _link(f"message {leaf.message}"):
            statements.append(_read_statement(leaf, files, directory, manifest.loan))
    return Report(manifest.loan, tuple(statements), len(manifest.leaves), witnesses)


@contextmanager
def _link(name: str) -> Iterator[None]:
    try:
        yield
    except TrustError as error:
        raise BrokenLink(name, error) from None


def _read_manifest(files: dict[str, bytes]) -> Manifest:
    try:
        manifest = read_document(Manifest, _need(files, _MANIFEST))
    except Unreadable as error:
        raise BadBundle(f"{_MANIFEST}: {error}") from None
    if any(a.index >= b.index for a, b in zip(manifest.leaves, manifest.leaves[1:], strict=False)):
        raise BadBundle(f"{_MANIFEST}: leaves must stand in the order of the log, each once")
    return manifest


def _accept_directory(files: dict[str, bytes], trusted_root: bytes, arrived: Timestamp) -> TrustedDirectory:
    """The root given is the only one trusted; the directory need not have been valid later than the last arrival."""
    roots = [files[name] for name in sorted(files) if name.startswith("directory/roots/")]
    named = {name: files[f"directory/{name}"] for name in FILES if f"directory/{name}" in files}
    return accept([trusted_root, *roots], _need(files, _TARGETS), named, arrived)


def _verify_leaf(leaf: Leaf, checkpoint: Checkpoint) -> None:
    value = leaf_hash(leaf.message, leaf.arrived, leaf.kind)
    verify_inclusion(value, leaf.index, checkpoint.size, leaf.proof, checkpoint.root)


def _read_statement(
    leaf: Leaf, files: dict[str, bytes], directory: TrustedDirectory, loan: ConversationId
) -> Statement:
    when = f"{leaf.arrived:%FT%TZ}"
    envelope = files.get(_envelope_name(leaf.message))
    if envelope is None:
        return Statement("(erased)", f"a {leaf.kind} that retention has erased; its hash is in the log", when)
    verified = open_archived(envelope, directory, arrived=leaf.arrived, index=leaf.index)
    if verified.hash != leaf.message:
        raise BrokenProof("the envelope is not the message that the log names")
    if verified.message.type != leaf.kind or verified.message.conv != loan:
        raise BrokenProof(f"a {verified.message.type} of {verified.message.conv} stands as {leaf.kind} of {loan}")
    member = directory.directory.by_id[verified.signer]
    return Statement(f"{member.name_en} ({member.agency})", describe(verified.message), when)


def _need(files: dict[str, bytes], name: str) -> bytes:
    try:
        return files[name]
    except KeyError:
        raise BadBundle(f"{name} is missing from the bundle") from None


def _envelope_name(message: MessageHash) -> str:
    return f"envelopes/{message}.json"
