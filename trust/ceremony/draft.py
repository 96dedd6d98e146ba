"""A draft: the next version of the directory, from the first change until enough admins have signed it.

One file that travels from hand to hand, a plain zip::

    draft.json                             when it was made, on which version, who vouches for which request
    root.json                              where admins, editors or the gateway's keys change
    targets.json directory.json tariff.json policies.json    where anything else changes
    requests/<hash>.json                   the requests to be enrolled that were taken in

Whatever is proposed replaces what the draft held before, as long as nobody has signed. Pure: files, clock and the
published directory are arguments. Signatures are in ``trust.ceremony.signing``.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Literal

from tuf.api.metadata import Metadata, Root, Targets

from schemas.directory import Directory, KeyPurpose, KeyStatus, Policies, PublicKeyRecord, Role, Tariff
from schemas.identifiers import Count, MessageHash, Timestamp, Wire
from trust.archive import pack, unpack
from trust.ceremony.admission import Confirmation, require_made_before
from trust.ceremony.errors import DamagedDraft, DraftChanged, DraftSigned, StaleDraft, WrongClock, WrongFolder
from trust.ceremony.request import Request, read_request
from trust.directory import DIRECTORY_FILE, FILES, POLICIES_FILE, TARIFF_FILE, TrustedDirectory, require_listed
from trust.document import Unreadable, W, read_document
from trust.envelope import CLOCK_SKEW_MAX
from trust.errors import BadBundle, DirectoryRefused, MalformedDirectory
from trust.key_life import LEAD, retire
from trust.publish import Quorum, build_root, build_targets, encode_document, key_of, quorum_of
from trust.root import S, read_metadata

ROOT_FOR, TARGETS_FOR = timedelta(days=730), timedelta(days=30)
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
"""As of then nothing has run out: admins must be able to read the version that they are about to renew."""
_MODELS: Mapping[str, type[Wire]] = {DIRECTORY_FILE: Directory, TARIFF_FILE: Tariff, POLICIES_FILE: Policies}
_MANIFEST, _ROOT, _TARGETS, _REQUESTS = "draft.json", "root.json", "targets.json", "requests/"


Document = Metadata[Root] | Metadata[Targets]


class Base(Wire):
    """The published version that a draft follows."""

    root: Count
    targets: Count
    hash: MessageHash


class _Manifest(Wire):
    v: Literal[1] = 1
    made: Timestamp
    base: Base | None = None
    confirmed: tuple[Confirmation, ...] = ()


@dataclass(frozen=True)
class Draft:
    """The next version on top of ``base``, which is None before the first one."""

    base: TrustedDirectory | None
    made: datetime
    confirmed: tuple[Confirmation, ...] = ()
    requests: tuple[Request, ...] = ()
    root: Metadata[Root] | None = None
    targets: Metadata[Targets] | None = None
    files: Mapping[str, bytes] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def directory(self) -> Directory | None:
        """The members as they will be."""
        return self._document(Directory, DIRECTORY_FILE) or (self.base.directory if self.base else None)

    @property
    def tariff(self) -> Tariff | None:
        """The tariff as it will be."""
        return self._document(Tariff, TARIFF_FILE) or (self.base.tariff if self.base else None)

    @property
    def policies(self) -> Policies | None:
        """The policies as they will be."""
        return self._document(Policies, POLICIES_FILE) or (self.base.policies if self.base else None)

    @property
    def root_in_force(self) -> Root | None:
        """The root as it will be."""
        if self.root is not None:
            return self.root.signed
        return self.base.root.metadata.signed if self.base else None

    @property
    def documents(self) -> tuple[Document, ...]:
        """What is to be signed."""
        return tuple(document for document in (self.root, self.targets) if document is not None)

    @property
    def signers(self) -> tuple[str, ...]:
        """Ids of the keys that have signed anything in the draft."""
        return tuple(dict.fromkeys(key_id for document in self.documents for key_id in document.signatures))

    def _document(self, model: type[W], name: str) -> W | None:
        return read_document(model, self.files[name]) if name in self.files else None


def begin_draft(base: TrustedDirectory | None, made: datetime) -> Draft:
    """Return an empty draft on top of what is published; raise ``WrongClock`` where that is younger than now."""
    if base and base.directory.keys:
        latest = max(record.use_from for _, record in base.directory.keys.values()) - LEAD
        if made < latest - CLOCK_SKEW_MAX:
            raise WrongClock(f"version {base.version} was made {latest:%FT%TZ} or later, the clock here says "
                             f"{made:%FT%TZ}; set this machine's clock")
    return Draft(base, made.replace(microsecond=0))


def take_requests(draft: Draft, requests: Iterable[Request], confirmed: Iterable[Confirmation]) -> Draft:
    """Return the draft with requests that were taken in, and who vouches for them.

    Raises:
        DraftSigned: nothing may be added any more.
        WrongClock: a request was made later than the clock here says.
    """
    _require_unsigned(draft)
    requests = tuple(requests)
    for request in requests:
        require_made_before(request, draft.made)
    return replace(draft, requests=(*draft.requests, *requests), confirmed=(*draft.confirmed, *confirmed))


def propose_members(draft: Draft, directory: Directory, tariff: Tariff, policies: Policies) -> Draft:
    """Return the draft with these documents; where the gateway has new keys, also with a root that names them."""
    _require_unsigned(draft)
    files = {DIRECTORY_FILE: encode_document(retire(directory, draft.made)), TARIFF_FILE: encode_document(tariff),
             POLICIES_FILE: encode_document(policies)}
    version = draft.base.version + 1 if draft.base else 1
    targets = build_targets(version=version, expires=draft.made + TARGETS_FOR, files=files)
    proposed = replace(draft, files=files, targets=read_metadata(Targets, targets))
    root = proposed.root_in_force
    if root is None or _names_gateway(root, proposed):
        return proposed
    return propose_root(proposed, quorum_of(root, "root"), quorum_of(root, "targets"))


def propose_root(draft: Draft, admins: Quorum, editors: Quorum) -> Draft:
    """Return the draft with a root of these admins and editors, and the gateway's keys in force."""
    _require_unsigned(draft)
    version = draft.base.root.version + 1 if draft.base else 1
    root = build_root(version=version, expires=draft.made + ROOT_FOR, admins=admins, editors=editors,
                      gateway=gateway_quorum(draft))
    return replace(draft, root=read_metadata(Root, root))


def gateway_quorum(draft: Draft) -> Quorum:
    """Return the gateway's signing keys in force, any one of which may state freshness."""
    keys = tuple(key_of(record) for record in _gateway_records(draft)
                 if record.status is KeyStatus.ACTIVE and record.sign_until >= draft.made)
    if not keys:
        raise MalformedDirectory("the gateway has no key in force; take its request in first")
    return Quorum(keys, 1)


def encode_draft(draft: Draft) -> bytes:
    """Return the draft's file."""
    base = draft.base and Base(root=draft.base.root.version, targets=draft.base.version, hash=draft.base.hash)
    manifest = _Manifest(made=draft.made, base=base, confirmed=draft.confirmed)
    files = {_MANIFEST: encode_document(manifest), **draft.files}
    files |= {name: document.to_bytes() for name, document in ((_ROOT, draft.root), (_TARGETS, draft.targets))
              if document is not None}
    return pack(files | {f"{_REQUESTS}{request.hash}.json": request.raw for request in draft.requests})


def read_draft(raw: bytes, base: TrustedDirectory | None) -> Draft:
    """Read a draft's file against the directory published here.

    Raises:
        DamagedDraft: not such a file.
        StaleDraft: a newer version has been published since; ``WrongFolder`` where this is not its directory.
        DraftChanged: its files are not those that its own list names.
        RequestRefused: a request in it does not hold.
    """
    manifest, files = _unpack(raw)
    _require_base(manifest.base, base)
    requests = tuple(read_request(files[name]) for name in sorted(files) if name.startswith(_REQUESTS))
    draft = Draft(base, manifest.made, manifest.confirmed, requests, _metadata(Root, _ROOT, files),
                  _metadata(Targets, _TARGETS, files), {name: files[name] for name in FILES if name in files})
    _require_whole(draft)
    return draft


def follows(raw: bytes) -> tuple[Base | None, Metadata[Root] | None]:
    """Return which version a draft's file follows, and its root: to recognise its own publication when cut short."""
    manifest, files = _unpack(raw)
    return manifest.base, _metadata(Root, _ROOT, files)


def _unpack(raw: bytes) -> tuple[_Manifest, dict[str, bytes]]:
    try:
        files = unpack(raw)
        return read_document(_Manifest, files.get(_MANIFEST, b"")), files
    except (BadBundle, Unreadable) as error:
        raise DamagedDraft(f"not a draft that delta-trust wrote, or damaged on its way: {error}") from None


def _metadata(kind: type[S], name: str, files: Mapping[str, bytes]) -> Metadata[S] | None:
    try:
        return read_metadata(kind, files[name]) if name in files else None
    except DirectoryRefused as error:
        raise DamagedDraft(f"{name} was damaged on its way: {error}") from None


def _gateway_records(draft: Draft) -> list[PublicKeyRecord]:
    agencies = draft.directory.agencies if draft.directory else ()
    gateways = [agency for agency in agencies if agency.role is Role.GATEWAY]
    if len(gateways) != 1:
        raise MalformedDirectory(f"members.json lists {len(gateways)} gateways; an alliance has exactly one")
    return [record for record in gateways[0].keys if record.purpose is KeyPurpose.SIGN]


def _names_gateway(root: Root, draft: Draft) -> bool:
    named = set(root.roles["timestamp"].keyids)
    revoked = {record.key_id for record in _gateway_records(draft) if record.status is KeyStatus.REVOKED}
    return {key.key_id for key in gateway_quorum(draft).keys} <= named and not named & revoked


def _require_base(named: Base | None, base: TrustedDirectory | None) -> None:
    if named is None and base is None:
        return
    if base is None:
        raise WrongFolder("the draft follows a published version, but there is no directory here; give the folder of "
                          "the alliance's directory with --directory")
    if named is None or (named.root, named.targets) != (base.root.version, base.version):
        what = f"version {named.targets} under root {named.root}" if named else "nothing: it begins an alliance"
        error = WrongFolder if named and (named.root, named.targets) > (base.root.version, base.version) else StaleDraft
        raise error(f"the draft follows {what}; the directory here is at version {base.version} under root "
                    f"{base.root.version}; bring the newest directory here, or move this "
                    "draft away and make a new one")
    if named.hash != base.hash:
        raise WrongFolder(f"the draft follows another directory of version {base.version} than the one here; "
                          "compare with the other admins before anybody signs")


def _require_whole(draft: Draft) -> None:
    """A file that was edited in the zip, or a version that does not follow, must not be shown to a signer as is."""
    versions = [(draft.root, draft.base.root.version if draft.base else 0),
                (draft.targets, draft.base.version if draft.base else 0)]
    try:
        for document, before in versions:
            if document is not None and document.signed.version != before + 1:
                raise DraftChanged(f"its {document.signed.type} is not version {before + 1}; make a new draft")
        if draft.targets is not None:
            for name, model in _MODELS.items():
                read_document(model, require_listed(draft.targets.signed, name, draft.files))
    except (Unreadable, DirectoryRefused) as error:
        raise DraftChanged(f"it was changed by other means than delta-trust: {error}; make a new draft") from None


def _require_unsigned(draft: Draft) -> None:
    if draft.signers:
        raise DraftSigned(f"{len(draft.signers)} have signed this draft, so nothing may be added; publish it, or move "
                          "it away and make a new one")
