"""Zebra's own SRU server over its package's MARC samples: a real server to meet."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from examples.alliance.town import free_port
from tests.connectors.z3950.programs import index_samples, running
from tests.peers import require_program

FRONTEND = """<yazgfs>
 <listen id="here">tcp:127.0.0.1:{port}</listen>
 <server id="samples" listenref="here">
  <config>zebra.cfg</config>
  <cql2rpn>cql2pqf.txt</cql2rpn>
  <retrievalinfo>
   <retrieval syntax="usmarc" name="F"/>
   <retrieval syntax="xml" name="marcxml" identifier="info:srw/schema/1/marcxml-v1.1">
    <backend syntax="usmarc" name="F">
     <marc inputformat="marc" outputformat="marcxml" inputcharset="utf-8"/>
    </backend>
   </retrieval>
  </retrievalinfo>
  <explain xmlns="http://explain.z3950.org/dtd/2.0/">
   <serverInfo><host>127.0.0.1</host><port>{port}</port><database>Default</database></serverInfo>
   <databaseInfo><title>Zebra's samples</title></databaseInfo>
   <indexInfo><index><map><name set="dc">title</name></map></index></indexInfo>
   <schemaInfo><schema identifier="info:srw/schema/1/marcxml-v1.1" name="marcxml"><title>MARCXML</title></schema>
   </schemaInfo>
  </explain>
 </server>
</yazgfs>
"""
CQL = """set.cql = info:srw/cql-context-set/1/cql-v1.1
set.dc = info:srw/cql-context-set/1/dc-v1.1
set.bath = http://zing.z3950.org/cql/bath/2.0/
set = info:srw/cql-context-set/1/cql-v1.1
index.cql.serverChoice = 1=1016
index.cql.allRecords = 1=_ALLRECORDS 2=103
index.dc.title = 1=4
index.dc.creator = 1=1003
index.dc.subject = 1=21
index.bath.isbn = 1=7
relation.eq = 2=3
relation.scr = 2=3
structure.* = 4=1
truncation.right = 5=1
truncation.none = 5=100
position.any = 3=3
"""


@asynccontextmanager
async def zebra_sru(folder: Path) -> AsyncIterator[str]:
    """Index the samples, serve them over SRU, and yield the URL of the database."""
    server = require_program("zebrasrv")
    await index_samples(folder)
    port = free_port()
    (folder / "frontend.xml").write_text(FRONTEND.format(port=port), "utf-8")
    (folder / "cql2pqf.txt").write_text(CQL, "ascii")
    async with running(server, "-S", "-v", "none", "-f", "frontend.xml", port=port, folder=folder):
        yield f"http://127.0.0.1:{port}/Default"
