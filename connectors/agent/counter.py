"""What staff do at the counter: one scan box, the pull list, and the few things that need a person's word."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from connectors.agent import supplying
from connectors.agent.account import remember_beginning
from connectors.agent.asking import ask_gateway
from connectors.agent.custody import NothingToDo, Scan, Step, effects_of, next_step
from connectors.agent.effects import Effect, Verb
from connectors.agent.home import Desk
from connectors.agent.journal import Journal
from connectors.agent.link import GatewayLink
from connectors.agent.lockers import LockerStays, Stay
from connectors.agent.office import Office
from connectors.agent.tables import Unit
from schemas.lending import Custody
from schemas.lifecycle import LoanStatus
from schemas.loan import Loan, loan_of_copy
from schemas.messages import MessageType
from schemas.questions import LoanAnswer, LoanQuestion, OpenLoan


class SeveralLoans(ValueError):
    """More than one open loan fits the barcode: staff must say which; it is never guessed."""


@dataclass(frozen=True)
class Counter:
    """The staff's side of one library."""

    office: Office
    journal: Journal
    link: GatewayLink

    async def scan(self, scan: Scan, conv: str | None = None, only: Step | None = None) -> tuple[Step, Loan]:
        """Do the next right thing with a copy that lies on the desk.

        ``conv`` is the staff's choice among several loans, ``only`` the one step that may be done.

        Raises:
            NothingToDo, SeveralLoans: for staff to decide.
            GatewayUnreachable: a foreign copy, and the gateway cannot be asked whose loan it is.
        """
        loan = await self._loan_at_hand(scan.barcode, conv)
        me = self.office.me
        done: list[Step] = []

        def rule(desk: Desk, now: Loan) -> tuple[Effect, ...]:
            step = next_step(now, me, only)
            if _is_busy(desk, now):
                raise NothingToDo(f"loan {now.conv}: the next step would be to {step}, and not yet")
            if step is Step.LOAD and not scan.place:
                raise NothingToDo(f"loan {now.conv}: name the locker as the place")
            _note_stay(desk.unit, step, now, scan)
            done.append(step)
            return effects_of(step, now, scan, me)

        moved = await self.office.decide(loan.conv, rule)
        return done[0], moved

    async def not_on_shelf(self, conv: str) -> Loan:
        """Staff looked for a copy that was promised, and it is not there."""
        def rule(desk: Desk, loan: Loan) -> tuple[Effect, ...]:
            self._require(loan, LoanStatus.WILL_SUPPLY)
            if loan.confirmed is None or _is_busy(desk, loan):
                raise NothingToDo(f"loan {loan.conv} is not on the pull list: not confirmed, or on its way already")
            return (supplying.NOT_ON_SHELF,)

        return await self.office.decide(conv, rule)

    async def declare_lost(self, conv: str, charge_fen: int | None = None) -> Loan:
        """The copy will not come back: claim its price, or less, from the guarantee."""
        def rule(_desk: Desk, loan: Loan) -> tuple[Effect, ...]:
            self._require(loan, LoanStatus.LOANED)
            return supplying.declare_lost(loan, loan.price_fen if charge_fen is None else charge_fen)

        return await self.office.decide(conv, rule)

    async def pull_list(self) -> list[Loan]:
        """Return the loans whose copy must be fetched from the shelf and sent."""
        me = self.office.me
        loans = await self.journal.run(Unit.loans)
        return [loan for loan in loans if loan.supplier == me and loan.confirmed is not None
                and loan.status is LoanStatus.WILL_SUPPLY]

    async def uncollected(self) -> list[tuple[Stay, Loan]]:
        """Return what must be taken out of our lockers: its time is over and nobody has collected it."""
        now = self.office.clock()

        def look(unit: Unit) -> list[tuple[Stay, Loan]]:
            found = ((stay, unit.loan(stay.conv)) for stay in LockerStays(unit.connection).over(now))
            return [(stay, loan) for stay, loan in found
                    if loan is not None and loan.outcome is None and loan.custody is Custody.LOCKER]

        return await self.journal.run(look)

    def _require(self, loan: Loan, status: LoanStatus) -> None:
        if loan.status is not status or loan.supplier != self.office.me:
            raise NothingToDo(f"loan {loan.conv} is {loan.status}; this needs a loan of our own copy that is {status}")

    async def _loan_at_hand(self, barcode: str, conv: str | None) -> Loan:
        """Return the one loan that fits. A barcode is its owner's only: a reader's copy may be of another loan."""
        known = await self.journal.run(lambda unit: unit.loans_with(barcode))
        fitting = self._fitting(known, conv)
        if not fitting or (conv is None and any(loan.custody is Custody.READER for loan in fitting)):
            elsewhere = await self.open_loans(barcode)
            fitting = self._fitting({loan.conv: loan for loan in (*elsewhere, *known)}.values(), conv)
        if not fitting:
            raise NothingToDo(f"no open loan of a copy {barcode} that this library can move on")
        if len(fitting) > 1:
            raise SeveralLoans(f"{len(fitting)} open loans fit barcode {barcode}: look at the owner's label")
        return fitting[0]

    def _fitting(self, loans: Iterable[Loan], conv: str | None) -> list[Loan]:
        return [loan for loan in loans if conv in (None, loan.conv) and self._fits(loan)]

    def _fits(self, loan: Loan) -> bool:
        try:
            next_step(loan, self.office.me)
        except NothingToDo:
            return False
        return True

    async def open_loans(self, barcode: str) -> list[Loan]:
        """Ask the gateway whose loan a foreign copy is, and remember each answer as a loan met at its return."""
        question = LoanQuestion.model_validate({"barcode": barcode})
        answer = await ask_gateway(self.office, self.link, MessageType.LOAN_QUESTION, question, LoanAnswer)
        return [await self._meet(found) for found in answer.loans if found.barcode == barcode]

    async def _meet(self, found: OpenLoan) -> Loan:
        loan = loan_of_copy(found)

        def keep(unit: Unit) -> Loan:
            known = unit.loan(loan.conv)
            if known and self.office.me in (known.home, known.pickup.agency, known.supplier, known.holder):
                return known
            remember_beginning(unit, loan)
            unit.put_loan(loan)
            return loan

        return await self.journal.run(keep)


def _note_stay(unit: Unit, step: Step, loan: Loan, scan: Scan) -> None:
    """Keep until when a locker holds a copy, for as long as that copy is here."""
    stays = LockerStays(unit.connection)
    if step is Step.LOAD:
        stays.begin(Stay(loan.conv, scan.place, scan.at + timedelta(days=scan.hold_days)))
    elif step is not Step.TAKE_OUT:
        stays.end(loan.conv)


def _is_busy(desk: Desk, loan: Loan) -> bool:
    """Whether the ILS is about to lend the copy or to let it go: what staff do next must wait for that."""
    return any(desk.unit.has_task(loan.conv, verb) for verb in (Verb.CHECK_OUT, Verb.CANCEL_HOLD))
