"""What a draft changes, line by line and in plain words: the last thing an admin reads before signing. Pure."""

from collections.abc import Iterator

from tuf.api.metadata import Root

from schemas.directory import Agency, KeyStatus, PublicKeyRecord
from schemas.identifiers import Wire
from trust.ceremony.admission import name_of
from trust.ceremony.draft import Draft
from trust.ceremony.words import nickname, words_of

_ROLES = {"root": "联盟管理员 admins", "targets": "编辑员 editors", "timestamp": "网关密钥 gateway keys"}


def changes(draft: Draft) -> tuple[str, ...]:
    """Return every difference between the published version and the draft."""
    return (*_versions(draft), *_root_changes(draft), *_member_changes(draft), *_request_lines(draft),
            *_field_changes("tariff", draft.base.tariff if draft.base else None, draft.tariff),
            *_field_changes("policies", draft.base.policies if draft.base else None, draft.policies))


def _versions(draft: Draft) -> Iterator[str]:
    for document in draft.documents:
        name = "联盟根 root" if document.signed.type == "root" else "成员名录 directory"
        yield f"{name} {document.signed.version}, 有效至 good until {document.signed.expires:%F}"


def _root_changes(draft: Draft) -> Iterator[str]:
    if draft.root is None:
        return
    before, after = (draft.base.root.metadata.signed if draft.base else None), draft.root.signed
    for role, name in _ROLES.items():
        old, new = _key_ids(before, role), _key_ids(after, role)
        threshold = after.roles[role].threshold
        if before is None or before.roles[role].threshold != threshold:
            yield f"{name}: 须 {threshold} 人签名,共 {len(new)} 人 {threshold} of {len(new)} must sign"
        yield from (f"+ {name}: {words_of(key_id)} ({key_id[:12]})" for key_id in new if key_id not in old)
        yield from (f"- {name}: {nickname(key_id)} ({key_id[:12]})" for key_id in old if key_id not in new)


def _key_ids(root: Root | None, role: str) -> list[str]:
    return list(root.roles[role].keyids) if root else []


def _member_changes(draft: Draft) -> Iterator[str]:
    before = draft.base.directory.by_id if draft.base else {}
    after = draft.directory.by_id if draft.directory else {}
    for agency, member in after.items():
        if agency not in before:
            yield f"+ {agency} ({member.role}) {member.name_zh} {member.name_en}"
        yield from _agency_changes(before.get(agency), member)
    yield from (f"- {agency} 移出名录 no longer listed" for agency in before if agency not in after)


def _agency_changes(before: Agency | None, after: Agency) -> Iterator[str]:
    known = {record.key_id: record for record in before.keys} if before else {}
    for record in after.keys:
        old = known.get(record.key_id)
        if old is None:
            yield f"  {after.agency}: 新密钥 new {record.purpose} key {record.key_id[:12]}, {_dates(record)}"
        elif old != record:
            yield f"  {after.agency}: {record.purpose} key {record.key_id[:12]} {_state(record)}, {_dates(record)}"
    if before:
        yield from _field_changes(after.agency, before.model_copy(update={"keys": ()}),
                                  after.model_copy(update={"keys": ()}))


def _dates(record: PublicKeyRecord) -> str:
    return f"{record.use_from:%F} – {record.sign_until:%F}"


def _state(record: PublicKeyRecord) -> str:
    if record.status is KeyStatus.REVOKED:
        return f"吊销 REVOKED ({record.reason}), 自日志此条起无效 void from log index {record.invalid_from}"
    return f"{record.status} {record.reason}".strip()


def _request_lines(draft: Draft) -> Iterator[str]:
    by = {entry.request: " + ".join(entry.by) for entry in draft.confirmed}
    for request in draft.requests:
        who = by.get(request.hash, "旧密钥签名 its old key")
        yield f"  {name_of(request)}: {words_of(request.hash)} (核对人 confirmed by {who})"


def _field_changes(name: str, before: Wire | None, after: Wire | None) -> Iterator[str]:
    old, new = (document.model_dump(mode="json") if document else {} for document in (before, after))
    for field in new:
        if old.get(field) != new[field]:
            yield f"  {name}: {field} {old.get(field, '(new)')} → {new[field]}"
