"""The broker as one database of our own Z39.50 server: one search, merged works, records in every syntax."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from connectors.broker import LiveBackend
from connectors.marc.mapping import bib_from_record
from connectors.marc.reader import read_record
from connectors.marc.record import MarcRecord
from connectors.z3950 import oid
from connectors.z3950.client import Z3950Client
from connectors.z3950.errors import TargetDiagnostic
from connectors.z3950.pqf import parse
from connectors.z3950.server import serve
from schemas.bib import MarcFormat
from tests.peers import require_program

from .targets import Catalogue, broker_of, mute_after_init, record, reset

A = parse("@attr 1=4 三体")
ISBN = "978-7-5366-9293-0"
CN, US = record("三体", ISBN), record("三体", ISBN, MarcFormat.MARC21)


@asynccontextmanager
async def face_of(peers: dict[str, object], seconds: float = 0.5) -> AsyncIterator[Z3950Client]:
    async with (broker_of(peers) as broker,  # type: ignore[arg-type]
                await serve("127.0.0.1", 0, LiveBackend(broker, seconds=seconds)) as server,
                Z3950Client("127.0.0.1", server.port, "live") as client):
        yield client


async def test_records_of_one_book_are_one_hit_and_each_syntax_has_its_own_octets():
    peers = {"a": Catalogue(CN), "b": Catalogue(US, syntax=oid.USMARC), "c": Catalogue(record("三体全集"))}
    async with face_of(peers) as client:
        assert await client.search(A) == 2
        for syntax, octets in ((oid.UNIMARC, CN), (oid.USMARC, US)):
            (first,) = await client.present(1, 1, syntax)
            assert (first.syntax, first.data) == (syntax, octets)
        assert "Held by: a, b" in (await client.present(1, 1, oid.SUTRS))[0].data.decode()


async def test_a_record_in_another_syntax_is_written_anew():
    async with face_of({"a": Catalogue(CN)}) as client:
        await client.search(A)
        (first,) = await client.present(1, 1, oid.USMARC)
        read = read_record(first.data)
        assert isinstance(read, MarcRecord)
        assert bib_from_record(read).title == "三体"
        assert b"<controlfield" in (await client.present(1, 1, oid.XML))[0].data
        with pytest.raises(TargetDiagnostic, match="239"):
            await client.present(1, 1, oid.GRS1)


async def test_what_does_not_answer_leaves_a_partial_answer():
    async with face_of({"a": Catalogue(CN), "mute": mute_after_init, "reset": reset}) as client:
        assert await client.search(A) == 1


async def test_where_nobody_answers_each_one_s_state_is_told():
    async with face_of({"mute": mute_after_init, "reset": reset}) as client:
        with pytest.raises(TargetDiagnostic, match=r"diagnostic 2: .*(mute: timed_out.*reset: failed|reset.*mute)"):
            await client.search(A)


async def test_yaz_client_shows_each_target_s_state_and_hits():
    peers = {"first": Catalogue(CN), "second": Catalogue(CN, uses=(1016,)), "mute": mute_after_init}
    async with (broker_of(peers) as broker,  # type: ignore[arg-type]
                await serve("127.0.0.1", 0, LiveBackend(broker, seconds=0.5)) as server):
        process = await asyncio.create_subprocess_exec(
            require_program("yaz-client"), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE)
        script = f"open 127.0.0.1:{server.port}/live\nfind @attr 1=4 三体\nshow 1\nquit\n"
        output, _ = await asyncio.wait_for(process.communicate(script.encode()), 20)
    said = output.decode("utf-8", "replace")
    assert "Number of hits: 1" in said
    for part in ("first: ok", "second: ok 1=4>1=1016", "mute: timed_out"):
        assert f"id={part}" in said, said


async def test_another_database_is_unknown():
    async with face_of({"a": Catalogue(CN)}) as client:
        client.profile = type(client.profile)(host="127.0.0.1", database="union")
        with pytest.raises(TargetDiagnostic, match="235"):
            await client.search(A)


async def test_large_sets_are_fetched_as_they_are_looked_at():
    many = [record(f"三体{number}", number=str(number)) for number in range(60)]
    async with face_of({"a": Catalogue(*many), "b": Catalogue(*many)}) as client:
        assert await client.search(A) == 120
        records = await client.present(1, 60, oid.UNIMARC)
        assert sorted(each.data for each in records) == sorted(many)
        (last,) = await client.present(61, 1, oid.UNIMARC)
        assert last.diagnostic is not None
        assert last.diagnostic.code == 14


async def test_a_target_that_claims_thousands_of_millions_of_hits_is_believed_no_further_than_it_delivers():
    async with face_of({"liar": Catalogue(CN, claims=10_000_000_000), "a": Catalogue(CN)}) as client:
        assert await client.search(A) == 2**31 - 1
        assert [each.data for each in await client.present(1, 1, oid.UNIMARC)] == [CN]
        (far,) = await client.present(2_000_000_000, 1, oid.UNIMARC)
        assert far.diagnostic is not None


async def test_a_record_of_twenty_megabytes_spoils_only_its_own_place():
    async with face_of({"big": Catalogue(CN + b"\0" * 20_000_000), "a": Catalogue(CN)}) as client:
        assert await client.search(A) == 1
        assert (await client.present(1, 1, oid.UNIMARC))[0].data == CN
