"""The 31 messages of SIP2 2.00 in one table, and the value that carries any of them.

The table drives decoding, building and encoding. One generic ``Message`` stands in for 31 classes: field order is free,
codes may repeat, and vendors add their own, so a list of (code, value) pairs is what a SIP2 message is.
Fixed fields stay text as received (real peers leave them blank or fill them wrongly); ``flag`` and ``count`` read them.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from connectors.sip2.errors import UnknownField, UnknownMessage, WrongWidth
from connectors.sip2.fields import CODE, FIELD_NAMES, FIELD_WIDTHS, HIDDEN_CODES

Field = tuple[str, str]
ChecksumState = Literal["ok", "bad", "absent"]
Form = Literal["NFC", "NFD"]

#: Requests that change something in the ILS: never repeated blindly.
WRITES = frozenset({"01", "09", "11", "15", "19", "25", "29", "37", "65"})


@dataclass(frozen=True)
class FixedField:
    """One field of the fixed part. ``flags`` holds the letters for false and true, where it is a flag."""

    name: str
    start: int
    width: int
    flags: str = ""

    def to_text(self, value: object, message_id: str) -> str:
        """Return ``value`` as this field's text: a bool by the flags, None as blanks, anything else as it is."""
        if value is None:
            return " " * self.width
        if isinstance(value, bool) and self.flags:
            return self.flags[value]
        if isinstance(value, str) and len(value) == self.width:
            return value
        raise WrongWidth(message_id, self.name, self.width)


@dataclass(frozen=True)
class MessageSpec:
    """One row of the table."""

    id: str
    name: str
    answer: str | None
    fixed: tuple[FixedField, ...]
    required: frozenset[str]
    codes: tuple[str, ...]

    @cached_property
    def width(self) -> int:
        """Characters of the fixed part."""
        return sum(field.width for field in self.fixed)

    @cached_property
    def known(self) -> frozenset[str]:
        """The names of the fixed fields and the codes of the others."""
        return frozenset(self.by_name) | frozenset(self.codes)

    @cached_property
    def by_name(self) -> Mapping[str, FixedField]:
        """The fixed fields by name."""
        return {field.name: field for field in self.fixed}

    @cached_property
    def widths(self) -> Mapping[str, int]:
        """The coded fields of fixed width, with their widths."""
        return {code: FIELD_WIDTHS[code] for code in self.codes if code in FIELD_WIDTHS}

    @cached_property
    def lengths_max(self) -> Mapping[str, int]:
        """Every known code with the length, code included, up to which its segment is surely one field."""
        return {code: 2 + self.widths.get(code, sys.maxsize - 2) for code in FIELD_NAMES}


def _row(message_id: str, name: str, answer: str | None, fixed: str, coded: str) -> MessageSpec:
    """Read a row. Fixed: ``name:width``, or ``name:NY`` for a flag, false before true. Coded: ``!`` marks required."""
    fields: list[FixedField] = []
    start = 0
    for name_text, shape in (word.split(":") for word in fixed.split()):
        flags = "" if shape.isdigit() and shape != "01" else shape
        width = 1 if flags else int(shape)
        fields.append(FixedField(name_text, start, width, flags))
        start += width
    words = coded.split()
    return MessageSpec(
        message_id,
        name,
        answer,
        tuple(fields),
        frozenset(word[:2] for word in words if word.endswith("!")),
        tuple(word[:2] for word in words),
    )


_DATE = "transaction_date:18"
_PATRON = f"patron_status:14 language:3 {_DATE}"
_CHECKED_OUT = f"ok:01 renewal_ok:NY magnetic_media:NY desensitize:NY {_DATE}"
_COUNTS = (
    "hold_items_count:4 overdue_items_count:4 charged_items_count:4 fine_items_count:4 recall_items_count:4 "
    "unavailable_holds_count:4"
)
_CHECKED_OUT_CODES = "AO! AA! AB! AJ! AH! BT CI BH BV CK CH BK AF AG"

_ROWS = (
    # SC to ACS: requests, with the id of the answer
    _row("93", "login", "94", "uid_algorithm:1 pwd_algorithm:1", "CN! CO! CP"),
    _row("99", "sc_status", "98", "status_code:1 max_print_width:3 protocol_version:4", ""),
    _row("23", "patron_status", "24", f"language:3 {_DATE}", "AO! AA! AC! AD!"),
    _row("63", "patron_information", "64", f"language:3 {_DATE} summary:10", "AO! AA! AC AD BP BQ"),
    _row("35", "end_patron_session", "36", _DATE, "AO! AA! AC AD"),
    _row("25", "patron_enable", "26", _DATE, "AO! AA! AC AD"),
    _row("01", "block_patron", "24", f"card_retained:NY {_DATE}", "AO! AL! AA! AC!"),
    _row("17", "item_information", "18", _DATE, "AO! AB! AC"),
    _row("19", "item_status_update", "20", _DATE, "AO! AB! AC CH!"),
    _row("11", "checkout", "12", f"sc_renewal_policy:NY no_block:NY {_DATE} nb_due_date:18",
         "AO! AA! AB! AC! CH AD BO BI"),
    _row("09", "checkin", "10", f"no_block:NY {_DATE} return_date:18", "AP! AO! AB! AC! CH BI"),
    _row("15", "hold", "16", f"hold_mode:1 {_DATE}", "BW BS BY AO! AA! AD AB AJ AC BO"),
    _row("29", "renew", "30", f"third_party_allowed:NY no_block:NY {_DATE} nb_due_date:18",
         "AO! AA! AD AB AJ AC CH BO"),
    _row("65", "renew_all", "66", _DATE, "AO! AA! AD AC BO"),
    _row("37", "fee_paid", "38", f"{_DATE} fee_type:2 payment_type:2 currency_type:3", "BV! AO! AA! AC AD CG BK"),
    _row("97", "request_acs_resend", None, "", ""),
    # ACS to SC: answers
    _row("94", "login_response", None, "ok:01", ""),
    _row("98", "acs_status", None,
         "on_line_status:NY checkin_ok:NY checkout_ok:NY acs_renewal_policy:NY status_update_ok:NY off_line_ok:NY "
         "timeout_period:3 retries_allowed:3 date_time_sync:18 protocol_version:4", "AO! AM BX! AN AF AG"),
    _row("24", "patron_status_response", None, _PATRON, "AO! AA! AE! BL CQ BH BV AF AG"),
    _row("64", "patron_information_response", None, f"{_PATRON} {_COUNTS}",
         "AO! AA! AE! BZ CA CB BL CQ BH BV CC AS AT AU AV BU CD BD BE BF AF AG"),
    _row("36", "end_session_response", None, f"end_session:NY {_DATE}", "AO! AA! AF AG"),
    _row("26", "patron_enable_response", None, _PATRON, "AO! AA! AE! BL CQ AF AG"),
    _row("18", "item_information_response", None, f"circulation_status:2 security_marker:2 fee_type:2 {_DATE}",
         "CF AH CJ CM AB! AJ! BG BH BV CK AQ AP CH CR CS AF AG"),
    _row("20", "item_status_update_response", None, f"item_properties_ok:01 {_DATE}", "AB! AJ CH AF AG"),
    _row("12", "checkout_response", None, _CHECKED_OUT, _CHECKED_OUT_CODES),
    _row("10", "checkin_response", None, f"ok:01 resensitize:NY magnetic_media:NY alert:NY {_DATE}",
         "AO! AB! AQ! AJ CL AA CK CH CR CS CT CV CY DA AF AG"),
    _row("16", "hold_response", None, f"ok:01 available:NY {_DATE}", "BW BR BS AO! AA! AB AJ AF AG"),
    _row("30", "renew_response", None, _CHECKED_OUT, _CHECKED_OUT_CODES),
    _row("66", "renew_all_response", None, f"ok:01 renewed_count:4 unrenewed_count:4 {_DATE}", "AO! BM BN AF AG"),
    _row("38", "fee_paid_response", None, f"payment_accepted:NY {_DATE}", "AO! AA! BK AF AG"),
    _row("96", "request_sc_resend", None, "", ""),
)  # fmt: skip

MESSAGES: Mapping[str, MessageSpec] = {row.id: row for row in _ROWS}
REQUESTS = frozenset(row.id for row in _ROWS if row.answer) | {"97"}


@dataclass(frozen=True)
class Layout:
    """How a frame that is not canonical was written around its parts: enough to write it so again.

    ``lead`` stood before the first field, ``gaps`` after each; the trailer AY and AZ as it stood, where computing it
    anew would give another. ``form`` is the Unicode form of the text, None where the text had to be altered to be read.
    """

    lead: str = ""
    gaps: tuple[str, ...] | None = None
    trailer: bytes | None = None
    form: Form | None = "NFC"


CANONICAL = Layout()


@dataclass(frozen=True)
class Message:
    """What one side says (id, fixed part, coded fields), and how it travelled, which equality ignores.

    ``problems`` names the tolerances that decoding used; ``raw`` is the frame as received, ``layout`` its form.
    """

    id: str
    head: str
    fields: tuple[Field, ...] = ()
    sequence: int | None = field(default=None, compare=False)
    checksum: ChecksumState = field(default="absent", compare=False)
    problems: tuple[str, ...] = field(default=(), compare=False)
    raw: bytes = field(default=b"", compare=False)
    layout: Layout = field(default=CANONICAL, compare=False)

    @property
    def spec(self) -> MessageSpec:
        """The table's row."""
        return MESSAGES[self.id]

    @cached_property
    def fixed(self) -> Mapping[str, str]:
        """The fixed fields by name, as text."""
        return {item.name: self.head[item.start : item.start + item.width] for item in self.spec.fixed}

    def get(self, code: str) -> str | None:
        """Return the first value of ``code``, or None. A repeated scalar counts once, as the first."""
        return next((value for found, value in self.fields if found == code), None)

    def all(self, code: str) -> tuple[str, ...]:
        """Return every value of ``code`` that is not empty: servers pad short lists with empty fields."""
        return tuple(value for found, value in self.fields if found == code and value)

    def flag(self, name: str) -> bool | None:
        """Return a fixed flag by the letters of its message (0/1 or N/Y), None for U, blank and anything else."""
        spec = self.spec.by_name[name]
        return {spec.flags[0]: False, spec.flags[1]: True}.get(self.fixed[name])

    def count(self, name: str) -> int | None:
        """Return a fixed number, None where it is blank or no number."""
        text = self.fixed[name].strip()
        return int(text) if text.isascii() and text.isdigit() else None

    def __repr__(self) -> str:
        shown = [f"{name}={text!r}" for name, text in self.fixed.items()]
        shown += [f"{code}={'•••' if code in HIDDEN_CODES else repr(value)}" for code, value in self.fields]
        return f"<{self.id} {self.spec.name} {' '.join(shown)}>".replace(" >", ">")


def build(message_id: str, **values: bool | str | Sequence[str] | None) -> Message:
    """Build a message: fixed fields by their names, coded fields by their codes, in the table's order.

    Flags take a bool; a fixed field left out is blank; a coded field that is None is left out, unless the table
    requires it: then it is sent empty. A list repeats the field. Codes outside the table follow at the end.

    >>> build("17", transaction_date="20260101    120000", AO="YP", AB="B001").fields
    (('AO', 'YP'), ('AB', 'B001'))

    Raises:
        UnknownMessage, UnknownField, WrongWidth: the table does not have it so.
    """
    spec = MESSAGES.get(message_id)
    if spec is None:
        raise UnknownMessage(message_id)
    head = "".join([item.to_text(values.get(item.name), message_id) for item in spec.fixed])
    extra = [name for name in values if name not in spec.known]
    for name in extra:
        if not CODE.fullmatch(name):
            raise UnknownField(message_id, name)
    fields: list[Field] = []
    for code in (*spec.codes, *extra) if extra else spec.codes:
        value = values.get(code)
        if value is None:
            if code in spec.required:
                fields.append((code, ""))
        elif isinstance(value, str):
            fields.append((code, value))
        else:
            fields += [(code, text) for text in (("NY"[value],) if isinstance(value, bool) else value)]
    return Message(message_id, head, tuple(fields))
