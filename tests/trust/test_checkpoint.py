import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.trust.samples import GATEWAY_KEY, signing_key
from trust.checkpoint import NOTE_BYTES_MAX, Checkpoint, open_checkpoint, sign_checkpoint
from trust.errors import BadCheckpoint

CHECKPOINT = Checkpoint("DELTA", 1234, bytes(range(32)))
NOTE = sign_checkpoint(CHECKPOINT, GATEWAY_KEY)
KEYS = (GATEWAY_KEY.verifying,)


def test_a_note_has_the_form_of_c2sp():
    lines = NOTE.decode().split("\n")
    assert lines[:4] == ["DELTA", "1234", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", ""]
    assert lines[4].startswith("— DELTA ")


def test_it_opens_with_the_key_of_its_log():
    assert open_checkpoint(NOTE, "DELTA", KEYS) == CHECKPOINT


def test_signatures_of_witnesses_are_passed_over():
    witnessed = NOTE + "— CN-SH-YANGPU AAAA\n".encode()
    assert open_checkpoint(witnessed, "DELTA", (signing_key("old").verifying, *KEYS)) == CHECKPOINT


@pytest.mark.parametrize("note", [
    b"", b"\xff", NOTE.replace(b"1234", b"1235"), NOTE.replace(b"1234", b"01234"), NOTE.replace(b"1234", b"x"),
    NOTE.replace(b"DELTA\n1", b"GAMMA\n1"), NOTE.replace(b"\n\n", b"\nmore\n\n"), NOTE.split(b"\n\n")[0] + b"\n\n",
    NOTE[:-10] + b"\n", NOTE + b"x" * NOTE_BYTES_MAX,
])
def test_every_other_note_is_refused(note):
    with pytest.raises(BadCheckpoint):
        open_checkpoint(note, "DELTA", KEYS)


def test_another_key_or_another_log_does_not_open_it():
    with pytest.raises(BadCheckpoint):
        open_checkpoint(NOTE, "DELTA", (signing_key("other").verifying,))
    with pytest.raises(BadCheckpoint):
        open_checkpoint(NOTE, "GAMMA", KEYS)


def test_an_origin_that_would_break_the_note_is_refused():
    with pytest.raises(BadCheckpoint):
        sign_checkpoint(Checkpoint("DEL TA", 1, bytes(32)), GATEWAY_KEY)


@given(st.binary(max_size=100) | st.tuples(st.integers(0, 150), st.binary(max_size=5)).map(
    lambda cut: NOTE[:cut[0]] + cut[1] + NOTE[cut[0] + len(cut[1]):]))
def test_garbage_is_refused_by_name(note):
    try:
        opened = open_checkpoint(note, "DELTA", KEYS)
    except BadCheckpoint:
        return
    assert opened == CHECKPOINT
