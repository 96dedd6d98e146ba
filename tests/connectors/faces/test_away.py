"""The faces when the gateway is away: a diagnostic at once, and service again when it is back."""

import pytest

from connectors.faces import FacesSettings, serve_faces
from connectors.sru.client import SruClient
from connectors.sru.messages import SearchRequest
from tests.connectors.faces.conftest import Served
from tests.connectors.kiosk.city import open_lone_member
from trust.settings import SettingsRefused


async def test_without_the_gateway_a_search_is_a_temporary_error(tmp_path) -> None:
    settings = FacesSettings.read({"z3950_port": 0, "sru_port": 0, "database": "lhml"})
    async with open_lone_member(tmp_path) as member, serve_faces(member.connector, settings) as faces:
        served = Served(None, faces)
        said = await served.yaz_client(f"open 127.0.0.1:{faces.z3950_port}/lhml", "find 红楼梦", "scan @attr 1=4 a")
        async with SruClient(f"http://127.0.0.1:{faces.sru_port}/sru/lhml") as client:
            answer = await client.search(SearchRequest("红楼梦"))
    assert said.count("[2] Temporary system error") == 2
    assert [diagnostic.code for diagnostic in answer.diagnostics] == [2]


async def test_a_face_without_a_port_is_not_served(tmp_path) -> None:
    async with open_lone_member(tmp_path) as member, serve_faces(member.connector, FacesSettings.read({})) as faces:
        assert (faces.z3950_port, faces.sru_port) == (None, None)


@pytest.mark.parametrize("table", [{"z3950_port": 70_000}, {"databases": "x"}, {"database": "a b"}])
def test_settings_that_cannot_be_are_refused_by_name(table) -> None:
    with pytest.raises(SettingsRefused, match=r"\[faces\]"):
        FacesSettings.read(table)
