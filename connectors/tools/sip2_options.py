"""The options that the SIP2 tools share: which dialect a peer speaks, and how to reach it."""

import argparse
import codecs
import ssl
from dataclasses import replace
from pathlib import Path
from typing import Any

from connectors.sip2.line import Address, Credentials
from connectors.sip2.profile import CHARSETS, ErrorDetection, Login, Profile
from connectors.sip2.tls import client_context
from connectors.tools.sip2_reader import Reader
from connectors.tools.sip2_shapes import load_profile
from connectors.tools.terminal import Refused, WrongUse

# Python's names of what it takes for another charset, and ours; of gb2312, the systems' own gbk is a superset.
_OURS = {"iso8859-1": "latin-1", "gb2312": "gbk", "big5hkscs": "big5"}
_TLS_OPTIONS = ("ca", "cert", "key", "server_name")


def add_dialect_options(parser: Any) -> None:
    """Add ``--profile`` and ``--charset``."""
    parser.add_argument("--profile", metavar="FILE|NAME",
                        help="the dialect: a TOML file, a connector.toml will do; or the name of a shipped profile")
    parser.add_argument("--charset", type=charset, metavar="NAME", help="overrides the profile's: gbk, big5, utf-8 ...")


def add_tls_options(parser: Any) -> None:
    """Add ``--tls`` and what belongs to it."""
    tls = parser.add_argument_group("TLS")
    tls.add_argument("--tls", action="store_true", help="the ILS listens with TLS; its certificate is always verified")
    tls.add_argument("--ca", type=Path, metavar="FILE", help="trust certificates that these vouch for (PEM)")
    tls.add_argument("--cert", type=Path, metavar="FILE", help="show this certificate of ours (PEM)")
    tls.add_argument("--key", type=Path, metavar="FILE", help="its key, without a passphrase (PEM)")
    tls.add_argument("--server-name", metavar="NAME", help="the name on the ILS's certificate, if not the host's")


def charset(name: str) -> str:
    """Return our name of a charset, however it is written (GBK, cp936, UTF8, iso-8859-1); for ``argparse``."""
    try:
        known = codecs.lookup(name).name
    except (LookupError, ValueError):
        known = name
    known = _OURS.get(known, known)
    if known not in CHARSETS:
        raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(CHARSETS)}")
    return known


def credentials(text: str) -> Credentials:
    """Read ``USER:PASSWORD``; a password may hold colons. For ``argparse``."""
    user, _, password = text.partition(":")
    if not user:
        raise argparse.ArgumentTypeError("expected USER:PASSWORD, or USER alone")
    return Credentials(user, password)


def dialect_named(arguments: argparse.Namespace, otherwise: Profile) -> Profile:
    """Return the profile that the options name, ``otherwise`` where they name none."""
    known = load_profile(arguments.profile) if arguments.profile else otherwise
    return replace(known, charset=arguments.charset or known.charset)


def reader_named(arguments: argparse.Namespace) -> Reader:
    """Return the reader for what a line says, in the dialect that the options name."""
    return Reader.of(dialect_named(arguments, Profile()), is_charset_known=bool(arguments.profile or arguments.charset))


def dialect_to_speak(arguments: argparse.Namespace) -> Profile:
    """Return the profile to ask in. Without one nothing of the peer is sure, so a wrong checksum is only noted."""
    login = Login.SIP if arguments.login else Login.NONE
    return dialect_named(arguments, Profile(error_detection=ErrorDetection.WARN, login=login))


def address_of(host_and_port: tuple[str, int], arguments: argparse.Namespace) -> Address:
    """Return where to call, with the TLS that the options ask for.

    Raises:
        WrongUse: options that contradict each other.
        Refused: a file that holds no certificate or key.
    """
    given = [f"--{name.replace('_', '-')}" for name in _TLS_OPTIONS if getattr(arguments, name)]
    if not arguments.tls:
        if given:
            raise WrongUse(f"{given[0]} needs --tls")
        return Address(*host_and_port)
    if arguments.key and not arguments.cert:
        raise WrongUse("--key needs --cert")
    return Address(*host_and_port, _context(arguments), arguments.server_name)


def _context(arguments: argparse.Namespace) -> ssl.SSLContext:
    for path in filter(None, (arguments.ca, arguments.cert, arguments.key)):
        if not path.is_file():
            raise Refused(f"{path}: no such file")
    try:
        return client_context(ca_file=arguments.ca, certificate=arguments.cert, key=arguments.key)
    except OSError as error:
        names = ", ".join(str(path) for path in (arguments.ca, arguments.cert, arguments.key) if path)
        reason = getattr(error, "reason", None) or error.strerror
        raise Refused(f"{names}: no certificates in PEM, or a key that is not theirs or has a passphrase ({reason})"
                      ) from None
