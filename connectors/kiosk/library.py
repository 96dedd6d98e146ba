"""The library behind the kiosks: its ILS in the machine's words, its journal, and what the alliance knows of a copy."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from connectors.agent.counter import Counter
from connectors.agent.custody import Scan, Step
from connectors.agent.lockers import LockerStays
from connectors.agent.tables import Unit
from connectors.ils.port import Ils
from connectors.kiosk.backlog import Backlog
from connectors.kiosk.dialect import to_ils
from connectors.kiosk.routing import WAITING, Copy, Found, Label, Reader, candidates, copy_of, labels_of, reader_of
from connectors.sip2.answers import ItemInformation
from connectors.sip2.dates import encode_date
from connectors.sip2.messages import Message, build
from connectors.sip2.verbs import Asks
from schemas.bib import CirculationStatus
from schemas.identifiers import AgencyId, ItemBarcode
from schemas.lending import Custody
from schemas.loan import Loan

_ON_SHELF = frozenset({CirculationStatus.AVAILABLE, CirculationStatus.TO_BE_RESHELVED})


@dataclass(frozen=True)
class Library:
    """Answers what routing and settling ask. ``client`` and ``ils`` speak with the same ILS."""

    counter: Counter
    client: Asks
    ils: Ils

    @property
    def me(self) -> AgencyId:
        """This library."""
        return self.counter.office.me

    async def find(self, request: Message) -> Found:
        """Return whose reader and whose copy a request names, by its labels and the journal."""
        members = frozenset(agency.agency for agency in self.counter.office.directory().directory.libraries())
        card, item = labels_of(request, self.me, members)
        reader = reader_of(card, self.me)
        if item is None:
            return Found(reader, Copy.NONE, card)
        number = item.number
        owns, loans, is_behind = await self.counter.journal.run(
            lambda unit: (unit.owns(number), unit.loans_with(number), Backlog(unit).is_behind(number)))
        fitting = candidates(request.id, item, loans, self.me)
        return Found(reader, copy_of(item, fitting, self.me, owns=owns), card, item, fitting, is_behind)

    async def ask_ils(self, request: Message, found: Found) -> Message:
        """Put a neutral request to the ILS.

        Raises:
            Sip2Error: there is no answer; ``InDoubt`` where a write may have happened.
        """
        return await self.client.request(to_ils(request, found, self.client.profile, self.me))

    async def item_information(self, item: Label) -> ItemInformation:
        """Ask by 17 how an own copy stands, with its title and due date as the ILS writes them.

        Raises:
            Sip2Error: there is no answer.
        """
        zone = self.client.profile.zone
        request = build("17", transaction_date=encode_date(self.counter.office.clock(), zone), AO="", AB=item.number)
        return ItemInformation.from_message(await self.ask_ils(request, Found(Reader.OURS, Copy.OWN, item=item)), zone)

    async def open_loans(self, item: Label, known: Iterable[Loan] = ()) -> tuple[Loan, ...]:
        """Return every open loan of such a copy in the alliance; none of a number that no copy can have.

        Raises:
            GatewayUnreachable: the gateway cannot be asked.
        """
        if not re.match(ItemBarcode.pattern, item.number):
            return ()
        elsewhere = await self.counter.open_loans(ItemBarcode(item.number))
        loans = {loan.conv: loan for loan in (*elsewhere, *known) if item.owner in (None, loan.supplier)}
        return tuple(loans.values())

    async def is_on_shelf(self, item: Label) -> bool:
        """Whether the ILS says that the own copy with this number has not been lent at all."""
        state = await self.ils.item(item.number)
        return state.known and state.status in _ON_SHELF

    async def may_collect(self, loan: Loan, card: Label | None) -> bool:
        """Whether a card is the reader's of this loan: the pick-up code, or at home the card that ordered."""
        if card is None:
            return False
        if card.text == loan.conv:
            return True
        slot = await self.counter.journal.run(lambda unit: unit.slot(loan.conv))
        return loan.home == self.me and slot is not None and reader_of(card, self.me) is Reader.OURS \
            and card.number == slot.card

    async def waiting_for(self, code: str) -> Loan | None:
        """Return the loan that waits here under a pick-up code."""
        loan = await self.counter.journal.run(lambda unit: unit.loan(code))
        return loan if loan is not None and self.waits_here(loan) else None

    def waits_here(self, loan: Loan) -> bool:
        """Whether the copy is at this library's point for its reader."""
        return loan.custody in WAITING and loan.holder == self.me

    async def is_uncollected(self, loan: Loan) -> bool:
        """Whether the time is over for which a locker of this library keeps, or kept, the copy."""
        until = await self.counter.journal.run(lambda unit: LockerStays(unit.connection).until(loan.conv))
        return until is not None and until < self.counter.office.clock()

    async def collected(self, item: Label) -> tuple[Loan, ...]:
        """Return the loans of such a copy whose reader has it from this library's point."""
        loans = await self.counter.journal.run(lambda unit: unit.loans_with(item.number))
        return tuple(loan for loan in loans if loan.custody is Custody.READER and loan.holder == self.me
                     and item.owner in (None, loan.supplier))

    async def move(self, scan: Scan, loan: Loan, step: Step) -> Loan:
        """Do one step of a loan, as staff at the counter do.

        Raises:
            NothingToDo, Refused: the loan does not allow it now.
        """
        _, moved = await self.counter.scan(scan, loan.conv, step)
        return moved

    async def alarm(self, code: str, detail: str) -> None:
        """Tell staff. Never with a reader's data."""
        now = self.counter.office.clock().isoformat()

        def note(unit: Unit) -> None:
            unit.alarm(now, code, detail)

        await self.counter.journal.run(note)
