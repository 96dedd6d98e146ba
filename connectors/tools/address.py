"""HOST:PORT as options name it."""

import argparse
import re

_ADDRESS = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\s:/\[\]]+):(\d{1,5})", re.ASCII)


def host_and_port(text: str, port_min: int = 1) -> tuple[str, int]:
    """Read ``HOST:PORT``, an IPv6 address in brackets; for ``argparse``.

    >>> host_and_port("[::1]:6001")
    ('::1', 6001)
    """
    found = _ADDRESS.fullmatch(text)
    if not found or not port_min <= int(found[2]) < 1 << 16:
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT, as in 127.0.0.1:6001")
    return found[1].strip("[]"), int(found[2])


def host_and_any_port(text: str) -> tuple[str, int]:
    """Read where to listen: port 0 is any that is free."""
    return host_and_port(text, port_min=0)
