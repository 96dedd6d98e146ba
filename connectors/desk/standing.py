"""What ``/status`` says of trust: the directory and who vouches for it, the own keys, the log, what is unconfirmed."""

from typing import Any

from connectors.agent.journal import Journal
from connectors.agent.keeper import VOUCHED
from connectors.agent.office import Office
from connectors.agent.tables import Unit
from trust.standing import standing


async def trust_status(office: Office, journal: Journal) -> dict[str, Any]:
    """Return it, ready for JSON."""
    here = {*office.signer.key_ids(), *(key.key_id for key in office.sealing_keys)}
    vouched = await journal.run(lambda unit: unit.fact(VOUCHED))
    seen = office.seen.last
    return {
        "directory": {**standing(office.directory(), office.me, here, office.clock()),
                      "vouched_until": vouched or None, "is_stale": office.stale()},
        "log_seen": seen[0] if seen else None,
        "unconfirmed": await journal.run(Unit.awaiting),
    }
