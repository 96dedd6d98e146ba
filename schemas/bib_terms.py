"""The closed vocabularies of a bibliographic record: every kind, status and scheme that `schemas.bib` may name."""

from enum import StrEnum


class MarcFormat(StrEnum):
    """The format a record was catalogued in."""

    CNMARC = "CNMARC"
    MARC21 = "MARC21"


class CirculationStatus(StrEnum):
    """State of one item, with the names and two-digit codes of SIP2's circulation status (item information, 18)."""

    OTHER = "01"
    ON_ORDER = "02"
    AVAILABLE = "03"
    CHARGED = "04"
    CHARGED_NOT_TO_BE_RECALLED = "05"
    IN_PROCESS = "06"
    RECALLED = "07"
    ON_HOLD_SHELF = "08"
    TO_BE_RESHELVED = "09"
    IN_TRANSIT = "10"
    CLAIMED_RETURNED = "11"
    LOST = "12"
    MISSING = "13"


class AgentKind(StrEnum):
    """What kind of agent a contributor is."""

    PERSON = "person"
    CORPORATE = "corporate"
    MEETING = "meeting"
    FAMILY = "family"


class Entry(StrEnum):
    """Weight of a contributor: MARC21's main entry, or UNIMARC's equal (701) and secondary (702) responsibility."""

    MAIN = "main"
    EQUAL = "equal"
    SECONDARY = "secondary"


class IssnStatus(StrEnum):
    """Whether an ISSN stands, was cancelled, or was printed wrongly."""

    VALID = "valid"
    CANCELLED = "cancelled"
    INCORRECT = "incorrect"


class NoteKind(StrEnum):
    """What a note is about."""

    GENERAL = "general"
    LANGUAGE = "language"
    TITLE = "title"
    EDITION = "edition"
    IMPRINT = "imprint"
    PHYSICAL = "physical"
    SERIES = "series"
    LINKING = "linking"
    RELATED_TITLE = "related_title"
    RESPONSIBILITY = "responsibility"
    BINDING = "binding"
    BIBLIOGRAPHY = "bibliography"
    REPRODUCTION = "reproduction"
    FREQUENCY = "frequency"
    CONTENTS = "contents"
    THESIS = "thesis"
    AUDIENCE = "audience"
    SYSTEM = "system"


class TitleKind(StrEnum):
    """Where another title of the same work stands (UNIMARC 500-541)."""

    UNIFORM = "uniform"
    PARALLEL = "parallel"
    COVER = "cover"
    ADDED_TITLE_PAGE = "added_title_page"
    CAPTION = "caption"
    RUNNING = "running"
    SPINE = "spine"
    OTHER = "other"
    KEY = "key"
    ADDITIONAL = "additional"
    TRANSLATED = "translated"


class SubjectKind(StrEnum):
    """What a subject heading names."""

    TOPIC = "topic"
    PLACE = "place"
    PERSON = "person"
    CORPORATE = "corporate"
    MEETING = "meeting"
    FAMILY = "family"
    TITLE = "title"
    UNCONTROLLED = "uncontrolled"


class Relation(StrEnum):
    """How another title is related to this one."""

    SERIES = "series"
    SET = "set"
    PART = "part"
    ORIGINAL = "original"
    TRANSLATION = "translation"
    OTHER_EDITION = "other_edition"


class Scheme(StrEnum):
    """Classification scheme; CLC is 中国图书馆分类法, CAS 中国科学院图书馆图书分类法."""

    CLC = "clc"
    CAS = "cas"
    UDC = "udc"
    DEWEY = "dewey"
    LCC = "lcc"
    OTHER = "other"
