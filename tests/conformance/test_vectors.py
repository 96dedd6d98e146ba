"""The vectors any implementer can use: they hold here, and they are what the generator writes."""

import json
from base64 import b64decode
from dataclasses import asdict
from datetime import datetime

import pytest
from joserfc.jwk import ECKey

from connectors.agent.reception import Credentials
from schemas.directory import Tariff
from schemas.envelope import StreamPosition
from schemas.identifiers import AgencyId, MessageHash
from schemas.ledger import Code, Entry, Transfer, TransferId, TransferKind
from schemas.lifecycle import event_of
from schemas.loan import advance, open_loan
from schemas.messages import MODELS
from schemas.netting import payments_for
from schemas.problems import ProblemCode
from schemas.statement import Window, statement_of
from schemas.tariff import transfers_for
from tests.conformance.door import accepted_directory
from tests.conformance.freshness_cases import DIRECTORY as FRESHNESS_DIRECTORY
from tests.conformance.published import ROOT, SCHEMAS, VECTORS, render
from tests.conformance.vectors import cases, envelope_cases, name_of, raw_envelope, read
from trust.checkpoint import Checkpoint, open_checkpoint
from trust.cosignature import read_cosignature
from trust.directory import accept
from trust.envelope import open_envelope
from trust.errors import EnvelopeRefused, StreamRefused, TrustError
from trust.evidence import Frontier, leaf_bytes, leaf_hash, verify_consistency, verify_inclusion
from trust.freshness import check_freshness
from trust.keys import SealingKey, VerifyingKey
from trust.sealing import open_address, open_sealed, verify_session_jws
from trust.stream import StreamHead, follow

RENDERED = render()


def outcome(act) -> dict[str, object]:
    try:
        return act()
    except TrustError as refused:
        return {"code": refused.code}


def test_the_folders_hold_what_the_generator_writes():
    present = {path.relative_to(ROOT).as_posix() for folder in (SCHEMAS, VECTORS)
               for path in (ROOT / folder).rglob("*.json")}
    assert present == set(RENDERED), "run make published"
    assert [name for name, data in RENDERED.items() if (ROOT / name).read_bytes() != data] == [], "run make published"


@pytest.mark.parametrize("case", envelope_cases(), ids=name_of)
def test_envelope(case):
    directory, now = accepted_directory(case), datetime.fromisoformat(case["now"])
    me = AgencyId(case["me"]) if case["me"] else None
    assert outcome(lambda: {"hash": open_envelope(raw_envelope(case), directory, now=now, me=me).hash}
                   ) == case["expected"]


@pytest.mark.parametrize("case", cases("streams"), ids=name_of)
def test_stream(case):
    head, position = StreamHead(**case["head"]), StreamPosition(**case["stream"])
    assert outcome(lambda: {"head": asdict(follow(head, position, MessageHash(case["message"])))}) == case["expected"]


@pytest.mark.parametrize("case", cases("keys"), ids=name_of)
def test_key(case):
    assert outcome(lambda: {"key_id": VerifyingKey.from_raw(b64decode(case["public_base64"])).key_id}
                   ) == case["expected"]


@pytest.mark.parametrize("case", cases("directory"), ids=name_of)
def test_directory(case):
    now = datetime.fromisoformat(case["now"])

    def take_over(given, known=None):
        held = {name: b64decode(text) for name, text in case["documents_base64"].items()}
        return accept([held[name] for name in given["roots"]], held[given["targets"]],
                      {name: held[document] for name, document in given["files"].items()}, now, known)

    known = take_over(case["known"]) if case["known"] else None

    def decide():
        accepted = take_over(case, known)
        return {"version": accepted.version, "hash": accepted.hash}

    assert outcome(decide) == case["expected"]


@pytest.mark.parametrize("case", cases("freshness"), ids=name_of)
def test_freshness(case):
    def decide():
        said = check_freshness(b64decode(case["statement_base64"]), FRESHNESS_DIRECTORY,
                               datetime.fromisoformat(case["now"]))
        return {"valid_until": f"{said.valid_until:%FT%TZ}"}

    assert (case["directory"]["version"], case["directory"]["hash"]) == FRESHNESS_DIRECTORY.reference
    assert outcome(decide) == case["expected"]


@pytest.mark.parametrize("case", cases("sealing", "opens"), ids=name_of)
def test_opening(case):
    own = SealingKey(ECKey.import_key(case["library_jwk"]).private_key)

    def decide():
        if case["is_address"]:
            address = open_address([own], case["sealed"], case["conv"]).reveal()
            return {"plaintext": json.dumps({"conv": case["conv"], "address": address}, ensure_ascii=False,
                                            separators=(",", ":"))}
        return {"plaintext": open_sealed(own, case["sealed"]).decode()}

    assert outcome(decide) == case["expected"]


def test_what_a_page_seals_to_sign_in_is_read_by_the_home_library():
    (case,) = [case for case in cases("sealing", "opens") if case["name"] == "good_sign_in"]
    credentials = Credentials.model_validate_json(case["expected"]["plaintext"], strict=True)
    assert credentials.public_key == case["session_jwk"]


@pytest.mark.parametrize("case", cases("sealing", "signed"), ids=name_of)
def test_signed_by_the_session(case):
    assert outcome(lambda: {"payload": verify_session_jws(case["signed"], case["session_jwk"]).decode()}
                   ) == case["expected"]


def test_the_log():
    vectors, frontier = read("evidence"), Frontier()
    assert frontier.root().hex() == vectors["roots"][0]
    for leaf, root in zip(vectors["leaves"], vectors["roots"][1:], strict=True):
        arrived = datetime.fromisoformat(leaf["arrived"])
        assert leaf_bytes(leaf["message"], arrived, leaf["kind"]) == b64decode(leaf["bytes_base64"])
        assert leaf_hash(leaf["message"], arrived, leaf["kind"]).hex() == leaf["hash"]
        frontier.append(bytes.fromhex(leaf["hash"]))
        assert frontier.root().hex() == root


@pytest.mark.parametrize("case", cases("evidence", "inclusion"), ids=name_of)
def test_inclusion(case):
    def decide():
        verify_inclusion(bytes.fromhex(case["leaf"]), case["index"], case["size"],
                         [bytes.fromhex(value) for value in case["proof"]], bytes.fromhex(case["root"]))
        return {"holds": True}

    assert outcome(decide) == case["expected"]


@pytest.mark.parametrize("case", cases("evidence", "consistency"), ids=name_of)
def test_consistency(case):
    def decide():
        verify_consistency(case["old"], bytes.fromhex(case["old_root"]), case["new"], bytes.fromhex(case["new_root"]),
                           [bytes.fromhex(value) for value in case["proof"]])
        return {"holds": True}

    assert outcome(decide) == case["expected"]


@pytest.mark.parametrize("case", cases("checkpoints"), ids=name_of)
def test_checkpoint(case):
    keys = [VerifyingKey.from_raw(b64decode(key)) for key in case["keys_base64"]]

    def decide():
        checkpoint = open_checkpoint(case["note"].encode(), case["origin"], keys)
        return {"size": checkpoint.size, "root": checkpoint.root.hex()}

    assert outcome(decide) == case["expected"]


@pytest.mark.parametrize("case", cases("cosignatures"), ids=name_of)
def test_cosignature(case):
    origin, size, root, _ = case["checkpoint"].split("\n")
    checkpoint = Checkpoint(origin, int(size), b64decode(root))
    keys = [VerifyingKey.from_raw(b64decode(key)) for key in case["keys_base64"]]
    assert outcome(lambda: {"seconds": int(read_cosignature(case["line"], checkpoint, case["witness"],
                                                            keys).timestamp())}) == case["expected"]


@pytest.mark.parametrize("loan", cases("tariff", "loans"), ids=name_of)
def test_tariff(loan):
    tariff, clearing = Tariff.model_validate(loan["tariff"]), AgencyId(loan["clearing"])
    before = None
    for step in loan["messages"]:
        message, hash_ = message_of(step["message"]), MessageHash(step["hash"])
        after = open_loan(message, hash_) if before is None else advance(before, message, hash_)
        moved = () if before is None else transfers_for(before, after, message, hash_, event_of(message), tariff,
                                                        clearing)
        assert [asdict(transfer) for transfer in moved] == step["transfers"]
        before = after


def message_of(document):
    return MODELS[document["type"]].model_validate_json(json.dumps(document), strict=True)


def transfer_of(document) -> Transfer:
    pending = document["pending_id"]
    return Transfer(**{**document, "id": TransferId(document["id"]), "kind": TransferKind(document["kind"]),
                       "pending_id": TransferId(pending) if pending else None, "code": Code(document["code"])})


@pytest.mark.parametrize("case", cases("statements"), ids=name_of)
def test_statement(case):
    entries = [Entry(entry["index"], transfer_of(entry["transfer"])) for entry in case["entries"]]
    statement = statement_of(AgencyId(case["party"]), Window(**case["window"]), entries)
    assert case["expected"] == {"net_fen": statement.net_fen, "lines": len(statement.lines),
                                "bytes": statement.encode().decode(), "digest": statement.digest}


@pytest.mark.parametrize("case", cases("netting"), ids=name_of)
def test_netting(case):
    assert [asdict(payment) for payment in payments_for(case["positions"])] == case["expected"]


def test_every_refusal_at_a_door_has_a_vector():
    shown = {case["expected"].get("code") for case in (*envelope_cases(), *cases("relay"), *cases("streams"))}
    refusals = {refusal.default for base in (EnvelopeRefused, StreamRefused) for refusal in base.__subclasses__()}
    of_a_payload = {ProblemCode.DUPLICATE_KEY, ProblemCode.FLOAT_NUMBER, ProblemCode.UNKNOWN_TYPE}
    assert refusals | of_a_payload <= shown
