"""The documentation says what is there: links, commands, and the protocol page's tables, limits and example."""

import hashlib
import re
from base64 import b64encode
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import connectors.cli
import federation.cli
import trust.cli
from schemas.dialogue import DIALOGUE, rule_of
from schemas.envelope import CONTROL_DAYS, ENVELOPE_BYTES_MAX
from schemas.frames import FRAME_BYTES_MAX, FrameKind
from schemas.messages import Message, MessageType
from schemas.problems import PROBLEMS
from tests.conformance.published import ROOT
from tests.conformance.second import page as second
from tests.conformance.tables import PAGE, fill
from trust.checkpoint import NOTE_BYTES_MAX
from trust.envelope import CLOCK_SKEW_MAX
from trust.freshness import FRESHNESS_MAX, FRESHNESS_TYPE
from trust.root import DOCUMENT_BYTES_MAX, ROOTS_MAX
from trust.sealing import SEALED_CHARACTERS_MAX

PAGES = sorted((*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "tests/vectors/README.md"))
PROTOCOL = (ROOT / PAGE).read_text("utf-8")
COMMANDS = {"delta-connector": connectors.cli.main, "delta-gateway": federation.cli.main, "delta-trust": trust.cli.main}
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
CODE = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)
COMMAND = re.compile(r"(delta-(?:connector|gateway|trust))((?: [a-z0-9][a-z0-9-]*(?![\w./]))*)")


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def anchors(path: Path) -> set[str]:
    """Return the names that headings have as link targets."""
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
            for heading in HEADING.findall(path.read_text("utf-8"))}


def commands_in(path: Path) -> set[tuple[str, ...]]:
    return {(program, *words.split()) for code in CODE.findall(path.read_text("utf-8"))
            for program, words in COMMAND.findall(code)}


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_every_link_leads_somewhere(path: Path) -> None:
    for link in LINK.findall(path.read_text("utf-8")):
        if "://" in link:
            continue
        file, _, anchor = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_every_command_exists(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for program, *words in sorted(commands_in(path)):
        with pytest.raises(SystemExit) as ended:
            COMMANDS[program]([*words, "--help"])
        assert ended.value.code == 0, f"{program} {' '.join(words)}: {capsys.readouterr().err}"


def test_the_tables_of_the_page_are_those_of_the_code() -> None:
    assert fill(PROTOCOL) == PROTOCOL, "run make published"


def test_the_page_tells_of_every_message_who_says_it() -> None:
    rows = second.dialogue()
    assert set(rows) == set(DIALOGUE) == set(MessageType)
    for kind, row in rows.items():
        rule = rule_of(MessageType(kind))
        assert (row["kind"], row["from"], second.channel(kind) or "", second.answers(kind)) == (
            rule.kind, rule.src, rule.channel, set(rule.answers))


def test_the_page_explains_every_problem_and_names_no_other() -> None:
    listed = PROTOCOL.partition("<!-- problems -->")[2].partition("<!-- end -->")[0]
    assert re.findall(r"^\| `(\w+)`", listed, re.MULTILINE) == list(PROBLEMS)
    refusals = {code for row in tables_with("else") for code in re.findall(r"`([a-z]+_[a-z_]+|oversize|expired)`", row)}
    assert refusals <= set(PROBLEMS)


def tables_with(column: str) -> list[str]:
    """Return the last cells of every table whose last column is called so."""
    tables = re.findall(rf"^\|.*\| {column} \|\n\|[-|]+\n((?:\|.*\n)+)", PROTOCOL, re.MULTILINE)
    assert tables
    return [line.strip("| ").rpartition(" | ")[2] for table in tables for line in table.splitlines()]


def test_the_page_names_every_field_of_the_header_and_every_frame() -> None:
    header = section("4 The document")
    assert {name for name in Message.model_fields if f"`{name}`" not in header} == set()
    frames = section("1 Transport")
    assert {kind for kind in FrameKind if f"| `{kind}` |" not in frames} == set()


def section(heading: str) -> str:
    return PROTOCOL.partition(f"## {heading}\n")[2].partition("\n## ")[0]


def test_the_limits_of_the_page_are_those_of_the_code() -> None:
    limits = section("15 Limits")
    for text in (f"{ENVELOPE_BYTES_MAX:,} bytes", f"{FRAME_BYTES_MAX:,} characters", f"{DOCUMENT_BYTES_MAX:,} bytes",
                 f"{ROOTS_MAX:,} roots", f"{NOTE_BYTES_MAX:,} bytes", f"{SEALED_CHARACTERS_MAX:,} characters",
                 f"| {CLOCK_SKEW_MAX.total_seconds():.0f} s |", f"| {FRESHNESS_MAX.total_seconds() / 3600:.0f} h |"):
        assert text in limits, text
    assert f"{CONTROL_DAYS:,} days" in section("7 Control messages")
    assert FRESHNESS_TYPE in section("11 Freshness")


def test_the_worked_example_is_right() -> None:
    block = section("2 Envelope").rpartition("```\nprivate")[2].partition("```")[0]
    lines = dict(re.split(r" {2,}", line) for line in f"private{block}".strip().splitlines())
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(lines["private key (RFC 8032 seed)"]))
    public, payload = key.public_key().public_bytes_raw(), lines["payload"].encode()
    kind = b"application/vnd.delta-lending.message+json"
    pae = b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)
    assert lines == {
        "private key (RFC 8032 seed)": key.private_bytes_raw().hex(),
        "public key": public.hex(),
        "keyid": hashlib.sha256(b"ed25519:" + public).hexdigest(),
        "payload": '{"v":1}',
        f"PAE, {len(pae)} bytes": pae.decode(),
        "id": hashlib.sha256(pae).hexdigest(),
        "payload in base64": b64encode(payload).decode(),
        "sig in base64": b64encode(key.sign(pae)).decode(),
    }
