"""What a diagnosis means for the people who join the two systems: a code for programs, a sentence for staff. Pure."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from connectors.sip2.evidence import Proof
from connectors.sip2.messages import MESSAGES, WRITES
from connectors.sip2.probe import (
    QUESTIONS,
    Diagnosis,
    Ended,
    Step,
    Telnet,
    answered_ids,
    is_same_answer,
    unanswered_ids,
)
from connectors.sip2.profile import Checksum, Login
from connectors.sip2.tls import TROUBLES

_SKEW_SECONDS_MAX = 60
_HOUR_SECONDS = 3600
# From UTC-12 to UTC+14.
_ZONES_SECONDS_MAX = 26 * _HOUR_SECONDS
# Tolerances that the profile itself answers for, or that follow from a charset not being known yet.
_EXPLAINED_PROBLEMS = frozenset({"checksum_wrong", "undecodable_bytes"})


class Severity(StrEnum):
    """``error``: the ILS cannot be used so. ``warning``: look at it before going live. ``info``: good to know."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True)
class Finding:
    """One of them; ``text`` is Chinese, then English, and holds no secret."""

    severity: Severity
    code: str
    text: str


_E, _W, _I = Severity.ERROR, Severity.WARNING, Severity.INFO

#: Code: severity, Chinese, English.
TEXTS: Mapping[str, tuple[Severity, str, str]] = {
    "host_unknown": (_E, "没有这个主机名，请检查地址", "there is no host of that name: check the address"),
    "unreachable": (_E, "无法连接，请检查地址、端口和防火墙", "no connection: check address, port and firewall"),
    **{trouble.value: (_E, *texts) for trouble, texts in TROUBLES.items()},
    "silent": (_E, "已连接但没有应答，可能连接数已满", "connected, but no answer: perhaps no line is free"),
    "closed": (_E, "对方不作应答就断开", "the peer closes without a word"),
    "endless": (_E, "应答没有结尾", "the answer never ends"),
    "not_sip2": (_E, "对方的应答不是 SIP2", "what the peer says is not SIP2"),
    "only_resend": (_E, "对方只回 96（要求重发）", "the peer answers nothing but 96 (say it again)"),
    "out_of_time": (_W, "时间用完，检查不完整", "time ran out: the check is not complete"),
    "off_line": (_E, "系统报告为离线状态（98）", "the ILS says that it is off-line (98)"),
    "login_needed": (_E, "需要登录，请用 --login 给出用户名和密码", "a login is needed: give --login USER:PASSWORD"),
    "login_refused": (_E, "登录被拒绝", "the login was refused"),
    "login_unneeded": (_I, "无需登录，给出的用户名未起作用", "no login is needed: the one given makes no difference"),
    "nothing_readable": (_E, "17 和 63 都没有应答", "neither 17 nor 63 is answered"),
    Proof.TEXT.value: (_I, "字符集 {charset}：{texts} 条含非 ASCII 文字的应答都能按此严格解码",
                       "charset {charset}: {texts} answers with text beyond ASCII decode strictly in it"),
    Proof.ECHO.value: (_I, "字符集 {charset}：发出的非 ASCII 条码按此编码能原样返回",
                       "charset {charset}: item ids beyond ASCII come back unharmed in this one"),
    Proof.CONTRADICTED.value: (_W, "字符集暂定 {charset}：应答文字与条码回显不一致",
                               "charset taken as {charset}: texts and echoed item ids disagree"),
    Proof.NONE.value: (_W, "字符集未经证实，暂定 {charset}：应答只有 ASCII，请给出含中文的读者或图书再查",
                       "charset unproven, taken as {charset}: only ASCII came; name a patron or item with other text"),
    "checksum_unproven": (_W, "校验算法未经证实，暂定 {variant}：纯 ASCII 应答的各算法结果相同",
                          "checksum unproven, taken as {variant}: on plain ASCII the variants agree"),
    "checksum_unexplained": (_W, "应答的校验值与任何已知算法不符", "the checksums of answers fit no known variant"),
    "checksum_absent": (_I, "应答不带校验", "answers carry no checksum"),
    "claimed_but_silent": (_W, "报文 {ids} 声称支持（BX）但没有应答", "message {ids}: claimed (BX), but not answered"),
    "unclaimed_but_works": (_I, "报文 {ids} 未声称支持（BX）但有应答", "message {ids}: not claimed (BX), but answered"),
    "claimed_untried": (_I, "报文 {ids} 会改动数据，未尝试，以 BX 为准",
                        "message {ids}: would change data, so not tried; taken from BX"),
    "no_checkout": (_W, "系统不允许借出（98）", "the ILS allows no checkout (98)"),
    "no_checkin": (_W, "系统不允许还回（98）", "the ILS allows no checkin (98)"),
    "limits": (_I, "98：超时 {timeout}（十分之一秒），重试 {retries} 次；999 表示未知",
               "98: timeout {timeout} tenths of a second, {retries} retries; 999 is unknown"),
    "clock_skew": (_W, "系统时钟比本机快 {skew} 秒", "the ILS's clock is {skew} s ahead of ours"),
    "timezone_suspected": (_W, "时钟相差 {skew} 秒，近于整小时，请核对 --timezone（现为 {zone}）",
                           "the clocks differ by {skew} s, about whole hours: check --timezone (now {zone})"),
    "clock_unreadable": (_W, "98 中没有可读的时间", "98 holds no readable time"),
    "fields_missing": (_W, "报文 {id} 缺少必备字段 {codes}", "message {id} lacks required fields {codes}"),
    "tolerated": (_I, "应答中的不规范之处：{problems}", "irregularities in answers: {problems}"),
    "institution_needed": (_I, "必须给出机构代码（AO）", "the institution id (AO) must be given"),
    "empty_field_needed": (_W, "字段 {places} 即使为空也必须给出", "fields {places} must be sent even where empty"),
    "pages_refused": (_W, "63 不接受 BP、BQ（分页）", "63 is not answered with BP and BQ (paging)"),
    "blank_date_refused": (_W, "不接受空白日期，借出和续借时将填写日期", "blank dates are refused: none will be sent"),
    "patron_unknown": (_W, "系统不认可该读者证", "the ILS does not know the patron as valid"),
    "pin_refused": (_W, "系统不认可该密码", "the ILS does not take the PIN"),
    "item_unknown": (_W, "系统没有该册的题名", "the ILS has no title for the item"),
}  # fmt: skip


def findings_of(diagnosis: Diagnosis, *, patron_given: bool = False, item_given: bool = False) -> tuple[Finding, ...]:
    """Return the findings, gravest first. What was given as reader or copy is expected to be known."""
    found = [*_of_line(diagnosis)]
    if diagnosis.profile is not None:
        for rule in _RULES:
            found += rule(diagnosis)
        found += _of_given(diagnosis, patron_given=patron_given, item_given=item_given)
    return tuple(sorted(found, key=lambda finding: list(Severity).index(finding.severity)))


def _say(code: str, **values: object) -> Finding:
    severity, chinese, english = TEXTS[code]
    return Finding(severity, code, f"{chinese} {english}".format(**values))


def _of_line(diagnosis: Diagnosis) -> Iterator[Finding]:
    observed = diagnosis.observed
    if observed.obstacle or not observed.is_reachable:
        yield _say(observed.obstacle or "unreachable")
    elif diagnosis.profile is None and observed.telnet is None:
        yield _say(_why_nothing(diagnosis))
    if not observed.is_complete:
        yield _say("out_of_time")
    if observed.telnet is Telnet.OFFERED:
        yield _say("login_needed")
    elif observed.telnet is Telnet.REFUSED:
        yield _say("login_refused")


def _why_nothing(diagnosis: Diagnosis) -> str:
    """Name what the peer mostly did in place of an answer."""
    ways = Counter(_way(each.ended, each.frame) for each in diagnosis.observed.exchanges)
    return ways.most_common(1)[0][0] if ways else "silent"


def _way(ended: Ended, frame: bytes) -> str:
    if ended is Ended.ANSWERED:
        return "only_resend" if frame.startswith(b"96") else "not_sip2"
    return {Ended.SILENT: "silent", Ended.CLOSED: "closed", Ended.ENDLESS: "endless"}[ended]


def _of_login(diagnosis: Diagnosis) -> Iterator[Finding]:
    login, observed = diagnosis.profile and diagnosis.profile.login, diagnosis.observed
    if login is Login.SIP and not diagnosis.is_admitted:
        yield _say("login_refused" if observed.has_credentials else "login_needed")
    elif login is Login.NONE and observed.has_credentials:
        yield _say("login_unneeded")
    if diagnosis.is_admitted and {"17", "63"}.isdisjoint(diagnosis.supported):
        yield _say("nothing_readable")


def _of_text(diagnosis: Diagnosis) -> Iterator[Finding]:
    charset, checksum = diagnosis.charset, diagnosis.checksum
    yield _say(charset.proof.value, charset=charset.charset, texts=charset.texts)
    if not checksum.is_explained:
        yield _say("checksum_unexplained")
    elif not checksum.is_proven:
        yield _say("checksum_unproven", variant=checksum.variant.value)
    elif checksum.variant is Checksum.NONE:
        yield _say("checksum_absent")


def _of_messages(diagnosis: Diagnosis) -> Iterator[Finding]:
    claimed, works = diagnosis.claimed, answered_ids(diagnosis.observed) & QUESTIONS
    for code, ids in (
        ("claimed_but_silent", claimed & unanswered_ids(diagnosis.observed)),
        ("unclaimed_but_works", works - claimed if claimed else frozenset()),
        ("claimed_untried", claimed & WRITES),
    ):
        if ids:
            yield _say(code, ids=_listed(ids))


def _of_status(diagnosis: Diagnosis) -> Iterator[Finding]:
    status = diagnosis.status
    if status is None:
        return
    for flag, code in (("on_line_status", "off_line"), ("checkout_ok", "no_checkout"), ("checkin_ok", "no_checkin")):
        if status.flag(flag) is False:
            yield _say(code)
    yield _say("limits", timeout=status.fixed["timeout_period"], retries=status.fixed["retries_allowed"])


def _of_clock(diagnosis: Diagnosis) -> Iterator[Finding]:
    skew = diagnosis.clock_skew_seconds
    if skew is None:
        yield _say("clock_unreadable")
        return
    # Zones differ by whole hours nearly everywhere; by how much clocks drift is small beside that.
    rest = (skew + _HOUR_SECONDS // 2) % _HOUR_SECONDS - _HOUR_SECONDS // 2
    if _HOUR_SECONDS // 2 < abs(skew) <= _ZONES_SECONDS_MAX and abs(rest) <= _SKEW_SECONDS_MAX:
        yield _say("timezone_suspected", skew=skew, zone=diagnosis.profile and diagnosis.profile.timezone)
    elif abs(skew) > _SKEW_SECONDS_MAX:
        yield _say("clock_skew", skew=skew)


def _of_fields(diagnosis: Diagnosis) -> Iterator[Finding]:
    missing: dict[str, frozenset[str]] = {}
    problems: set[str] = set()
    for _, answer in diagnosis.answers:
        codes = {code for code, _ in answer.fields}
        missing[answer.id] = missing.get(answer.id, frozenset()) | (MESSAGES[answer.id].required - codes)
        problems.update(answer.problems)
    for message_id, codes_missing in sorted(missing.items()):
        if codes_missing:
            yield _say("fields_missing", id=message_id, codes=_listed(codes_missing))
    if problems := problems - _EXPLAINED_PROBLEMS:
        yield _say("tolerated", problems=_listed(problems))


def _of_trials(diagnosis: Diagnosis) -> Iterator[Finding]:
    profile, observed = diagnosis.profile, diagnosis.observed
    assert profile is not None
    if profile.send_empty:
        yield _say("empty_field_needed", places=_listed(profile.send_empty))
    if profile.omit:
        yield _say("pages_refused")
    if profile.send_nb_due_date:
        yield _say("blank_date_refused")
    plain = {each.request.id: each for each in reversed(observed.of(Step.READ))}
    for each in observed.of(Step.TRIAL_NO_INSTITUTION):
        if each.request.id in plain and not is_same_answer(each, plain[each.request.id]):
            yield _say("institution_needed")


def _of_given(diagnosis: Diagnosis, *, patron_given: bool, item_given: bool) -> Iterator[Finding]:
    last = {answer.id: answer for each, answer in diagnosis.answers if each.step is Step.READ}
    patron, item = last.get("64"), last.get("18")
    if patron_given and patron is not None:
        if patron.get("BL") != "Y":
            yield _say("patron_unknown")
        elif patron.get("CQ") == "N":
            yield _say("pin_refused")
    if item_given and item is not None and not (item.get("AJ") or "").strip():
        yield _say("item_unknown")


def _listed(values: Iterable[str]) -> str:
    return ", ".join(sorted(values))


_RULES: tuple[Callable[[Diagnosis], Iterable[Finding]], ...] = (
    _of_login, _of_text, _of_messages, _of_status, _of_clock, _of_fields, _of_trials,
)  # fmt: skip
