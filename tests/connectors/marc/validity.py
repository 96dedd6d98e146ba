"""What MARC 21 allows of a bibliographic record, for the fields that we write: leader, 008, indicators, repetition.

Written from the format's own documentation (MARC 21 Format for Bibliographic Data), not from our tables.
"""

import re
from collections import Counter
from collections.abc import Iterator

from connectors.marc.record import MarcRecord

LEADER = re.compile(r"\d{5}[acdnp][acdefgijkmoprt][abcdims][ a]a22\d{5}[ 1234578uz][ aciu][ abc]4500")
FIXED = re.compile(r"[\d ]{6}[bceikmnpqrstu|].{8}[a-z]{2}[a-z ].{17}.{3}[ dorsx|][ cdu|]", re.DOTALL)
ANY = "0123456789"
INDICATORS = {
    "020": (" ", " "), "022": (" 01", " "), "024": ("0123478", " 01"), "035": (" ", " "), "040": (" ", " "),
    "041": (" 01", " 7"), "044": (" ", " "), "050": (" 01", "04"), "080": (" 01", " "), "082": ("017", " 04"),
    "084": (" ", " "), "100": ("013", " "), "110": ("012", " "), "111": ("012", " "), "130": (ANY, " "),
    "222": (" ", ANY), "240": ("01", ANY), "242": ("01", ANY), "245": ("01", ANY), "246": ("0123", " 012345678"),
    "250": (" ", " "), "264": (" 23", "01234"), "300": (" ", " "), "310": (" ", " "), "490": ("01", " "),
    "500": (" ", " "), "502": (" ", " "), "504": (" ", " "), "505": ("0128", " 0"), "520": (" 012348", " "),
    "521": (" 012348", " "), "533": (" ", " "), "538": (" ", " "), "546": (" ", " "), "563": (" ", " "),
    "580": (" ", " "), "600": ("013", "01234567"), "610": ("012", "01234567"), "611": ("012", "01234567"),
    "630": (ANY, "01234567"), "650": (" 012", "01234567"), "651": (" ", "01234567"), "653": (" 012", " 0123456"),
    "700": ("013", " 2"), "710": ("012", " 2"), "711": ("012", " 2"), "730": (ANY, " 2"), "740": (ANY, " 2"),
    "765": ("01", " 8"), "767": ("01", " 8"), "773": ("01", " 8"), "774": ("01", " 8"), "775": ("01", " 8"),
    "830": (" ", ANY), "856": (" 012347", " 0128"), "886": ("012", " "),
}  # fmt: skip
ONCE = ("001", "005", "008", "040", "100", "110", "111", "130", "240", "245")
CODE = re.compile("[a-z0-9]")


def faults(record: MarcRecord) -> Iterator[str]:
    """Yield what a validator of MARC 21 would complain of."""
    if not LEADER.fullmatch(record.leader):
        yield f"leader {record.leader!r}"
    if not FIXED.fullmatch(record.control("008")) or len(record.control("008")) != 40:
        yield f"008 {record.control('008')!r}"
    counts = Counter(field.tag for field in record.fields)
    yield from (f"{tag} stands {counts[tag]} times" for tag in ONCE if counts[tag] > 1)
    if sum(counts[tag] for tag in ("100", "110", "111", "130")) > 1:
        yield "more than one main entry"
    if counts["245"] != 1:
        yield "no title"
    for field in record.fields:
        if field.is_control:
            continue
        first, second = INDICATORS.get(field.tag, (field.indicators[0], field.indicators[1]))
        if field.indicators[0] not in first or field.indicators[1] not in second:
            yield f"{field.tag} has indicators {field.indicators!r}"
        if not all(subfield and CODE.match(subfield) for subfield in field.subfields) and field.tag != "886":
            yield f"{field.tag} has subfields {field.subfields}"
