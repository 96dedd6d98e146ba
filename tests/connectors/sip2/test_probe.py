"""What answers prove of a dialect: each conclusion from bytes alone, and never an error, whatever the bytes."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.sip2.codec import Codec
from connectors.sip2.evidence import (
    ECHO_SAMPLES,
    CharsetEvidence,
    ChecksumEvidence,
    Proof,
    charset_of,
    charset_of_texts,
    checksum_of,
    delimiter_of,
    first_frame,
    terminator_of,
)
from connectors.sip2.fields import to_supported
from connectors.sip2.findings import TEXTS, Severity, findings_of
from connectors.sip2.messages import WRITES, Message, build
from connectors.sip2.probe import QUESTIONS, Diagnosis, Ended, Exchange, Observations, Step, diagnose
from connectors.sip2.profile import CHARSETS, Checksum, ErrorDetection, Login, Profile, Terminator

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
DATE = "20260302    120000"
STATUS = build("98", on_line_status=True, checkin_ok=True, checkout_ok=True, acs_renewal_policy=True,
               status_update_ok=False, off_line_ok=False, timeout_period="150", retries_allowed="003",
               date_time_sync=DATE, protocol_version="2.00", AO="YP", AM="杨浦区图书馆",
               BX=to_supported(frozenset({"99", "93", "17", "63", "11"})))  # fmt: skip
ITEM = build("18", circulation_status="03", security_marker="00", fee_type="01", transaction_date=DATE, AB="B1",
             AJ="和珅传")
REFUSED_ITEM = build("18", circulation_status="01", security_marker="00", fee_type="01", transaction_date=DATE, AB="B1",
                     AF="login required")
ADMITTED, DENIED = build("94", ok=True), build("94", ok=False)


def said(step: Step, asked: str, answer: Message | bytes | None, profile: Profile | None = None) -> Exchange:
    """One exchange as a peer of that dialect would have it; None is silence."""
    profile = profile or Profile()
    raw = Codec(profile).encode(answer, 3).data if isinstance(answer, Message) else answer or b""
    return Exchange(step, build(asked), Ended.ANSWERED if raw else Ended.SILENT, raw, NOW, Checksum.BYTES)


def seen(*exchanges: Exchange, has_credentials: bool = True) -> Observations:
    return Observations(exchanges, is_reachable=True, has_credentials=has_credentials)


def concluded(*exchanges: Exchange, has_credentials: bool = True) -> Diagnosis:
    return diagnose(seen(*exchanges, has_credentials=has_credentials), "Asia/Shanghai")


def codes(diagnosis: Diagnosis) -> set[str]:
    return {finding.code for finding in findings_of(diagnosis)}


def test_no_question_changes_anything() -> None:
    assert not QUESTIONS & WRITES


@pytest.mark.parametrize(("raw", "frame", "end"), [
    (b"941\r", b"941", Terminator.CR), (b"\n941\r\n", b"941", Terminator.CRLF), (b"941\n", b"941", Terminator.LF),
    (b"941\r\r", b"941", Terminator.CR), (b"941\n\r", b"941", Terminator.CR), (b"941", b"", None), (b"", b"", None),
    (b"\xef\xbb\xbf941\0\r96\r\n", b"941", Terminator.CR),
])  # fmt: skip
def test_the_first_frame_and_its_end(raw: bytes, frame: bytes, end: Terminator | None) -> None:
    assert (first_frame(raw), terminator_of(raw)) == (frame, end)


@pytest.mark.parametrize(("frame", "delimiter"), [
    (b"98..AOYP|BXYY|AY1AZ0000", "|"), (b"98..AOYP^BXYY^", "^"), (b"98..AOYP|BXYY", "|"), (b"941", "|"),
    (b"98..AOYP|AN(desk)", "|"), (b"98..AOYP~BXYYAZ0000", "|"),
])  # fmt: skip
def test_the_delimiter_is_what_ends_the_last_field(frame: bytes, delimiter: str) -> None:
    assert delimiter_of(frame) == delimiter


def whole_in(charset: str) -> set[str]:
    """The samples that a server of this charset hands back: read as it reads, written as it writes."""
    decoder, encoder = CHARSETS[charset]
    return {name for name, sample in ECHO_SAMPLES.items()
            if sample.decode(decoder, "replace").encode(encoder, "replace") == sample}


@pytest.mark.parametrize(("charset", "told", "proof"), [
    ("utf-8", "utf-8", Proof.ECHO), ("gb18030", "gb18030", Proof.ECHO), ("gbk", "gbk", Proof.ECHO),
    ("big5", "big5", Proof.ECHO), ("cp850", "cp850", Proof.NONE), ("latin-1", "cp850", Proof.NONE),
    ("ascii", "utf-8", Proof.NONE),
])  # fmt: skip
def test_an_echo_tells_the_charset_where_every_text_is_ascii(charset: str, told: str, proof: Proof) -> None:
    assert charset_of([b"98..AMLibrary|"], frozenset(whole_in(charset))) == CharsetEvidence(told, proof, 0)


def test_no_sample_holds_a_delimiter_or_an_end() -> None:
    assert not set(b"".join(ECHO_SAMPLES.values())) & set(b"|^\r\n\0")


@pytest.mark.parametrize(("texts", "charset", "expected"), [
    (["三体", "张伟"], "utf-8", "utf-8"), (["三体", "张伟"], "gbk", "gbk"), (["和珅传", "東方快車"], "gbk", "gbk"),
    (["何䶮", "三体"], "gb18030", "gb18030"), (["東方快車謀殺案", "館"], "big5", "big5"),
    (["Bücher in Köln", "naïve"], "cp850", "cp850"), (["Bücher in Köln", "naïve"], "latin-1", "latin-1"),
])  # fmt: skip
def test_texts_tell_the_charset(texts: Sequence[str], charset: str, expected: str) -> None:
    assert charset_of_texts([text.encode(charset) for text in texts]) == expected


@pytest.mark.parametrize(("text", "charset", "echoed", "told", "proof"), [
    ("张伟", "gbk", {"gbk", "big5"}, "gbk", Proof.TEXT),
    ("张伟", "gb18030", {"gb18030", "gbk", "big5"}, "gb18030", Proof.ECHO),
    ("張偉", "gbk", set(ECHO_SAMPLES), "gbk", Proof.TEXT),
    ("张伟", "gbk", set(), "gbk", Proof.TEXT),
    ("张伟", "gbk", {"utf-8"}, "gbk", Proof.CONTRADICTED),
])  # fmt: skip
def test_texts_and_echoes_are_weighed(text: str, charset: str, echoed: set[str], told: str, proof: Proof) -> None:
    assert charset_of([b"AE" + text.encode(charset) + b"|"], frozenset(echoed)) == CharsetEvidence(told, proof, 1)


def test_question_marks_for_names_and_no_echo_mean_ascii() -> None:
    assert charset_of([b"64..|AE??|"]).charset == "ascii"
    assert charset_of([b"64..|AEReader|"]).charset == "utf-8"


@pytest.mark.parametrize("variant", [v for v in Checksum if v is not Checksum.NONE])
@pytest.mark.parametrize("charset", ["utf-8", "gbk", "big5", "cp850"])
def test_text_beyond_ascii_decides_the_checksum(variant: Checksum, charset: str) -> None:
    text = "é" if charset == "cp850" else "東"
    item = build("18", circulation_status="03", security_marker="00", fee_type="01", transaction_date=DATE, AJ=text)
    frames = [Codec(Profile(charset, checksum=variant)).encode(each, 3).data[:-1] for each in (ADMITTED, item)]
    assert checksum_of(frames, charset, "|", Checksum.BYTES) == ChecksumEvidence(variant, True, True)


def test_plain_answers_leave_the_checksum_open() -> None:
    frame = Codec(Profile()).encode(DENIED, 3).data[:-1]
    long = Codec(Profile()).encode(build("98", AO="YP", AM="Library"), 3).data[:-1]
    assert checksum_of([long], "utf-8", "|", Checksum.BYTES) == ChecksumEvidence(Checksum.BYTES, False, True)
    assert checksum_of([long], "ascii", "|", Checksum.BYTES).is_proven
    assert checksum_of([b"941", b"96AZFEF6"], "utf-8", "|", Checksum.BYTES).variant is Checksum.NONE
    assert not checksum_of([long[:-1] + b"0", frame], "utf-8", "|", Checksum.BYTES).is_explained


def test_a_checksum_that_nothing_explains_is_only_noted() -> None:
    diagnosis = concluded(said(Step.HELLO, "99", Codec(Profile()).encode(STATUS, 1).data.replace(b"AOYP", b"AOYQ")))
    assert diagnosis.profile is not None
    assert diagnosis.profile.error_detection is ErrorDetection.WARN
    assert "checksum_unexplained" in codes(diagnosis)


HELLO = said(Step.HELLO, "99", STATUS)
LOGINS: dict[str, tuple[list[Exchange], Login, bool]] = {
    "the same with and without": (
        [said(Step.ANONYMOUS, "17", ITEM), said(Step.LOGIN, "93", ADMITTED), said(Step.READ, "17", ITEM)],
        Login.NONE, True),
    "more with a login": (
        [said(Step.ANONYMOUS, "17", REFUSED_ITEM), said(Step.LOGIN, "93", ADMITTED), said(Step.READ, "17", ITEM)],
        Login.SIP, True),
    "closed without a login": (
        [said(Step.ANONYMOUS, "99", None), said(Step.LOGIN, "93", ADMITTED), said(Step.READ, "17", ITEM)],
        Login.SIP, True),
    "the login refused": (
        [said(Step.ANONYMOUS, "17", REFUSED_ITEM), said(Step.LOGIN, "93", DENIED)], Login.SIP, False),
    "the login refused, and open all the same": (
        [said(Step.ANONYMOUS, "17", ITEM), said(Step.LOGIN, "93", DENIED)], Login.NONE, True),
    "no answer to a login": (
        [said(Step.ANONYMOUS, "17", REFUSED_ITEM), said(Step.LOGIN, "93", None)], Login.NONE, True),
    "only a login is answered": (
        [said(Step.ANONYMOUS, "99", None), said(Step.LOGIN, "93", DENIED)], Login.SIP, False),
}  # fmt: skip


@pytest.mark.parametrize(("exchanges", "login", "is_admitted"), LOGINS.values(), ids=LOGINS)
def test_whether_a_login_is_needed(exchanges: list[Exchange], login: Login, is_admitted: bool) -> None:
    diagnosis = concluded(HELLO, *exchanges)
    assert diagnosis.profile is not None
    assert (diagnosis.profile.login, diagnosis.is_admitted) == (login, is_admitted)
    assert ("login_refused" in codes(diagnosis)) == (not is_admitted)


def test_supported_is_what_was_answered_and_the_writes_that_are_claimed() -> None:
    diagnosis = concluded(HELLO, said(Step.ANONYMOUS, "17", ITEM), said(Step.READ, "17", ITEM),
                          said(Step.READ, "63", b"96AZFEF6\r"), said(Step.READ, "35", build("36", end_session=True)))
    assert diagnosis.supported == ("11", "17", "35", "99")
    assert diagnosis.profile is not None
    assert diagnosis.profile.unsupported == {"63"}
    assert {"claimed_but_silent", "unclaimed_but_works", "claimed_untried"} <= codes(diagnosis)


@pytest.mark.parametrize(("date", "skew", "code"), [
    (DATE, 0, None), ("20260302   Z040000", 0, None), ("20260302    120130", 90, "clock_skew"),
    ("20260302    040005", -8 * 3600 + 5, "timezone_suspected"), ("20200101    120000", None, "clock_skew"),
    ("not a date at all.", None, "clock_unreadable"), (" " * 18, None, "clock_unreadable"),
])  # fmt: skip
def test_the_clock_is_read_in_the_librarys_own_zone(date: str, skew: int | None, code: str | None) -> None:
    status = Message("98", STATUS.head.replace(DATE, date), STATUS.fields)
    diagnosis = concluded(said(Step.HELLO, "99", status))
    clock_codes = codes(diagnosis) & {"clock_skew", "timezone_suspected", "clock_unreadable"}
    assert clock_codes == ({code} if code else set())
    if skew is not None:
        assert diagnosis.clock_skew_seconds == skew


def test_what_the_status_forbids_is_told() -> None:
    status = Message("98", "NNN" + STATUS.head[3:], STATUS.fields)
    diagnosis = concluded(said(Step.HELLO, "99", status), said(Step.ANONYMOUS, "17", ITEM))
    assert {"off_line", "no_checkout", "no_checkin"} <= codes(diagnosis)
    assert not diagnosis.is_usable


def test_missing_fields_and_odd_forms_are_told() -> None:
    status = Message("98", STATUS.head, (("AM", "杨浦"),))
    frame = Codec(Profile(checksum=Checksum.NONE)).encode(status).data[:-2] + b"\r"
    findings = {each.code: each.text for each in findings_of(concluded(said(Step.HELLO, "99", frame)))}
    assert findings["fields_missing"].endswith("message 98 lacks required fields AO, BX")
    assert findings["tolerated"].endswith("final_delimiter_missing")


def test_a_field_that_must_come_empty_and_pages_that_are_refused() -> None:
    empty = Exchange(Step.TRIAL_EMPTY_FIELD, build("17", AC=""), Ended.ANSWERED, Codec(Profile()).encode(ITEM, 1).data,
                     NOW, Checksum.BYTES)
    patron = build("64", AO="YP", AA="1", AE="x", BL="Y")
    diagnosis = concluded(HELLO, said(Step.READ, "17", None), empty, said(Step.READ, "63", patron),
                          said(Step.TRIAL_PAGES, "63", None))
    assert diagnosis.profile is not None
    assert diagnosis.profile.send_empty == {"17.AC"}
    assert diagnosis.profile.omit == {"63.BP", "63.BQ"}
    assert {"empty_field_needed", "pages_refused"} <= codes(diagnosis)


def test_findings_come_gravest_first_and_in_both_languages() -> None:
    findings = findings_of(concluded(HELLO, has_credentials=False))
    ranks = [list(Severity).index(finding.severity) for finding in findings]
    assert ranks == sorted(ranks)
    for code, (_, chinese, english) in TEXTS.items():
        assert not chinese.isascii(), code
        assert english.isascii(), code


def test_nothing_heard_is_nothing_concluded() -> None:
    diagnosis = diagnose(Observations(), "Asia/Shanghai")
    assert (diagnosis.profile, diagnosis.supported, diagnosis.is_usable) == (None, (), False)
    assert codes(diagnosis) == {"unreachable"}


EXCHANGES = st.builds(
    Exchange,
    step=st.sampled_from(Step),
    request=st.sampled_from([build(message_id) for message_id in sorted(QUESTIONS)]),
    ended=st.sampled_from(Ended),
    raw=st.one_of(
        st.binary(max_size=80),
        st.sampled_from([STATUS, ITEM, DENIED]).map(lambda message: Codec(Profile("gbk")).encode(message, 1).data),
        st.binary(max_size=60).map(lambda noise: b"98YYYYYN150003" + noise + b"|AY1AZ0000\r"),
    ),
    at=st.just(NOW + timedelta(seconds=0.5)),
    checksum=st.sampled_from(Checksum),
    sample=st.sampled_from(["", *ECHO_SAMPLES]),
)


@given(st.lists(EXCHANGES, max_size=6))
def test_whatever_is_heard_there_is_a_diagnosis(exchanges: list[Exchange]) -> None:
    diagnosis = concluded(*exchanges)
    findings_of(diagnosis, patron_given=True, item_given=True)
    if diagnosis.profile is not None:
        assert Profile.from_toml(diagnosis.profile.to_toml()) == diagnosis.profile
