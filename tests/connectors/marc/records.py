"""Records for the tests: built by hand, with every length right, or with the one thing wrong that a test is about."""

from connectors.marc.record import Field, MarcRecord
from connectors.marc.writer import write_iso2709

CNMARC_LEADER = "00000nam0 2200000   450 "
MARC21_LEADER = "00000nam a2200000 i 4500"


def field(text: str) -> Field:
    """Read ``"200 1_ $a三体$f刘慈欣著"`` (``_`` is a blank indicator) or ``"001 12345"``.

    >>> field("701 _0 $a刘慈欣$4著")
    Field(tag='701', indicators=' 0', subfields=('a刘慈欣', '4著'))
    """
    tag, _, rest = text.partition(" ")
    indicators, dollar, subfields = rest.partition(" $")
    if not dollar:
        return Field(tag, "", (rest,))
    return Field(tag, indicators.replace("_", " "), tuple(subfields.split("$")))


def cnmarc(*fields: str) -> MarcRecord:
    return MarcRecord(CNMARC_LEADER, tuple(map(field, fields)))


def marc21(*fields: str) -> MarcRecord:
    return MarcRecord(MARC21_LEADER, tuple(map(field, fields)))


THREE_BODY = cnmarc(
    "001 012003",
    "005 20080501120000.0",
    "010 __ $a978-7-5366-9293-0$b平装$dCNY23.00",
    "100 __ $a20080501d2008    em y0chiy50      ea",
    "101 0_ $achi",
    "102 __ $aCN$b500000",
    "200 1_ $a三体$Asan ti$f刘慈欣著$FLiu Cixin zhu",
    "210 __ $a重庆$c重庆出版社$d2008.1",
    "215 __ $a302页$d23cm",
    "225 2_ $a中国科幻基石丛书$Azhong guo ke huan ji shi cong shu",
    "330 __ $a文化大革命如火如荼进行的同时……",
    "606 0_ $a长篇小说$x科学幻想小说$y中国$z当代",
    "690 __ $aI247.55$v5",
    "701 _0 $a刘慈欣$ALiu Cixin$4著",
    "801 _0 $aCN$bNLC$c20080501",
    "905 __ $aSHYP$b3100001234567$b3100001234568$cA3$sI247.55/1",
)


def iso(record: MarcRecord = THREE_BODY, charset: str = "utf-8") -> bytes:
    return write_iso2709(record, charset)
