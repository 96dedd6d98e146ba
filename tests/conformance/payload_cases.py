"""Vectors for the signed document: correctly signed, and nevertheless no message of this protocol."""

from collections.abc import Iterator

from tests.conformance.door import PAYLOAD, Case, signed

START = b'{"v":1'
LONG_NUMBER = b"9" * 5000


def cases() -> Iterator[Case]:
    yield Case("good_spaces", "spaces between the tokens: exactly these bytes are signed", _edit(START, b'{ "v" : 1'))
    yield Case("good_null", "a field that is not set may stand there as null", _edit(START, START + b',"cp":null'))
    yield Case("good_escapes", "escapes in a string", _edit(b'"Wushan Square"', b'"\\u5434\\u5c71\\ud83d\\ude00"'))
    yield Case("good_fraction", "six decimals of a second", _edit(b"08:00:00Z", b"08:00:00.000001Z"))
    for code, edits in _EDITS.items():
        for name, (about, old, new) in edits.items():
            yield Case(name, about, _edit(old, new), code)
    for name, (about, payload) in _WHOLE.items():
        yield Case(name, about, signed(payload), "malformed_payload")
    yield Case("list", "a list where a message should be", signed(b"[" + PAYLOAD + b"]"), "unknown_type")


def _edit(old: bytes, new: bytes) -> bytes:
    """Replace the first place; a misprint here would be a vector that shows nothing."""
    assert old in PAYLOAD, old
    return signed(PAYLOAD.replace(old, new, 1))


_KEY_TWICE = {
    "key_twice": ("a key twice in the header", START, b'{"v":1,"v":1'),
    "key_twice_escaped": ("a key twice, once with an escape", START, b'{"v":1,"\\u0076":1'),
    "key_twice_in_body": ("a key twice in the body", b'"barcode":', b'"barcode":"1","barcode":'),
}
_FLOATS = {
    "float": ("a number with a decimal point", START, b'{"v":1.0'),
    "exponent": ("a number with an exponent", START, b'{"v":1e0'),
    "huge_exponent": ("more than any float holds", START, b'{"v":1e999'),
    "nan": ("not a number", START, b'{"v":NaN'),
    "infinity": ("infinity", START, b'{"v":Infinity'),
    "minus_infinity": ("minus infinity", START, b'{"v":-Infinity'),
}
_UNKNOWN_TYPES = {
    "unknown_type": ("a type that the table does not list", b"CustodyReceipt", b"CustodyWish"),
    "type_number": ("a type that is no string", b'"CustodyReceipt"', b"7"),
    "type_missing": ("no type", b'"type":"CustodyReceipt",', b""),
}
_MALFORMED = {
    "unknown_field": ("a field that the header does not have", START, b'{"v":1,"x":1'),
    "unknown_field_in_body": ("a field that the body does not have", b'"barcode":', b'"x":1,"barcode":'),
    "unknown_field_in_stream": ("a field that the stream does not have", b'"epoch":', b'"x":1,"epoch":'),
    "missing_field": ("no barcode in the body", b'"barcode":"31000001",', b""),
    "no_dst": ("nobody is addressed", b'"dst":"CN-SH-YANGPU",', b""),
    "null_for_a_value": ("null where a value must be", b'"dst":"CN-SH-YANGPU"', b'"dst":null'),
    "other_version": ("a version that is not spoken", START, b'{"v":2'),
    "number_as_text": ("a number in quotation marks", START, b'{"v":"1"'),
    "truth_as_number": ("true is not 1", START, b'{"v":true'),
    "negative": ("a number below its range", b'"epoch":0', b'"epoch":-1'),
    "not_safe": ("2^53: not every reader holds it", b'"seq":1', b'"seq":9007199254740992'),
    "thousands_of_digits": ("a number of 5,000 digits", b'"seq":1', b'"seq":' + LONG_NUMBER),
    "leading_zero": ("a number with a leading zero", b'"seq":1', b'"seq":01'),
    "lone_surrogate": ("half a surrogate pair", b'"Wushan Square"', b'"\\ud800"'),
    "control_character": ("a line break inside a string", b'"Wushan Square"', b'"Wushan\nSquare"'),
    "invalid_utf_8": ("a byte that UTF-8 does not have", b'"Wushan Square"', b'"Wushan\xffSquare"'),
    "text_too_long": ("501 characters where 500 are allowed", b"Wushan Square", b"x" * 501),
    "agency_lower_case": ("an agency in lower case", b"CN-SH-YANGPU", b"cn-sh-yangpu"),
    "agency_line_break": ("a line break behind an agency", b"CN-SH-YANGPU", b"CN-SH-YANGPU\\n"),
    "hash_upper_case": ("a hash in capitals", b"abab", b"ABAB"),
    "other_value": ("a word that is none of those allowed", b'"pickup point"', b'"pickup points"'),
    "unknown_channel": ("a channel that is not there", b'"channel":"loan"', b'"channel":"mail"'),
    "local_time": ("a time that is not in UTC", b"08:00:00Z", b"16:00:00+08:00"),
    "time_offset_zero": ("UTC spelt as an offset", b"08:00:00Z", b"08:00:00+00:00"),
    "time_small_z": ("a small z", b"08:00:00Z", b"08:00:00z"),
    "time_with_a_space": ("a space in place of T", b"2026-12-01T", b"2026-12-01 "),
    "time_no_seconds": ("a time without seconds", b"08:00:00Z", b"08:00Z"),
    "time_seven_decimals": ("seven decimals", b"08:00:00Z", b"08:00:00.0000001Z"),
    "time_as_seconds": ("seconds since 1970", b"2026-12-01T08:00:00Z", b"1796112000"),
    "time_leap_second": ("a leap second", b"08:00:00Z", b"08:00:60Z"),
    "no_such_day": ("30 February", b"2026-12-01T", b"2026-02-30T"),
}
_EDITS = {"duplicate_key": _KEY_TWICE, "float_number": _FLOATS, "unknown_type": _UNKNOWN_TYPES,
          "malformed_payload": _MALFORMED}
_WHOLE = {
    "not_json": ("signed bytes that are not JSON", b"hello"),
    "half": ("half a message", PAYLOAD[:100]),
    "trailing": ("something behind the message", PAYLOAD + b"{}"),
    "byte_order_mark": ("a byte order mark before the text", b"\xef\xbb\xbf" + PAYLOAD),
    "deep": ("ten thousand lists in one another", START + b',"x":' + b"[" * 10_000 + b"]" * 10_000 + PAYLOAD[6:]),
}
