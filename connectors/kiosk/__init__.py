"""Self-check machines and smart lockers: they talk SIP2 to the connector, and the connector to the library's ILS.

Owns which request is the ILS's and which the alliance's, and what a machine has taken in until that is settled.
Read in this order: ``routing`` (the table), ``proxy`` (one request), ``backlog``, ``settling`` and ``clerk`` (what was
accepted or asked of the ILS), ``doubt`` (whether it happened), ``profiles`` (which kiosk it is), ``service``.
Must not know how a loan moves on (the agent's) nor frames and checksums (``connectors.sip2``).
"""

from connectors.kiosk.config import Kiosk, KioskSettings
from connectors.kiosk.service import Kiosks, serve_kiosks

__all__ = ["Kiosk", "KioskSettings", "Kiosks", "serve_kiosks"]
