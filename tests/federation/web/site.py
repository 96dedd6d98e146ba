"""A small real gateway for the portal's tests: two member libraries that are not connected, and a union catalogue."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from federation.app import build_app
from federation.gateway import Gateway
from federation.storage.cache import MemoryCache
from federation.storage.unit import SqlUnit, open_database
from federation.web.link import Links
from schemas.bib import Classification, Holding, Item
from schemas.directory import Agency
from schemas.identifiers import AgencyId
from tests.federation.catalogue.books import book
from tests.trust.samples import GATEWAY, GATEWAY_KEY, HANGZHOU, NOW, YANGPU, Published, agency, sample_directory
from trust.own_keys import Signer

HOSTILE = '<script>alert("1")</script>'
RED = {"isbn": "9787020002207", "publisher": "人民文学出版社", "year": 1996}
STUDIES = 41
HISTORY = {"classes": (Classification(number="K25"),), "languages": ("chi",)}
BRANCHES = (
    Holding(branch="五角场分馆", location="少儿阅览室", call_number="I242/1", items=(Item(barcode="Y1"),)),
    Holding(branch="总馆", location="外借部", call_number="I242/1", items=(Item(barcode="Y2"), Item(barcode="Y3"))),
)


def library(id_: AgencyId, name_zh: str, name_en: str, city_zh: str, city_en: str) -> Agency:
    names = {"name_zh": name_zh, "name_en": name_en, "city_zh": city_zh, "city_en": city_en}
    return agency(id_).model_copy(update={**names, "pickup_points": ("总服务台", "24小时书柜"),
                                               "delivering_points": ("总服务台",)})


LIBRARIES = (library(YANGPU, "上海市杨浦区图书馆", "Yangpu District Library", "上海", "Shanghai"),
             library(HANGZHOU, "杭州图书馆", "Hangzhou Library", "杭州", "Hangzhou"))


@asynccontextmanager
async def small_site(folder: Path) -> AsyncIterator[web.Application]:
    """Yield the gateway's whole application on a database of its own."""
    directory = Published(directory=sample_directory(*LIBRARIES)).accept()
    database = open_database(str(folder / "gateway.db"))
    gateway = Gateway(GATEWAY, Signer(GATEWAY, [GATEWAY_KEY]), lambda: directory, database, lambda: NOW,
                      lambda _agency: None)
    await database.run(_fill)
    try:
        yield build_app(gateway, Links(gateway), MemoryCache(NOW.timestamp))
    finally:
        database.close()


def _fill(unit: SqlUnit) -> None:
    unit.catalogue.upsert(YANGPU, [
        book("红楼梦", "曹雪芹", record_id="red", holdings=BRANCHES, **RED),
        book("版本学概论", "戴南海", record_id="editions", year=1989, barcodes=("Y4",), **HISTORY),
    ])
    unit.catalogue.upsert(HANGZHOU, [
        book("红楼梦", "曹雪芹", record_id="red", barcodes=("H1",), **RED),
        book(f"攻击 {HOSTILE}", HOSTILE, record_id="hostile", publisher=HOSTILE, summary=HOSTILE, barcodes=("H2",)),
        book("Design Patterns", "Erich Gamma", record_id="gamma", barcodes=("H3",)),
        *(book(f"版本研究 {number}", "俞平伯", record_id=f"study-{number}", year=1990 + number)
          for number in range(STUDIES)),
    ])
