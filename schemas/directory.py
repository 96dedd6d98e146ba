"""The signed directory: who is a member, in which role, with which keys; and the tariff and policies beside it.

These are the documents the alliance's editors sign (TUF targets ``directory.json``, ``tariff.json`` and
``policies.json``). Their rules of acceptance live in ``trust.directory``.
"""

from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Self

from pydantic import Field, model_validator

from schemas.identifiers import AgencyId, Count, Fen, Integer, KeyId, ShortText, Timestamp, Wire


class KeyPurpose(StrEnum):
    """What a key may be used for; one key never serves both."""

    SIGN = "sign"
    SEAL = "seal"


class KeyScheme(StrEnum):
    """The algorithm, fixed by the key record and never by a message."""

    ED25519 = "ed25519"
    ECDH_ES_P256 = "ecdh-es-p256"


class KeyStatus(StrEnum):
    """The life of a key. Records are never deleted, so old signatures stay verifiable."""

    ACTIVE = "active"
    RETIRED = "retired"
    REVOKED = "revoked"


class PublicKeyRecord(Wire):
    """One public key: base64 of the raw Ed25519 key, or of the uncompressed P-256 point.

    ``use_from``/``sign_until`` bound when it may sign, ``verify_until`` when its signatures stop counting.
    ``invalid_from`` is the log index from which a compromised key's messages are void.
    """

    key_id: KeyId
    purpose: KeyPurpose
    scheme: KeyScheme
    public: Annotated[str, Field(max_length=200)]
    use_from: Timestamp
    sign_until: Timestamp
    verify_until: Timestamp
    status: KeyStatus = KeyStatus.ACTIVE
    reason: ShortText = ""
    invalid_from: Count | None = None


class Role(StrEnum):
    """What an agency may do in the alliance."""

    LIBRARY = "library"
    GATEWAY = "gateway"
    COURIER = "courier"
    FUND = "fund"
    WITNESS = "witness"
    """Cosigns the evidence log's checkpoints and lends nothing."""


class Agency(Wire):
    """A member as everybody sees it. ``delivering_points`` are its pickup points that also bring copies to the door."""

    agency: AgencyId
    role: Role
    name_zh: ShortText
    name_en: ShortText
    city_zh: ShortText = ""
    city_en: ShortText = ""
    province: ShortText = ""
    latitude_microdegrees: Integer = 0
    longitude_microdegrees: Integer = 0
    net_debit_cap_fen: Fen = 0
    pickup_points: tuple[ShortText, ...] = ()
    delivering_points: tuple[ShortText, ...] = ()
    keys: tuple[PublicKeyRecord, ...] = ()

    def delivers_from(self, point: str) -> bool:
        """Whether a reader may have a copy brought home that is sent to this pickup point."""
        return point in self.pickup_points and point in self.delivering_points

    def keys_in_use(self, purpose: KeyPurpose, now: datetime) -> list[PublicKeyRecord]:
        """Return the keys this agency may sign with, or be sealed to, now: those in force, the newest first."""
        usable = [record for record in self.keys if record.purpose is purpose and record.status is KeyStatus.ACTIVE
                  and record.use_from <= now <= record.sign_until]
        return sorted(usable, key=lambda record: record.use_from, reverse=True)

    def key_in_use(self, purpose: KeyPurpose, now: datetime) -> PublicKeyRecord | None:
        """Return the key this agency is to sign with, or to be sealed to, now: the newest in force."""
        return next(iter(self.keys_in_use(purpose, now)), None)


class Directory(Wire):
    """All members, with every key they ever had."""

    alliance: ShortText
    agencies: tuple[Agency, ...]

    @cached_property
    def by_id(self) -> dict[str, Agency]:
        """Agencies by their id."""
        return {agency.agency: agency for agency in self.agencies}

    @cached_property
    def keys(self) -> dict[str, tuple[Agency, PublicKeyRecord]]:
        """Every key with the agency that holds it, by key id."""
        return {key.key_id: (agency, key) for agency in self.agencies for key in agency.keys}

    @cached_property
    def gateway(self) -> Agency:
        """The one agency in the role of the gateway."""
        return next(agency for agency in self.agencies if agency.role is Role.GATEWAY)

    def libraries(self) -> tuple[Agency, ...]:
        """The member libraries, in directory order."""
        return tuple(agency for agency in self.agencies if agency.role is Role.LIBRARY)


class Tariff(Wire):
    """What a loan costs the home library. Signed by the editors, so that no hub can change a price."""

    loan_fee_fen: Fen
    carriage_out_fen: Fen
    carriage_back_fen: Fen
    third_return_fen: Fen
    default_price_fen: Fen
    fund: AgencyId
    courier: AgencyId


class CreditTier(Wire):
    """How far the home library vouches for one class of reader."""

    items_max: Annotated[int, Field(ge=0, le=1000)]
    value_max_fen: Fen


class Policies(Wire):
    """Limits and times every member has agreed to."""

    tiers: dict[str, CreditTier]
    default_tier: str
    loan_days: Count
    renew_days: Count
    renewals_max: Count
    answer_hours: Count
    voucher_days: Count
    rota_max: Count
    witnesses_min: Annotated[int, Field(ge=1, lt=2**53)] = 1
    """How many members must have cosigned a checkpoint of the evidence log before it counts as final."""
    dispute_days: Annotated[int, Field(ge=1, lt=2**53)] = 90
    """How long a library may leave a statement unanswered, and one that has left the alliance disputed, before
    retention goes on without it."""

    @model_validator(mode="after")
    def _default_is_a_tier(self) -> Self:
        if self.default_tier not in self.tiers:
            raise ValueError("default_tier is not one of the tiers")
        return self

    def tier(self, patron_type: str) -> tuple[str, CreditTier]:
        """Return the tier a patron type falls into, with its name."""
        name = patron_type if patron_type in self.tiers else self.default_tier
        return name, self.tiers[name]
