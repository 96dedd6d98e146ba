import pytest

from connectors.sip2.codec import Codec
from connectors.sip2.errors import Unencodable
from connectors.sip2.messages import build
from connectors.sip2.profile import CHARSETS, Profile
from connectors.sip2.text import encoded

DATE = "20260101    120000"
ASCII = "".join(map(chr, range(128)))


@pytest.mark.parametrize("charset", sorted(CHARSETS))
def test_ascii_is_itself_in_every_charset_so_that_it_need_not_be_looked_up(charset: str) -> None:
    decoder, encoder = CHARSETS[charset]
    assert ASCII.encode(encoder) == ASCII.encode("ascii") == encoded(ASCII, charset)
    assert ASCII.encode("ascii").decode(decoder) == ASCII


@pytest.mark.parametrize("charset", sorted(CHARSETS))
def test_what_is_sent_is_read_as_the_same(charset: str) -> None:
    """Every character there is."""
    decoder, _ = CHARSETS[charset]
    sent = {character: encoded(character, charset) for character in map(chr, range(0x110000))}
    wrong = [letter for letter, data in sent.items() if data is not None and data.decode(decoder) != letter]
    assert wrong == []
    assert sent["\ud800"] is None


def test_a_letter_with_two_places_in_big5_is_not_sent_as_another_one() -> None:
    """The tables of Unicode and of Hong Kong disagree about these: sent by the one, Д would be read as サ."""
    codec = Codec(Profile(charset="big5"))
    frame, substitutions = codec.encode(build("36", transaction_date=DATE, AF="Дом 圖書館"))
    assert codec.decode(frame[:-1]).get("AF") == "□□□ 圖書館"
    assert [change.code for change in substitutions] == ["AF"] * 3
    with pytest.raises(Unencodable):
        codec.encode(build("17", transaction_date=DATE, AB="Д1"))
