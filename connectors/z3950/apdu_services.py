"""Extended Services, of which we speak one: ItemOrder, by which what was found is ordered (Z39.50-1995, 3.2.9).

An order names an item of a result set, or carries a request of its own, such as an ISO 10161 ILL-Request; that is
handed on as it is. The target answers with a task package, in which the order can be followed.

Absent on purpose: the package types besides ItemOrder, whose parameters stay an EXTERNAL, and credit cards.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Annotated

from connectors.z3950 import oid
from connectors.z3950.apdu import Apdu
from connectors.z3950.asn1 import (
    INTEGER,
    OCTETS,
    OID,
    STRING,
    VISIBLE_STRING,
    Choice,
    explicit,
    implicit,
    null,
    sequence,
    sequence_of,
    verbatim,
)
from connectors.z3950.ber import Element
from connectors.z3950.errors import MalformedApdu
from connectors.z3950.record import DIAG_REC, EXTERNAL, AnyDiagnostic, External, external_of, value_of


class Function(IntEnum):
    """What is to be done with a task package."""

    CREATE = 1
    DELETE = 2
    MODIFY = 3


class WaitAction(IntEnum):
    """Whether the response waits until the task is done."""

    WAIT = 1
    WAIT_IF_POSSIBLE = 2
    DO_NOT_WAIT = 3
    DO_NOT_RETURN_PACKAGE = 4


class OperationStatus(IntEnum):
    """What became of the request, which may be accepted and not done yet."""

    DONE = 1
    ACCEPTED = 2
    FAILURE = 3


class TaskStatus(IntEnum):
    """How far a task is."""

    PENDING = 0
    ACTIVE = 1
    COMPLETE = 2
    ABORTED = 3


class AuxiliaryStatus(IntEnum):
    """What a target says of an order beside its task's status."""

    NOT_RECEIVED = 1
    LOAN_QUEUE = 2
    FORWARDED = 3
    UNFILLED_COPYRIGHT = 4
    FILLED_COPYRIGHT = 5


_DIAGNOSTICS = sequence_of(DIAG_REC)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtendedServicesRequest(Apdu):
    """Makes, changes or deletes a task package."""

    function: Annotated[int, implicit(3, INTEGER)] = Function.CREATE
    package_type: Annotated[str, implicit(4, OID)] = oid.ITEM_ORDER
    package_name: Annotated[str | None, implicit(5, STRING)] = None
    user_id: Annotated[str | None, implicit(6, STRING)] = None
    retention_time: Annotated[Element | None, verbatim(7)] = None
    permissions: Annotated[Element | None, verbatim(8)] = None
    description: Annotated[str | None, implicit(9, STRING)] = None
    task_specific_parameters: Annotated[External | None, implicit(10, EXTERNAL)] = None
    wait_action: Annotated[int, implicit(11, INTEGER)] = WaitAction.WAIT_IF_POSSIBLE
    elements: Annotated[str | None, implicit(103, STRING)] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtendedServicesResponse(Apdu):
    """What became of the request; ``task_package`` is of the syntax ESTaskPackage."""

    operation_status: Annotated[int, implicit(3, INTEGER)]
    diagnostics: Annotated[tuple[AnyDiagnostic, ...] | None, implicit(4, _DIAGNOSTICS)] = None
    task_package: Annotated[External | None, implicit(5, EXTERNAL)] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskPackage:
    """A task as the target keeps it."""

    package_type: Annotated[str, implicit(1, OID)] = oid.ITEM_ORDER
    package_name: Annotated[str | None, implicit(2, STRING)] = None
    user_id: Annotated[str | None, implicit(3, STRING)] = None
    retention_time: Annotated[Element | None, verbatim(4)] = None
    permissions: Annotated[Element | None, verbatim(5)] = None
    description: Annotated[str | None, implicit(6, STRING)] = None
    target_reference: Annotated[bytes | None, implicit(7, OCTETS)] = None
    creation_time: Annotated[str | None, implicit(8, VISIBLE_STRING)] = None
    """A GeneralizedTime as it stands, such as ``20261122235000Z``."""
    task_status: Annotated[int, implicit(9, INTEGER)]
    package_diagnostics: Annotated[tuple[AnyDiagnostic, ...] | None, implicit(10, _DIAGNOSTICS)] = None
    task_specific_parameters: Annotated[External, implicit(11, EXTERNAL)]


@dataclass(frozen=True, slots=True)
class Contact:
    """Whom the target may ask about an order. A reader's own name and address do not belong here."""

    name: Annotated[str | None, implicit(1, STRING)] = None
    phone: Annotated[str | None, implicit(2, STRING)] = None
    email: Annotated[str | None, implicit(3, STRING)] = None

    def __repr__(self) -> str:
        return "Contact(•••)"


@dataclass(frozen=True, slots=True)
class BillInvoice:
    """Payment against an invoice, the only method that libraries here use among each other."""


@dataclass(frozen=True, slots=True)
class PrivateKnown:
    """Payment by a method agreed upon elsewhere."""


_PAYMENT = Choice({BillInvoice: implicit(0, null(BillInvoice())), PrivateKnown: implicit(5, null(PrivateKnown()))})


@dataclass(frozen=True, slots=True)
class Billing:
    """How an order is paid; a method besides those two is refused as malformed."""

    method: Annotated[BillInvoice | PrivateKnown, explicit(1, _PAYMENT)]
    customer_reference: Annotated[str | None, implicit(2, STRING)] = None
    purchase_order: Annotated[str | None, implicit(3, STRING)] = None


@dataclass(frozen=True, slots=True)
class PartToKeep:
    """What the target keeps with the task."""

    supplemental_description: Annotated[External | None, implicit(1, EXTERNAL)] = None
    contact: Annotated[Contact | None, implicit(2, sequence(Contact))] = None
    billing: Annotated[Billing | None, implicit(3, sequence(Billing))] = None


@dataclass(frozen=True, slots=True)
class ResultSetItem:
    """A place of a result set, counted from 1."""

    result_set_id: Annotated[str, implicit(1, STRING)]
    item: Annotated[int, implicit(2, INTEGER)]


@dataclass(frozen=True, slots=True)
class PartNotToKeep:
    """What is ordered: an item of a result set, a request in a syntax of its own, or both."""

    item: Annotated[ResultSetItem | None, implicit(1, sequence(ResultSetItem))] = None
    request: Annotated[External | None, implicit(2, EXTERNAL)] = None


@dataclass(frozen=True, slots=True)
class ItemOrder:
    """The parameters of an order, as the origin sends them."""

    to_keep: Annotated[PartToKeep | None, explicit(1, sequence(PartToKeep))] = None
    not_to_keep: Annotated[PartNotToKeep, explicit(2, sequence(PartNotToKeep))] = PartNotToKeep()


@dataclass(frozen=True, slots=True)
class TargetPart:
    """What the target adds to an order."""

    request: Annotated[External | None, implicit(1, EXTERNAL)] = None
    status_or_error_report: Annotated[External | None, implicit(2, EXTERNAL)] = None
    auxiliary_status: Annotated[int | None, implicit(3, INTEGER)] = None


@dataclass(frozen=True, slots=True)
class OrderPackage:
    """The parameters of an order, as its task package has them."""

    origin_part: Annotated[PartToKeep | None, explicit(1, sequence(PartToKeep))] = None
    target_part: Annotated[TargetPart, explicit(2, sequence(TargetPart))] = TargetPart()


_ORDER = Choice({ItemOrder: implicit(1, sequence(ItemOrder)), OrderPackage: implicit(2, sequence(OrderPackage))})
_TASK_PACKAGE = Choice({TaskPackage: sequence(TaskPackage)})


def order_to_external(order: ItemOrder | OrderPackage) -> External:
    """Return ``order`` as the task specific parameters of a request, or of a task package."""
    return external_of(oid.ITEM_ORDER, _ORDER.write(order))


def order_from_external(external: External | None) -> ItemOrder | OrderPackage:
    """Return the order that ``external`` holds; raise ``MalformedApdu`` if there is none."""
    if external is None or external.direct_reference not in (None, oid.ITEM_ORDER):
        raise MalformedApdu("the task specific parameters are no ItemOrder")
    order: ItemOrder | OrderPackage = _ORDER.read(value_of(external))
    return order


def package_to_external(package: TaskPackage) -> External:
    """Return ``package`` as the task package of a response."""
    return external_of(oid.TASK_PACKAGE, _TASK_PACKAGE.write(package))


def package_from_external(external: External) -> TaskPackage:
    """Return the task package that ``external`` holds; raise ``MalformedApdu`` if there is none."""
    package: TaskPackage = _TASK_PACKAGE.read(value_of(external))
    return package
