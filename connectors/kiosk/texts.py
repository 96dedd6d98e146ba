"""What the screen of a kiosk says (AF) where the connector answers: Chinese, English where a charset has no Chinese."""

from enum import Enum

from connectors.sip2.profile import CHARSETS, Profile


class Text(Enum):
    """Chinese and English."""

    LENT = ("借阅成功", "checked out")
    GOES_HOME = ("还书成功，本书属外馆，请放入通还箱", "returned: belongs to another library, use the alliance bin")
    IS_HOME = ("还书成功", "returned")
    HOLD_HERE = ("本书为联盟预约书，请放入预约架", "put on the hold shelf: waits for an alliance reader")
    ACCEPTED = ("已收书，稍后由联盟系统处理", "taken in: the alliance will process it")
    TO_STAFF = ("已收书，将由工作人员核对", "taken in: staff will check it")
    RECORDED = ("离线记录已接收", "offline record taken in")
    NOT_WAITING = ("本书不在此取书点待取", "this copy does not wait here")
    NOT_YOURS = ("本书不是为该读者预留的，外馆读者请扫描取书码",
                 "not set aside for this card; visitors: scan the pick-up code")
    NO_CREDIT = ("读者证无效、密码错误或已停借，请到服务台办理", "card, PIN or blocks: please see the staff")
    OTHER_READER = ("外馆读者由所属馆在线授权：请在网上预约，凭取书码取书",
                    "your home library vouches online: order there and scan the pick-up code here")
    ASK_STAFF = ("条码对应多册图书，请到服务台办理", "several copies have this barcode: please see the staff")
    ONLINE_ONLY = ("联盟图书请在网上办理", "alliance loans are managed online")
    NO_BARCODE = ("未读到条码", "no barcode was read")
    ILS_AWAY = ("图书馆系统暂时无法使用，请稍后再试", "the library system is away, please try again later")
    IN_DOUBT = ("操作结果暂不明确，系统正在核对，请勿重复操作，可到服务台确认",
                "the outcome is not known yet and being checked: please do not repeat it, or see the staff")
    NOT_DONE = ("未办理成功，请重试", "it was not done: please try again")
    DONE = ("办理成功", "done")
    LOADED = ("已入柜，等待读者取书", "in the locker: waits for its reader")
    TAKEN_OUT = ("逾期未取，请取出并退回所属馆", "not collected in time: take it out, it goes back to its library")
    ALLIANCE_READER = ("联盟读者", "alliance reader")


def say(text: Text, profile: Profile) -> str:
    """Return ``text`` as the kiosk's charset can write it."""
    chinese, english = text.value
    try:
        chinese.encode(CHARSETS[profile.charset][1])
    except UnicodeEncodeError:
        return english
    return chinese
