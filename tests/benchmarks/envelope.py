"""The door: seal and open beside bare Ed25519 of the same bytes, and how fast a directory is accepted.

Bare means ``cryptography`` alone: one ``sign`` or ``verify`` of the bytes that are signed.
"""

from collections.abc import Iterator

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from schemas.identifiers import AgencyId
from tests.benchmarks.harness import Effort, Line, race
from tests.trust.samples import (
    HANGZHOU,
    NOW,
    YANGPU,
    Published,
    agency,
    custody_receipt,
    random_bytes,
    sample_directory,
    signing_key,
)
from trust.directory import accept
from trust.dsse import decode_envelope
from trust.envelope import open_envelope, seal

MEMBERS = 310


def run(effort: Effort) -> Iterator[Line]:
    """Measure seal, open, and the acceptance of a directory of 310 members."""
    yield from _door(effort)
    yield _directory(effort)


def _door(effort: Effort) -> Iterator[Line]:
    directory = Published().accept()
    key = signing_key(HANGZHOU)
    message = custody_receipt(directory)
    sealed = seal(message, key)
    unverified = decode_envelope(sealed.envelope)
    private = Ed25519PrivateKey.from_private_bytes(random_bytes(f"sign {HANGZHOU}")(32))
    public = Ed25519PublicKey.from_public_bytes(key.verifying.raw)
    sealing, signing = race(effort, lambda: seal(message, key), lambda: private.sign(unverified.signed))
    yield Line("seal", "messages/s", sealing, signing, "bare Ed25519 sign", 0.75)
    opening, verifying = race(
        effort, lambda: open_envelope(sealed.envelope, directory, now=NOW, me=YANGPU),
        lambda: public.verify(unverified.signature, unverified.signed))
    yield Line("open", "messages/s", opening, verifying, "bare Ed25519 verify", 0.75)


def _directory(effort: Effort) -> Line:
    """A refresh: version 2 arrives where version 1 is known, so keys that have not changed are loaded already."""
    members = sample_directory(*(agency(AgencyId(f"CN-{number:06}")) for number in range(MEMBERS)))
    known, published = Published(members).accept(), Published(members, version=2)
    root, targets, files = published.root, published.targets, published.files
    [rate] = race(effort, lambda: accept([root], targets, files, NOW, known))
    return Line.within(f"directory of {MEMBERS} members refreshed", "ms", 1000 / rate, 20)
