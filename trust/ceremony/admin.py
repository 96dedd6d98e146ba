"""``delta-trust sign`` and ``publish``, and what all the admins' commands share: the folder of the published
directory, the draft's file, and the answer that says what changes and who must still sign.

Signing happens offline, each admin on an own machine with an own copy of the directory. Publishing replaces the folder
in one step; cut short, it is run again.
"""

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from tuf.api.metadata import Root, Targets

from trust.ceremony.changes import changes
from trust.ceremony.draft import LONG_AGO, Draft, encode_draft, follows, read_draft
from trust.ceremony.errors import NotHere, WrongFolder
from trust.ceremony.signing import add_signature, ballots, finish, merge
from trust.ceremony.words import nickname
from trust.console import agreed, answer, explain, note, read_file, unlock, write_file
from trust.directory import TrustedDirectory, accept
from trust.folder import ROOTS, TARGETS, read_folder, write_folder
from trust.key_life import warnings_for
from trust.keys import SigningKey
from trust.root import hash_document, read_metadata

_FIRST = {ROOTS, "1"}
"""What a first publication that was cut short leaves behind."""


def sign(arguments: Namespace) -> int:
    """Add one admin's or editor's signature to the draft; return the exit code."""
    draft = read_draft(read_file(arguments.draft), published(arguments.directory))
    explain("请逐行核对以下改动;签名后草稿不能再改",
            "read every line: with your signature you answer for these changes")
    note("\n".join(changes(draft)))
    key = unlock(SigningKey.load, arguments.key, arguments.passphrase_file)
    signed = add_signature(draft, key, arguments.now)
    if not agreed(f"以密钥 {nickname(key.key_id)} 签名 sign with this key?", yes=arguments.yes):
        return 1
    write_file(arguments.draft, encode_draft(signed))
    answer_draft(arguments, signed, [f"已签名 signed by {nickname(key.key_id)} ({key.key_id[:12]})"])
    return 0


def publish(arguments: Namespace) -> int:
    """Make the next version of the directory from a draft that enough have signed; return the exit code."""
    copies = [read_file(path) for path in arguments.copies or [arguments.draft]]
    base = published(arguments.directory, unfinished=copies[0])
    draft = merge([read_draft(raw, base) for raw in copies])
    directory = finish(draft, arguments.now)
    explain(f"将把第 {directory.version} 版写入 {arguments.directory}",
            f"makes version {directory.version} the one in force there; versions are never taken back")
    note("\n".join(changes(draft)))
    if not agreed("发布 publish it?", yes=arguments.yes):
        return 1
    try:
        write_folder(arguments.directory, directory.root.chain, directory.targets, directory.files)
    except OSError as error:
        raise NotHere(f"{arguments.directory}: cannot be written: {error.strerror}; the version in force is untouched, "
                      "publish again") from None
    _set_aside(arguments, directory)
    warnings = [str(warning) for warning in warnings_for(directory, arguments.now)]
    version, root = directory.version, directory.root.version
    lines = [f"已发布第 {version} 版 published version {version} (root {root})",
             f"把文件夹 {arguments.directory} 复制到网关与各馆 copy it to the gateway and to each library"]
    answer({"version": version, "root": root, "hash": directory.hash, "warnings": warnings}, [*lines, *warnings],
           as_json=arguments.json)
    return 0


def published(folder: Path, unfinished: bytes | None = None) -> TrustedDirectory | None:
    """Return the version in force, run out or not; None before the first.

    ``unfinished`` is the draft whose publication may have been cut short: its root does not count yet.

    Raises:
        WrongFolder: something else lies there.
        DirectoryRefused: by name, what lies there does not hold.
    """
    if not (folder / TARGETS).exists():
        if folder.exists() and {entry.name for entry in folder.iterdir()} - _FIRST:
            raise WrongFolder(f"{folder} holds no directory of an alliance; give its folder with --directory")
        return None
    roots, targets, files = read_folder(folder)
    if unfinished is not None:
        roots = _without_own_root(roots, targets, unfinished)
    return accept(roots, targets, files, LONG_AGO)


def answer_draft(arguments: Namespace, draft: Draft, lines: Sequence[str] = ()) -> None:
    """Say who has signed the draft and who must still; programs are told its changes too."""
    open_ballots = [ballot for ballot in ballots(draft) if ballot.missing]
    step = (f"下一步 next: delta-trust sign --draft {arguments.draft} --key ..." if open_ballots
            else f"签名已足 enough have signed. 下一步 next: delta-trust publish --draft {arguments.draft}")
    states = [str(ballot) for ballot in ballots(draft)]
    answer({"draft": str(arguments.draft), "changes": changes(draft), "signatures": states,
            "complete": not open_ballots}, [*lines, *states, step], as_json=arguments.json)


def _without_own_root(roots: Sequence[bytes], targets: bytes, unfinished: bytes) -> list[bytes]:
    base, root = follows(unfinished)
    if base is None or root is None or read_metadata(Targets, targets).signed.version != base.targets:
        return list(roots)
    return [raw for raw in roots if hash_document(read_metadata(Root, raw)) != hash_document(root)]


def _set_aside(arguments: Namespace, directory: TrustedDirectory) -> None:
    """Keep what was signed, out of the way of the next draft."""
    if not arguments.copies:
        name = f"published-root{directory.root.version}-version{directory.version}.zip"
        arguments.draft.replace(arguments.draft.with_name(name))
