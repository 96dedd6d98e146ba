"""A Z39.50 origin by address: an ``Association`` without a profile to write first.

    async with Z3950Client("z3950.example.org", 210, "uacn_bib", query_charset="gb18030") as client:
        hits = await client.search(pqf.parse("@attr 1=4 三体"))
        records = await client.present(1, min(hits, 10))
"""

from connectors.z3950 import oid
from connectors.z3950.apdu import Credentials
from connectors.z3950.association import Association
from connectors.z3950.ber import Limits
from connectors.z3950.profile import Profile
from connectors.z3950.reply import Record, ScanEntry

__all__ = ["Record", "ScanEntry", "Z3950Client"]

_CHUNK_RECORDS_MAX = 100


class Z3950Client(Association):
    """One association with the target at ``host`` and ``port``."""

    def __init__(
        self,
        host: str,
        port: int,
        database: str,
        query_charset: str = "utf-8",
        *,
        credentials: Credentials | None = None,
        preferred_syntax: str = oid.USMARC,
        deadline_seconds: float = 10.0,
        chunk_records: int = 20,
        limits: Limits | None = None,
    ) -> None:
        profile = Profile(
            host=host,
            port=port,
            database=database,
            query_charset=query_charset,
            syntaxes=(preferred_syntax,),
            deadline_seconds=deadline_seconds,
            chunk_records=chunk_records,
            chunk_records_max=max(chunk_records, _CHUNK_RECORDS_MAX),
        )
        super().__init__(profile, credentials, limits)
