"""What the screen says (AF): in Chinese, and in English for a system whose charset has no Chinese characters."""

from collections.abc import Mapping

from examples.ils.model import Refusal

DONE = ("操作成功", "done")
BACK = ("还书成功", "checked in")
SET_ASIDE = ("本书已被预约，请放入预约架", "held for another patron: put it on the hold shelf")

REFUSALS: Mapping[Refusal, tuple[str, str]] = {
    Refusal.UNKNOWN_PATRON: ("读者证号不存在", "no such card"),
    Refusal.WRONG_PIN: ("密码错误", "wrong PIN"),
    Refusal.PATRON_BLOCKED: ("读者证已停用，请到服务台办理", "card blocked: please see the staff"),
    Refusal.LIMIT_REACHED: ("已达到最大借阅册数", "loan limit reached"),
    Refusal.UNKNOWN_ITEM: ("册条码不存在", "no such item"),
    Refusal.OTHER_LIBRARY: ("非本馆图书", "the item belongs to another library"),
    Refusal.ALREADY_CHARGED: ("本册已借出", "already checked out"),
    Refusal.HELD_FOR_ANOTHER: ("本册已被其他读者预约", "held for another patron"),
    Refusal.ALREADY_HELD: ("您已预约本册", "already on hold for you"),
    Refusal.NOT_HELD: ("没有预约记录", "no such hold"),
    Refusal.NOT_CHARGED: ("本册不在该读者名下", "not checked out to this card"),
    Refusal.RENEWALS_USED: ("续借次数已用完", "no renewals left"),
    Refusal.OVERDUE: ("本册已超期，不能续借", "overdue: cannot be renewed"),
    Refusal.NOTHING_TO_PAY: ("金额与欠费不符", "the amount is not owed"),
    Refusal.PAYMENT_DIFFERS: ("该交易号已用于另一笔缴费", "this transaction id was used for another payment"),
    Refusal.UNSUPPORTED: ("本系统不支持此操作", "not supported by this system"),
}


def has_chinese(charset: str) -> bool:
    """Whether ``charset`` can write these texts."""
    try:
        DONE[0].encode(charset)
    except UnicodeEncodeError:
        return False
    return True
