"""Why a repository could not be harvested.

    OaiError
      OaiUnreachable   no answer, again and again, or none that HTTP calls good
      OaiMalformed     an answer that is no OAI-PMH
      OaiRefused       the repository says no, by a code of the protocol
      NoMarcFormat     it offers no records in MARC
"""


class OaiError(Exception):
    """A repository could not be harvested; the text says which, why, and what to do."""


class OaiUnreachable(OaiError):
    """The repository gave no usable answer to any try."""


class OaiMalformed(OaiError):
    """The repository answered with something that is not OAI-PMH, is too long, or never ends."""


class OaiRefused(OaiError):
    """The repository refuses a request; ``code`` is the protocol's (OAI-PMH 2.0, 3.6)."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(f"the repository refuses: {code} {text}".rstrip())
        self.code = code


class NoMarcFormat(OaiError):
    """The repository offers no records in MARC."""
