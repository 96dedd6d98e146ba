"""MARC at the library's edge: bytes to records, records to `schemas.Bib`, and back.

Owns ISO 2709, MARCXML, MARC-in-JSON, mnemonic text, the charset decision, the CNMARC and MARC 21 crosswalk tables and
the mapping of local item fields. Must not open sockets or decide which records describe the same book. No MARC leaves
this package but as bytes.
"""

from connectors.marc.forms import Form, form_of, read_records
from connectors.marc.items import CNMARC_905, KOHA_952, MARC21_852, ItemMapping
from connectors.marc.mapping import bib_from_record, format_of, record_from_bib
from connectors.marc.marcjson import read_json
from connectors.marc.marcxml import read_marcxml
from connectors.marc.mnemonic import read_lines
from connectors.marc.reader import read_iso2709, read_record
from connectors.marc.record import BadRecord, Field, MarcError, MarcRecord
from connectors.marc.writer import write_iso2709, write_json, write_marcxml

__all__ = [
    "CNMARC_905",
    "KOHA_952",
    "MARC21_852",
    "BadRecord",
    "Field",
    "Form",
    "ItemMapping",
    "MarcError",
    "MarcRecord",
    "bib_from_record",
    "form_of",
    "format_of",
    "read_iso2709",
    "read_json",
    "read_lines",
    "read_marcxml",
    "read_record",
    "read_records",
    "record_from_bib",
    "write_iso2709",
    "write_json",
    "write_marcxml",
]
