"""The lives of keys: how one follows another without losing mail, how one is revoked, and what runs out next.

::

    a new key              use_from ────────────────────────── sign_until ──────────────── verify_until
    its successor                            lead ┊ use_from ──────────── ...
    the old key, rotated   ────────────────────── ┊ overlap ── sign_until ──────────────── verify_until

The lead lets every library learn the new key before it signs; in the overlap both count; what the old key signed is
accepted until its ``verify_until``, and as evidence for ever. Records are changed, never removed. Pure: directory in,
directory out.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from schemas.directory import Agency, Directory, KeyPurpose, KeyStatus, PublicKeyRecord
from trust.directory import TrustedDirectory

SIGN_FOR = timedelta(days=730)
VERIFY_FOR = timedelta(days=365)
"""After ``sign_until``: longer than any message waits for a library that is away."""
LEAD = timedelta(days=3)
"""Three times the longest freshness, so that whoever is online knows a key before it is used."""
OVERLAP = timedelta(days=7)
WARN_DAYS = (90, 30, 7)
WARN_DAYS_TARGETS = (7,)
"""The editors sign every month for a month: an earlier warning would stand there always."""
_PURPOSE_ZH = {KeyPurpose.SIGN: "签名密钥", KeyPurpose.SEAL: "加密密钥"}


@dataclass(frozen=True, slots=True)
class ExpiryWarning:
    """Something that runs out: within ``level`` days, or has (``level`` 0)."""

    subject: str
    until: datetime
    days_left: int
    level: int
    remedy: str

    def __str__(self) -> str:
        days = self.days_left
        state = f"{days} 天后到期 runs out in {days} days" if self.level else "已失效 no longer in force"
        return f"{self.subject}: {state}, {self.until:%F}; {self.remedy}"


def warnings_for(directory: TrustedDirectory, now: datetime, *, only: str | None = None
                 ) -> tuple[ExpiryWarning, ...]:
    """Return what runs out soon, the most urgent first; of keys all members', or ``only`` one's.

    Of an agency's keys the one that signs longest counts: a key that has its successor warns nobody.
    """
    found = [
        *_warn("联盟根 root", directory.root.expires, now, "联盟管理员须签发新根 delta-trust rotate admins", WARN_DAYS),
        *_warn("成员名录 directory", directory.expires, now, "编辑员须签发新版本 delta-trust draft", WARN_DAYS_TARGETS),
        *(warning for agency in directory.directory.agencies if only in (None, agency.agency)
          for warning in _key_warnings(agency, now)),
    ]
    return tuple(sorted(found, key=lambda warning: (warning.until, warning.subject)))


def succeed(agency: Agency, keys: Iterable[PublicKeyRecord], made: datetime) -> Agency:
    """Return the agency with new keys, each of which follows the one in force with its purpose.

    ``keys`` come with the dates of a first key; one that follows another begins after the lead, or earlier where the
    other would stop before.
    """
    records = agency.keys
    for key in keys:
        old = [record for record in records if record.purpose is key.purpose and record.status is KeyStatus.ACTIVE]
        begins = max(made, min([made + LEAD, *(record.sign_until for record in old)])) if old else made
        ends = {record.key_id: min(record.sign_until, begins + OVERLAP) for record in old}
        records = tuple(_changed(record, sign_until=ends[record.key_id], reason=f"followed by {key.key_id[:12]}")
                        if record.key_id in ends else record for record in records)
        records = (*records, _changed(key, use_from=begins))
    return agency.model_copy(update={"keys": records})


def revoke(directory: Directory, key_id: str, made: datetime, *, reason: str, invalid_from: int) -> Directory:
    """Return the directory with a key whose messages are void from a place in the evidence log on."""
    def change(record: PublicKeyRecord) -> PublicKeyRecord:
        if record.key_id != key_id:
            return record
        ends = max(record.use_from, min(record.sign_until, made))
        return _changed(record, status=KeyStatus.REVOKED, reason=reason, invalid_from=invalid_from, sign_until=ends)
    return _each_key(directory, change)


def retire(directory: Directory, now: datetime) -> Directory:
    """Return the directory with every key marked retired that no longer signs."""
    return _each_key(directory, lambda record: _changed(record, status=KeyStatus.RETIRED)
                     if record.status is KeyStatus.ACTIVE and record.sign_until < now else record)


def _key_warnings(agency: Agency, now: datetime) -> Iterator[ExpiryWarning]:
    by_purpose = groupby(sorted(agency.keys, key=lambda record: record.purpose), key=lambda record: record.purpose)
    for purpose, records in by_purpose:
        last = max(records, key=lambda record: (record.status is KeyStatus.ACTIVE, record.sign_until))
        subject = f"{agency.agency} {_PURPOSE_ZH[purpose]} {purpose} key {last.key_id[:12]}"
        yield from _warn(subject, last.sign_until, now, "该馆须换钥 delta-trust enroll --renew", WARN_DAYS)


def _warn(subject: str, until: datetime, now: datetime, remedy: str, levels: Iterable[int]) -> Iterator[ExpiryWarning]:
    days_left = max((until - now).days, 0)
    if until <= now:
        yield ExpiryWarning(subject, until, 0, 0, remedy)
    elif reached := [level for level in levels if until - now <= timedelta(days=level)]:
        yield ExpiryWarning(subject, until, days_left, min(reached), remedy)


def _each_key(directory: Directory, change: Callable[[PublicKeyRecord], PublicKeyRecord]) -> Directory:
    agencies = tuple(agency.model_copy(update={"keys": tuple(map(change, agency.keys))})
                     for agency in directory.agencies)
    return Directory(alliance=directory.alliance, agencies=agencies)


def _changed(record: PublicKeyRecord, **changes: object) -> PublicKeyRecord:
    return PublicKeyRecord.model_validate({**dict(record), **changes})
