"""Lays out an alliance on disk: keys, the signed directory, a folder of settings for the gateway and each library.

::

    root.json                the root that everybody trusts
    directory/               roots/ targets.json 1/directory.json 1/tariff.json 1/policies.json
    gateway/                 gateway.toml sign.pem passphrase gateway.db operator.sock
    <slug>/                  connector.toml sign.pem seal.pem passphrase journal.db desk.sock catalogue.mrc

The admins' and editors' keys are thrown away: a sample alliance needs no second version of its directory.
"""

import json
import os
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType

from tuf.api.metadata import Root, Targets

from examples.alliance.roster import Library
from examples.alliance.stock import item_mapping
from examples.ils.app import Ports
from examples.ils.model import ALLIANCE_CARD
from schemas.bib_terms import MarcFormat
from schemas.directory import Agency, CreditTier, Directory, Policies, PublicKeyRecord, Role, Tariff
from schemas.identifiers import AgencyId
from trust.directory import DIRECTORY_FILE, POLICIES_FILE, TARIFF_FILE
from trust.folder import write_folder
from trust.keys import SealingKey, SigningKey, VerifyingKey, write_atomically
from trust.publish import Quorum, build_root, build_targets, encode_document, record_of, sign_document

GATEWAY, FUND, COURIER = AgencyId("DELTA-GATEWAY"), AgencyId("DELTA-FUND"), AgencyId("DELTA-COURIER")
NET_DEBIT_CAP_FEN = 500_000
KIOSK_PLACE = "一楼自助还书机"
KIOSKS = 3
"""The first libraries have a self-service machine each, which speaks SIP2 to the connector."""
ADMINS, ADMINS_NEEDED = 3, 2
EDITORS, EDITORS_NEEDED = 3, 2

TARIFF = Tariff(loan_fee_fen=200, carriage_out_fen=600, carriage_back_fen=600, third_return_fen=100,
                default_price_fen=5000, fund=FUND, courier=COURIER)
POLICIES = Policies(
    tiers={"adult": CreditTier(items_max=5, value_max_fen=50_000), "senior": CreditTier(items_max=5,
           value_max_fen=50_000), "child": CreditTier(items_max=3, value_max_fen=20_000),
           "credit": CreditTier(items_max=3, value_max_fen=20_000)},
    default_tier="credit", loan_days=30, renew_days=15, renewals_max=1, answer_hours=24, voucher_days=60, rota_max=5)


@dataclass(frozen=True)
class Ground:
    """An alliance's folder."""

    folder: Path

    @property
    def root(self) -> Path:
        """The root that everybody trusts."""
        return self.folder / "root.json"

    @property
    def gateway_settings(self) -> Path:
        """The gateway's settings file."""
        return self.folder / "gateway" / "gateway.toml"

    @property
    def operator_socket(self) -> Path:
        """Where the gateway's operator asks."""
        return self.folder / "gateway" / "operator.sock"

    def connector_settings(self, library: Library) -> Path:
        """A library's settings file."""
        return self.folder / library.slug / "connector.toml"

    def desk_socket(self, library: Library) -> Path:
        """Where a library's staff ask."""
        return self.folder / library.slug / "desk.sock"


def lay_ground(folder: Path, libraries: Sequence[Library], now: datetime, gateway_port: int) -> Ground:
    """Make keys, sign the directory, write the gateway's settings."""
    ground = Ground(folder)
    gateway_key = _write_signing_key(folder / "gateway")
    agencies = [_agency(GATEWAY, Role.GATEWAY, "长三角公共图书馆联盟", "Delta alliance", [gateway_key], now),
                _agency(FUND, Role.FUND, "联盟基金", "Alliance fund", [], now),
                _agency(COURIER, Role.COURIER, "联盟物流", "Alliance courier", [], now),
                *(_member(folder / library.slug, library, now) for library in libraries)]
    _publish(ground, Directory(alliance="长三角公共图书馆网借联盟(示例)", agencies=tuple(agencies)), gateway_key, now)
    _write_toml(ground.gateway_settings, {"port": gateway_port, "directory": "../directory"}, {})
    return ground


def write_connector_settings(ground: Ground, libraries: Iterable[Library], ports: Mapping[str, Ports],
                             gateway_port: int, kiosk_ports: Mapping[str, int] = MappingProxyType({}),
                             face_ports: Mapping[str, tuple[int, int]] = MappingProxyType({})) -> None:
    """Write each library's settings once its ILS's ports are known; ``kiosk_ports`` is where machines will ask.

    ``face_ports`` is where the union catalogue is served over Z39.50 and over SRU.
    """
    for library in libraries:
        profile, credentials, mapping = library.sip2, library.credentials, item_mapping(library)
        sip2 = {"port": ports[library.slug].sip2, "charset": profile.charset, "terminator": _name(profile.terminator),
                "checksum": profile.checksum.value, "login": profile.login.value,
                "institution": profile.institution, "institutional_cards": [ALLIANCE_CARD], "max_lines": 3}
        if credentials is not None:
            sip2 |= {"user": credentials.user, "password": credentials.password}
        marc = {"file": "catalogue.mrc", "charset": library.marc.charset, "item_tag": mapping.tag,
                "barcode": mapping.barcode, "branch": mapping.branch, "location": mapping.location,
                "call_number": mapping.call_number, "price": mapping.price}
        top = {"agency": library.agency_id, "gateway_url": f"http://127.0.0.1:{gateway_port}/link",
               "directory": "../directory"}
        sections: dict[str, Mapping[str, object]] = {"sip2": sip2, "marc": marc}
        if library.z3950 is not None and ports[library.slug].z3950:
            syntax = "usmarc" if library.marc.format is MarcFormat.MARC21 else "unimarc"
            sections["z3950"] = {"port": ports[library.slug].z3950, "database": library.z3950.database,
                                 "syntax": syntax, "query_charset": library.z3950.query_charset}
        if library.slug in kiosk_ports:
            sections["[kiosk]"] = {"port": kiosk_ports[library.slug], "place": KIOSK_PLACE, "alliance_bin": "9"}
        if library.slug in face_ports:
            sections["faces"] = dict(zip(("z3950_port", "sru_port"), face_ports[library.slug], strict=True))
        _write_toml(ground.connector_settings(library), top, sections)


def _publish(ground: Ground, directory: Directory, gateway: VerifyingKey, now: datetime) -> None:
    admins = [SigningKey.generate(os.urandom) for _ in range(ADMINS)]
    editors = [SigningKey.generate(os.urandom) for _ in range(EDITORS)]
    files = {DIRECTORY_FILE: encode_document(directory), TARIFF_FILE: encode_document(TARIFF),
             POLICIES_FILE: encode_document(POLICIES)}
    root = sign_document(Root, build_root(
        version=1, expires=now + timedelta(days=730), gateway=Quorum((gateway,), 1),
        admins=Quorum(tuple(key.verifying for key in admins), ADMINS_NEEDED),
        editors=Quorum(tuple(key.verifying for key in editors), EDITORS_NEEDED)), admins[:ADMINS_NEEDED])
    targets = sign_document(Targets, build_targets(version=1, expires=now + timedelta(days=365), files=files),
                            editors[:EDITORS_NEEDED])
    write_folder(ground.folder / "directory", [root], targets, files)
    write_atomically(ground.root, root)


def _member(folder: Path, library: Library, now: datetime) -> Agency:
    signing = _write_signing_key(folder)
    sealing = SealingKey.generate(os.urandom)
    sealing.save(folder / "seal.pem", (folder / "passphrase").read_bytes())
    agency = _agency(library.agency_id, Role.LIBRARY, library.name_zh, library.name_en, [signing, sealing], now)
    return agency.model_copy(update={
        "city_zh": library.city_zh, "city_en": library.city_en, "province": library.province,
        "latitude_microdegrees": round(library.lat * 1e6), "longitude_microdegrees": round(library.lon * 1e6),
        "net_debit_cap_fen": NET_DEBIT_CAP_FEN, "pickup_points": ("总服务台",),
        "delivering_points": ("总服务台",)})


def _agency(agency: AgencyId, role: Role, name_zh: str, name_en: str, keys: Sequence[VerifyingKey | SealingKey],
            now: datetime) -> Agency:
    return Agency(agency=agency, role=role, name_zh=name_zh, name_en=name_en,
                  keys=tuple(_record(key, now) for key in keys))


def _record(key: VerifyingKey | SealingKey, now: datetime) -> PublicKeyRecord:
    return record_of(key, use_from=now - timedelta(days=1), sign_until=now + timedelta(days=365),
                     verify_until=now + timedelta(days=3650))


def _write_signing_key(folder: Path) -> VerifyingKey:
    folder.mkdir(parents=True, exist_ok=True)
    passphrase = secrets.token_urlsafe(24).encode()
    write_atomically(folder / "passphrase", passphrase, mode=0o600)
    key = SigningKey.generate(os.urandom)
    key.save(folder / "sign.pem", passphrase)
    return key.verifying


def _name(terminator: object) -> str:
    return str(getattr(terminator, "name", terminator))


def _write_toml(path: Path, top: Mapping[str, object], sections: Mapping[str, Mapping[str, object]]) -> None:
    """Write plain keys with string or integer values: JSON's forms of both are TOML's too."""
    lines = [f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in top.items()]
    for section, values in sections.items():
        lines += ["", f"[{section}]", *(f"{name} = {json.dumps(value, ensure_ascii=False)}"
                                        for name, value in values.items())]
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, ("\n".join(lines) + "\n").encode(), mode=0o600)
