"""``make demo``: the whole alliance on loopback, lending books across cities over real protocols, settled and proved.

    python -m examples.demo [--libraries N] [--loans N] [--seed S] [--serve] [--json]

Exit code 0 only if every scenario that the size allows held; the others are listed as not applicable.
"""

import argparse
import asyncio
import json
import logging
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from examples.alliance.hostile import Attempt, attack_connector, attack_gateway, captured_message
from examples.alliance.journeys import live, steps_of
from examples.alliance.people import Refused
from examples.alliance.planning import BLOCKED_READER, EXPECTED, Journey, SampleLoan, applicable, plan
from examples.alliance.progress import Progress
from examples.alliance.readers import readers_of
from examples.alliance.roster import Library
from examples.alliance.town import NotInTime, Town, by_agency
from trust.archive import unpack

FULL_ROSTER, FULL_LOANS = 31, 60


@dataclass
class Story:
    """What happened, for the tables and for ``--json``."""

    loans: list[SampleLoan] = field(default_factory=list)
    settlement: dict[str, Any] = field(default_factory=dict)
    status: dict[str, Any] = field(default_factory=dict)
    findings: list[Any] = field(default_factory=list)
    accepted_statements: int = 0
    bundle_verified: bool = False
    attempts: list[Attempt] = field(default_factory=list)
    seconds: float = 0.0


def main(argv: list[str] | None = None) -> int:
    """Run the demo; return 0 if all held."""
    options = _parser().parse_args(argv)
    if options.loans is None:
        options.loans = FULL_LOANS if options.libraries >= FULL_ROSTER else min(FULL_LOANS, 4 * options.libraries)
    logging.getLogger().addHandler(logging.NullHandler())
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # whoever ends it, what it has started ends with it
    folder = Path(tempfile.mkdtemp(prefix="delta-"))
    try:
        return asyncio.run(_demo(options, folder))
    except (NotInTime, Refused, LookupError, OSError) as error:
        print(f"demo: {error}\nlogs are kept in {folder}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0
    finally:
        if not any(folder.glob("*.log")) or all(path.stat().st_size == 0 for path in folder.glob("*.log")):
            shutil.rmtree(folder, ignore_errors=True)


async def _demo(options: argparse.Namespace, folder: Path) -> int:
    began = time.monotonic()
    random, story = Random(options.seed), Story()
    spread = 2 if options.libraries > 8 else 1
    with Progress(quiet=options.json) as progress:
        progress.begin("搭建联盟 / setting up", options.libraries)
        async with Town(folder, libraries=options.libraries, seed=options.seed, spread=spread,
                        redis=options.redis) as town:
            await town.harvest(progress.step)
            story.loans = plan(town, options.loans, random)
            progress.begin("借阅 / lending", steps_of(story.loans))
            async for text in live(town, story.loans, random):
                progress.step(text)
            await _close(town, story, progress)
            story.seconds = time.monotonic() - began
            progress.end()
            _report(town, story, as_json=options.json)
            if options.serve:
                await _serve(town)
    return 0 if _held(story, options.libraries) else 1


async def _close(town: Town, story: Story, progress: Progress) -> None:
    """Close the window, prove a loan, try the attacks, count."""
    progress.begin("结算与举证 / settling and proving", 4)
    await town.quiet()
    story.settlement = await town.operator.ask("POST", "/windows")
    await town.quiet()
    progress.step("window closed")
    loan = next(loan for loan in story.loans if loan.outcome == "completed")
    bundle = await town.operator.ask("GET", f"/evidence/{loan.conv}")
    story.bundle_verified = await _verify_elsewhere(bundle, town.ground.root.read_bytes())
    progress.step("evidence verified")
    story.attempts = await _attack(town, loan, bundle)
    progress.step("attacks tried")
    story.status = await town.operator.ask("GET", "/status")
    story.accepted_statements = story.status["messages"].get("StatementAcceptance", 0)
    story.findings = await town.operator.ask("GET", "/audit")
    progress.step("audited")


async def _verify_elsewhere(bundle: bytes, root: bytes) -> bool:
    """Verify a bundle in a process that starts in an empty folder with the bundle and the root, and nothing else."""
    with tempfile.TemporaryDirectory() as empty:
        folder = Path(empty)
        (folder / "loan.zip").write_bytes(bundle)
        (folder / "root.json").write_bytes(root)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "trust.cli", "verify", "loan.zip", "--root", "root.json", "--json", cwd=folder,
            env={"PYTHONPATH": str(Path(__file__).resolve().parents[1])}, stdout=asyncio.subprocess.PIPE)
        printed, _ = await process.communicate()
    return process.returncode == 0 and bool(json.loads(printed)["verified"])


async def _attack(town: Town, loan: SampleLoan, bundle: bytes) -> list[Attempt]:
    envelopes = [data for name, data in unpack(bundle).items() if name.startswith("envelopes/")]
    victim: Library = by_agency(town.libraries)[loan.state["supplier"]]
    captured = captured_message(envelopes, victim)
    return [*await attack_gateway(town, captured), *await attack_connector(town, victim, captured)]


def _held(story: Story, libraries: int) -> bool:
    positions = story.settlement["positions"].values()
    return all((
        all(loan.held for loan in story.loans),
        sum(positions) == 0,
        len(story.settlement["payments"]) <= max(len(positions) - 1, 0),
        story.accepted_statements == libraries == len(story.settlement["statements"]),
        story.status["ledger"]["debits"] == story.status["ledger"]["credits"],
        story.status["ledger"]["pending"] == 0,
        not story.findings,
        story.bundle_verified,
        all(attempt.refused for attempt in story.attempts),
    ))


def _summary(town: Town, story: Story) -> dict[str, Any]:
    outcomes = Counter(str(loan.outcome) for loan in story.loans)
    messages = story.status["messages"]
    refused = messages.get("Refused", 0) + sum(1 for attempt in story.attempts if attempt.refused)
    return {
        "libraries": len(town.libraries),
        "loans": {"total": len(story.loans),
                  **{name: outcomes[name] for name in ("completed", "unfilled", "cancelled", "lost", "refused")}},
        "messages": {"accepted": sum(messages.values()) - messages.get("Refused", 0), "refused": refused},
        "ledger": story.status["ledger"],
        "settlement": {"net_sum": sum(story.settlement["positions"].values()),
                       "parties": len(story.settlement["positions"]), "payments": len(story.settlement["payments"]),
                       "statements": story.accepted_statements},
        "evidence": {"leaves": story.status["log"], "bundle_verified": story.bundle_verified},
        "hostile": {"tried": len(story.attempts), "accepted": sum(not a.refused for a in story.attempts)},
        "seconds": round(story.seconds, 2),
    }


def _report(town: Town, story: Story, *, as_json: bool) -> None:
    summary = _summary(town, story)
    if as_json:
        print(json.dumps(summary, ensure_ascii=False))
        return
    _print_scenarios(story, len(town.libraries))
    _print_positions(town, story)
    for attempt in story.attempts[::2]:
        print(f"  {attempt.attack} at the {attempt.door}'s door, twice: {attempt.refused or 'LET IN'}")
    print(json.dumps(summary, ensure_ascii=False, indent=1))


def _print_scenarios(story: Story, libraries: int) -> None:
    possible = applicable(libraries)
    for journey in Journey:
        loans = [loan for loan in story.loans if loan.journey is journey]
        held = sum(loan.held for loan in loans)
        verdict = f"{held}/{len(loans)} {EXPECTED[journey]}" if journey in possible else "not applicable at this size"
        print(f"  {journey:<26} {verdict}")
    for loan in story.loans:
        if not loan.held:
            print(f"  NOT AS EXPECTED: loan {loan.number} ({loan.journey}) of {loan.home.slug}: {loan.outcome}")


def _print_positions(town: Town, story: Story) -> None:
    """Print lent, borrowed, fees, carriage and net per party, in yuan."""
    names = {library.agency_id: library.name_zh for library in town.libraries}
    lent = Counter(loan.state.get("supplier") for loan in story.loans if loan.state.get("due_date"))
    borrowed = Counter(loan.home.agency_id for loan in story.loans if loan.state.get("due_date"))
    print(f"{'应收/应付 net':>20} {'借出 lent':>10} {'借入 borrowed':>10} {'费用 fees':>10} {'物流 carriage':>10}")
    for party, net in sorted(story.settlement["positions"].items()):
        lines = story.settlement["statements"].get(party, {}).get("lines", [])
        fees = sum(line["amount_fen"] for line in lines if not line["code"].startswith("carriage"))
        carriage = sum(line["amount_fen"] for line in lines if line["code"].startswith("carriage"))
        print(f"{net / 100:>20.2f} 元 {lent[party]:>8} {borrowed[party]:>12} {fees / 100:>12.2f} "
              f"{carriage / 100:>12.2f}  {names.get(party, party)}")
    total = sum(story.settlement["positions"].values())
    print(f"  {len(story.settlement['payments'])} payments settle {len(story.settlement['positions'])} parties; "
          f"the net positions sum to {total / 100:.2f}")


async def _serve(town: Town) -> None:
    print(f"\n读者门户 / portal: {town.portal.base}/")
    for library in town.libraries[:5]:
        reader = next(r for n, r in enumerate(readers_of(library, town.seed)) if not r.block and n != BLOCKED_READER)
        z3950, sru = town.faces[library.slug]
        print(f"  {library.name_zh}: card {reader.card}  PIN {reader.pin}  yaz-client 127.0.0.1:{z3950}/union  "
              f"http://127.0.0.1:{sru}/sru/union")
    print("Ctrl-C to stop")
    await asyncio.Event().wait()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m examples.demo", description="The sample alliance, lending.")
    parser.add_argument("--libraries", type=_at_least_two, default=FULL_ROSTER, help="how many members (31)")
    parser.add_argument("--loans", type=_at_least_one, help="how many loans (60, fewer for a small alliance)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same loans and net positions")
    parser.add_argument("--serve", action="store_true", help="leave everything running, with the readers' portal")
    parser.add_argument("--redis", help="URL of a Redis or Valkey for what the gateway may lose")
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    return parser


def _at_least_two(text: str) -> int:
    return _number(text, 2, "an alliance has at least two libraries")


def _at_least_one(text: str) -> int:
    return _number(text, 1, "there is at least one loan")


def _number(text: str, least: int, why: str) -> int:
    if not text.isdecimal() or len(text) > 6 or int(text) < least:
        raise argparse.ArgumentTypeError(f"{text!r} will not do: {why}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
