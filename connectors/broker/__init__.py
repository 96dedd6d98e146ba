"""Live search of many catalogues as one: a question goes to all at once, and answers stream back as they come.

Owns what no single target can: one bulkhead, deadline and breaker for each, what to do where one lacks an attribute,
the merging of their records, and the database that serves all that as one. Must not decide what members of the
alliance hold: their connectors answer for themselves, and the gateway clusters what they say.
Read ``broker``, then ``targets``, ``policy``, ``merging`` and ``face``.
"""

from connectors.broker.beside import Beside
from connectors.broker.broker import Broker, Ended, Part, Report
from connectors.broker.face import LiveBackend
from connectors.broker.targets import SruAddress, Target

__all__ = ["Beside", "Broker", "Ended", "LiveBackend", "Part", "Report", "SruAddress", "Target"]
