"""What happens because time goes by, not because mail came: deadlines, what is missing too long, what may count now."""

from connectors.agent import home, resends
from connectors.agent.account import answer_statement
from connectors.agent.entry import Entry, kept_message
from connectors.agent.journal import Journal
from connectors.agent.office import Office
from schemas.problems import ProblemCode


async def watch_once(office: Office, journal: Journal) -> None:
    """Move on from suppliers that are silent, look after the mail, answer a statement.

    By a clock that is wrong no deadline passes, nor while nothing can be signed.
    """
    if not await office.may_sign():
        return
    now = office.clock().isoformat()
    for conv in await journal.run(lambda unit: unit.slots_unanswered(now)):
        await office.decide(conv, home.time_passed)
    await office.enter(_look_after_mail)
    await answer_statement(office, journal)


def _look_after_mail(entry: Entry) -> None:
    """Ask again for what is missing, tell what has not come, and let count what nobody's word holds up any more."""
    if not entry.office.stale():
        entry.take_up()
    resends.ask_for_missing(entry)
    resends.tell_of_gaps(entry)
    for hash_, kind, conv in entry.unit.unconfirmed(entry.now.isoformat()):
        receiver = kept_message(entry.unit, hash_).dst
        entry.alarm(ProblemCode.NOT_CONFIRMED, f"{receiver} has not confirmed {kind} {hash_[:12]}, loan "
                                               f"{conv or 'none'}, in its time")
