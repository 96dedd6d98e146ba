"""SIP2 2.00, both ends: codec and sessions without I/O, and an asyncio client and server above them.

Read in this order: ``messages`` (the table), ``profile`` (one library's dialect), ``codec`` (bytes to message and
back), ``session`` (one line, either end), ``client``, ``server``, ``verbs``.
Must not know loans, envelopes or any other protocol; must not give a meaning to vendor extensions.
"""

from connectors.sip2.client import Credentials, Sip2Client
from connectors.sip2.codec import Codec
from connectors.sip2.errors import Sip2Error
from connectors.sip2.messages import Message, build
from connectors.sip2.profile import Checksum, ErrorDetection, Login, Profile, Terminator
from connectors.sip2.server import Sip2Server, serve
from connectors.sip2.verbs import Verbs

__all__ = [
    "Checksum",
    "Codec",
    "Credentials",
    "ErrorDetection",
    "Login",
    "Message",
    "Profile",
    "Sip2Client",
    "Sip2Error",
    "Sip2Server",
    "Terminator",
    "Verbs",
    "build",
    "serve",
]
