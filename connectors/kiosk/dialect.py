"""A message from the kiosk's dialect to the ILS's and back: the same meaning, other local words. Pure.

Charset, terminator, sequence and checksum are each line's own and not here. Translated are the institution (AO), the
terminal password (AC), and numbers with our own prefix, which the ILS knows bare. All other fields, unknown ones too,
pass as they came and in their order.
"""

from dataclasses import replace

from connectors.kiosk.routing import Found, Label
from connectors.sip2.dates import BLANK_DATE
from connectors.sip2.messages import Message
from connectors.sip2.profile import Profile
from schemas.identifiers import AgencyId


def neutral(request: Message, kiosk: Profile) -> Message:
    """Return ``request`` with the kiosk's own word for this library left out, so that it can be kept and sent later."""
    if not kiosk.institution or request.get("AO") != kiosk.institution:
        return request
    fields = tuple((code, "" if code == "AO" else value) for code, value in request.fields)
    return Message(request.id, request.head, fields)


def to_ils(request: Message, found: Found, ils: Profile, me: AgencyId) -> Message:
    """Return a neutral ``request`` as the ILS is asked."""
    changes = {
        "AO": ils.institution if (request.get("AO") or "").strip() in ("", me) else None,
        "AC": ils.terminal_password or None,
        "AA": _bare(found.card, me),
        "AB": _bare(found.item, me),
    }
    fields = [(code, changes.get(code) or value) for code, value in request.fields
              if f"{request.id}.{code}" not in ils.omit]
    return Message(request.id, _head(request, ils), (*fields, *_missing(request, ils)))


def to_kiosk(answer: Message, request: Message, found: Found, ils: Profile) -> Message:
    """Return the ILS's ``answer`` in the words in which the kiosk asked."""
    institution = request.get("AO")
    words = {("AO", ils.institution): institution} if institution is not None else {}
    words |= {(code, label.number): label.text
              for code, label in (("AA", found.card), ("AB", found.item)) if label is not None}
    return replace(answer, fields=tuple((code, words.get((code, value), value)) for code, value in answer.fields))


def _bare(label: Label | None, me: AgencyId) -> str | None:
    return label.number if label is not None and label.owner == me else None


def _missing(request: Message, ils: Profile) -> list[tuple[str, str]]:
    """Return the fields that the ILS wants in this message and the kiosk has left out."""
    wanted = {place[3:]: "" for place in sorted(ils.send_empty) if place.startswith(request.id)}
    if "AO" in request.spec.required and f"{request.id}.AO" not in ils.omit:
        wanted["AO"] = ils.institution
    given = {code for code, _ in request.fields}
    return [(code, value) for code, value in wanted.items() if code not in given]


def _head(request: Message, ils: Profile) -> str:
    """Return the fixed part; some servers refuse the usual blanks of the no-block due date."""
    field = request.spec.by_name.get("nb_due_date")
    if field is None or not ils.send_nb_due_date or request.fixed["nb_due_date"] != BLANK_DATE:
        return request.head
    return request.head[: field.start] + request.fixed["transaction_date"] + request.head[field.start + field.width :]
