"""Small alliances founded by ``delta-trust`` itself: 3 admins of whom 2 sign, 2 editors who both sign, 2 libraries."""

import json
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from tests.trust.samples import NOW
from trust.cli import main

LIBRARIES = ("CN-LIB-01", "CN-LIB-02")
PEOPLE = ("admin-1", "admin-2", "admin-3", "editor-1", "editor-2")


def passphrase_of(person: str) -> str:
    return f"{person} likes four random words"


@dataclass
class Admins:
    """The working folder of the alliance's admins; ``now`` is the clock of the machine they sit at."""

    folder: Path
    capsys: object
    now: datetime = NOW
    said: list[str] = field(default_factory=list)

    def __call__(self, *arguments: str) -> dict:
        """Run a command that must succeed; return what it answers to programs."""
        code = main([*arguments, "--yes", "--json"], self.now)
        out, err = self.capsys.readouterr()
        assert code == 0, err
        return json.loads(out)

    def refused(self, *arguments: str) -> str:
        """Run a command that must be refused; return the refusal's name."""
        code = main([*arguments, "--yes"], self.now)
        out, err = self.capsys.readouterr()
        assert code in {1, 2}, out
        assert "Traceback" not in err
        last = err.splitlines()[-1]
        assert last.startswith("delta-trust: ")
        return last.rpartition("[")[2].rstrip("]")

    def make_keys(self) -> None:
        Path("passphrases").write_text("".join(f"{passphrase_of(person)}\n" for person in PEOPLE))
        for person in (*PEOPLE, "new"):
            Path(f"{person}.txt").write_text(passphrase_of(person))
        self("ceremony", "init", "keys", "--admins", "3", "--threshold", "2", "--editors", "2", "--editors-threshold",
             "2", "--passphrases", "passphrases")
        self("ceremony", "template", "alliance", "--libraries", "2")

    def enroll(self, kind: str, name: str, *more: str) -> str:
        """Let somebody make keys and a request; return the request's file."""
        return self("enroll", kind, name, *(("--name", name) if kind in {"admin", "editor"} else ("--agency", name)),
                    *more)["request"]

    def heard(self, *folders: str) -> tuple[str, ...]:
        """Let two people write down what these applicants read to them."""
        words = "".join(Path(folder, "words.txt").read_text() for folder in folders)
        for person in ("wang", "li"):
            Path(person).write_text(words)
        return "--heard", "wang", "--heard", "li"

    def draft_first(self) -> dict:
        members = ("DELTA-GATEWAY", *LIBRARIES)
        requests = [self.enroll("gateway" if name == members[0] else "library", name) for name in members]
        return self("draft", "--alliance", "alliance", "--ceremony", "keys/admins.json", "--request", *requests,
                    *self.heard(*members))

    def sign(self, *people: str, draft: str = "draft.zip") -> None:
        for person in people:
            self("sign", *self.as_(person), "--draft", draft)

    def as_(self, person: str) -> tuple[str, ...]:
        key = f"keys/{person}.key.pem" if person in PEOPLE else f"{person}/sign.pem"
        return "--key", key, "--passphrase-file", f"{person}.txt"

    def found(self) -> None:
        """Found the alliance: version 1 is published."""
        self.make_keys()
        self.draft_first()
        self.sign("admin-1", "admin-2", "editor-1", "editor-2")
        self("publish")
