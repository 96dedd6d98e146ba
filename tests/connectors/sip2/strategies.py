"""Hypothesis strategies for SIP2: any message of the table, in any dialect."""

import string
import unicodedata

from hypothesis import strategies as st

from connectors.sip2.messages import MESSAGES, Message
from connectors.sip2.profile import CHARSETS, Checksum, Profile, Terminator

# 東, 質 and 珅 hold the byte of | in GBK; 四 and 會 do in Big5.
TREACHEROUS = "東質珅觸軀四會育尚"


def is_plain(character: str, charset: str) -> bool:
    """Whether the codec may send this character unchanged."""
    try:
        character.encode(CHARSETS[charset][1])
    except UnicodeEncodeError:
        return False
    return unicodedata.category(character) not in ("Cc", "Cs", "Zl", "Zp") and character != "|"


def values(charset: str) -> st.SearchStrategy[str]:
    letters = "".join(c for c in string.printable + TREACHEROUS + "éñ，。 㐀" if is_plain(c, charset))
    # An empty segment or one that begins like a code is what a delimiter inside a value looks like: not ours to send.
    return st.text(alphabet=letters, max_size=20).map(lambda text: unicodedata.normalize("NFC", text))


def profiles() -> st.SearchStrategy[Profile]:
    return st.builds(
        Profile,
        charset=st.sampled_from(sorted(CHARSETS)),
        terminator=st.sampled_from(Terminator),
        checksum=st.sampled_from(Checksum),
    )


@st.composite
def messages_in(draw: st.DrawFn, charset: str) -> Message:
    spec = draw(st.sampled_from(sorted(MESSAGES)).map(MESSAGES.__getitem__))
    head = "".join(
        draw(st.sampled_from(item.flags))
        if item.flags
        else draw(st.text("0123456789 YN", min_size=item.width, max_size=item.width))
        for item in spec.fixed
    )
    if spec.id in ("96", "97"):
        return Message(spec.id, "")
    codes = st.sampled_from([*spec.codes, "U1", "KQ", "ZZ"])
    pairs = draw(st.lists(st.tuples(codes, values(charset)), max_size=8))
    widths = dict(spec.widths)
    return Message(
        spec.id,
        head,
        tuple(
            (code, text[: widths.get(code, 99)].rstrip() if code == "BX" else text[: widths.get(code, 99)])
            for code, text in pairs
        ),
    )


@st.composite
def dialects_with_a_message(draw: st.DrawFn) -> tuple[Profile, Message]:
    profile = draw(profiles())
    return profile, draw(messages_in(profile.charset))
