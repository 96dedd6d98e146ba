"""The doctor's visit: one line after another to an ILS, careful questions, every answer noted. Asks only ``QUESTIONS``.

What to conclude is ``connectors.sip2.probe``'s; this module only asks, and asks on in the dialect found so far.
Bounds: seconds and bytes for each answer (``sip2_wire``), and seconds for the whole visit. A line that fell silent or
was closed is replaced by a fresh one, since an answer that comes late would be taken for the next question's.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from connectors.sip2.codec import Codec
from connectors.sip2.dates import BLANK_DATE, encode_date
from connectors.sip2.evidence import ECHO_SAMPLES
from connectors.sip2.fields import to_summary
from connectors.sip2.line import Address, Credentials
from connectors.sip2.messages import Message, build
from connectors.sip2.probe import (
    QUESTIONS,
    Ended,
    Exchange,
    Observations,
    Step,
    Telnet,
    answered_ids,
    charset_so_far,
    dialect_of,
    is_logged_in,
    login_of,
    unanswered_ids,
)
from connectors.sip2.profile import Checksum, Login, Profile, Terminator
from connectors.sip2.tls import CERTIFICATE_TROUBLES, TlsFailed, TlsTrouble, client_context, trouble_of
from connectors.tools.sip2_wire import BANNER_SECONDS, HostUnknown, Wire, is_prompt

VISIT_SECONDS = 22.0
ANSWER_SECONDS = 2.5
#: No list is asked for but one page of five, so an honest answer is far shorter; all are looked at again in the end.
ANSWER_BYTES_MAX = 1 << 17
#: The LF of a CRLF may come in a segment of its own.
SETTLE_SECONDS = 0.05
#: No reader and no copy is named so: what an ILS says of them shows that it answers, and tells of nobody.
UNKNOWN_ID = "DELTA-DOCTOR"
# CRLF ends a frame for every server, but some read the LF as part of the next, so only a line's first question has it.
_HELLOS = (
    ("99", Terminator.CRLF, Checksum.BYTES),
    ("99", Terminator.CRLF, Checksum.CODE_POINTS_WITHOUT_TRAILER),
    ("93", Terminator.CRLF, Checksum.BYTES),
    ("99", Terminator.CRLF, Checksum.NONE),
    ("93", Terminator.CRLF, Checksum.NONE),
)


@dataclass(frozen=True)
class Case:
    """Where the ILS listens, and whom we may ask about. ``pin`` is None where none was given.

    ``shows_certificate``: the address's TLS has a certificate of our own.
    """

    address: Address
    timezone: str
    credentials: Credentials | None = None
    patron_id: str = UNKNOWN_ID
    pin: str | None = field(default=None, repr=False)
    item_id: str = UNKNOWN_ID
    shows_certificate: bool = False


class Visit:
    """Asks one ILS; ``observed`` grows with every answer, and stands wherever the visit ends."""

    def __init__(self, case: Case, clock: Callable[[], datetime]) -> None:
        self._case = case
        self._clock = clock
        self._wire: Wire | None = None
        self.observed = Observations(has_credentials=case.credentials is not None)

    async def run(self) -> Observations:
        """Ask everything that is worth asking, within ``VISIT_SECONDS``; no failure of the peer gets out."""
        try:
            async with asyncio.timeout(VISIT_SECONDS):
                await self._run()
        except TimeoutError:
            self._note(is_complete=False)
        except OSError as error:
            # What was heard until now stands.
            self._note_failure(error)
        finally:
            self._drop()
        return self.observed

    async def _run(self) -> None:
        await self._find_language()
        if self.observed.hello is None:
            await self._explain_hanging_up()
            return
        if self.observed.telnet is None:
            await self._compare_logins()
        if not self._is_admitted():
            return
        await self._read("99", "63", "17")
        await self._try_empty_fields()
        if not answered_ids(self.observed).isdisjoint({"63", "17"}):
            await self._read("23", "35", "97")
            await self._echo()
            await self._try_changes()

    async def _find_language(self) -> None:
        """Say hello in one way after another, each on a fresh line, until one is answered."""
        for message_id, terminator, variant in _HELLOS:
            self._drop()
            await self._connect()
            if self.observed.telnet in (Telnet.OFFERED, Telnet.REFUSED):
                return
            profile = Profile(terminator=terminator, checksum=variant, timezone=self._case.timezone)
            said = await self._ask(Step.HELLO, self._request(message_id, profile), profile)
            if is_prompt(said.raw) and not said.is_answered and self.observed.telnet is None:
                self._note(telnet=Telnet.OFFERED)
            if said.is_answered:
                return

    async def _explain_hanging_up(self) -> None:
        """Find out whether TLS is why the peer closed each line without a word."""
        if {each.ended for each in self.observed.exchanges} != {Ended.CLOSED} or self.observed.obstacle:
            return
        address = self._case.address
        if address.tls is None:
            try:
                self._wire = await Wire.open(replace(address, tls=client_context()), ANSWER_SECONDS)
            except TlsFailed as error:
                if error.trouble not in CERTIFICATE_TROUBLES:
                    return
            except OSError:
                return
            self._note(obstacle=TlsTrouble.WANTED)
        elif not self._case.shows_certificate:
            self._note(obstacle=TlsTrouble.OURS_WANTED)

    async def _compare_logins(self) -> None:
        """Ask without a login on one line, and log in on another."""
        profile = self._profile()
        self._drop()
        for message_id in ("99", "17", "63"):
            said = await self._ask(Step.ANONYMOUS, self._request(message_id, profile), profile)
            if said.ended is not Ended.ANSWERED:
                break
        self._drop()
        await self._log_in()

    async def _log_in(self) -> None:
        profile = self._profile()
        await self._ask(Step.LOGIN, self._request("93", profile), profile)

    async def _read(self, *message_ids: str) -> None:
        for message_id in message_ids:
            await self._ask_in_order(Step.READ, self._request(message_id, self._profile()))

    async def _try_empty_fields(self) -> None:
        """Ask what was not answered once more, with a field that some servers want even without a value."""
        silent = unanswered_ids(self.observed)
        for message_id, code in (("17", "AC"), ("63", "AC"), ("63", "AD")):
            if message_id in silent:
                request = self._request(message_id, self._profile(), **{code: ""})
                await self._ask_in_order(Step.TRIAL_EMPTY_FIELD, request)

    async def _echo(self) -> None:
        """Send ids beyond ASCII without a checksum, as its variant is not known yet; then one with each variant."""
        for name in ECHO_SAMPLES:
            said = await self._ask_sample(name, Checksum.NONE)
            if said.ended is Ended.SILENT:
                return
        charset = charset_so_far(self.observed).charset
        sample = charset if charset in ECHO_SAMPLES else "single"
        if self._profile().checksum is Checksum.BYTES and charset != "ascii":
            for variant in (Checksum.BYTES, Checksum.CODE_POINTS):
                if (await self._ask_sample(sample, variant, charset)).is_answered:
                    return

    async def _ask_sample(self, name: str, variant: Checksum, charset: str = "cp850") -> Exchange:
        # Code page 850 has a character for every byte, so it carries bytes of any charset.
        text = ECHO_SAMPLES[name].decode(charset if variant is not Checksum.NONE else "cp850")
        profile = replace(self._profile(), charset=charset, checksum=variant)
        return await self._ask_in_order(Step.ECHO, self._request("17", profile, AB=text), profile, sample=name)

    async def _try_changes(self) -> None:
        """Ask what was answered once more, with one thing changed that some servers refuse."""
        profile = self._profile()
        silent = unanswered_ids(self.observed)
        for step, request in (
            (Step.TRIAL_NO_INSTITUTION, self._request("17", profile, AO="")),
            (Step.TRIAL_BLANK_DATE, self._request("17", profile, transaction_date=BLANK_DATE)),
            (Step.TRIAL_PAGES, self._request("63", profile, BP="1", BQ="5", summary=to_summary("charged_items"))),
        ):
            if request.id not in silent:
                await self._ask_in_order(step, request)

    def _is_admitted(self) -> bool:
        if self.observed.telnet is not None:
            return self.observed.telnet is Telnet.ACCEPTED
        return is_logged_in(self.observed) or login_of(self.observed) is Login.NONE

    async def _ask_in_order(self, step: Step, request: Message, profile: Profile | None = None, *,
                            sample: str = "") -> Exchange:
        """Ask on the line in use; where it is lost, on a fresh one, logged in as before."""
        if self._wire is None or not self._wire.is_good:
            self._drop()
            await self._connect()
            if is_logged_in(self.observed):
                await self._log_in()
        return await self._ask(step, request, profile or self._profile(), sample=sample)

    async def _ask(self, step: Step, request: Message, profile: Profile, *, sample: str = "") -> Exchange:
        assert request.id in QUESTIONS, "nothing else may be asked of an ILS that is only looked at"
        if self._wire is None or not self._wire.is_good:
            self._drop()
            await self._connect()
        assert self._wire is not None
        data = Codec(profile).encode(request, self._wire.next_sequence()).data
        ended, raw = await self._wire.ask(data)
        if trouble := trouble_of(self._wire.failure):
            self._note(obstacle=trouble)
        if step is Step.HELLO and ended is Ended.ANSWERED:
            # How frames end is told by this one; later an LF that comes behind is noise before the next.
            raw += await self._wire.overhear(SETTLE_SECONDS)
        said = Exchange(step, request, ended, raw, self._clock(), profile.checksum, sample)
        self._note(exchanges=(*self.observed.exchanges, said))
        return said

    async def _connect(self) -> None:
        self._wire = wire = await Wire.open(self._case.address, ANSWER_SECONDS, ANSWER_BYTES_MAX)
        is_first = not self.observed.is_reachable
        self._note(is_reachable=True)
        if self.observed.telnet is not None:
            is_prompted = await wire.is_prompted(ANSWER_SECONDS)
        else:
            is_prompted = is_first and await wire.is_prompted(BANNER_SECONDS)
        if is_prompted:
            login = self._case.credentials
            self._note(telnet=await wire.log_in(login) if login else Telnet.OFFERED)

    def _profile(self) -> Profile:
        return dialect_of(self.observed, self._case.timezone)

    def _request(self, message_id: str, profile: Profile, **changes: str) -> Message:
        """Build one of ``QUESTIONS`` as the connector itself would ask it."""
        case, login = self._case, self._case.credentials or Credentials("", "")
        date = encode_date(self._clock(), profile.zone)
        about: dict[str, str | None] = {"AO": profile.institution, "transaction_date": date}
        patron = about | {"AA": case.patron_id, "AD": case.pin}
        values: dict[str, dict[str, str | None]] = {
            "93": {"uid_algorithm": "0", "pwd_algorithm": "0", "CN": login.user, "CO": login.password},
            "99": {"status_code": "0", "max_print_width": "080", "protocol_version": "2.00"},
            "17": about | {"AB": case.item_id},
            "63": patron | {"language": profile.language, "summary": to_summary(None)},
            "23": patron | {"language": profile.language},
            "35": patron,
            "97": {},
        }
        return build(message_id, **(values[message_id] | changes))

    def _note(self, **changes: object) -> None:
        self.observed = replace(self.observed, **changes)  # type: ignore[arg-type]

    def _note_failure(self, error: OSError) -> None:
        """Name what kept us from connecting. Once a line was open, the ILS was merely short of another."""
        if isinstance(error, TlsFailed):
            self._note(is_reachable=True, obstacle=error.trouble)
        elif not self.observed.is_reachable:
            self._note(obstacle="host_unknown" if isinstance(error, HostUnknown) else "unreachable")

    def _drop(self) -> None:
        if self._wire is not None:
            self._wire.close()
        self._wire = None
