"""What a run over a file of MARC records found: counts by charset and by problem, for programs and for people."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from connectors.marc.record import BadRecord, MarcRecord, Problem, Reason, RecordTooLong, UnwritableText, code_of
from connectors.tools.terminal import table


@dataclass(frozen=True)
class Bad:
    """A record that cannot be written: where it stands, a code of ``MEANINGS``, a sentence, and its bytes."""

    position: int
    code: str
    detail: str
    raw: bytes


@dataclass
class Tally:
    """What became of a file's records; where all are written or bad, ``read`` is the sum of both."""

    read: int = 0
    written: int = 0
    bad: int = 0
    charsets: Counter[str] = field(default_factory=Counter)
    problems: Counter[str] = field(default_factory=Counter)

    def add(self, record: MarcRecord | BadRecord) -> None:
        """Count a record as it was read."""
        self.read += 1
        if isinstance(record, MarcRecord):
            self.charsets[record.charset.name] += 1
            self.problems.update(map(code_of, record.problems))

    def reject(self, bad: Bad) -> None:
        """Count a record as bad."""
        self.bad += 1
        self.problems[bad.code] += 1

    def to_json(self, seconds: float) -> dict[str, object]:
        """Return the shape that programs rely on."""
        return {"read": self.read, "written": self.written, "bad": self.bad, "charsets": dict(self.charsets),
                "problems": dict(self.problems), "seconds": round(seconds, 3)}

    def to_text(self, seconds: float) -> str:
        """Return the same for people."""
        totals = (self.read, self.written, self.bad, f"{seconds:.2f}")
        parts = [table(("读取 Read", "写出 Written", "坏记录 Bad", "用时(秒) Seconds"), [totals])]
        if self.charsets:
            parts.append(table(("字符集 Charset", "记录 Records"), self.charsets.most_common()))
        if self.problems:
            rows = [(code, count, MEANINGS[code]) for code, count in self.problems.most_common()]
            parts.append(table(("问题 Problem", "记录 Records", "含义 Meaning"), rows))
        return "\n\n".join(parts)


TOO_LONG, UNWRITABLE = "bad_too_long", "bad_unwritable"

MEANINGS: Mapping[str, str] = MappingProxyType({
    code_of(Problem.LENGTH): "头标长度有误 wrong length in the leader",
    code_of(Problem.BASE_ADDRESS): "基地址有误 wrong base address",
    code_of(Problem.DIRECTORY): "目次有误,按分隔符读出 read by its terminators",
    code_of(Problem.TERMINATOR): "字段中有字段结束符,按目次读出 a terminator within a field",
    code_of(Problem.CHARSET): "与指定字符集不符 not in the charset named",
    code_of(Problem.GUESSED): "字符集只是猜测,请指明 charset guessed, name it",
    code_of(Problem.REPLACED): "有无法识别的字符 characters replaced",
    code_of(Reason.JUNK): "记录之间的杂数据 bytes between records",
    code_of(Reason.UNTERMINATED): "记录不完整 record without its end",
    code_of(Reason.ENDLESS): "过长而无结束符 no end within 1 MiB",
    code_of(Reason.NO_LEADER): "没有头标和目次 no leader and directory",
    code_of(Reason.DIRECTORY): "目次与分隔符矛盾 fields cannot be told apart",
    code_of(Reason.STRICT): "严格读取时发现损坏 damaged, read strictly",
    code_of(Reason.XML): "XML 格式错误 XML not well formed",
    code_of(Reason.DOCTYPE): "XML 含文档类型,拒绝 document type refused",
    code_of(Reason.PACKING): "gzip 压缩损坏 gzip packing damaged",
    TOO_LONG: "超出 ISO 2709 长度 too long for ISO 2709",
    UNWRITABLE: "有无法写出的字符 cannot be written so",
    code_of(Reason.JSON): "JSON 不是 MARC 记录 no MARC-in-JSON record",
    code_of(Reason.LINE): "有一行不是字段 a line is no field",
})
"""Every code of ``problems``, for staff."""

WRITE_ERRORS: Mapping[type[Exception], str] = MappingProxyType({RecordTooLong: TOO_LONG, UnwritableText: UNWRITABLE})
"""The codes of what ``connectors.marc`` refuses to write."""
