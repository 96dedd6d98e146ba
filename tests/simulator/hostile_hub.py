"""What a hostile hub may try, who notices, by which name and within what time: the table, and the playing of its rows.

``ATTACKS`` is data; ``docs/threats.md`` shows it, and ``test_hostile_hub`` plays every row in many worlds. What no
protocol notices stands in ``BEYOND``, so that nobody believes more than is true.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from connectors.agent.keeper import ASK_EVERY
from connectors.agent.resends import TELL_AFTER
from connectors.agent.witness import COVERED_WITHIN, LOOK_SECONDS, SHORT_LOOKS_MAX
from federation.web.directory import VOUCH_FOR
from schemas.dialogue import DIALOGUE, rule_of
from schemas.lending import OrderRefusal
from schemas.messages import MessageType
from schemas.problems import ProblemCode
from tests.simulator import charging, directories, forging, histories, withholding
from tests.simulator.hub import Hostile

Act = Callable[[Hostile], Awaitable[None]]
AT_ONCE = timedelta(0)
A_LOOK = timedelta(seconds=LOOK_SECONDS)
HIDDEN = COVERED_WITHIN + SHORT_LOOKS_MAX * A_LOOK
REQUEST_CONFIRMED = rule_of(MessageType.REQUEST).confirm_within
CONFIRMED = max(rule.confirm_within for rule in DIALOGUE.values() if rule.channel == "loan")
WATCHED = timedelta(seconds=2)
"""How often a connector looks at its clock: what is due at a moment is told by so much later."""
P, R = ProblemCode, OrderRefusal


@dataclass(frozen=True)
class Attack:
    """One row. ``notices`` is who, ``code`` the name that it is given, ``None`` where it has no effect at all.

    ``within`` counts from the moment at which the victim is first told a lie, or not told something. ``after`` is what
    the hub still tries when it has been noticed.
    """

    act: Act
    zh: str
    en: str
    notices: str
    code: str | None
    within: timedelta
    after: Act | None = None

    @property
    def name(self) -> str:
        return self.act.__name__.replace("_", " ")


RECEIVER, SENDER, HOME_LIBRARY = "the receiver 收件馆", "the sender 发件馆", "the home library 本馆"
LIBRARY, STAFF, WITNESS = "the library 成员馆", "staff at the desk 柜台馆员", "the library as a witness 见证馆"
NOBODY = "nobody: it counts in its senders' order 无人：按发件次序入账"
DISPUTE = str(MessageType.STATEMENT_DISPUTE)

ATTACKS: tuple[Attack, ...] = (
    Attack(forging.forge_under_its_own_key, "以网关密钥冒充某馆发言",
           "speaks in a library's name, signed by the gateway's key",
           RECEIVER, P.SIGNER_IS_NOT_SRC, AT_ONCE),
    Attack(forging.forge_under_a_strange_key, "以名录外的密钥冒充某馆发言",
           "speaks in a library's name, signed by a key of its own making",
           RECEIVER, P.UNKNOWN_KEY, AT_ONCE),
    Attack(forging.speak_for_libraries_in_its_own_name, "以网关名义说只有成员馆才能说的话",
           "says in its own name what only a library may say",
           RECEIVER, P.WRONG_ROLE, AT_ONCE),
    Attack(forging.alter, "篡改一条消息中的任意一位",
           "changes a single bit of a message",
           RECEIVER, P.BAD_SIGNATURE, AT_ONCE),
    Attack(forging.replay, "把旧消息以新编号再投一次",
           "delivers an old message again under a new number",
           RECEIVER, P.REPLAYED, AT_ONCE),
    Attack(forging.readdress, "把消息投给无关的馆",
           "delivers a message to a library that it is not addressed to",
           RECEIVER, P.WRONG_DESTINATION, AT_ONCE),
    Attack(forging.hand_one_request_to_a_second_supplier, "把同一请求同时交给第二家供书馆",
           "hands one Request to a second supplier",
           RECEIVER, P.WRONG_DESTINATION, AT_ONCE),
    Attack(withholding.keep_the_cancel_from_the_first_supplier, "扣住撤销，让两家馆同时接下一单",
           "holds a Request until the home library has asked the next supplier, then delivers it without the "
           "Cancel: both promise, one is confirmed, one copy leaves",
           HOME_LIBRARY, P.NOT_CONFIRMED, REQUEST_CONFIRMED, withholding.have_both_promise),
    Attack(forging.order_for_a_reader, "替读者下单（读者未签名）",
           "orders for a reader who has signed nothing",
           HOME_LIBRARY, R.NOT_SIGNED, AT_ONCE),
    Attack(forging.pass_on_one_order_twice, "把同一订单再下一次",
           "passes on one order twice, with another rota",
           HOME_LIBRARY, P.OUT_OF_TURN, AT_ONCE),
    Attack(forging.propose_a_supplier_that_is_none, "推荐名录中不存在的供书馆",
           "proposes a supplier that is none",
           HOME_LIBRARY, R.NO_SUPPLIER, AT_ONCE),
    Attack(forging.show_no_log_entry, "投递消息却不出示其存证",
           "delivers a message without its own log entry",
           RECEIVER, P.REPLY_MISMATCH, AT_ONCE),
    Attack(withholding.drop_in_the_middle, "丢弃中间一条，放行后续",
           "drops a message and delivers later ones of its stream",
           RECEIVER, P.OUT_OF_SEQUENCE, TELL_AFTER),
    Attack(withholding.drop_the_tail, "丢弃一条及其后全部",
           "drops a message and all that follow it",
           SENDER, P.NOT_CONFIRMED, CONFIRMED),
    Attack(withholding.drop_copies, "丢弃抄送本馆的一份",
           "drops the copy that the home library should have: told when the next message follows from it",
           HOME_LIBRARY, P.OUT_OF_TURN, TELL_AFTER),
    Attack(withholding.drop_confirmations, "丢弃收件确认",
           "drops receivers' Confirmations",
           SENDER, P.NOT_CONFIRMED, CONFIRMED),
    Attack(withholding.answer_nothing, "收下消息，不出 Accepted",
           "takes messages and never signs an Accepted",
           SENDER, P.NOT_CONFIRMED, CONFIRMED),
    Attack(withholding.delay_beyond_the_deadline, "拖延超过期限",
           "delivers a message after its deadline",
           SENDER, P.NOT_CONFIRMED, CONFIRMED, withholding.deliver_what_was_held),
    Attack(withholding.reorder, "颠倒投递次序",
           "delivers every mailbox backwards",
           NOBODY, None, AT_ONCE),
    Attack(withholding.refuse_to_the_sender, "向发件馆伪称被拒",
           "refuses to a sender what the loan allows",
           SENDER, P.OUT_OF_TURN, AT_ONCE),
    Attack(withholding.refuse_to_the_receiver, "向收件馆伪称该条被拒",
           "tells the sender that a message was taken over, and its receiver that it was refused",
           SENDER, P.NOT_CONFIRMED, CONFIRMED),
    Attack(forging.burn_a_number, "伪称尚未发出的一号被拒",
           "refuses a number before its message exists: told when that message comes",
           RECEIVER, P.STREAM_BROKEN, AT_ONCE),
    Attack(forging.begin_its_own_stream_anew, "重置网关自己的消息流",
           "resets its own stream, to give up what it has said",
           RECEIVER, P.STREAM_BROKEN, AT_ONCE),
    Attack(forging.say_that_it_was_restored, "谎称已从备份恢复，索要一切旧消息",
           "says that it was restored from a copy, to be sent everything again and to replay what it likes",
           RECEIVER, P.STREAM_BROKEN, AT_ONCE),
    Attack(withholding.answer_for_another_message, "拿别的消息的回执作答",
           "answers a message by the Accepted of another",
           SENDER, P.REPLY_MISMATCH, AT_ONCE),
    Attack(withholding.answer_another_question, "答非所问",
           "answers one question by the answer to another",
           STAFF, P.REPLY_MISMATCH, AT_ONCE),
    Attack(withholding.lie_about_the_time, "谎报时间",
           "greets with a clock that is an hour off",
           LIBRARY, P.CLOCK_WRONG, AT_ONCE),
    Attack(histories.leave_a_message_out, "签收却不入存证日志（或两条占一位）",
           "signs a place in the log at which another message stands",
           WITNESS, P.BROKEN_PROOF, A_LOOK),
    Attack(histories.never_cover_a_message, "签了位置却永不签检查点",
           "signs a place in the log and no checkpoint that covers it",
           WITNESS, P.BROKEN_PROOF, HIDDEN),
    Attack(histories.show_two_histories, "给两馆看两套历史",
           "shows two libraries two histories: told when one hears from the other",
           WITNESS, P.SPLIT_VIEW, HIDDEN),
    Attack(histories.turn_the_log_back, "让日志倒退",
           "shows a library an older state of the log",
           WITNESS, P.SPLIT_VIEW, A_LOOK),
    Attack(directories.freeze, "冻结名录",
           "vouches on for a replaced directory: told when a member names the new one",
           LIBRARY, P.DIRECTORY_FROZEN, AT_ONCE),
    Attack(directories.stop_vouching, "不再为名录作保",
           "shows no word of the directory any more",
           LIBRARY, P.FRESHNESS_EXPIRED, VOUCH_FOR + ASK_EVERY),
    Attack(directories.turn_back, "让名录倒退",
           "vouches for an older directory, in which a revoked key counts",
           LIBRARY, P.DIRECTORY_ROLLED_BACK, ASK_EVERY),
    Attack(directories.run_forward, "让名录版本号超前",
           "vouches for a version of the far future; nobody is locked out",
           LIBRARY, P.NEWER_DIRECTORY, ASK_EVERY),
    Attack(directories.sign_by_too_few_editors, "名录签名人数不足",
           "hands out a directory that too few editors signed",
           LIBRARY, P.NOT_ENOUGH_SIGNATURES, ASK_EVERY),
    Attack(directories.mix_in_an_old_tariff, "在新名录中夹带旧资费",
           "packs an old tariff into a new directory",
           LIBRARY, P.DIRECTORY_MIXED, ASK_EVERY),
    Attack(forging.quote_by_an_old_tariff, "按旧资费报价",
           "quotes by a tariff that is not the signed one",
           HOME_LIBRARY, R.WRONG_QUOTE, AT_ONCE),
    Attack(charging.post_by_an_old_tariff, "按旧资费记账",
           "posts by a tariff that is not the signed one: told with the statement",
           LIBRARY, DISPUTE, AT_ONCE),
    Attack(charging.invent_a_fee, "虚构一笔费用",
           "puts a line into a statement that no message caused",
           LIBRARY, DISPUTE, AT_ONCE),
    Attack(charging.leave_a_window_out, "结算期漏掉一段",
           "lets something happen in no settlement window",
           LIBRARY, DISPUTE, AT_ONCE),
)


@dataclass(frozen=True)
class Beyond:
    """What no protocol notices, and what bounds it all the same."""

    zh: str
    en: str
    bound: str


BEYOND: tuple[Beyond, ...] = (
    Beyond("向读者提供恶意网页",
           "serves readers a hostile page, which sees a PIN as it is typed and signs what it likes in that session",
           "the home library's own checks and limits hold for every loan, and each loan shows there"),
    Beyond("在期限之内拖延",
           "delays below the deadlines",
           "every deadline above; a supplier that does not answer in its time is passed over"),
    Beyond("流量分析",
           "sees who lends what to whom, and when: it routes",
           "no name, PIN or address; a reader has another pseudonym at every library"),
    Beyond("偏袒某馆的推荐次序",
           "favours some suppliers in its rota, or hides copies from the catalogue",
           "every Request names the whole rota and its place in it; quotes are the signed tariff's"),
    Beyond("谎称无此借阅",
           "signs an answer that is not true: that no open loan of a copy is known, or another hour of arrival",
           "staff have the copy in hand; its parties hold the loan's messages, with their senders' own times"),
    Beyond("与某成员馆合谋",
           "works together with a library that signs what is not so",
           "each member answers for what it has signed: the evidence names it"),
    Beyond("停止服务",
           "serves nobody at all",
           "each link shows as down; loans under way go on at the counter, and mail waits in the journals"),
)
