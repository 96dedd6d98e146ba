"""ItemOrder on the target's side: from the extended service that asks for it to the task that it becomes."""

from connectors.z3950 import oid
from connectors.z3950.apdu_services import (
    AuxiliaryStatus,
    ExtendedServicesRequest,
    ExtendedServicesResponse,
    Function,
    ItemOrder,
    OperationStatus,
    OrderPackage,
    TargetPart,
    TaskPackage,
    TaskStatus,
    WaitAction,
    order_from_external,
    order_to_external,
    package_to_external,
)
from connectors.z3950.errors import DiagnosticError, MalformedApdu
from connectors.z3950.record import bib1


def item_order(request: ExtendedServicesRequest) -> ItemOrder:
    """Return the order that an extended service asks for.

    Raises:
        DiagnosticError: 221 for another service, 223 for a task that is there already, 226 for what is no order.
    """
    if request.package_type != oid.ITEM_ORDER:
        raise DiagnosticError(221, request.package_type)
    if request.function != Function.CREATE:
        raise DiagnosticError(223)
    try:
        order = order_from_external(request.task_specific_parameters)
    except MalformedApdu as error:
        raise DiagnosticError(226, str(error)) from None
    if not isinstance(order, ItemOrder):
        raise DiagnosticError(226, "an order, not a task package")
    return order


def accepted(request: ExtendedServicesRequest, order: ItemOrder, reference: str) -> ExtendedServicesResponse:
    """Return the response for an order that is on its way, with the task under whose name it can be followed."""
    package = TaskPackage(
        package_name=request.package_name,
        target_reference=reference.encode(),
        task_status=TaskStatus.ACTIVE,
        task_specific_parameters=order_to_external(
            OrderPackage(order.to_keep, TargetPart(auxiliary_status=AuxiliaryStatus.FORWARDED))),
    )
    wants_package = request.wait_action != WaitAction.DO_NOT_RETURN_PACKAGE
    return ExtendedServicesResponse(operation_status=OperationStatus.ACCEPTED,
                                    task_package=package_to_external(package) if wants_package else None)


def refused(error: DiagnosticError) -> ExtendedServicesResponse:
    """Return the response for an order that is not taken."""
    return ExtendedServicesResponse(operation_status=OperationStatus.FAILURE,
                                    diagnostics=(bib1(error.code, error.text),))
