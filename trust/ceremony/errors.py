"""What ``delta-trust`` refuses while the alliance's admins prepare, sign and publish a version of the directory.

::

    CeremonyRefused
    ├── WrongFolder  WrongClock  NotHere
    ├── RequestRefused            a request to be enrolled
    │   └── MalformedRequest  NoProofOfPossession  NotConfirmed  NotAMember  AlreadyEnrolled
    ├── DraftRefused              what the admins sign
    │   └── DamagedDraft  DraftChanged  DraftSigned  StaleDraft  TwoDrafts  HalfSigned  NothingToSign
    └── SignerRefused             who signs
        └── NotASigner  SignedAlready

None of them travels on the wire, so they have no problem code of their own.
"""

from schemas.problems import ProblemCode
from trust.errors import TrustError


class CeremonyRefused(TrustError):
    """Anything that a person at ``delta-trust`` must put right."""

    default = ProblemCode.BAD_REQUEST


class WrongFolder(CeremonyRefused):
    """Not the folder that is meant: no directory in it, or another alliance's, or one too new."""


class WrongClock(CeremonyRefused):
    """This machine's clock contradicts what was made before."""


class NotHere(CeremonyRefused):
    """A file that cannot be read or written."""


class RequestRefused(CeremonyRefused):
    """A request that is not taken into a draft."""


class MalformedRequest(RequestRefused):
    """Not a request file as ``delta-trust enroll`` writes it."""


class NoProofOfPossession(RequestRefused):
    """One of the keys has not signed the request: whoever made it may not hold the key."""


class NotConfirmed(RequestRefused):
    """Two people have not compared the request's words with the ones that the applicant read to them."""


class NotAMember(RequestRefused):
    """The alliance does not list the applicant, or in another role."""


class AlreadyEnrolled(RequestRefused):
    """The key is listed already, or the member has one in force and must rotate it."""


class DraftRefused(CeremonyRefused):
    """A draft that cannot be worked on, signed or published."""


class DamagedDraft(DraftRefused):
    """Not a draft as ``delta-trust draft`` writes it."""


class DraftChanged(DraftRefused):
    """Its contents are no longer those that somebody has signed, or that its own list names."""


class DraftSigned(DraftRefused):
    """Somebody has signed it, so nothing may be added."""


class StaleDraft(DraftRefused):
    """Made for a version that is no longer the newest."""


class TwoDrafts(DraftRefused):
    """Two different drafts where copies of one are expected."""


class HalfSigned(DraftRefused):
    """Fewer have signed than must."""


class NothingToSign(DraftRefused):
    """The draft holds no document."""


class SignerRefused(CeremonyRefused):
    """A signature that does not count."""


class NotASigner(SignerRefused):
    """The key is neither an admin's nor an editor's for what stands in the draft."""


class SignedAlready(SignerRefused):
    """The key has signed this draft before; one key counts once."""
