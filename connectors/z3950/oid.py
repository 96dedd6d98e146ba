"""Object identifiers of Z39.50 (ANSI/NISO Z39.50-1995, appendix OID; Library of Congress registry)."""

Z3950 = "1.2.840.10003"

BIB1_ATTRIBUTES = f"{Z3950}.3.1"
BIB1_DIAGNOSTICS = f"{Z3950}.4.1"

UNIMARC = f"{Z3950}.5.1"
USMARC = f"{Z3950}.5.10"
EXPLAIN = f"{Z3950}.5.100"
SUTRS = f"{Z3950}.5.101"
OPAC = f"{Z3950}.5.102"
GRS1 = f"{Z3950}.5.105"
XML = f"{Z3950}.5.109.10"

TASK_PACKAGE = f"{Z3950}.5.106"

ITEM_ORDER = f"{Z3950}.9.4"
SEARCH_RESULT_1 = f"{Z3950}.10.1"
ILL_APDU = "1.0.10161.2.1"
"""An ISO 10161 APDU, as the item request of an ItemOrder may be."""
CHARSET_NEGOTIATION = f"{Z3950}.15.3"
CHARSET_BY_NAME = f"{Z3950}.15.1000.81.1"
"""What YAZ puts before the name of a charset that is no form of ISO 10646."""

SYNTAXES = {
    "unimarc": UNIMARC,
    "usmarc": USMARC,
    "marc21": USMARC,
    "sutrs": SUTRS,
    "opac": OPAC,
    "grs-1": GRS1,
    "xml": XML,
}
"""Record syntaxes by the names people type."""
