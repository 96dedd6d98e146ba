"""What the doctor's tests share: a case of the sample ILS, the findings' names, a peer that may do anything."""

import asyncio
import contextlib
from dataclasses import replace

from connectors.sip2.line import Address
from connectors.tools.doctor_visit import Case
from examples.alliance.stock import stock_of
from tests.examples.desk import BY_SLUG, LIBRARIES, SEED, readers

BASE = BY_SLUG["yangpu"]
ITEM = b"1803000120260101    120000ABx|AJy|\r"


def case_of(library, port, **changes):
    reader = readers(library)[0]
    case = Case(Address("127.0.0.1", port), library.sip2.timezone, library.credentials, reader.card, reader.pin,
                stock_of(BY_SLUG[library.slug], LIBRARIES, SEED)[0].items[0].barcode)
    return replace(case, **changes)


def codes(findings):
    return {finding.code for finding in findings}


@contextlib.asynccontextmanager
async def listening(peer):
    """Serve ``peer``, with every connection closed in the end; yield the port."""

    async def served(reader, writer):
        try:
            await peer(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async with await asyncio.start_server(served, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]
