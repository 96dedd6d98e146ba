"""Values that need a step between a field and the Bib: a number to check, a name to join, terms to tell apart.

Each pair of functions is one row's ``into`` (values of a field to elements) and ``outof`` (an element to values).
"""

from collections.abc import Sequence

from connectors.marc.rules import Values
from schemas.bib import IssnStatus
from schemas.isbn import isbn_facts

INVERTED = frozenset({"forename", "inverted"})
ISSN_STATUS = frozenset({"cancelled", "incorrect"})


def isbns_into(values: Values) -> Sequence[Values]:
    """Read the number of a field, and a wrong number beside it as an ISBN of its own."""
    number, wrong = values.get("as_written", ""), values.get("wrong", "")
    rest = (values.get("qualifier", ""), values.get("price_text", ""))
    isbns = [isbn_facts(number, *rest, cancelled=False)] if number or not wrong else []
    if wrong:
        isbns.append(isbn_facts(wrong, *(("", "") if isbns else rest), cancelled=True))
    return isbns


def isbn_outof(isbn: Values) -> Values:
    """Write a cancelled ISBN where wrong numbers go."""
    return {**isbn, "as_written": "", "wrong": isbn["as_written"]} if isbn.get("cancelled") else isbn


def issn_into(values: Values) -> list[Values]:
    """Read a number as what its subfield says it is."""
    rest = {name: value for name, value in values.items() if name not in {"cancelled", "incorrect"}}
    found: list[Values] = [rest] if "number" in rest else []
    for status in (IssnStatus.CANCELLED, IssnStatus.INCORRECT):
        if number := values.get(status.value):
            found.append({**(rest if not found else {}), "number": number, "status": status})
    return found or [rest]


def issn_outof(issn: Values) -> Values:
    """Write a number under the subfield of its status."""
    status = issn.get("status", IssnStatus.VALID)
    return issn if status is IssnStatus.VALID else {**issn, "number": "", status.value: issn["number"]}


def person_into(values: Values) -> list[Values]:
    """Read surname and forename as one inverted name."""
    if not values.get("name"):
        return []
    forename = values.get("forename")
    if forename is None:
        return [values]
    rest = {key: value for key, value in values.items() if key != "forename"}
    return [{**rest, "name": f"{values['name']}, {forename}"}]


def person_outof(person: Values) -> Values:
    """Write an inverted name as surname and forename."""
    if not person.get("inverted"):
        return person
    name, _, forename = person.get("name", "").partition(", ")
    return {**person, "name": name, "forename": forename}


def headings_into(values: Values) -> list[Values]:
    """Read each uncontrolled term of a field as a subject of its own."""
    rest = {name: value for name, value in values.items() if name != "headings"}
    return [{**rest, "heading": heading} for heading in values.get("headings", ())]


def headings_outof(subject: Values) -> Values:
    """Write one uncontrolled term."""
    return {**subject, "headings": (subject["heading"],)}


def subject_into(values: Values) -> list[Values]:
    """Read the inverted name of a person as the heading."""
    renamed = {**values, "name": values.get("heading", "")}
    return [
        {**{key: value for key, value in person.items() if key != "name"}, "heading": person["name"]}
        for person in person_into(renamed)
    ]


def subject_outof(subject: Values) -> Values:
    """Write an inverted heading as surname and forename."""
    named = person_outof({**subject, "name": subject.get("heading", "")})
    return {**named, "heading": named["name"]}
