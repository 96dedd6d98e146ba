"""An implementation written from the page alone agrees with every vector."""

import ast
import hashlib
import json
from base64 import b64decode
from datetime import datetime
from pathlib import Path

import pytest

from tests.conformance.second import directory, door, evidence, freshness, money, sealing
from tests.conformance.second.values import Refused, accept_key
from tests.conformance.vectors import cases, envelope_cases, name_of, raw_envelope, read

SECOND = Path(__file__).parent / "second"
OURS = {"schemas", "trust", "connectors", "federation", "examples", "tests"}


def outcome(act):
    try:
        return act()
    except Refused as refused:
        return {"code": refused.code}


def hashes(texts):
    return [bytes.fromhex(text) for text in texts]


@pytest.mark.parametrize("module", sorted(SECOND.glob("*.py")), ids=lambda path: path.stem)
def test_it_imports_nothing_of_the_project(module):
    imported = {name.name if isinstance(node, ast.Import) else node.module
                for node in ast.walk(ast.parse(module.read_text("utf-8")))
                if isinstance(node, ast.Import | ast.ImportFrom) for name in node.names}
    ours = {name for name in imported if name.partition(".")[0] in OURS}
    assert {name for name in ours if not name.startswith("tests.conformance.second")} == set()


@pytest.mark.parametrize("case", envelope_cases(), ids=name_of)
def test_envelope(case):
    now = datetime.fromisoformat(case["now"])
    assert outcome(lambda: {"hash": door.open_envelope(raw_envelope(case), case["directory"], now, case["me"])[0]}
                   ) == case["expected"]


@pytest.mark.parametrize("case", cases("relay"), ids=name_of)
def test_relay(case):
    id_, message = door.open_envelope(raw_envelope(case), case["directory"], datetime.fromisoformat(case["now"]), None)
    uses_number = {}

    def decide():
        try:
            wanted = door.relay(message, case["known"], case["heads"], case["directory"])
        except Refused as refused:
            uses_number["uses_number"] = refused.uses_number
            raise
        return {"resend": wanted} if wanted else {"accepted": id_}

    assert {**outcome(decide), **uses_number} == case["expected"]


@pytest.mark.parametrize("case", cases("streams"), ids=name_of)
def test_stream(case):
    assert outcome(lambda: {"head": door.follow(case["head"], case["stream"], case["message"])}) == case["expected"]


@pytest.mark.parametrize("case", cases("keys"), ids=name_of)
def test_key(case):
    assert outcome(lambda: {"key_id": accept_key(b64decode(case["public_base64"]))}) == case["expected"]


@pytest.mark.parametrize("case", cases("directory"), ids=name_of)
def test_directory(case):
    def decide():
        accepted = directory.of_case(case)
        return {"version": accepted["version"], "hash": accepted["hash"]}

    assert outcome(decide) == case["expected"]


@pytest.mark.parametrize("case", cases("freshness"), ids=name_of)
def test_freshness(case):
    assert outcome(lambda: {"valid_until": freshness.of_case(case)}) == case["expected"]


@pytest.mark.parametrize("case", cases("sealing", "opens"), ids=name_of)
def test_opening(case):
    own = case["library_jwk"]

    def decide():
        text = case["sealed"]
        opened = sealing.open_address(text, own, case["conv"]) if case["is_address"] else sealing.open_sealed(text, own)
        return {"plaintext": opened}

    assert outcome(decide) == case["expected"]


@pytest.mark.parametrize("case", cases("sealing", "signed"), ids=name_of)
def test_signed_by_the_session(case):
    assert outcome(lambda: {"payload": sealing.signed_by(case["signed"], case["session_jwk"])}) == case["expected"]


def test_the_log():
    vectors = read("evidence")
    leaves = [evidence.leaf_bytes(leaf) for leaf in vectors["leaves"]]
    assert leaves == [b64decode(leaf["bytes_base64"]) for leaf in vectors["leaves"]]
    values = list(map(evidence.leaf_hash, leaves))
    assert [value.hex() for value in values] == [leaf["hash"] for leaf in vectors["leaves"]]
    assert [evidence.root(values[:size]).hex() for size in range(len(values) + 1)] == vectors["roots"]


@pytest.mark.parametrize("case", cases("evidence", "inclusion"), ids=name_of)
def test_inclusion(case):
    leaves = hashes(leaf["hash"] for leaf in case["leaves"])[:case["size"]]
    inside = case["index"] < case["size"] and leaves[case["index"]].hex() == case["leaf"]
    holds = inside and hashes(case["proof"]) == evidence.path(case["index"], leaves)
    assert case["expected"] == ({"holds": True} if holds else {"code": "broken_proof"})


@pytest.mark.parametrize("case", cases("evidence", "consistency"), ids=name_of)
def test_consistency(case):
    leaves = hashes(leaf["hash"] for leaf in case["leaves"])
    roots = [evidence.root(leaves[:case[end]]).hex() for end in ("old", "new")]
    holds = (case["old"] <= case["new"] and roots == [case["old_root"], case["new_root"]]
             and hashes(case["proof"]) == evidence.proof(case["old"], leaves[:case["new"]]))
    assert case["expected"] == ({"holds": True} if holds else {"code": "broken_proof"})


@pytest.mark.parametrize("case", cases("checkpoints"), ids=name_of)
def test_checkpoint(case):
    def decide():
        size, root = evidence.open_checkpoint(case["note"], case["origin"], list(map(b64decode, case["keys_base64"])))
        return {"size": size, "root": root.hex()}

    assert outcome(decide) == case["expected"]


@pytest.mark.parametrize("case", cases("cosignatures"), ids=name_of)
def test_cosignature(case):
    keys = list(map(b64decode, case["keys_base64"]))
    assert outcome(lambda: {"seconds": evidence.cosigned_at(case["line"], case["checkpoint"], case["witness"], keys)}
                   ) == case["expected"]


@pytest.mark.parametrize("loan", cases("tariff", "loans"), ids=name_of)
def test_tariff(loan):
    account = money.LoanAccount(loan["tariff"], loan["clearing"])
    for step in loan["messages"]:
        assert account.take(step["message"], step["hash"]) == step["transfers"]


@pytest.mark.parametrize("case", cases("statements"), ids=name_of)
def test_statement(case):
    data, lines = money.statement(case["party"], case["window"], case["entries"])
    assert case["expected"] == {"net_fen": json.loads(data)["net_fen"], "lines": len(lines), "bytes": data.decode(),
                                "digest": hashlib.sha256(data).hexdigest()}


@pytest.mark.parametrize("case", cases("netting"), ids=name_of)
def test_netting(case):
    assert money.payments(case["positions"]) == case["expected"]
