"""Repositories to harvest: an independent one (PyPI ``oaipmh``, the successor of pyoai), and one that misbehaves.

Debian has no OAI-PMH server. The independent one is served over HTTP here; the other plays what a test says.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from xml.sax.saxutils import escape

import pytest
from aiohttp import web
from lxml import etree

OAI = "http://www.openarchives.org/OAI/2.0/"
SLIM = "http://www.loc.gov/MARC21/slim"
NOW = datetime(2026, 12, 1, 8, 0, tzinfo=UTC)


@dataclass
class Entry:
    """A record of a repository: its MARCXML, when it was last changed, and whether it is deleted."""

    identifier: str
    marcxml: bytes = b""
    changed: datetime = NOW
    deleted: bool = False


@asynccontextmanager
async def listening(answer: Callable[[web.Request], Any]) -> AsyncIterator[str]:
    """Answer requests on a free port; yield the address."""
    async def handler(request: web.Request) -> web.StreamResponse:
        told = answer(request)
        if isinstance(told, web.StreamResponse):
            return told
        return web.Response(body=told, content_type="text/xml")

    app = web.Application()
    app.router.add_get("/oai", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    (host, port), *_ = runner.addresses
    try:
        yield f"http://{host}:{port}/oai"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def independent(entries: Sequence[Entry], *, page: int = 10, deleted_record: str = "persistent",
                      granularity: str = "YYYY-MM-DDThh:mm:ssZ", prefix: str = "marcxml") -> AsyncIterator[str]:
    """Serve ``entries`` by the independent implementation; they may change between requests."""
    pytest.importorskip("oaipmh", reason="PyPI oaipmh, the independent repository, is not installed")
    from oaipmh import common, metadata, server

    class Holdings:
        def identify(self) -> Any:
            return common.Identify("书目", "http://127.0.0.1/oai", "2.0", ["staff@example.org"],
                                   NOW.replace(tzinfo=None), deleted_record, granularity, ["identity"])

        def listMetadataFormats(self, identifier: str | None = None) -> list[tuple[str, str, str]]:
            return [("oai_dc", "http://www.openarchives.org/OAI/2.0/oai_dc.xsd", f"{OAI}oai_dc/"),
                    (prefix, f"{SLIM}.xsd", SLIM)]

        def listRecords(self, from_: datetime | None = None, cursor: int = 0, batch_size: int = 10,
                        **_wish: Any) -> list[Any]:
            found = [entry for entry in entries
                     if not from_ or entry.changed.replace(tzinfo=None) >= from_.replace(tzinfo=None)]
            return [(common.Header(None, entry.identifier, entry.changed.replace(tzinfo=None), [], entry.deleted),
                     entry.marcxml, None) for entry in found[cursor : cursor + batch_size]]

    def write(element: etree._Element, marcxml: bytes) -> None:
        element.append(etree.fromstring(marcxml))

    registry = metadata.MetadataRegistry()
    registry.registerWriter(prefix, write)
    repository = server.BatchingServer(Holdings(), registry, resumption_batch_size=page)
    async with listening(lambda request: repository.handleRequest(dict(request.query))) as url:
        yield url


@dataclass
class Scripted:
    """A repository that answers ListRecords by its script, one entry a request, and counts what it was asked."""

    script: list[Any]
    granularity: str = "YYYY-MM-DDThh:mm:ssZ"
    deleted_record: str = "persistent"
    now: datetime = NOW
    asked: list[dict[str, str]] = field(default_factory=list)

    def __call__(self, request: web.Request) -> Any:
        query = dict(request.query)
        if query["verb"] == "Identify":
            return envelope(f"<Identify><granularity>{self.granularity}</granularity>"
                            f"<deletedRecord>{self.deleted_record}</deletedRecord></Identify>", self.now)
        if query["verb"] == "ListMetadataFormats":
            return formats(("marc21", SLIM))
        self.asked.append(query)
        told = self.script.pop(0)
        return told(query) if callable(told) else told


def envelope(inner: str, now: datetime = NOW) -> bytes:
    return (f'<?xml version="1.0" encoding="UTF-8"?><OAI-PMH xmlns="{OAI}"><responseDate>{now:%Y-%m-%dT%H:%M:%SZ}'
            f"</responseDate><request/>{inner}</OAI-PMH>").encode()


def formats(*offered: tuple[str, str]) -> bytes:
    return envelope("<ListMetadataFormats>" + "".join(
        f"<metadataFormat><metadataPrefix>{prefix}</metadataPrefix><schema/><metadataNamespace>{namespace}"
        "</metadataNamespace></metadataFormat>" for prefix, namespace in offered) + "</ListMetadataFormats>")


def page(entries: Iterable[Entry], token: str | None = None, size: str = "") -> bytes:
    told = "" if token is None else f'<resumptionToken completeListSize="{size}">{escape(token)}</resumptionToken>'
    return envelope(f"<ListRecords>{''.join(map(_record, entries))}{told}</ListRecords>")


def _record(entry: Entry) -> str:
    status = ' status="deleted"' if entry.deleted else ""
    metadata = "" if entry.deleted else f"<metadata>{entry.marcxml.decode()}</metadata>"
    return (f"<record><header{status}><identifier>{entry.identifier}</identifier><datestamp>2026-12-01</datestamp>"
            f"</header>{metadata}</record>")


def error(code: str, text: str = "") -> bytes:
    return envelope(f'<error code="{code}">{text}</error>')
