"""A small alliance with keys that are the same in every run: five admins, three editors, two libraries, a gateway."""

import hashlib
from base64 import b64encode
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from tuf.api.metadata import Root, Targets

from schemas.directory import Agency, CreditTier, Directory, KeyScheme, Policies, PublicKeyRecord, Role, Tariff
from schemas.envelope import GENESIS, StreamPosition
from schemas.identifiers import AgencyId, ConversationId, MessageHash
from schemas.lending import Custody, CustodyReceipt
from schemas.messages import AnyMessage, Confirmation, Message, MessageType
from trust.directory import DIRECTORY_FILE, POLICIES_FILE, TARIFF_FILE, TrustedDirectory, accept
from trust.keys import SMALL_ORDER_ENCODINGS, SealingKey, SigningKey, derive_key_id
from trust.publish import Quorum, build_root, build_targets, encode_document, record_of, sign_document

NOW = datetime(2026, 12, 1, 8, 0, 0, tzinfo=UTC)
YANGPU, HANGZHOU, GATEWAY = AgencyId("CN-SH-YANGPU"), AgencyId("CN-ZJ-HANGZHOU"), AgencyId("DELTA")
LOAN = ConversationId("loan-0000-0001")


def random_bytes(name: str):
    """A source of bytes that depends on the name only."""
    return lambda size: hashlib.shake_256(name.encode()).digest(size)


def signing_key(name: str) -> SigningKey:
    return SigningKey.generate(random_bytes(f"sign {name}"))


def sealing_key(name: str) -> SealingKey:
    return SealingKey.generate(random_bytes(f"seal {name}"))


ADMINS = tuple(signing_key(f"admin {n}") for n in range(5))
NEW_ADMINS = tuple(signing_key(f"new admin {n}") for n in range(5))
"""Those of a root that follows."""
EDITORS = tuple(signing_key(f"editor {n}") for n in range(3))
GATEWAY_KEY = signing_key(GATEWAY)


def key_record(key: Any, **changes: Any) -> PublicKeyRecord:
    record = record_of(key, use_from=NOW - timedelta(days=30), sign_until=NOW + timedelta(days=365),
                       verify_until=NOW + timedelta(days=730))
    return record.model_copy(update=changes)


def broken_keys() -> dict[str, tuple[PublicKeyRecord, ...]]:
    """Return keys of one member that break a rule of the directory, by what is wrong with them."""
    good, weak = key_record(signing_key(HANGZHOU).verifying), sorted(SMALL_ORDER_ENCODINGS)[3]
    weak_key = {"public": b64encode(weak).decode(), "key_id": derive_key_id(KeyScheme.ED25519, weak)}
    return {
        "weak_key": (good.model_copy(update=weak_key),),
        "id_of_another_key": (good.model_copy(update={"key_id": "ab" * 32}),),
        "key_twice": (good, good),
        "dates_out_of_order": (good.model_copy(update={"sign_until": NOW + timedelta(days=3650)}),),
        "scheme_for_another_purpose": (good.model_copy(update={"scheme": KeyScheme.ECDH_ES_P256}),),
    }


def agency(name: AgencyId, role: Role = Role.LIBRARY, keys: tuple[PublicKeyRecord, ...] | None = None) -> Agency:
    own = (key_record(signing_key(name).verifying), key_record(sealing_key(name)))
    return Agency(agency=name, role=role, name_zh=f"{name} 图书馆", name_en=f"{name} Library",
                  keys=own if keys is None else keys)


def sample_directory(*agencies: Agency) -> Directory:
    return Directory(alliance="Yangtze Delta", agencies=(
        agency(GATEWAY, Role.GATEWAY), *(agencies or (agency(YANGPU), agency(HANGZHOU)))))


TARIFF = Tariff(loan_fee_fen=300, carriage_out_fen=500, carriage_back_fen=500, third_return_fen=200,
                default_price_fen=5000, fund=AgencyId("FUND"), courier=AgencyId("COURIER"))
POLICIES = Policies(tiers={"standard": CreditTier(items_max=5, value_max_fen=50_000)}, default_tier="standard",
                    loan_days=30, renew_days=15, renewals_max=1, answer_hours=24, voucher_days=60, rota_max=5)


@dataclass(frozen=True)
class Published:
    """Signed documents of one version, and the ways in which a test makes them wrong."""

    directory: Directory = field(default_factory=sample_directory)
    version: int = 1
    root_version: int = 1
    expires: datetime = NOW + timedelta(days=30)
    root_expires: datetime = NOW + timedelta(days=365)
    admins: tuple[SigningKey, ...] = ADMINS
    root_signers: tuple[SigningKey, ...] = ADMINS[:3]
    editors: tuple[SigningKey, ...] = EDITORS
    editor_signers: tuple[SigningKey, ...] = EDITORS[:2]
    gateway_key: SigningKey = GATEWAY_KEY

    @property
    def files(self) -> dict[str, bytes]:
        return {DIRECTORY_FILE: encode_document(self.directory), TARIFF_FILE: encode_document(TARIFF),
                POLICIES_FILE: encode_document(POLICIES)}

    @property
    def root(self) -> bytes:
        draft = build_root(
            version=self.root_version, expires=self.root_expires,
            admins=Quorum(tuple(key.verifying for key in self.admins), 3),
            editors=Quorum(tuple(key.verifying for key in self.editors), 2),
            gateway=Quorum((self.gateway_key.verifying,), 1))
        return sign_document(Root, draft, self.root_signers)

    @property
    def targets(self) -> bytes:
        draft = build_targets(version=self.version, expires=self.expires, files=self.files)
        return sign_document(Targets, draft, self.editor_signers)

    def but(self, **changes: Any) -> "Published":
        return replace(self, **changes)

    def accept(self, known: TrustedDirectory | None = None, now: datetime = NOW) -> TrustedDirectory:
        return accept([self.root], self.targets, self.files, now, known)


def custody_receipt(directory: TrustedDirectory, **changes: Any) -> AnyMessage:
    """Hangzhou writes to Yangpu: a durable message of a loan."""
    header: dict[str, Any] = {
        "type": MessageType.CUSTODY_RECEIPT, "src": HANGZHOU, "dst": YANGPU, "conv": LOAN, "reply_to": SOME_HASH,
        "created": NOW,
        "expires": NOW + timedelta(days=3), "dir": directory.reference,
        "stream": StreamPosition(channel="loan", epoch=0, seq=1, prev=GENESIS),
    }
    body = CustodyReceipt(barcode="31000001", holder=Custody.PICKUP_POINT, place="Wushan Square", happened_at=NOW)
    return Message[CustodyReceipt](**{**header, "body": body, **changes})


def control(directory: TrustedDirectory, **changes: Any) -> AnyMessage:
    """Hangzhou writes to Yangpu: a control message, a Confirmation unless ``type`` and ``body`` say otherwise."""
    header = {"type": MessageType.CONFIRMATION, "src": HANGZHOU, "dst": YANGPU, "created": NOW,
              "dir": directory.reference, "expires": NOW + timedelta(minutes=1),
              "body": Confirmation(message=SOME_HASH), **changes}
    return Message[type(header["body"])](**header)


SOME_HASH = MessageHash("ab" * 32)
