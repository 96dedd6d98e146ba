"""Every refusal either end may send, with what it means, whether a retry can help, and who must act.

A refusal is part of the protocol: the code travels in a signed Refusal and in the HTTP answers, so a code is never
renamed. ``PROBLEMS`` is the one table; the web layer and the documentation read it.
"""

from dataclasses import dataclass
from enum import StrEnum


class ProblemCode(StrEnum):
    """The name of a refusal."""

    OVERSIZE = "oversize"
    MALFORMED_ENVELOPE = "malformed_envelope"
    NON_CANONICAL_BASE64 = "non_canonical_base64"
    WRONG_PAYLOAD_TYPE = "wrong_payload_type"
    NOT_ONE_SIGNATURE = "not_one_signature"
    MALFORMED_PAYLOAD = "malformed_payload"
    DUPLICATE_KEY = "duplicate_key"
    FLOAT_NUMBER = "float_number"
    UNKNOWN_TYPE = "unknown_type"
    UNKNOWN_KEY = "unknown_key"
    KEY_NOT_VALID_NOW = "key_not_valid_now"
    KEY_REVOKED = "key_revoked"
    WEAK_KEY = "weak_key"
    BAD_SIGNATURE = "bad_signature"
    SIGNER_IS_NOT_SRC = "signer_is_not_src"
    WRONG_DESTINATION = "wrong_destination"
    EXPIRED = "expired"
    FROM_THE_FUTURE = "from_the_future"
    NEWER_DIRECTORY = "newer_directory"
    REPLAYED = "replayed"
    OUT_OF_SEQUENCE = "out_of_sequence"
    STREAM_BROKEN = "stream_broken"
    WRONG_ROLE = "wrong_role"
    OUT_OF_TURN = "out_of_turn"
    REPLY_MISMATCH = "reply_mismatch"
    CHALLENGE_USED = "challenge_used"
    NOT_ENOUGH_SIGNATURES = "not_enough_signatures"
    DIRECTORY_ROLLED_BACK = "directory_rolled_back"
    DIRECTORY_EXPIRED = "directory_expired"
    DIRECTORY_MIXED = "directory_mixed"
    FRESHNESS_EXPIRED = "freshness_expired"
    DIRECTORY_FROZEN = "directory_frozen"
    BROKEN_PROOF = "broken_proof"
    SPLIT_VIEW = "split_view"
    NOT_CONFIRMED = "not_confirmed"
    CLOCK_WRONG = "clock_wrong"
    BAD_REQUEST = "bad_request"
    NOT_SIGNED_IN = "not_signed_in"
    NOT_FOUND = "not_found"
    LIBRARY_UNREACHABLE = "library_unreachable"
    TOO_MANY_REQUESTS = "too_many_requests"


class Party(StrEnum):
    """Who must act on a refusal."""

    SENDER = "sender"
    RECEIVER = "receiver"
    ADMIN = "alliance admin"
    READER = "reader"
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Problem:
    """One row: plain words for people, and what a program needs to decide."""

    meaning: str
    may_retry: bool
    who_acts: Party
    http_status: int


_C = ProblemCode
_P = Party
PROBLEMS: dict[ProblemCode, Problem] = {
    _C.OVERSIZE: Problem("larger than the protocol allows", False, _P.SENDER, 413),
    _C.MALFORMED_ENVELOPE: Problem("not a DSSE envelope of this protocol", False, _P.SENDER, 400),
    _C.NON_CANONICAL_BASE64: Problem("base64 that does not re-encode to itself", False, _P.SENDER, 400),
    _C.WRONG_PAYLOAD_TYPE: Problem("a payload type this protocol does not use", False, _P.SENDER, 400),
    _C.NOT_ONE_SIGNATURE: Problem("a message carries exactly one signature", False, _P.SENDER, 400),
    _C.MALFORMED_PAYLOAD: Problem("signed, but not a message of this protocol", False, _P.SENDER, 400),
    _C.DUPLICATE_KEY: Problem("a JSON object names one key twice", False, _P.SENDER, 400),
    _C.FLOAT_NUMBER: Problem("a number that is not an integer", False, _P.SENDER, 400),
    _C.UNKNOWN_TYPE: Problem("a message type that is not in the table", False, _P.SENDER, 400),
    _C.UNKNOWN_KEY: Problem("signed by a key the directory does not list", True, _P.ADMIN, 403),
    _C.KEY_NOT_VALID_NOW: Problem("the key was not in its time of use", False, _P.SENDER, 403),
    _C.KEY_REVOKED: Problem("the key has been revoked", False, _P.ADMIN, 403),
    _C.WEAK_KEY: Problem("a small-order key, under which anything verifies", False, _P.ADMIN, 403),
    _C.BAD_SIGNATURE: Problem("the signature does not fit the bytes", False, _P.SENDER, 403),
    _C.SIGNER_IS_NOT_SRC: Problem("the signer's library is not the sender named", False, _P.SENDER, 403),
    _C.WRONG_DESTINATION: Problem("addressed to somebody else", False, _P.SENDER, 403),
    _C.EXPIRED: Problem("its time to act has passed", False, _P.SENDER, 410),
    _C.FROM_THE_FUTURE: Problem("created later than the receiver's clock", True, _P.SENDER, 409),
    _C.NEWER_DIRECTORY: Problem("names a newer directory than is known here", True, _P.RECEIVER, 409),
    _C.REPLAYED: Problem("this number of the stream was used before", False, _P.SENDER, 409),
    _C.OUT_OF_SEQUENCE: Problem("an earlier message of the stream is missing", True, _P.SENDER, 409),
    _C.STREAM_BROKEN: Problem("does not follow the message before it", False, _P.SENDER, 409),
    _C.WRONG_ROLE: Problem("this library may not say this in this loan", False, _P.SENDER, 403),
    _C.OUT_OF_TURN: Problem("the loan's state does not allow this now", False, _P.SENDER, 409),
    _C.REPLY_MISMATCH: Problem("answers a message that was not asked", False, _P.SENDER, 409),
    _C.CHALLENGE_USED: Problem("a sign-in challenge opens once", False, _P.READER, 403),
    _C.NOT_ENOUGH_SIGNATURES: Problem("signed by fewer admins than the root asks", False, _P.ADMIN, 403),
    _C.DIRECTORY_ROLLED_BACK: Problem("an older directory than the one known", False, _P.ADMIN, 409),
    _C.DIRECTORY_EXPIRED: Problem("the directory's signatures have run out", True, _P.ADMIN, 410),
    _C.DIRECTORY_MIXED: Problem("a file is not the one the editors signed", False, _P.ADMIN, 409),
    _C.FRESHNESS_EXPIRED: Problem("nobody has lately vouched for the directory", True, _P.ADMIN, 410),
    _C.DIRECTORY_FROZEN: Problem("others know a newer directory than the gateway vouches for", True, _P.ADMIN, 409),
    _C.BROKEN_PROOF: Problem("the evidence does not lead to the signed root", False, _P.ADMIN, 409),
    _C.SPLIT_VIEW: Problem("the gateway shows two libraries different logs", False, _P.ADMIN, 409),
    _C.NOT_CONFIRMED: Problem("its receiver has not confirmed it in time", True, _P.SENDER, 504),
    _C.CLOCK_WRONG: Problem("this machine's clock is too far off to sign", True, _P.SENDER, 409),
    _C.BAD_REQUEST: Problem("the request cannot be understood", False, _P.SENDER, 400),
    _C.NOT_SIGNED_IN: Problem("sign in first", False, _P.READER, 401),
    _C.NOT_FOUND: Problem("there is no such thing here", False, _P.NOBODY, 404),
    _C.LIBRARY_UNREACHABLE: Problem("the library does not answer at the moment", True, _P.NOBODY, 503),
    _C.TOO_MANY_REQUESTS: Problem("more requests than are allowed", True, _P.SENDER, 429),
}
