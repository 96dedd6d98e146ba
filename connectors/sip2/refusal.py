"""The answer no to any request, made from the table: so that every request gets an answer of its own kind.

Used where a handler failed or the line has not logged in. A kiosk shows the text to the reader.
"""

from connectors.sip2.messages import MESSAGES, FixedField, Message, build

# Fixed fields whose "no" is not simply false, blank or the request's own value.
_NO = {
    "patron_status": "YYYY".ljust(14),
    "circulation_status": "01",
    "security_marker": "00",
    "fee_type": "01",
    "renewed_count": "0000",
    "unrenewed_count": "0000",
    "timeout_period": "999",
    "retries_allowed": "999",
    "protocol_version": "2.00",
}


_ECHOED = ("AO", "AA", "AB")


def refusal(request: Message, text: str, moment: str) -> Message:
    """Return the answer to ``request`` that denies it, with ``text`` for the screen, at ``moment`` (a SIP2 date)."""
    answer = request.spec.answer
    if answer is None:
        return build("96")
    spec = MESSAGES[answer]
    known = {code: request.get(code) for code in spec.codes if code in _ECHOED}
    said = {"BL": "N", "BX": "N" * 16, "AF": text}
    coded = known | {code: value for code, value in said.items() if code in spec.codes}
    return build(answer, **{item.name: _no(item, request, moment) for item in spec.fixed}, **coded)


def _no(item: FixedField, request: Message, moment: str) -> str | bool | None:
    if item.flags:
        return False
    if item.width == len(moment):
        return moment
    return _NO.get(item.name) or request.fixed.get(item.name)
