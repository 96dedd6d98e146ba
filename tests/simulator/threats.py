"""The page docs/threats.md, written from the table: ``python -m tests.simulator.threats > docs/threats.md``."""

from collections.abc import Iterable
from datetime import timedelta

from tests.simulator.hostile_hub import ATTACKS, BEYOND, Attack

_HEAD = """\
# Threats: what a hostile hub can do, and who notices

**中文摘要。** 网关（枢纽）由联盟运行，但各馆不必信任它：它持有自己的密钥，能看到、扣留、重投、编造一切往来，
却没有任何一馆的私钥。下表逐条列出它可能的攻击、由谁察觉、以什么名目报警、最迟多久。每一行都由模拟器在许多随机场景中
验证：按时、按名被察觉，且没有任何成员馆受损——一单从不寄出两本书，被拒的消息不改变任何馆的账。同一模拟器也证明：网络
丢失、重复、乱序、延迟（不超过期限）、连接器重启、包裹先于消息到达时，没有一次误报。末表如实列出任何协议都察觉不了的
事，以及各自的边界。本页由测试与程序中的表保持一致。

The hub is run by the alliance, and no library has to trust it. It holds its own key, sees all mail and may drop, hold,
repeat or invent what it likes; it holds no library's key. Every row below is played in many worlds, each from one seed:
honest libraries at work, the attack at a random moment. It must be noticed by name and in time, and harm nobody: no
second copy leaves for one order, nothing is let in that was refused, no supply is confirmed twice. The same worlds
without the attack raise no alarm at all, over lines that lose, repeat, delay and reorder, with connectors that restart
and parcels that are faster than the news of them.

`pytest tests/simulator` plays twenty worlds of each row (`DELTA_SIMULATOR_SEEDS=200` for more, `-k "drop and copies and
17"` for one row in one world), `make soak ARGS=simulator` a thousand. This page is written from the same table
(`python -m tests.simulator.threats`), and a test holds it true.

*Within* counts from the moment at which a library is first told a lie, or not told something. An alarm stands on the
library's status page and in its log; `NotSigned`, `NoSupplier` and `WrongQuote` are the reasons of a signed
`OrderRefused`, and a `StatementDispute` is signed too: both are evidence. What an alarm's name means, and who acts on
it, is in [the protocol](protocol.md#16-problems).

"""
_BEYOND_HEAD = """
## What no protocol notices 协议无法察觉的

| what 做法 | the hub | what bounds it |
|---|---|---|
"""
_UNITS = (("h", 3600), ("min", 60), ("s", 1))


def page() -> str:
    """Return the whole page."""
    return _HEAD + "".join(_table(ATTACKS)) + _BEYOND_HEAD + "".join(
        f"| {row.zh} | {row.en} | {row.bound} |\n" for row in BEYOND)


def _table(attacks: Iterable[Attack]) -> Iterable[str]:
    yield "## What is noticed 能察觉的\n\n"
    yield "| attack 攻击 | the hub | who notices 谁察觉 | as 名目 | within 最迟 | test |\n|---|---|---|---|---|---|\n"
    for attack in attacks:
        code = f"`{attack.code}`" if attack.code else "no effect 无效果"
        test = f"{attack.act.__module__.rpartition('.')[2]}.{attack.act.__name__}"
        yield f"| {attack.zh} | {attack.en} | {attack.notices} | {code} | {_spelt(attack.within)} | `{test}` |\n"


def _spelt(time: timedelta) -> str:
    left, parts = int(time.total_seconds()), []
    for unit, seconds in _UNITS:
        count, left = divmod(left, seconds)
        parts += [f"{count} {unit}"] if count else []
    return " ".join(parts) or "at once 当即"


if __name__ == "__main__":
    print(page(), end="")
