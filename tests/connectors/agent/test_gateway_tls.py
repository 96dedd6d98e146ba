"""The way to the gateway under TLS: a private authority is trusted where it is named, and nothing goes in the clear."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from connectors.agent.app import run_connector, system_clock
from connectors.agent.config import Settings
from examples.alliance.ground import Ground, lay_ground, write_connector_settings
from examples.ils.app import Ports
from federation.app import RunningGateway, run_gateway
from federation.config import Settings as GatewaySettings
from federation.web.operator import make_checkpoint
from tests.alliance import LIBRARIES
from tests.connectors.agent.hubs import until
from tests.connectors.sip2.certificates import Authority
from trust.settings import SettingsRefused

HOST = "127.0.0.1"
HOME = LIBRARIES[0]


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "authority")


@pytest.fixture
async def gateway(tmp_path: Path, authority: Authority) -> AsyncIterator[tuple[Ground, RunningGateway]]:
    """A gateway whose certificate is of a private authority."""
    ground = lay_ground(tmp_path, [HOME], system_clock(), 0)
    certificate, key = authority.issue(HOST)
    with ground.gateway_settings.open("a") as file:
        file.write(f'[tls]\ncertificate = "{certificate}"\nkey = "{key}"\n')
    async with run_gateway(GatewaySettings.load(ground.gateway_settings)) as running:
        yield ground, running


def told(ground: Ground, port: int, ca_file: Path | None, scheme: str = "https") -> Settings:
    write_connector_settings(ground, [HOME], {HOME.slug: Ports(1, 0)}, port)
    path = ground.connector_settings(HOME)
    text = path.read_text("utf-8").replace("http://", f"{scheme}://")
    path.write_text((f'gateway_ca_file = "{ca_file}"\n' if ca_file else "") + text, "utf-8")
    return Settings.load(path)


@pytest.mark.parametrize("scheme", ["https", "wss"])
async def test_a_private_authority_that_is_named_is_trusted_for_all_that_is_asked(
        gateway: tuple[Ground, RunningGateway], authority: Authority, scheme: str) -> None:
    ground, running = gateway
    await make_checkpoint(running.gateway)
    async with run_connector(told(ground, running.port, authority.file, scheme)) as connector:
        await until(connector.link.is_up.is_set)
        await until(lambda: not connector.office.stale())
        await until(lambda: connector.office.seen.last is not None)
        assert running.links.connected() == {HOME.agency_id}


@pytest.mark.parametrize("trusts_another", [True, False])
async def test_a_gateway_that_nobody_here_vouches_for_hears_nothing(
        gateway: tuple[Ground, RunningGateway], tmp_path: Path, trusts_another: bool) -> None:
    ground, running = gateway
    ca_file = Authority(tmp_path, "another").file if trusts_another else None
    async with run_connector(told(ground, running.port, ca_file)) as connector:
        await asyncio.sleep(0.5)
        assert not connector.link.is_up.is_set()
        assert connector.office.stale()
        assert running.links.connected() == frozenset()


async def test_an_authority_that_is_no_certificate_is_named(gateway: tuple[Ground, RunningGateway],
                                                            tmp_path: Path) -> None:
    ground, running = gateway
    (tmp_path / "ca.pem").write_text("certificate")
    with pytest.raises(SettingsRefused, match=r"gateway_ca_file .*ca\.pem"):
        async with run_connector(told(ground, running.port, tmp_path / "ca.pem")):
            pass
