"""``delta-trust draft``, ``rotate`` and ``revoke``: what the next version is to be.

Each begins a draft, or goes on with the one that lies there as long as nobody has signed it. New keys come from
requests only; names, limits, tariff and policies from the alliance's own files, which people edit.
"""

from argparse import Namespace
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from schemas.directory import Directory, Policies, Tariff
from trust.ceremony.admin import answer_draft, published
from trust.ceremony.admission import (
    CHECKERS,
    Confirmation,
    admit,
    confirm,
    is_continued,
    name_of,
    read_heard,
)
from trust.ceremony.begin import MEMBERS_FILE, read_list
from trust.ceremony.changes import changes
from trust.ceremony.draft import (
    Draft,
    begin_draft,
    encode_draft,
    propose_members,
    propose_root,
    read_draft,
    take_requests,
)
from trust.ceremony.errors import NotAMember, WrongFolder
from trust.ceremony.request import Request, read_request
from trust.ceremony.signing import require_clock
from trust.ceremony.words import nickname
from trust.console import agreed, ask, explain, note, read_file, write_file
from trust.directory import POLICIES_FILE, TARIFF_FILE
from trust.document import Unreadable, W, read_document
from trust.errors import WrongUse
from trust.key_life import revoke as revoke_key
from trust.publish import Quorum, quorum_of


def draft(arguments: Namespace) -> int:
    """Propose members, tariff and policies, with the keys of new members; return the exit code."""
    explain("拟定名录的下一版;发布前什么都不生效",
            "drafts the next version of the directory; nothing counts before it is published")
    begun = _open(arguments)
    directory, tariff, policies = _documents(begun, arguments.alliance)
    requests = _read_requests(arguments.request)
    begun, directory = _admit(begun, directory, requests, arguments.heard, rotating=False)
    proposed = propose_members(begun, directory, tariff, policies)
    if proposed.base is None:
        proposed = propose_root(proposed, *_first_quorums(begun, arguments.ceremony))
    return _keep(arguments, proposed)


def rotate_member(arguments: Namespace) -> int:
    """Let members' new keys follow their present ones; return the exit code."""
    explain("新密钥几天后启用,旧密钥再用几天:在途消息不丢",
            "the new key begins in a few days and the old one goes on for some more: nothing on its way is lost")
    begun = _open(arguments)
    directory, tariff, policies = _documents(begun, None)
    requests = _read_requests(arguments.request)
    begun, directory = _admit(begun, directory, requests, arguments.heard, rotating=True)
    return _keep(arguments, propose_members(begun, directory, tariff, policies))


def rotate_people(arguments: Namespace) -> int:
    """Replace admins or editors, or renew the root as it is; return the exit code."""
    explain("签发新的联盟根:须旧、新管理员各达法定人数",
            "drafts a new root: enough of the present admins and enough of the new ones must sign it")
    begun = _open(arguments)
    root = begun.root_in_force
    if root is None:
        raise WrongFolder("there is no published root to rotate; begin with delta-trust draft")
    requests = _read_requests(arguments.add)
    _require_people(requests, arguments.role)
    begun = take_requests(begun, requests, _confirm(begun, requests, arguments.heard))
    quorums = {"admin": quorum_of(root, "root"), "editor": quorum_of(root, "targets")}
    quorums[arguments.role] = _rotated(quorums[arguments.role], requests, arguments.remove, arguments.threshold)
    if arguments.role == "editor":  # what the former editors signed must be signed again by those to come
        begun = propose_members(begun, *_documents(begun, None))
    return _keep(arguments, propose_root(begun, quorums["admin"], quorums["editor"]))


def revoke(arguments: Namespace) -> int:
    """Declare members' keys void from a place in the evidence log on; return the exit code."""
    begun, index = _open(arguments), arguments.from_index
    directory, tariff, policies = _documents(begun, None)
    explain(f"吊销以下密钥:自日志第 {index} 条起其消息一律无效。吊销不可撤回,密钥记录永久保留",
            f"revokes these keys: what they signed is void from log index {index} on. A revocation is never taken "
            "back; the records stay for ever")
    if index < 0:
        raise WrongUse(f"--from-index {index}: the evidence log begins at 0")
    for text in arguments.key:
        key_id = _find_key(text, directory.keys)
        directory = revoke_key(directory, key_id, begun.made, reason=arguments.reason, invalid_from=index)
    return _keep(arguments, propose_members(begun, directory, tariff, policies))


def _open(arguments: Namespace) -> Draft:
    base = published(arguments.directory)
    begun = begin_draft(base, arguments.now)
    if not arguments.draft.exists():
        return begun
    note(f"接着编辑 going on with {arguments.draft}")
    lying = read_draft(read_file(arguments.draft), base)
    require_clock(lying, begun.made)
    return replace(lying, made=begun.made)


def _keep(arguments: Namespace, proposed: Draft) -> int:
    note("\n".join(changes(proposed)))
    if not agreed(f"写入草稿 {arguments.draft} write the draft?", yes=arguments.yes):
        return 1
    write_file(arguments.draft, encode_draft(proposed))
    answer_draft(arguments, proposed)
    return 0


def _documents(begun: Draft, alliance: Path | None) -> tuple[Directory, Tariff, Policies]:
    """The alliance's own files where they are given, with the keys that are listed already."""
    if alliance is not None:
        members = _read(Directory, alliance / MEMBERS_FILE)
        return (_with_keys(members, begun.directory), _read(Tariff, alliance / TARIFF_FILE),
                _read(Policies, alliance / POLICIES_FILE))
    if begun.directory is None or begun.tariff is None or begun.policies is None:
        raise WrongUse("the first draft needs the alliance's own files: give --alliance FOLDER and --ceremony "
                       "admins.json (delta-trust ceremony init and template write them)")
    return begun.directory, begun.tariff, begun.policies


def _with_keys(members: Directory, listed: Directory | None) -> Directory:
    if members.keys:
        raise WrongUse(f"{MEMBERS_FILE} names keys; keys come from requests only, remove them from the file")
    known = listed.by_id if listed else {}
    if missing := [agency for agency, member in known.items() if member.keys and agency not in members.by_id]:
        raise NotAMember(f"{MEMBERS_FILE} no longer lists {', '.join(missing)}; a member that left stays listed with "
                         "its keys, so that what it signed can be verified")
    return Directory(alliance=members.alliance, agencies=tuple(
        member.model_copy(update={"keys": known[member.agency].keys}) if member.agency in known else member
        for member in members.agencies))


def _admit(begun: Draft, directory: Directory, requests: Sequence[Request], heard: Sequence[Path], *,
           rotating: bool) -> tuple[Draft, Directory]:
    for request in requests:
        directory = admit(directory, request, begun.made, rotating=rotating)
    return take_requests(begun, requests, _confirm(begun, requests, heard)), directory


def _confirm(begun: Draft, requests: Iterable[Request], heard: Sequence[Path]) -> list[Confirmation]:
    base = begun.base.directory if begun.base else None
    unknown = [request for request in requests if base is None or not is_continued(request, base)]
    if not unknown:
        return []
    lists = {path.stem: read_heard(_text(path)) for path in heard} or _hear(unknown)
    return [confirm(request, lists) for request in unknown]


def _hear(requests: Sequence[Request]) -> Mapping[str, Mapping[str, str]]:
    """Two people at the terminal type what each applicant reads to them."""
    lists: dict[str, dict[str, str]] = {}
    for number in range(1, CHECKERS + 1):
        person = ask(f"第 {number} 位核对人,您的姓名 checker {number}, your name:")
        if person in lists:
            raise WrongUse("两位核对人须为不同的人 the two checkers must be two people")
        lists[person] = {name: ask(f"请致电 call {name};听到的十二个词 the twelve words you hear:")
                         for name in map(name_of, requests)}
    return lists


def _first_quorums(begun: Draft, ceremony: Path | None) -> tuple[Quorum, Quorum]:
    if ceremony is not None:
        return read_list(ceremony).quorums
    if begun.root is None:
        raise WrongUse("the first draft needs to know the admins: give --ceremony admins.json")
    return quorum_of(begun.root.signed, "root"), quorum_of(begun.root.signed, "targets")


def _require_people(requests: Iterable[Request], role: str) -> None:
    for request in requests:
        if request.enrolment.applicant != role:
            raise NotAMember(f"{request} asks to be {request.enrolment.applicant}, not {role}")


def _rotated(quorum: Quorum, added: Sequence[Request], removed: Sequence[str], threshold: int | None) -> Quorum:
    leaving = {_find_key(text, [key.key_id for key in quorum.keys]) for text in removed}
    staying = (key for key in quorum.keys if key.key_id not in leaving)
    return Quorum((*staying, *(request.signing_key for request in added)), threshold or quorum.threshold)


def _find_key(text: str, key_ids: Iterable[str]) -> str:
    """Return the key that somebody means by the beginning of its id or by its first three words."""
    found = [key_id for key_id in key_ids if (len(text) >= 6 and key_id.startswith(text)) or nickname(key_id) == text]
    if len(found) != 1:
        raise WrongUse(f"{text}: {len(found)} keys are called so; give the first 12 characters of its id")
    return found[0]


def _read_requests(paths: Iterable[Path]) -> list[Request]:
    requests = [read_request(read_file(path)) for path in paths]
    for request in requests:
        note(f"申请 request: {request}, {request.enrolment.created:%F %H:%M}")
    return requests


def _read(model: type[W], path: Path) -> W:
    try:
        return read_document(model, read_file(path))
    except Unreadable as error:
        raise WrongUse(f"{path}: {error}; compare with what delta-trust ceremony template writes") from None


def _text(path: Path) -> str:
    try:
        return read_file(path).decode()
    except UnicodeDecodeError:
        raise WrongUse(f"{path}: not a text in UTF-8") from None
