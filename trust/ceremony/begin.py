"""``delta-trust ceremony``: the first step of an alliance. One encrypted key file per admin and per editor, the list of
their fingerprints, and the alliance's own files to fill in.

Admins sign the root, rarely and offline; editors sign the directory, every month. Each takes the own key file away;
nobody keeps two. Drafting, signing and publishing are in ``trust.ceremony.drafting`` and ``trust.ceremony.admin``.
"""

import os
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from schemas.directory import Agency, CreditTier, Directory, Policies, Role, Tariff
from schemas.identifiers import AgencyId, Count, KeyId, ShortText, Wire
from trust.ceremony.errors import WrongFolder
from trust.ceremony.words import sheet, words_of
from trust.console import agreed, answer, explain, new_passphrase, read_file, read_passphrases, write_file
from trust.directory import POLICIES_FILE, TARIFF_FILE
from trust.document import Unreadable, read_document
from trust.errors import KeyFileRefused, MalformedDirectory, WrongUse
from trust.keys import RandomBytes, SigningKey, VerifyingKey
from trust.publish import Quorum, encode_document

PEOPLE_MAX = 99
LIST_FILE, SHEET_FILE, MEMBERS_FILE = "admins.json", "fingerprints.html", "members.json"


class Signatory(Wire):
    """One admin's or editor's key, as everybody may know it: ``public`` in hexadecimal."""

    file: ShortText
    key_id: KeyId
    public: ShortText

    @property
    def key(self) -> VerifyingKey:
        """The key; raise ``MalformedDirectory`` where the id is not its own."""
        try:
            key = VerifyingKey.from_raw(bytes.fromhex(self.public))
        except ValueError:
            raise MalformedDirectory(f"{LIST_FILE}: {self.file}: the key is not in hexadecimal") from None
        if key.key_id != self.key_id:
            raise MalformedDirectory(f"{LIST_FILE}: {self.file}: the id does not derive from the key")
        return key


class CeremonyList(Wire):
    """Who signs for the alliance, and how many of them must."""

    admins: tuple[Signatory, ...]
    threshold: Count
    editors: tuple[Signatory, ...]
    editors_threshold: Count

    @property
    def quorums(self) -> tuple[Quorum, Quorum]:
        """The admins' and the editors' quorum."""
        return (Quorum(tuple(person.key for person in self.admins), self.threshold),
                Quorum(tuple(person.key for person in self.editors), self.editors_threshold))


def read_list(path: Path) -> CeremonyList:
    """Read the list that ``ceremony init`` wrote; raise ``WrongFolder`` where it is none."""
    try:
        return read_document(CeremonyList, read_file(path))
    except Unreadable as error:
        raise WrongFolder(f"{path}: not the list of a ceremony: {error}; give {LIST_FILE} of its folder") from None


def init_ceremony(arguments: Namespace) -> int:
    """Make the admins' and the editors' keys; return the exit code."""
    folder: Path = arguments.folder
    counts = {"admin": arguments.admins, "editor": arguments.editors}
    _require_counts("admins", arguments.admins, arguments.threshold)
    _require_counts("editors", arguments.editors, arguments.editors_threshold)
    explain(f"将在 {folder} 生成密钥,各自加密:管理员 {arguments.admins} 人,须 {arguments.threshold} 人签名;编辑员 "
            f"{arguments.editors} 人,须 {arguments.editors_threshold} 人签名",
            f"makes keys there, each encrypted: {arguments.admins} admins of whom {arguments.threshold} must sign, "
            f"{arguments.editors} editors of whom {arguments.editors_threshold} must")
    names = [f"{kind}-{number}" for kind, count in counts.items() for number in range(1, count + 1)]
    if arguments.passphrases:
        passphrases = read_passphrases(arguments.passphrases, len(names))
    if not agreed("写入 write them?", yes=arguments.yes):
        return 1
    if not arguments.passphrases:
        passphrases = [new_passphrase(name) for name in names]
    people = make_keys(folder, names, passphrases, os.urandom)
    document = CeremonyList(admins=people[:arguments.admins], threshold=arguments.threshold,
                            editors=people[arguments.admins:], editors_threshold=arguments.editors_threshold)
    write_file(folder / SHEET_FILE, sheet("联盟密钥指纹 Fingerprints of the alliance's keys",
                                          {person.file: person.key_id for person in people}))
    write_file(folder / LIST_FILE, encode_document(document), overwrite=False)
    _answer_init(arguments, people)
    return 0


def _answer_init(arguments: Namespace, people: Sequence[Signatory]) -> None:
    lines = [f"每人取走自己的一个文件,并当众念出十二个词;{SHEET_FILE} 可打印。",
             "Each takes one file away and reads its twelve words aloud; print the sheet and keep it:",
             *(f"  {person.file}  {words_of(person.key_id)}" for person in people)]
    listed = [{"file": person.file, "key_id": person.key_id, "words": words_of(person.key_id)} for person in people]
    answer({"keys": listed, "threshold": arguments.threshold, "editors_threshold": arguments.editors_threshold},
           lines, as_json=arguments.json)


def make_keys(
    folder: Path, names: Sequence[str], passphrases: Sequence[bytes], random_bytes: RandomBytes
) -> tuple[Signatory, ...]:
    """Write one encrypted key file per name; never over an existing file."""
    people = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise KeyFileRefused(f"{folder}: cannot be written: {error.strerror}; take another folder") from None
    for name, passphrase in zip(names, passphrases, strict=True):
        key = SigningKey.generate(random_bytes)
        key.save(folder / f"{name}.key.pem", passphrase)
        people.append(Signatory(file=f"{name}.key.pem", key_id=key.key_id, public=key.verifying.raw.hex()))
    return tuple(people)


def write_template(arguments: Namespace) -> int:
    """Write the alliance's own files with sample values; return the exit code."""
    folder: Path = arguments.folder
    _require_counts("libraries", arguments.libraries, 1)
    explain(f"将在 {folder} 写入成员名单、资费与规则的样本,请用编辑器修改",
            "writes samples of the members, the tariff and the policies, to be edited by hand before the first draft")
    if any((folder / name).exists() for name in (MEMBERS_FILE, TARIFF_FILE, POLICIES_FILE)):
        raise WrongFolder(f"{folder} holds such files already; take an empty folder")
    folder.mkdir(parents=True, exist_ok=True)
    for name, document in _sample(arguments.libraries).items():
        write_file(folder / name, encode_document(document), overwrite=False)
    answer({"folder": str(folder)}, [f"请编辑 now edit {folder}/{MEMBERS_FILE}, {TARIFF_FILE}, {POLICIES_FILE}"],
           as_json=arguments.json)
    return 0


def _sample(libraries: int) -> dict[str, Wire]:
    def agency(name: str, role: Role, chinese: str, english: str) -> Agency:
        cap = 500_000 if role is Role.LIBRARY else 0
        return Agency(agency=AgencyId(name), role=role, name_zh=chinese, name_en=english, net_debit_cap_fen=cap)

    members = Directory(alliance="示例联盟 Sample alliance", agencies=(
        agency("DELTA-GATEWAY", Role.GATEWAY, "联盟网关", "Alliance gateway"),
        agency("DELTA-FUND", Role.FUND, "联盟基金", "Alliance fund"),
        agency("DELTA-COURIER", Role.COURIER, "联盟物流", "Alliance courier"),
        *(agency(f"CN-LIB-{number:02}", Role.LIBRARY, f"示例图书馆 {number}", f"Sample library {number}")
          for number in range(1, libraries + 1))))
    tariff = Tariff(loan_fee_fen=200, carriage_out_fen=600, carriage_back_fen=600, third_return_fen=100,
                    default_price_fen=5000, fund=AgencyId("DELTA-FUND"), courier=AgencyId("DELTA-COURIER"))
    policies = Policies(tiers={"adult": CreditTier(items_max=5, value_max_fen=50_000)}, default_tier="adult",
                        loan_days=30, renew_days=15, renewals_max=1, answer_hours=24, voucher_days=60, rota_max=5)
    return {MEMBERS_FILE: members, TARIFF_FILE: tariff, POLICIES_FILE: policies}


def _require_counts(what: str, count: int, threshold: int) -> None:
    if not 1 <= threshold <= count or (count > PEOPLE_MAX and what != "libraries"):
        raise WrongUse(f"{threshold} of {count} {what} cannot be; give 1 <= threshold <= {what} <= {PEOPLE_MAX}")
