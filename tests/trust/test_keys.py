import stat

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tests.trust.samples import random_bytes, sealing_key, signing_key
from trust.errors import BadSignature, KeyFileRefused, MalformedKey, WeakKey
from trust.keys import SMALL_ORDER_ENCODINGS, SealingKey, SigningKey, VerifyingKey, decode_point

P = 2**255 - 19
D = -121665 * pow(121666, -1, P) % P


def recover_x(y: int) -> int | None:
    """The even x of the curve point with this y (RFC 8032 §5.1.3)."""
    x2 = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(x2, (P + 3) // 8, P)
    if x * x % P != x2:
        x = x * pow(2, (P - 1) // 4, P) % P
    return x if x * x % P == x2 else None


def double(point):
    (x, y), k = point, D * point[0] ** 2 * point[1] ** 2
    return 2 * x * y * pow(1 + k, -1, P) % P, (y * y + x * x) * pow(1 - k, -1, P) % P


def test_every_listed_encoding_is_a_point_of_order_one_two_four_or_eight():
    for raw in SMALL_ORDER_ENCODINGS:
        y = int.from_bytes(raw, "little") % 2**255 % P
        x = recover_x(y)
        assert x is not None
        assert double(double(double((x, y)))) == (0, 1)


def test_the_list_holds_every_small_order_point_in_every_spelling():
    ys = {int.from_bytes(raw, "little") % 2**255 for raw in SMALL_ORDER_ENCODINGS}
    assert len({y % P for y in ys}) == 5  # eight points, of which y = 1 and y = -1 have one each, 0 two, the rest four
    assert ys == {y for reduced in {y % P for y in ys} for y in (reduced, reduced + P) if y < 2**255}


@pytest.mark.parametrize("raw", sorted(SMALL_ORDER_ENCODINGS))
def test_weak_keys_are_refused_by_name(raw):
    with pytest.raises(WeakKey):
        VerifyingKey.from_raw(raw)


def test_the_library_underneath_would_let_a_weak_key_verify_anything():
    identity = (1).to_bytes(32, "little")
    accepted = 0
    for message in (b"I lent it", b"I never lent it"):
        try:
            Ed25519PublicKey.from_public_bytes(identity).verify(identity + bytes(32), message)
            accepted += 1
        except InvalidSignature:
            pass
    assert accepted == 2


def test_a_key_id_derives_from_the_key():
    assert signing_key("a").key_id == signing_key("a").verifying.key_id
    assert signing_key("a").key_id != signing_key("b").key_id


def test_a_signature_fits_its_bytes_only():
    key = signing_key("a")
    key.verifying.verify(key.sign(b"yes"), b"yes")
    with pytest.raises(BadSignature):
        key.verifying.verify(key.sign(b"yes"), b"no")


def test_public_keys_are_loaded_once():
    raw = signing_key("a").verifying.raw
    assert VerifyingKey.from_raw(raw) is VerifyingKey.from_raw(raw)


@pytest.mark.parametrize("make", [SigningKey.from_raw, VerifyingKey.from_raw, decode_point])
def test_keys_of_a_wrong_length_are_refused(make):
    with pytest.raises(MalformedKey):
        make(b"short")


def test_a_point_off_the_curve_is_refused():
    with pytest.raises(MalformedKey):
        decode_point(b"\x04" + b"\x01" * 64)


@pytest.mark.parametrize("key", [signing_key("a"), sealing_key("a")], ids=["sign", "seal"])
class TestKeyFiles:
    def test_come_back_as_they_went(self, key, tmp_path):
        path = tmp_path / "key.pem"
        key.save(path, b"four random words")
        assert type(key).load(path, b"four random words").key_id == key.key_id
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert [entry.name for entry in tmp_path.iterdir()] == ["key.pem"]

    def test_refuse_a_wrong_passphrase_without_a_traceback(self, key, tmp_path):
        key.save(tmp_path / "key.pem", b"right")
        with pytest.raises(KeyFileRefused, match="passphrase"):
            type(key).load(tmp_path / "key.pem", b"wrong")

    def test_refuse_what_others_may_read(self, key, tmp_path):
        key.save(tmp_path / "key.pem", b"right")
        (tmp_path / "key.pem").chmod(0o644)
        with pytest.raises(KeyFileRefused, match="chmod 600"):
            type(key).load(tmp_path / "key.pem", b"right")

    def test_are_never_overwritten(self, key, tmp_path):
        key.save(tmp_path / "key.pem", b"right")
        with pytest.raises(KeyFileRefused, match="exists"):
            key.save(tmp_path / "key.pem", b"right")

    def test_need_a_passphrase_and_a_folder(self, key, tmp_path):
        with pytest.raises(KeyFileRefused):
            key.save(tmp_path / "key.pem", b"")
        with pytest.raises(KeyFileRefused):
            key.save(tmp_path / "nowhere" / "key.pem", b"right")
        with pytest.raises(KeyFileRefused):
            type(key).load(tmp_path / "nowhere.pem", b"right")

    def test_of_the_other_kind_are_refused(self, key, tmp_path):
        key.save(tmp_path / "key.pem", b"right")
        other = SealingKey if isinstance(key, SigningKey) else SigningKey
        with pytest.raises(KeyFileRefused):
            other.load(tmp_path / "key.pem", b"right")

    def test_show_no_secret(self, key, tmp_path):
        assert "•••" in repr(key)


def test_an_unencrypted_key_file_is_refused(tmp_path):
    path = tmp_path / "key.pem"
    path.write_text("-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n"
                    "-----END PRIVATE KEY-----\n")
    path.chmod(0o600)
    with pytest.raises(KeyFileRefused):
        SigningKey.load(path, b"right")


def test_randomness_is_an_argument():
    assert SigningKey.generate(random_bytes("x")).key_id == SigningKey.generate(random_bytes("x")).key_id
    assert SealingKey.generate(random_bytes("x")).key_id == SealingKey.generate(random_bytes("x")).key_id
