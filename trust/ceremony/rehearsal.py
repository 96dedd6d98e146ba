"""``delta-trust rehearse``: a whole ceremony in a sandbox folder, by the very commands that the admins will give.

Founds an alliance, enrols its libraries, then lets a library rotate its keys, revokes a stolen key and replaces an
admin. Each command is shown before it runs. The sandbox's passphrases lie in the open: its keys are good for nothing.
"""

from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import datetime
from io import StringIO
from pathlib import Path

from trust.ceremony.draft import LONG_AGO
from trust.ceremony.errors import WrongFolder
from trust.ceremony.words import nickname
from trust.console import agreed, answer, explain, note, write_file
from trust.errors import WrongUse
from trust.folder import load_folder

Run = Callable[[Sequence[str], datetime], int]
EDITORS, EDITORS_THRESHOLD = 3, 2


@dataclass(frozen=True, slots=True)
class Step:
    """One command line, and what it is for."""

    about: str
    command: tuple[str, ...]


def rehearse(arguments: Namespace, run: Run) -> int:
    """Play every step; return the exit code of the first that fails, or 0."""
    folder: Path = arguments.folder
    if not 1 <= arguments.threshold < arguments.admins or arguments.libraries < 2:
        raise WrongUse("a rehearsal replaces one admin of several and needs two libraries at least")
    if folder.exists() and any(folder.iterdir()):
        raise WrongFolder(f"{folder} is not empty; a rehearsal takes a folder of its own")
    explain(f"在 {folder} 演练完整仪式:奠基、登记、签名、发布、换钥、吊销、更换管理员",
            "rehearses a whole ceremony there: found, enrol, sign, publish, rotate, revoke, replace an admin")
    if not agreed("开始 begin?", yes=arguments.yes):
        return 1
    folder.mkdir(parents=True, exist_ok=True)
    sandbox = _Sandbox(folder, arguments.admins, arguments.threshold, arguments.libraries)
    done = 0
    for done, step in enumerate(sandbox.steps(), 1):
        note(f"[{done}/{sandbox.count}] {step.about}\n  $ delta-trust {' '.join(step.command)}")
        code = _quietly(run, step.command, arguments.now)
        if code:
            return code
    directory = load_folder(folder / "directory", arguments.now)
    version, root = directory.version, directory.root.version
    answer({"folder": str(folder), "steps": done, "version": version, "root": root},
           [f"演练完成 done: {done} 步 steps, 名录 directory {version}, 联盟根 root {root}"], as_json=arguments.json)
    return 0


def _quietly(run: Run, command: Sequence[str], now: datetime) -> int:
    said = StringIO()
    with redirect_stdout(said), redirect_stderr(said):
        code = run(command, now)
    if code:
        note(said.getvalue())
    return code


@dataclass(frozen=True, slots=True)
class _Sandbox:
    folder: Path
    admins: int
    threshold: int
    libraries: int

    @property
    def count(self) -> int:
        """How many steps there will be: to found, to rotate, to revoke, to replace an admin, to verify."""
        editors, admins = EDITORS_THRESHOLD, self.threshold
        return (2 + 1 + self.libraries + 1 + admins + editors + 1) + (2 + editors + 1) + (1 + editors + 1) + (
            2 + admins + 1) + 1

    def steps(self) -> Iterator[Step]:
        """The steps in order; a later one may read what an earlier one has written."""
        yield from self._found()
        yield from self._rotate()
        yield from self._revoke()
        yield from self._replace_admin()
        yield Step("核验 verify", ("verify", self._at("directory"), "--root", self._at("directory/roots/1.json")))

    def _found(self) -> Iterator[Step]:
        people = self.admins + EDITORS
        passphrases = [f"sandbox passphrase {number}\n".encode() for number in range(people)]
        write_file(self.folder / "passphrases.txt", b"".join(passphrases))
        for number, passphrase in enumerate(passphrases):
            write_file(self.folder / f"passphrase-{number}.txt", passphrase)
        yield Step("管理员与编辑员的密钥 keys of admins and editors", (
            "ceremony", "init", self._at("ceremony"), "--admins", str(self.admins), "--threshold", str(self.threshold),
            "--editors", str(EDITORS), "--editors-threshold", str(EDITORS_THRESHOLD), "--passphrases",
            self._at("passphrases.txt"), "--yes"))
        yield Step("成员名单 members, tariff, policies", (
            "ceremony", "template", self._at("alliance"), "--libraries", str(self.libraries), "--yes"))
        members = [("gateway", "DELTA-GATEWAY"), *(("library", self._library(n)) for n in range(self.libraries))]
        for kind, agency in members:
            yield Step(f"{agency} 登记 enrols", self._enroll(kind, agency))
        requests = [self._at(f"{agency}/request.json") for _, agency in members]
        yield Step("拟稿 draft", (
            "draft", *self._files(), "--alliance", self._at("alliance"), "--ceremony", self._at("ceremony/admins.json"),
            "--request", *requests, *self._heard([agency for _, agency in members]), "--yes"))
        yield from self._sign("admin", self.threshold)
        yield from self._sign("editor", EDITORS_THRESHOLD)
        yield self._publish()

    def _rotate(self) -> Iterator[Step]:
        library = self._library(0)
        yield Step(f"{library} 换钥 renews its keys", (*self._enroll("library", library), "--renew"))
        yield Step("新旧密钥交叠 the new keys follow", (
            "rotate", "member", self._at(f"{library}/request.json"), *self._files(), "--yes"))
        yield from self._sign("editor", EDITORS_THRESHOLD)
        yield self._publish()

    def _revoke(self) -> Iterator[Step]:
        directory = load_folder(self.folder / "directory", LONG_AGO)
        key_id = directory.directory.agencies[-1].keys[0].key_id
        yield Step("吊销失窃密钥 revoke a stolen key", (
            "revoke", key_id[:12], "--reason", "rehearsed theft", "--from-index", "0", *self._files(), "--yes"))
        yield from self._sign("editor", EDITORS_THRESHOLD)
        yield self._publish()

    def _replace_admin(self) -> Iterator[Step]:
        yield Step("新管理员 a new admin", (
            "enroll", "admin", self._at("new-admin"), "--name", "new-admin", "--passphrase-file",
            self._at("passphrase-0.txt"), "--yes"))
        directory = load_folder(self.folder / "directory", LONG_AGO)
        leaving = directory.root.metadata.signed.roles["root"].keyids[-1]
        yield Step(f"替换管理员 {nickname(leaving)} replace an admin", (
            "rotate", "admins", "--add", self._at("new-admin/request.json"), "--remove", leaving[:12],
            *self._heard(["new-admin"]), *self._files(), "--yes"))
        yield from self._sign("admin", self.threshold)
        yield self._publish()

    def _sign(self, kind: str, count: int) -> Iterator[Step]:
        first = 0 if kind == "admin" else self.admins
        for number in range(count):
            yield Step(f"{kind}-{number + 1} 签名 signs", (
                "sign", *self._files(), "--key", self._at(f"ceremony/{kind}-{number + 1}.key.pem"), "--passphrase-file",
                self._at(f"passphrase-{first + number}.txt"), "--yes"))

    def _publish(self) -> Step:
        return Step("发布 publish", ("publish", *self._files(), "--yes"))

    def _enroll(self, kind: str, agency: str) -> tuple[str, ...]:
        return ("enroll", kind, self._at(agency), "--agency", agency, "--yes")

    def _heard(self, names: Sequence[str]) -> tuple[str, ...]:
        """Two people write down what the applicants read to them; here they copy it."""
        words = b"".join((self.folder / name / "words.txt").read_bytes() for name in names)
        lists = [self.folder / "heard-1.txt", self.folder / "heard-2.txt"]
        for path in lists:
            write_file(path, words)
        return "--heard", str(lists[0]), "--heard", str(lists[1])

    def _files(self) -> tuple[str, ...]:
        return "--directory", self._at("directory"), "--draft", self._at("draft.zip")

    def _library(self, number: int) -> str:
        return f"CN-LIB-{number + 1:02}"

    def _at(self, name: str) -> str:
        return str(self.folder / name)
