"""``delta-trust enroll``: a library, the gateway, a witness, an admin or an editor makes keys and asks to be listed.

::

    sign.pem  seal.pem      the private keys, encrypted; they never leave this folder (a library has both)
    passphrase              a member's runs unattended, so its passphrase lies beside, readable by its owner only
    request.json            to be sent to the alliance, by any way: it is public
    words.txt               to be read to two of its admins, over a telephone number that they know
    request.html            the same to print, with a QR code

A member that renews its keys gets ``sign-2.pem`` and so on beside the present ones, which go on until the directory
says so; the request is signed by the present key too, and needs no telephone.
"""

import os
import secrets
from argparse import Namespace
from datetime import datetime
from pathlib import Path

from schemas.identifiers import AgencyId
from trust.ceremony.admission import name_of
from trust.ceremony.request import Applicant, Request, make_request, read_request
from trust.ceremony.words import qr_for_terminal, sheet, words_of
from trust.console import agreed, answer, explain, new_passphrase, read_passphrase, write_file
from trust.errors import KeyFileRefused, WrongUse
from trust.keys import SealingKey, SigningKey, write_atomically

REQUEST_FILE, WORDS_FILE, SHEET_FILE, PASSPHRASE_FILE = "request.json", "words.txt", "request.html", "passphrase"


def enroll(arguments: Namespace) -> int:
    """Make keys and a request; return the exit code."""
    applicant = Applicant(arguments.applicant)
    agency = _agency(applicant, arguments.agency)
    folder: Path = arguments.folder
    present = _newest(folder)
    _require_fitting(folder, present, renew=arguments.renew)
    explain(f"将在 {folder} 生成{'新' if present else ''}密钥和一份申请;私钥不出此文件夹",
            f"makes {'new ' if present else ''}keys and a request in this folder; the private keys never leave it")
    if not agreed("生成 make them?", yes=arguments.yes):
        return 1
    passphrase = _passphrase(applicant, folder, arguments.passphrase_file)
    old = SigningKey.load(_key_file(folder, "sign", present), passphrase) if present else None
    request = _make(applicant, agency, arguments.name, folder, present + 1, passphrase, old, arguments.now)
    words = words_of(request.hash)
    write_file(folder / WORDS_FILE, f"{name_of(request)} {words}\n".encode())
    write_file(folder / SHEET_FILE, sheet(f"登记申请 Request of {name_of(request)}", {str(request): request.hash}))
    needless = "(现有密钥已签名,可免 not needed, the present key has signed) " if old else ""
    lines = [f"把 {folder / REQUEST_FILE} 发给联盟,再把以下十二个词念给两位管理员听。",
             f"Send {REQUEST_FILE} to the alliance, then read these words to two of its admins. {needless}",
             f"  {words}"]
    answer({"request": str(folder / REQUEST_FILE), "name": name_of(request), "words": words,
            "keys": [key.key_id for key in request.enrolment.keys]},
           [*lines, *([qr_for_terminal(request.hash)] if arguments.qr else [])], as_json=arguments.json)
    return 0


def _make(applicant: Applicant, agency: AgencyId | None, name: str, folder: Path, number: int, passphrase: bytes,
          old: SigningKey | None, now: datetime) -> Request:
    signing = SigningKey.generate(os.urandom)
    sealing = [SealingKey.generate(os.urandom)] if len(applicant.purposes) > 1 else []
    raw = make_request(applicant, [signing, *sealing], name=name or str(agency), agency=agency, now=now, old_key=old)
    signing.save(_key_file(folder, "sign", number), passphrase)
    for key in sealing:
        key.save(_key_file(folder, "seal", number), passphrase)
    write_file(folder / REQUEST_FILE, raw)
    return read_request(raw)


def _agency(applicant: Applicant, agency: str | None) -> AgencyId | None:
    if applicant.is_person is not (agency is None):
        raise WrongUse("a person gives --name and no --agency" if applicant.is_person else
                       f"a {applicant} gives its --agency as members.json lists it")
    return None if agency is None else AgencyId(agency)


def _require_fitting(folder: Path, present: int, *, renew: bool) -> None:
    if present and not renew:
        raise KeyFileRefused(f"{folder} holds keys already; they are never overwritten: give --renew to make their "
                             "successors, or take another folder")
    if renew and not present:
        raise KeyFileRefused(f"{folder} holds no sign.pem to renew; leave --renew away for first keys")


def _newest(folder: Path) -> int:
    """The number of the newest signing key in the folder; 0 where there is none."""
    numbers = [1] if (folder / "sign.pem").exists() else []
    numbers += [int(path.stem[5:]) for path in folder.glob("sign-*.pem") if path.stem[5:].isdigit()]
    return max(numbers, default=0)


def _key_file(folder: Path, name: str, number: int) -> Path:
    return folder / (f"{name}.pem" if number == 1 else f"{name}-{number}.pem")


def _passphrase(applicant: Applicant, folder: Path, given: Path | None) -> bytes:
    """A person types it; a member's program must open its keys alone, so there it lies in a file of its owner's."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if given is not None:
            return read_passphrase(given)
        if applicant.is_person:
            return new_passphrase(str(applicant))
        if not (folder / PASSPHRASE_FILE).exists():
            write_atomically(folder / PASSPHRASE_FILE, secrets.token_urlsafe(24).encode(), mode=0o600, overwrite=False)
    except OSError as error:
        raise KeyFileRefused(f"{folder}: cannot be written: {error.strerror}; take another folder") from None
    return read_passphrase(folder / PASSPHRASE_FILE)
