"""The state of one association, for either side, without any I/O.

Both sides share one table: an APDU sent or received moves the association alike. A driver feeds what the network
delivers, takes whole APDUs out with ``next`` and sends the octets that ``send`` and its kin return. The order is
checked on both ways: ours by ``OutOfTurn``, the peer's too, so that a driver can answer it with Close.

Absent on purpose: time. Deadlines and idle limits belong to the drivers.
"""

from collections.abc import Mapping
from dataclasses import replace
from enum import Enum, auto
from itertools import count

from connectors.z3950 import codec
from connectors.z3950.apdu import (
    Apdu,
    Close,
    CloseReason,
    InitRequest,
    InitResponse,
    PresentRequest,
    PresentResponse,
    SearchRequest,
    SearchResponse,
    Segment,
)
from connectors.z3950.apdu_services import ExtendedServicesRequest, ExtendedServicesResponse
from connectors.z3950.apdu_sets import (
    DeleteResultSetRequest,
    DeleteResultSetResponse,
    ScanRequest,
    ScanResponse,
    SortRequest,
    SortResponse,
)
from connectors.z3950.ber import Limits, Reader
from connectors.z3950.errors import OutOfTurn, TooLarge, WrongReference
from connectors.z3950.record import NamePlusRecord


class State(Enum):
    """How far an association has come."""

    START = auto()
    INITIALISING = auto()
    OPEN = auto()
    CLOSING = auto()
    CLOSED = auto()


OPERATIONS: Mapping[type[Apdu], type[Apdu]] = {
    SearchRequest: SearchResponse,
    PresentRequest: PresentResponse,
    DeleteResultSetRequest: DeleteResultSetResponse,
    ScanRequest: ScanResponse,
    SortRequest: SortResponse,
    ExtendedServicesRequest: ExtendedServicesResponse,
}
"""Which response ends the operation that a request begins."""

RESPONSES: Mapping[type[Apdu], type[Apdu]] = {InitRequest: InitResponse, **OPERATIONS}

_WORK = (*OPERATIONS.keys(), *OPERATIONS.values(), Segment)

TRANSITIONS: Mapping[State, Mapping[type[Apdu], State]] = {
    State.START: {InitRequest: State.INITIALISING, Close: State.CLOSING},
    State.INITIALISING: {InitResponse: State.OPEN, Close: State.CLOSING},
    State.OPEN: {**dict.fromkeys(_WORK, State.OPEN), Close: State.CLOSING},
    State.CLOSING: {**dict.fromkeys(_WORK, State.CLOSING), Close: State.CLOSED},  # what was under way when it was sent
    State.CLOSED: {},
}


def advance(state: State, apdu: Apdu) -> State:
    """Return the state after ``apdu``; raise ``OutOfTurn`` if it may not come now."""
    if isinstance(apdu, InitResponse) and not apdu.result and state is State.INITIALISING:
        return State.START  # the origin may try again, with other credentials
    try:
        return TRANSITIONS[state][type(apdu)]
    except KeyError:
        raise OutOfTurn(f"{type(apdu).__name__} may not come in the state {state.name}") from None


class Session:
    """What both sides have in common: framing, order, and who may send what."""

    _receives: frozenset[type[Apdu]]

    def __init__(self, limits: Limits) -> None:
        self.state = State.START
        self._reader = Reader(limits)

    def feed(self, data: bytes) -> None:
        """Add what the network delivered."""
        self._reader.feed(data)

    def next(self) -> Apdu | None:
        """Return the next whole APDU, or ``None`` until more octets are fed.

        Raises:
            ProtocolViolation: the peer's octets or APDU cannot be accepted.
            OutOfTurn: the APDU may not come now, or not from that side.
        """
        element = self._reader.next()
        if element is None:
            return None
        apdu = codec.from_element(element)
        if type(apdu) not in self._receives:
            raise OutOfTurn(f"{type(apdu).__name__} is not the peer's to send")
        self.state = advance(self.state, apdu)
        return apdu

    def send(self, apdu: Apdu, reference_id: bytes | None = None) -> bytes:
        """Return the octets of ``apdu``, under ``reference_id``; raise ``OutOfTurn`` if it may not be sent now."""
        self.state = advance(self.state, apdu)
        return codec.encode(apdu, reference_id)

    def close(self, reason: CloseReason, text: str | None = None) -> bytes:
        """Return the octets of a Close; none if the association is closed already."""
        if self.state is State.CLOSED:
            return b""
        return self.send(Close(close_reason=reason, diagnostic_information=text))


class TargetSession(Session):
    """The side that answers."""

    _receives = frozenset({*RESPONSES.keys(), Close})

    def answer(self, request: Apdu, response: Apdu) -> bytes:
        """Return the octets of ``response`` under the reference id of ``request``."""
        return self.send(response, request.reference_id)


class OriginSession(Session):
    """The side that asks. It numbers its requests, and knows an answer by that number."""

    _receives = frozenset({*RESPONSES.values(), Segment, Close})

    def __init__(self, limits: Limits) -> None:
        super().__init__(limits)
        self._numbers = count(1)
        self._waiting: dict[bytes, Apdu] = {}
        self._segments: dict[bytes, tuple[NamePlusRecord, ...]] = {}

    def request(self, request: Apdu) -> bytes:
        """Return the octets of ``request`` under a fresh reference id."""
        reference_id = b"%d" % next(self._numbers)
        octets = self.send(request, reference_id)
        self._waiting[reference_id] = request
        return octets

    def next(self) -> Apdu | None:
        """Return the next response, with its reference id; segments come joined to their PresentResponse.

        Raises:
            WrongReference: it answers no request that is waiting.
            TooLarge: segments bring more records than were asked for.
            ProtocolViolation, OutOfTurn: as ``Session.next``.
        """
        while True:
            apdu = super().next()
            if apdu is None or isinstance(apdu, Close):
                return apdu
            reference_id = self._reference(apdu)
            if not isinstance(apdu, Segment):
                del self._waiting[reference_id]
                return self._joined(reference_id, apdu)
            self._keep(reference_id, apdu)

    def _reference(self, apdu: Apdu) -> bytes:
        """Return the waiting request that ``apdu`` answers. Some targets echo no id: then it is the only one."""
        reference_id = apdu.reference_id
        if reference_id is None and len(self._waiting) == 1:
            reference_id = next(iter(self._waiting))
        request = self._waiting.get(reference_id) if reference_id is not None else None
        if reference_id is None or request is None or not _answers(apdu, request):
            raise WrongReference(f"{type(apdu).__name__} answers no request that is waiting")
        return reference_id

    def _keep(self, reference_id: bytes, segment: Segment) -> None:
        request = self._waiting[reference_id]
        records = self._segments.get(reference_id, ()) + segment.segment_records
        if isinstance(request, PresentRequest) and len(records) > request.number_of_records_requested:
            raise TooLarge(f"segments bring more than the {request.number_of_records_requested} records asked for")
        self._segments[reference_id] = records

    def _joined(self, reference_id: bytes, response: Apdu) -> Apdu:
        segments = self._segments.pop(reference_id, ())
        if response.reference_id is None:
            response = replace(response, reference_id=reference_id)
        if segments and isinstance(response, PresentResponse):
            return replace(response, records=segments + (response.records or ()))
        return response


def _answers(response: Apdu, request: Apdu) -> bool:
    if isinstance(response, Segment):
        return isinstance(request, PresentRequest)
    return type(response) is RESPONSES[type(request)]
