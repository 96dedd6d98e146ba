"""YAZ's test target and Zebra, each run for a test: real targets to meet."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from examples.alliance.town import free_port
from tests.peers import require_program

SAMPLES = Path("/usr/share/doc/idzebra-2.0/examples/marc21/sample-marc.gz")
"""Twenty-four MARC 21 records that come with Zebra's package."""
ZEBRA = """
profilePath: /usr/share/idzebra-2.0/tab
modulePath: {modules}
attset: bib1.att
recordType: grs.marc.usmarc
encoding: utf-8
"""


@asynccontextmanager
async def running_ztest(folder: Path) -> AsyncIterator[int]:
    """Run yaz-ztest and yield its port."""
    port = free_port()
    async with running(require_program("yaz-ztest"), "-S", "-v", "none", f"tcp:127.0.0.1:{port}", port=port,
                       folder=folder):
        yield port


@asynccontextmanager
async def running_zebra(folder: Path) -> AsyncIterator[int]:
    """Index the samples, run zebrasrv over them, and yield its port."""
    server, port = require_program("zebrasrv"), free_port()
    await index_samples(folder)
    async with running(server, "-S", "-v", "none", "-c", "zebra.cfg", f"tcp:127.0.0.1:{port}", port=port,
                       folder=folder):
        yield port


async def index_samples(folder: Path) -> None:
    """Let Zebra index the samples, with ``zebra.cfg`` in ``folder``."""
    indexer = require_program("zebraidx")
    if not SAMPLES.exists():
        pytest.skip("Zebra's samples are not installed (Debian package idzebra-2.0-examples, with its documents)")
    (folder / "sample.marc").write_bytes(gzip.decompress(SAMPLES.read_bytes()))
    modules = next(Path("/usr/lib").glob("*/idzebra-2.0/modules"))
    (folder / "zebra.cfg").write_text(ZEBRA.format(modules=modules), "ascii")
    for command in (("init",), ("update", "sample.marc")):
        process = await asyncio.create_subprocess_exec(indexer, "-v", "none", "-c", "zebra.cfg", *command, cwd=folder)
        assert await process.wait() == 0


@asynccontextmanager
async def running(*command: str, port: int, folder: Path) -> AsyncIterator[None]:
    """Run a server that listens on ``port`` until left."""
    process = await asyncio.create_subprocess_exec(*command, cwd=folder)
    try:
        await _until_listening(port)
        yield
    finally:
        process.kill()  # a SIGTERM between two events would wait for the next one
        await process.wait()


async def _until_listening(port: int) -> None:
    for _ in range(200):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return
    pytest.fail("the target does not listen")
