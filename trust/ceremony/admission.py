"""What the alliance makes of a request: who vouches for it, and the directory with its keys.

A request is taken in where the member's own old key has signed it, or where two people have each written down the
words that the applicant read to them and both lists agree with the request. Each admin who signs checks this again
(``require_vouched``). Pure.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated

from pydantic import Field

from schemas.directory import Agency, Directory, KeyPurpose, KeyStatus, PublicKeyRecord
from schemas.identifiers import MessageHash, ShortText, Wire
from trust.ceremony.errors import AlreadyEnrolled, NotAMember, NotConfirmed, WrongClock
from trust.ceremony.request import Request
from trust.ceremony.words import WORDS, is_same, words_of
from trust.envelope import CLOCK_SKEW_MAX
from trust.errors import WrongUse
from trust.key_life import SIGN_FOR, VERIFY_FOR, succeed
from trust.publish import key_of

CHECKERS = 2


class Confirmation(Wire):
    """Two people have compared a request's words with what its applicant read to them."""

    request: MessageHash
    by: Annotated[tuple[ShortText, ...], Field(min_length=CHECKERS, max_length=9)]


def read_heard(text: str) -> dict[str, str]:
    """Read one person's list: a line per applicant, its name and then the twelve words.

    >>> read_heard("# calls of Monday\\nCN-SH-YANGPU " + "abandon " * 12)["CN-SH-YANGPU"].split()[0]
    'abandon'
    """
    heard: dict[str, str] = {}
    for line in text.splitlines():
        parts = line.partition("#")[0].split()
        if parts:
            name, words = " ".join(parts[:-WORDS]), " ".join(parts[-WORDS:])
            if not name or name in heard:
                raise WrongUse(f"a line of the list is not a name and {WORDS} words, each name once: {line[:40]!r}")
            heard[name] = words
    return heard


def name_of(request: Request) -> str:
    """Return the name under which an applicant's words are written down."""
    return request.enrolment.agency or request.enrolment.name


def confirm(request: Request, heard: Mapping[str, Mapping[str, str]]) -> Confirmation:
    """Return the confirmation of a request by the people who heard its words; ``heard`` is list by person.

    Raises:
        NotConfirmed: fewer than two people, or one who heard other words.
    """
    name = name_of(request)
    by = [person for person, words in heard.items() if name in words]
    for person in by:
        if not is_same(heard[person][name], request.hash):
            raise NotConfirmed(f"{name}: {person} wrote down other words than the request has "
                               f"({words_of(request.hash)}); call the applicant, do not go on before both lists agree")
    if len(by) < CHECKERS:
        raise NotConfirmed(f"{name}: {len(by)} of {CHECKERS} people have written down its words; each gives an own "
                           "list with --heard")
    return Confirmation(request=request.hash, by=tuple(by))


def is_continued(request: Request, directory: Directory) -> bool:
    """Whether a key of this member that is in force has signed the request too."""
    member = directory.by_id.get(request.enrolment.agency or "")
    return member is not None and any(
        record.status is KeyStatus.ACTIVE and record.purpose is KeyPurpose.SIGN
        and request.is_signed_by(key_of(record)) for record in member.keys)


def admit(directory: Directory, request: Request, made: datetime, *, rotating: bool) -> Directory:
    """Return the directory with a member's new keys.

    Raises:
        NotAMember: the alliance does not list this agency in this role.
        AlreadyEnrolled: a key is listed already, or the member has one in force and this is no rotation.
    """
    enrolment = request.enrolment
    member = directory.by_id.get(enrolment.agency or "")
    if member is None or member.role.value != enrolment.applicant.value:
        raise NotAMember(f"{request} is not a member in this role; list it in members.json first")
    for key in enrolment.keys:
        if key.key_id in directory.keys:
            raise AlreadyEnrolled(f"{enrolment.agency}: key {key.key_id[:12]} is listed already; the request was taken "
                                  "in before")
    if not rotating and any(record.status is KeyStatus.ACTIVE for record in member.keys):
        raise AlreadyEnrolled(f"{enrolment.agency} has a key in force; take its request in with delta-trust rotate "
                              "member, so that the two overlap")
    return _replaced(directory, succeed(member, _records(request, made), made))


def require_made_before(request: Request, made: datetime) -> None:
    """Raise ``WrongClock`` where a request comes from the future."""
    if request.enrolment.created > made + CLOCK_SKEW_MAX:
        raise WrongClock(f"{request} was made {request.enrolment.created:%FT%TZ}, the clock here says {made:%FT%TZ}; "
                         "set the clock that is wrong")


def require_vouched(
    new_keys: Iterable[str], before: Directory | None, requests: Sequence[Request], confirmed: Sequence[Confirmation]
) -> None:
    """Raise ``NotConfirmed`` where a new key came in without a request that somebody vouches for."""
    confirmed_hashes = {entry.request for entry in confirmed if len(set(entry.by)) >= CHECKERS}
    vouched = {key.key_id for request in requests
               if request.hash in confirmed_hashes or (before is not None and is_continued(request, before))
               for key in request.enrolment.keys}
    for key_id in new_keys:
        if key_id not in vouched:
            raise NotConfirmed(f"key {key_id[:12]} stands in the draft without a request that two people have "
                               "confirmed; do not sign")


def _records(request: Request, made: datetime) -> list[PublicKeyRecord]:
    ends = made + SIGN_FOR
    return [PublicKeyRecord(key_id=key.key_id, purpose=key.purpose, scheme=key.scheme, public=key.public,
                            use_from=made, sign_until=ends, verify_until=ends + VERIFY_FOR)
            for key in request.enrolment.keys]


def _replaced(directory: Directory, member: Agency) -> Directory:
    agencies = tuple(member if agency.agency == member.agency else agency for agency in directory.agencies)
    return Directory(alliance=directory.alliance, agencies=agencies)
