import json
import zipfile
from contextlib import suppress
from datetime import timedelta
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.directory import KeyStatus
from schemas.envelope import StreamPosition
from schemas.identifiers import ConversationId
from tests.trust.samples import (
    ADMINS,
    GATEWAY,
    GATEWAY_KEY,
    HANGZHOU,
    LOAN,
    NOW,
    SOME_HASH,
    YANGPU,
    Published,
    agency,
    custody_receipt,
    key_record,
    sample_directory,
    signing_key,
)
from trust.archive import pack, unpack
from trust.bundle import Entry, verify_bundle, write_bundle
from trust.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from trust.cosignature import cosign, with_cosignatures
from trust.envelope import seal
from trust.errors import BadBundle, BrokenLink
from trust.evidence import Frontier, inclusion_proof, leaf_hash

FIRST = Published()
DIRECTORY = FIRST.accept()
NOISE = 37


def make(directory=DIRECTORY, count=3, conv=LOAN, erased=(), size=100):
    """A loan of some messages somewhere in a log of other things."""
    nodes, frontier, entries = {}, Frontier(), []
    for index in range(size):
        number = index - NOISE
        value = leaf_hash(SOME_HASH, NOW + timedelta(seconds=index), f"noise {index}")
        if 0 <= number < count:
            stream = StreamPosition(channel="loan", epoch=0, seq=number + 1, prev=SOME_HASH)
            sealed = seal(custody_receipt(directory, stream=stream, conv=conv), signing_key(HANGZHOU))
            arrived = NOW + timedelta(minutes=number)
            value = leaf_hash(sealed.hash, arrived, "CustodyReceipt")
            envelope = None if number in erased else sealed.envelope
            entries.append((index, sealed.hash, arrived, "CustodyReceipt", envelope))
        for level, at, node in frontier.append(value):
            nodes[level, at] = node
    checkpoint = sign_checkpoint(Checkpoint(GATEWAY, size, frontier.root()), GATEWAY_KEY)
    reader = lambda level, index: nodes[level, index]  # noqa: E731
    return write_bundle(LOAN, [Entry(*entry, inclusion_proof(entry[0], size, reader)) for entry in entries],
                        checkpoint, directory)


BUNDLE = make()


def test_a_bundle_names_the_members_that_have_cosigned_its_checkpoint():
    note = unpack(BUNDLE)["checkpoint.txt"]
    checkpoint = open_checkpoint(note, GATEWAY, (GATEWAY_KEY.verifying,))
    lines = [cosign(checkpoint, name, signing_key(name), NOW) for name in (YANGPU, HANGZHOU)]
    lines.append(cosign(checkpoint, YANGPU, signing_key("somebody"), NOW))
    cosigned = pack({**unpack(BUNDLE), "checkpoint.txt": with_cosignatures(note, lines)})
    assert verify_bundle(BUNDLE, FIRST.root).witnesses == ()
    assert verify_bundle(cosigned, FIRST.root).witnesses == (YANGPU, HANGZHOU)


def edited(**changes):
    """The bundle with some files changed; ``None`` takes one away."""
    files = unpack(BUNDLE)
    for name, change in changes.items():
        full = next(file for file in files if name in file)
        edit = change if callable(change) else lambda _, put=change: put
        files[full] = edit(files[full])
    return pack({name: data for name, data in files.items() if data is not None})


def test_a_whole_loan_verifies_with_the_root_alone():
    report = verify_bundle(BUNDLE, FIRST.root)
    assert (report.loan, report.leaves) == (LOAN, 3)
    first = report.statements[0]
    assert first.who == "CN-ZJ-HANGZHOU Library (CN-ZJ-HANGZHOU)"
    assert first.what.startswith("took over copy 31000001, now pickup point (Wushan Square)")
    assert first.when == "2026-12-01T08:00:00Z"


def test_the_same_loan_gives_the_same_bytes():
    assert make() == BUNDLE


def test_erased_payloads_are_said_and_their_leaves_still_prove():
    report = verify_bundle(make(erased={1}), FIRST.root)
    assert [statement.who == "(erased)" for statement in report.statements] == [False, True, False]


def test_a_later_root_and_directory_verify_from_the_first_root():
    second = FIRST.but(version=2, root_version=2, expires=NOW + timedelta(days=90),
                       admins=(*ADMINS[:4], signing_key("new")), root_signers=ADMINS[:4])
    assert verify_bundle(make(second.accept(DIRECTORY)), FIRST.root).leaves == 3


def reason(raw, root=FIRST.root):
    with pytest.raises(BrokenLink) as caught:
        verify_bundle(raw, root)
    return caught.value.link, caught.value.code


def replace_in(old, new):
    def edit(data):
        assert old in data
        return data.replace(old, new, 1)
    return edit


def manifest(edit):
    def apply(data):
        document = json.loads(data)
        edit(document)
        return json.dumps(document).encode()
    return apply


ENVELOPES = sorted(name for name in unpack(BUNDLE) if name.startswith("envelopes/"))


@pytest.mark.parametrize(("raw", "link", "code"), [
    (b"", "bundle", "broken_proof"),
    (b"PK" + bytes(40), "bundle", "broken_proof"),
    (edited(bundle=None), "bundle", "broken_proof"),
    (edited(bundle=b'{"v":1}'), "bundle", "broken_proof"),
    (edited(bundle=manifest(lambda m: m["leaves"].reverse())), "bundle", "broken_proof"),
    (edited(targets=None), "directory", "broken_proof"),
    (edited(tariff=b"{}"), "directory", "directory_mixed"),
    (edited(targets=FIRST.but(editor_signers=()).targets), "directory", "not_enough_signatures"),
    (edited(checkpoint=replace_in(b"100", b"101")), "checkpoint", "broken_proof"),
    (edited(bundle=replace_in(b"08:01:00", b"08:00:30")), "leaf 38", "broken_proof"),
    (edited(bundle=manifest(lambda m: m["leaves"][0].update(index=36))), "leaf 36", "broken_proof"),
    (edited(bundle=manifest(lambda m: m["leaves"][0]["proof"].pop())), "leaf 37", "broken_proof"),
])
def test_the_first_broken_link_is_named(raw, link, code):
    assert reason(raw) == (link, code)


def test_a_swapped_envelope_is_named_by_its_message():
    files = unpack(BUNDLE)
    files[ENVELOPES[0]], files[ENVELOPES[1]] = files[ENVELOPES[1]], files[ENVELOPES[0]]
    link, code = reason(pack(files))
    assert link.startswith("message ")
    assert code == "broken_proof"


def test_a_message_of_another_loan_does_not_pass_for_one_of_this():
    assert reason(make(conv=ConversationId("loan-0000-0002")))[1] == "broken_proof"


def test_another_root_does_not_verify_it():
    other = Published(admins=tuple(signing_key(f"x{n}") for n in range(5)),
                      root_signers=tuple(signing_key(f"x{n}") for n in range(3)))
    assert reason(BUNDLE, other.root) == ("directory", "directory_mixed")


def test_a_key_void_from_an_index_on_breaks_what_came_after_it():
    def directory(invalid_from):
        record = key_record(signing_key(HANGZHOU).verifying, status=KeyStatus.REVOKED, invalid_from=invalid_from)
        return FIRST.but(directory=sample_directory(agency(YANGPU), agency(HANGZHOU, keys=(record,)))).accept()
    assert verify_bundle(make(directory(NOISE + 3)), FIRST.root).leaves == 3
    link, code = reason(make(directory(NOISE + 2)))
    assert link.startswith("message ")
    assert code == "key_revoked"


def test_archives_that_lie_are_refused():
    def archive(compression=zipfile.ZIP_DEFLATED, names=("a",), data=b"x"):
        buffer = BytesIO()
        with zipfile.ZipFile(buffer, "w", compression) as file:
            for name in names:
                file.writestr(name, data)
        return buffer.getvalue()
    bomb = archive(names=("a", "b"), data=bytes(40_000_000))
    assert len(bomb) < 100_000
    with pytest.warns(UserWarning, match="Duplicate"):
        doubled = archive(names=("a", "a"))
    for raw in (bomb, doubled, archive(zipfile.ZIP_LZMA), archive(names=[str(n) for n in range(5000)])):
        with pytest.raises(BadBundle):
            unpack(raw)


@settings(max_examples=60)
@given(st.integers(0, len(BUNDLE)), st.integers(0, 20), st.binary(max_size=8))
def test_garbled_bundles_verify_or_name_a_link(at, cut, put):
    with suppress(BrokenLink):
        assert verify_bundle(BUNDLE[:at] + put + BUNDLE[at + cut:], FIRST.root).leaves == 3
