from hypothesis import given
from hypothesis import strategies as st

from federation.catalogue.features import NAME_CHARS_MAX, features_of
from schemas.bib import Contributor, LocalField
from tests.federation.catalogue.books import book


def test_authors_and_translators_are_told_apart_in_a_statement_of_responsibility() -> None:
    features = features_of(book("无人生还", responsibility="（英）阿加莎·克里斯蒂著；夏阳译"))
    assert features.authors == ("阿加莎克里斯蒂",)
    assert features.translators == ("夏阳",)


def test_a_role_stands_behind_the_last_of_those_who_share_it() -> None:
    features = features_of(book("双城记", "Dickens", responsibility="(英)查尔斯·狄更斯著 ; 张玲, 张扬译"))
    assert features.authors == ("dickens", "查尔斯狄更斯")
    assert features.translators == ("张玲", "张扬")


def test_prices_count_in_fen() -> None:
    texts = ("CNY18.80", "18.8元", "￥18.80（全二册）", "赠阅", "2")
    found = [features_of(book("书", isbns=({"price_text": text},))).prices for text in texts]
    assert found == [(1880,), (1880,), (1880,), (), (200,)]


def test_an_inverted_name_is_the_direct_one() -> None:
    direct = book("Book", contributors=(Contributor(name="Timothy Bradley"),))
    inverted = book("Book", contributors=(Contributor(name="Bradley, Timothy", inverted=True),))
    assert features_of(direct).authors == features_of(inverted).authors


def test_the_isbn_of_a_set_is_kept_apart_from_the_volumes_own() -> None:
    features = features_of(book("红楼梦", isbn="9787020002207", qualifier="全三册"))
    assert (features.isbns, features.set_isbns) == ((), ("9787020002207",))


def test_a_name_also_counts_as_it_sounds() -> None:
    people = (Contributor(name="阿加莎·克里斯蒂", pinyin="Christie, Agatha", role="著"),)
    assert features_of(book("无人生还", contributors=people)).authors == ("阿加莎克里斯蒂", "agatha christie")


def test_a_title_is_found_by_every_way_to_read_it_and_by_the_cataloguers() -> None:
    assert features_of(book("和珅传")).sounds == ("heshenchuan", "heshenzhuan")
    assert features_of(book("茶馆", title_pinyin="Cha guan")).sounds == ("chaguan",)
    assert features_of(book("The Great Gatsby")).sounds == ("greatgatsby",)


def test_the_number_in_the_olccs_local_field_is_a_system_number() -> None:
    field = LocalField(tag="049", indicators="  ", subfields=("aA120000TJL", "bUCS01000123456", "c000123456"))
    assert features_of(book("书", local_fields=(field,))).system_numbers == ("(olcc)ucs01000123456",)


def test_a_year_that_only_the_imprint_tells_is_read() -> None:
    assert [features_of(book("书", year=year, date_text="民国24年")).year for year in (None, 1999)] == [1935, 1999]


@given(st.text(max_size=60), st.text("第一二三四五六七八九十百零卷册上中下0123456789ivxVol. （）()", max_size=20))
def test_any_text_has_features_of_bounded_size(text: str, volume: str) -> None:
    features = features_of(book((text + volume) * 50, text, volume=volume, edition=text + "版", publisher=text * 50))
    assert all(len(title) <= NAME_CHARS_MAX for title in (*features.titles, *features.publishers))
