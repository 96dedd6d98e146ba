"""What the operator's ``/status`` says of trust: the directory and its keys, and how far witnesses have come."""

from datetime import datetime, timedelta
from typing import Any

from federation.gateway import Gateway
from federation.ports import Unit
from schemas.directory import Role
from trust.standing import standing

SILENT_AFTER = timedelta(hours=1)
"""A witness looks every few seconds; one that has cosigned nothing for so long is named."""


def trust_status(gateway: Gateway, unit: Unit) -> dict[str, Any]:
    """Return it, ready for JSON."""
    now, directory = gateway.clock(), gateway.directory()
    shown = standing(directory, gateway.me, gateway.signer.key_ids(), now, everybody=True)
    return {"trust": shown, "checkpoint": _checkpoint(unit, directory.policies.witnesses_min),
            "silent_witnesses": _silent(gateway, unit, now)}


def _checkpoint(unit: Unit, needed: int) -> dict[str, Any]:
    """Return the newest checkpoint, and the newest that is final: cosigned by as many as the policies ask."""
    last = unit.log.last_checkpoint()
    witnesses = len(unit.log.cosignatures(last[0])) if last else 0
    return {"size": last[0] if last else None, "witnesses": witnesses, "witnesses_min": needed,
            "is_final": witnesses >= needed, "final_size": unit.log.last_cosigned(needed)}


def _silent(gateway: Gateway, unit: Unit, now: datetime) -> list[str]:
    heard = unit.log.heard()
    return [agency.agency for agency in gateway.directory().directory.agencies
            if agency.role in (Role.LIBRARY, Role.WITNESS)
            and (agency.agency not in heard or heard[agency.agency] < now - SILENT_AFTER)]
