"""How a member stands with the alliance's directory, as its ``status`` shows it: version, keys, and what runs out.

Plain values, ready for JSON; the texts are Chinese first, English second.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from schemas.directory import KeyPurpose, KeyStatus
from schemas.identifiers import AgencyId
from trust.directory import TrustedDirectory
from trust.key_life import WARN_DAYS, warnings_for
from trust.metrics import Kind, Metric, Samples, by, one, seconds_until

_PURPOSES = {KeyPurpose.SIGN: "签名密钥 signing key", KeyPurpose.SEAL: "加密密钥 sealing key"}


def standing(directory: TrustedDirectory, me: AgencyId, here: Collection[str], now: datetime, *,
             everybody: bool = False) -> dict[str, Any]:
    """Return how ``me`` stands; ``here`` are the ids of the keys whose files it has.

    The warnings are those of the directory and of the own keys, or with ``everybody`` of all members' keys.
    """
    warnings = warnings_for(directory, now, only=None if everybody else me)
    return {
        "version": directory.version,
        "hash": directory.hash,
        "until": min(directory.expires, directory.root.expires).isoformat(),
        "keys": _keys(directory, me, here, now),
        "warnings": [{"level": warning.level, "until": warning.until.isoformat(), "text": str(warning)}
                     for warning in warnings],
    }


def standing_lines(shown: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return titles and texts of what ``standing`` returned, without its warnings."""
    keys = [(_PURPOSES[KeyPurpose(key["purpose"])], _key_text(key)) for key in shown["keys"]]
    return [("名录版本 Directory version", f"{shown['version']} ({shown['hash'][:12]})"),
            ("名录有效至 Directory valid until", day(shown["until"])), *keys]


def warning_lines(shown: Mapping[str, Any]) -> Sequence[str]:
    """Return the warnings of what ``standing`` returned: keys that are not here, then what runs out first."""
    missing = [f"{_PURPOSES[KeyPurpose(key['purpose'])]} {key['key_id'][:12]}: 密钥文件不在本机,请与现有密钥放在一起 "
               "its file is not here: put it beside the others" for key in shown["keys"] if not key["is_here"]]
    return [*missing, *(warning["text"] for warning in shown["warnings"])]


def standing_metrics(name: str) -> Sequence[Metric]:
    """Return the metrics of what ``standing`` returned, which a program's status has under ``name``."""
    def of_keys(value: Callable[[Mapping[str, Any], datetime], float | None]) -> Callable[[Any, datetime], Samples]:
        return lambda status, now: [({"purpose": key["purpose"], "key_id": key["key_id"]}, value(key, now))
                                    for key in status[name]["keys"]]

    return (
        Metric("delta_directory_version", Kind.GAUGE, "Version of the alliance's directory that is in force here.",
               lambda status, _now: one(status[name]["version"])),
        Metric("delta_directory_valid_seconds", Kind.GAUGE, "Seconds until its signatures run out.",
               lambda status, now: one(seconds_until(status[name]["until"], now))),
        Metric("delta_expiry_warnings", Kind.GAUGE, "What runs out within so many days, each once; 0: what has.",
               lambda status, _now: by("days", _warnings(status[name]["warnings"]))),
        Metric("delta_key_last_signature_days", Kind.GAUGE, "Days until an own key may sign, or be sealed to, no more.",
               of_keys(lambda key, now: _days_until(key["sign_until"], now))),
        Metric("delta_key_in_use", Kind.GAUGE, "Whether the directory names an own key as the one in use.",
               of_keys(lambda key, _now: key["in_use"])),
        Metric("delta_key_here", Kind.GAUGE, "Whether the file of an own key lies on this machine.",
               of_keys(lambda key, _now: key["is_here"])),
    )


def day(moment: str | None) -> str:
    """Return a moment as people read it."""
    return f"{datetime.fromisoformat(moment):%F %H:%M} UTC" if moment else "尚无 none yet"


def _keys(directory: TrustedDirectory, me: AgencyId, here: Collection[str], now: datetime) -> list[dict[str, Any]]:
    """Return the own keys that sign or are sealed to, now or later."""
    member = directory.directory.by_id.get(me)
    records = [record for record in (member.keys if member else ())
               if record.status is KeyStatus.ACTIVE and now <= record.sign_until]
    in_use = {record.key_id for purpose in KeyPurpose if member and (record := member.key_in_use(purpose, now))}
    return [{"purpose": record.purpose, "key_id": record.key_id, "use_from": record.use_from.isoformat(),
             "sign_until": record.sign_until.isoformat(), "in_use": record.key_id in in_use,
             "is_here": record.key_id in here} for record in records]


def _warnings(warnings: Sequence[Mapping[str, Any]]) -> Mapping[str, int]:
    found = Counter(warning["level"] for warning in warnings)
    return {str(days): found[days] for days in (0, *WARN_DAYS)}


def _days_until(moment: str, now: datetime) -> float:
    return (datetime.fromisoformat(moment) - now).total_seconds() / 86_400


def _key_text(key: Mapping[str, Any]) -> str:
    begins, ends = (datetime.fromisoformat(key[name]) for name in ("use_from", "sign_until"))
    return f"{key['key_id'][:12]} {'使用中 in use' if key['in_use'] else f'{begins:%F}'} → {ends:%F}"
