"""Signatures on a draft: who must sign, who has, one more, and the version that enough have signed.

A root needs a threshold of the admins before it and of its own; targets need a threshold of the editors whom the root
names that will be in force. Copies of one draft that were signed apart come together in ``merge``. Pure.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from securesystemslib.signer import Signature
from tuf.api.metadata import Metadata, Root

from trust.ceremony.admission import require_vouched
from trust.ceremony.draft import Document, Draft
from trust.ceremony.errors import (
    DraftChanged,
    HalfSigned,
    NotASigner,
    NothingToSign,
    SignedAlready,
    TwoDrafts,
    WrongClock,
)
from trust.ceremony.words import nickname
from trust.directory import TrustedDirectory, accept
from trust.envelope import CLOCK_SKEW_MAX
from trust.errors import BadSignature
from trust.keys import SigningKey, VerifyingKey
from trust.root import S, verifying_key


@dataclass(frozen=True, slots=True)
class Ballot:
    """One threshold that a document of the draft must reach."""

    document: str
    whose: str
    keys: frozenset[str]
    threshold: int
    signed: frozenset[str]

    @property
    def missing(self) -> int:
        """How many must still sign."""
        return max(self.threshold - len(self.signed), 0)

    def __str__(self) -> str:
        names = ", ".join(sorted(map(nickname, self.signed))) or "nobody yet"
        return f"{self.document}: {len(self.signed)}/{self.threshold} {self.whose} ({names})"


def ballots(draft: Draft) -> tuple[Ballot, ...]:
    """Return every threshold and how far it is reached.

    Raises:
        NothingToSign: the draft is empty.
        NotASigner: a signature by nobody who may sign.
        DraftChanged: a signature that does not fit what it signed.
    """
    if not draft.documents:
        raise NothingToSign("the draft holds no document; make one with delta-trust draft, rotate or revoke")
    found = tuple(_ballots(draft))
    for document in draft.documents:
        _require_fitting(document, draft, {key for ballot in found for key in ballot.keys})
    return found


def add_signature(draft: Draft, key: SigningKey, now: datetime) -> Draft:
    """Return the draft with this key's signature under each document that it may sign.

    Raises:
        CeremonyRefused: by name.
    """
    require_clock(draft, now)
    require_new_keys_vouched(draft)
    mine = {ballot.document: ballot for ballot in ballots(draft) if key.key_id in ballot.keys}
    who = f"key {nickname(key.key_id)} ({key.key_id[:12]})"
    if not mine:
        raise NotASigner(f"{who} is neither an admin nor an editor for this draft; take your own key file")
    if all(key.key_id in ballot.signed for ballot in mine.values()):
        raise SignedAlready(f"{who} has signed this draft before; another admin or editor must sign")
    return replace(draft, root=_signed(draft.root, key, mine), targets=_signed(draft.targets, key, mine))


def merge(drafts: Sequence[Draft]) -> Draft:
    """Return one draft with all signatures of its copies; raise ``TwoDrafts`` where they are not copies of one."""
    merged = drafts[0]
    for draft in drafts[1:]:
        if _content(draft) != _content(merged):
            raise TwoDrafts("these are two different drafts, not copies of one; the admins must choose one, and move "
                            "the other away")
        merged = replace(merged, root=_with_signatures(merged.root, draft.root),
                         targets=_with_signatures(merged.targets, draft.targets))
    return merged


def finish(draft: Draft, now: datetime) -> TrustedDirectory:
    """Return the version that the draft becomes.

    Raises:
        HalfSigned: somebody must still sign; the text says how many of whom.
        TrustError: by name, as everybody would refuse the version.
    """
    require_clock(draft, now)
    require_new_keys_vouched(draft)
    open_ballots = [str(ballot) for ballot in ballots(draft) if ballot.missing]
    if open_ballots:
        raise HalfSigned(f"not enough have signed: {'; '.join(open_ballots)}")
    root = [draft.root.to_bytes()] if draft.root else []
    base = draft.base
    if draft.targets is not None:
        return accept(root, draft.targets.to_bytes(), draft.files, now, base)
    assert base is not None, "only a first draft has no base, and it has targets"
    return accept(root, base.targets, base.files, now, base)


def require_clock(draft: Draft, now: datetime) -> None:
    """Raise ``WrongClock`` where the draft comes from the future."""
    if draft.made > now + CLOCK_SKEW_MAX:
        raise WrongClock(f"the draft was made {draft.made:%FT%TZ}, the clock here says {now:%FT%TZ}: "
                         f"{draft.made - now} behind; set the clock that is wrong before you sign")


def require_new_keys_vouched(draft: Draft) -> None:
    """Check again what was checked when the requests were taken in: each signer is answerable for it.

    The admins and editors of a first root are known by the ceremony's own list, which all of them hold.
    """
    before, after = (draft.base.directory if draft.base else None), draft.directory
    new = set(after.keys if after else ()) - set(before.keys if before else ())
    if draft.base and draft.root:
        known = draft.base.root.metadata.signed
        new |= {key_id for role in ("root", "targets") for key_id in draft.root.signed.roles[role].keyids
                if key_id not in known.keys}
    require_vouched(sorted(new), before, draft.requests, draft.confirmed)


def _ballots(draft: Draft) -> Iterator[Ballot]:
    if draft.root is not None:
        if draft.base:
            yield _ballot(draft.root, "present admins", draft.base.root.metadata.signed)
        yield _ballot(draft.root, "admins", draft.root.signed)
    if draft.targets is not None:
        root = draft.root_in_force
        assert root is not None, "a draft without a base has a root before it is written"
        yield _ballot(draft.targets, "editors", root)


def _ballot(document: Metadata[S], whose: str, root: Root) -> Ballot:
    role = root.roles[document.signed.type]
    keys = frozenset(role.keyids)
    return Ballot(_name(document), whose, keys, role.threshold, keys & set(document.signatures))


def _require_fitting(document: Document, draft: Draft, allowed: set[str]) -> None:
    for key_id, signature in document.signatures.items():
        if key_id not in allowed:
            raise NotASigner(f"key {key_id[:12]} has signed {document.signed.type} and is neither an admin nor an "
                             "editor; make a new draft")
        try:
            _public(draft, key_id).verify(bytes.fromhex(signature.signature), document.signed_bytes)
        except (BadSignature, ValueError):
            raise DraftChanged(f"the draft was changed after {nickname(key_id)} ({key_id[:12]}) signed it; make a new "
                               "draft, and find out who changed this one") from None


def _public(draft: Draft, key_id: str) -> VerifyingKey:
    roots = [draft.root.signed] if draft.root else []
    roots += [draft.base.root.metadata.signed] if draft.base else []
    return next(verifying_key(root, key_id) for root in roots if key_id in root.keys)


def _signed(document: Metadata[S] | None, key: SigningKey, mine: Mapping[str, Ballot]) -> Metadata[S] | None:
    if document is None or _name(document) not in mine:
        return document
    signature = Signature(key.key_id, key.sign(document.signed_bytes).hex())
    return Metadata(document.signed, {**document.signatures, key.key_id: signature})


def _with_signatures(document: Metadata[S] | None, other: Metadata[S] | None) -> Metadata[S] | None:
    if document is None or other is None:
        return document
    return Metadata(document.signed, {**document.signatures, **other.signatures})


def _content(draft: Draft) -> tuple[object, ...]:
    return (*(document.signed_bytes for document in draft.documents), draft.requests, draft.confirmed)


def _name(document: Metadata[S]) -> str:
    return f"{'root' if document.signed.type == 'root' else 'directory'} {document.signed.version}"
