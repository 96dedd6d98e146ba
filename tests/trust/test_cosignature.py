"""Witnesses cosign the log's checkpoints, in the form other logs' tools read."""

import hashlib
from base64 import b64decode
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from tests.trust import samples
from tests.trust.samples import GATEWAY, GATEWAY_KEY, NOW, signing_key
from trust.checkpoint import NOTE_BYTES_MAX, Checkpoint, open_checkpoint, sign_checkpoint
from trust.cosignature import cosign, cosigners, read_cosignature, with_cosignatures
from trust.errors import BadCheckpoint

CHECKPOINT = Checkpoint(GATEWAY, 42, bytes(range(32)))
NOTE = sign_checkpoint(CHECKPOINT, GATEWAY_KEY)
DIRECTORY = samples.Published().accept()
WITNESSES = [agency.agency for agency in DIRECTORY.directory.libraries()]
WITNESS = WITNESSES[0]
KEY = signing_key(WITNESS)
LINE = cosign(CHECKPOINT, WITNESS, KEY, NOW)


def test_a_line_holds_key_hash_time_and_signature_as_c2sp_says():
    dash, name, stamp = LINE.split(" ")
    raw = b64decode(stamp)
    assert (dash, name, len(raw)) == ("—", WITNESS, 76)
    assert raw[:4] == hashlib.sha256(WITNESS.encode() + b"\n\x04" + KEY.verifying.raw).digest()[:4]
    text = f"cosignature/v1\ntime {int(NOW.timestamp())}\n{CHECKPOINT}".encode()
    Ed25519PublicKey.from_public_bytes(KEY.verifying.raw).verify(raw[12:], text)


def test_a_cosigned_note_still_opens_and_names_its_witnesses():
    note = with_cosignatures(NOTE, [LINE])
    assert open_checkpoint(note, GATEWAY, (GATEWAY_KEY.verifying,)) == CHECKPOINT
    assert cosigners(note, CHECKPOINT, DIRECTORY) == {WITNESS: NOW.astimezone(UTC).replace(microsecond=0)}


def test_lines_that_do_not_hold_are_passed_over():
    stranger = cosign(CHECKPOINT, "CN-XX-NOBODY", signing_key("nobody"), NOW)
    wrong_key = cosign(CHECKPOINT, WITNESS, signing_key("other"), NOW)
    other_log = cosign(Checkpoint(GATEWAY, 43, bytes(32)), WITNESS, KEY, NOW)
    by_the_log = cosign(CHECKPOINT, GATEWAY, GATEWAY_KEY, NOW)
    note = with_cosignatures(NOTE, [stranger, wrong_key, other_log, by_the_log, "— x", "—  ", "nonsense"])
    assert cosigners(note, CHECKPOINT, DIRECTORY) == {}


def test_a_witness_counts_once():
    later = cosign(CHECKPOINT, WITNESS, KEY, NOW + timedelta(hours=1))
    assert len(cosigners(with_cosignatures(NOTE, [LINE, later, LINE]), CHECKPOINT, DIRECTORY)) == 1


def test_a_note_never_grows_beyond_what_opens():
    note = with_cosignatures(NOTE, [LINE] * 2000)
    assert len(note) <= NOTE_BYTES_MAX
    assert open_checkpoint(note, GATEWAY, (GATEWAY_KEY.verifying,)) == CHECKPOINT


@given(st.tuples(st.integers(0, len(LINE)), st.text(max_size=4)))
def test_no_changed_line_counts(cut):
    at, text = cut
    changed = LINE[:at] + text + LINE[at + len(text):]
    try:
        signed = read_cosignature(changed, CHECKPOINT, WITNESS, (KEY.verifying,))
    except BadCheckpoint:
        return
    assert changed == LINE
    assert signed == datetime.fromtimestamp(int(NOW.timestamp()), UTC)


def test_the_time_is_signed_too():
    with pytest.raises(BadCheckpoint):
        read_cosignature(LINE.replace("A", "B", 1), CHECKPOINT, WITNESS, (KEY.verifying,))
