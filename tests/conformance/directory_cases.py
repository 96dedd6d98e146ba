"""Vectors for public keys and for the signed directory: what may be taken over, and as what it is refused."""

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from schemas.directory import Role
from tests.trust.samples import (
    ADMINS,
    EDITORS,
    GATEWAY_KEY,
    HANGZHOU,
    NEW_ADMINS,
    NOW,
    YANGPU,
    Published,
    agency,
    broken_keys,
    sample_directory,
    signing_key,
)
from trust.directory import FILES
from trust.keys import SMALL_ORDER_ENCODINGS

DAY = timedelta(days=1)
FIRST = Published()
SECOND = FIRST.but(version=2)
NEXT_ROOT = FIRST.but(root_version=2, admins=NEW_ADMINS, root_signers=(*ADMINS[:3], *NEW_ADMINS[:3]))
BY_NEW_ADMINS_ALONE = NEXT_ROOT.but(root_signers=NEW_ADMINS[:3])
BY_OLD_ADMINS_ALONE = NEXT_ROOT.but(root_signers=ADMINS[:3])
ROOT_3 = NEXT_ROOT.but(root_version=3, root_signers=NEW_ADMINS[:3])


def files() -> dict[str, Any]:
    documents = _Documents()
    cases = [case.render(documents) for case in _cases()]
    return {
        "keys": {"about": "raw Ed25519 public keys, and whether a library may have them", "cases": list(_keys())},
        "directory": {
            "about": "a chain of roots, targets and files that arrive; known is what was accepted before. Without "
                     "known, the first root is the one that the installation trusts",
            "documents_base64": documents.texts, "cases": cases,
        },
    }


def _keys() -> Iterator[dict[str, Any]]:
    good = signing_key(YANGPU).verifying
    yield _key("good", good.raw, {"key_id": good.key_id})
    yield _key("one byte short", good.raw[:31], {"code": "bad_request"})
    yield _key("one byte more", good.raw + b"\0", {"code": "bad_request"})
    for number, raw in enumerate(sorted(SMALL_ORDER_ENCODINGS)):
        yield _key(f"small order {number}", raw, {"code": "weak_key"})


def _key(name: str, raw: bytes, expected: dict[str, str]) -> dict[str, Any]:
    return {"name": name, "public_base64": b64encode(raw).decode(), "expected": expected}


class _Documents:
    """Each document once, by a name of its own: the cases share most of them."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}

    def name(self, kind: str, data: bytes) -> str:
        text = b64encode(data).decode()
        known = next((name for name, other in self.texts.items() if other == text), None)
        name = known or f"{kind} {1 + sum(each.startswith(kind) for each in self.texts)}"
        self.texts[name] = text
        return name


@dataclass(frozen=True)
class Case:
    name: str
    about: str
    offered: Published
    code: str = ""
    roots: tuple[bytes, ...] = ()
    changed: tuple[tuple[str, bytes | None], ...] = ()
    known: Published | None = None
    now: datetime = NOW

    def render(self, documents: _Documents) -> dict[str, Any]:
        known = _named(documents, self.known, (self.known.root,), ()) if self.known else None
        offered = _named(documents, self.offered, self.roots or (self.offered.root,), self.changed)
        return {"name": self.name, "about": self.about, "now": f"{self.now:%FT%TZ}", "known": known, **offered,
                "expected": {"code": self.code} if self.code else self._reference()}

    def _reference(self) -> dict[str, Any]:
        accepted = replace(self.offered, root_version=1, admins=ADMINS, root_signers=ADMINS[:3]).accept()
        return {"version": accepted.version, "hash": accepted.hash}


def _named(documents: _Documents, published: Published, roots: tuple[bytes, ...],
           changed: tuple[tuple[str, bytes | None], ...]) -> dict[str, Any]:
    held = {name: data for name, data in (published.files | dict(changed)).items() if data is not None}
    return {"roots": [documents.name("root", root) for root in roots],
            "targets": documents.name("targets", published.targets),
            "files": {name: documents.name(name, held[name]) for name in FILES if name in held}}


def _cases() -> Iterator[Case]:
    yield Case("good", "three of five admins, two of three editors", FIRST)
    yield Case("good_newer", "a newer version replaces the known one", SECOND, known=FIRST)
    yield Case("good_same", "the known version again, signed by other editors",
               FIRST.but(editor_signers=EDITORS[1:]), known=FIRST)
    yield Case("good_new_root", "the admins have changed, signed by enough of the old and of the new", NEXT_ROOT,
               roots=(FIRST.root, NEXT_ROOT.root))
    yield from _roots()
    yield from _targets()
    yield from _contents()


def _roots() -> Iterator[Case]:
    yield Case("root_under_signed", "two admins where three must sign", FIRST.but(root_signers=ADMINS[:2]),
               "not_enough_signatures")
    yield Case("root_by_new_admins_alone", "the old admins have not agreed", BY_NEW_ADMINS_ALONE,
               "not_enough_signatures", (FIRST.root, BY_NEW_ADMINS_ALONE.root))
    yield Case("root_by_old_admins_alone", "the new admins have not agreed", BY_OLD_ADMINS_ALONE,
               "not_enough_signatures", (FIRST.root, BY_OLD_ADMINS_ALONE.root))
    yield Case("root_missing", "root 2 is missing before root 3", ROOT_3, "directory_mixed", (FIRST.root, ROOT_3.root))
    yield Case("root_rolled_back", "the chain ends before the root that is known", FIRST, "directory_rolled_back",
               known=FIRST.but(root_version=2))
    yield Case("root_expired", "the last root has run out", FIRST.but(root_expires=NOW), "directory_expired")
    yield Case("two_roots_of_one_version", "other admins under a known version", FIRST.but(admins=NEW_ADMINS,
               root_signers=NEW_ADMINS[:3]), "directory_mixed", known=FIRST)


def _targets() -> Iterator[Case]:
    yield Case("one_editor", "one editor where two must sign", FIRST.but(editor_signers=EDITORS[:1]),
               "not_enough_signatures")
    yield Case("editor_and_gateway", "the gateway's key is no editor's",
               FIRST.but(editor_signers=(EDITORS[0], GATEWAY_KEY)), "not_enough_signatures")
    yield Case("admins_for_editors", "admins sign roots, not the directory", FIRST.but(editor_signers=ADMINS),
               "not_enough_signatures")
    yield Case("rolled_back", "an older version than the known one", FIRST, "directory_rolled_back", known=SECOND)
    yield Case("two_of_one_version", "the known version with another member",
               FIRST.but(directory=sample_directory(agency(YANGPU))), "directory_mixed", known=FIRST)
    yield Case("expired", "the editors' signatures have run out", FIRST.but(expires=NOW), "directory_expired")
    yield Case("file_missing", "no tariff", FIRST, "directory_mixed", changed=(("tariff.json", None),))
    yield Case("file_of_another_version", "mix and match: the tariff is not the one that was signed", FIRST,
               "directory_mixed", changed=(("tariff.json", FIRST.files["tariff.json"].replace(b"300", b"400")),))
    yield Case("key_forgotten", "a key that was listed is no longer there: keys are never removed",
               SECOND.but(directory=sample_directory(agency(YANGPU))), "directory_mixed", known=FIRST)


def _contents() -> Iterator[Case]:
    abouts = {
        "weak_key": "a key of small order", "id_of_another_key": "an id that does not derive from the key",
        "key_twice": "one key listed twice", "dates_out_of_order": "signs longer than its signatures count",
        "scheme_for_another_purpose": "a key for signing that says it seals",
    }
    for name, keys in broken_keys().items():
        code = "weak_key" if name == "weak_key" else "malformed_payload"
        yield Case(name, abouts[name], _with(agency(YANGPU), agency(HANGZHOU, keys=keys)), code)
    yield Case("member_twice", "one library listed twice", _with(agency(YANGPU), agency(YANGPU, keys=())),
               "malformed_payload")
    yield Case("two_gateways", "an alliance has one gateway", _with(agency(YANGPU), agency(HANGZHOU, Role.GATEWAY)),
               "malformed_payload")


def _with(*agencies: Any) -> Published:
    return FIRST.but(directory=sample_directory(*agencies))


