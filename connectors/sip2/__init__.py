"""SIP2 2.00, both ends: codec and sessions without I/O, and an asyncio client and server above them.

Read in this order: ``messages`` (the table), ``profile`` (one library's dialect), ``codec`` (bytes to message and
back), ``session`` (one line, either end), ``client``, ``server``, ``verbs``.
Must not know loans, envelopes or any other protocol; must not give a meaning to vendor extensions.
"""

from connectors.breaker import BreakerState
from connectors.sip2.client import ClientStatus, Credentials, Sip2Client
from connectors.sip2.codec import Codec
from connectors.sip2.counters import Counters, LineQuality
from connectors.sip2.dialect import LearnedDialect
from connectors.sip2.errors import Sip2Error
from connectors.sip2.messages import Message, build
from connectors.sip2.profile import Checksum, ErrorDetection, Login, Profile, Terminator, shipped_profiles
from connectors.sip2.server import Sip2Server, serve
from connectors.sip2.tls import client_context, server_context
from connectors.sip2.verbs import Verbs

__all__ = [
    "BreakerState",
    "Checksum",
    "ClientStatus",
    "Codec",
    "Counters",
    "Credentials",
    "ErrorDetection",
    "LearnedDialect",
    "LineQuality",
    "Login",
    "Message",
    "Profile",
    "Sip2Client",
    "Sip2Error",
    "Sip2Server",
    "Terminator",
    "Verbs",
    "build",
    "client_context",
    "serve",
    "server_context",
    "shipped_profiles",
]
