from datetime import timedelta

import pytest

from tests.trust.samples import EDITORS, GATEWAY_KEY, NOW, SOME_HASH, Published
from trust import errors
from trust.dsse import encode_envelope
from trust.envelope import seal
from trust.errors import TrustError
from trust.freshness import FRESHNESS_TYPE, Freshness, check_freshness, seal_freshness

DIRECTORY = Published(version=2).accept()


def statement(**changes):
    return Freshness(**{"version": 2, "hash": DIRECTORY.hash, "valid_until": NOW + timedelta(hours=6), **changes})


def test_the_gateway_vouches_for_the_editors_version():
    assert check_freshness(seal_freshness(statement(), GATEWAY_KEY), DIRECTORY, NOW) == statement()


@pytest.mark.parametrize(("freshness", "refusal"), [
    (statement(valid_until=NOW), errors.FreshnessExpired),
    (statement(valid_until=NOW + timedelta(days=2)), errors.FreshnessExpired),
    (statement(version=3), errors.NewerDirectory),
    (statement(version=1), errors.RolledBack),
    (statement(hash=SOME_HASH), errors.MixedFiles),
])
def test_what_it_may_not_vouch_for_is_refused(freshness, refusal):
    with pytest.raises(TrustError) as caught:
        check_freshness(seal_freshness(freshness, GATEWAY_KEY), DIRECTORY, NOW)
    assert type(caught.value) is refusal


def test_nobody_else_may_state_freshness():
    with pytest.raises(errors.UnknownKey):
        check_freshness(seal_freshness(statement(), EDITORS[0]), DIRECTORY, NOW)


def test_running_the_version_forward_locks_nobody_out():
    with pytest.raises(errors.NewerDirectory):
        check_freshness(seal_freshness(statement(version=999), GATEWAY_KEY), DIRECTORY, NOW)
    assert check_freshness(seal_freshness(statement(), GATEWAY_KEY), DIRECTORY, NOW)


@pytest.mark.parametrize("payload", [
    b"x", b"{}", b'{"version":2.0}', b'{"version":1,"version":2,"hash":"%b","valid_until":"2026-12-01T09:00:00Z"}'
    % DIRECTORY.hash.encode()])
def test_other_payloads_are_refused(payload):
    with pytest.raises(errors.MalformedPayload):
        check_freshness(encode_envelope(payload, GATEWAY_KEY, FRESHNESS_TYPE)[1], DIRECTORY, NOW)


def test_a_message_is_not_a_freshness_statement():
    from tests.trust.samples import custody_receipt
    with pytest.raises(errors.WrongPayloadType):
        check_freshness(seal(custody_receipt(DIRECTORY), GATEWAY_KEY).envelope, DIRECTORY, NOW)
