from federation.catalogue.printing import fts5
from federation.catalogue.query import parse
from federation.catalogue.ranking import Question, Tier, tiers


def asked(text: str) -> tuple[Tier, ...]:
    return tiers(parse(text), fts5)


def keys(text: str) -> list[str]:
    return [tier.argument for tier in asked(text) if tier.question is Question.KEY]


def test_a_title_comes_before_its_beginnings_and_these_before_the_author_of_that_name() -> None:
    questions = [(tier.question, tier.argument) for tier in asked("红楼 梦")[:5]]
    assert questions == [(Question.KEY, "红楼梦"), (Question.KEY, "红楼"), (Question.KEY, "梦"),
                         (Question.KEY_START, "红楼梦"), (Question.KEY, "@红楼梦")]


def test_of_a_title_and_its_author_each_may_be_the_title() -> None:
    assert keys("曹雪芹 红楼梦")[1:3] == ["曹雪芹", "红楼梦"]
    assert keys("author:曹雪芹 红楼梦") == ["红楼梦"]


def test_of_alternatives_each_may_be_the_title_and_of_what_is_refused_none() -> None:
    assert keys("(猫 OR 狗) -鸟") == ["猫", "狗"]


def test_what_only_a_part_of_the_query_finds_is_no_answer_by_itself() -> None:
    assert [tier.argument for tier in asked("红楼 梦") if not tier.answers] == ["红楼", "梦", "红楼梦"]


def test_a_field_or_a_beginning_is_no_title() -> None:
    for text in ("author:鲁迅", "猫咪*"):
        assert keys(text) == []


def test_then_all_words_must_stand_in_the_title_then_in_its_pinyin_then_in_the_author() -> None:
    assert [tier.argument for tier in asked("红楼梦") if tier.question is Question.MATCH] == [
        '{title} : "红楼 楼梦"', '{title pinyin} : "红楼 楼梦"', '{author author_pinyin} : "红楼 楼梦"']


def test_what_nothing_can_match_is_not_asked() -> None:
    assert [tier.argument for tier in asked("author:鲁迅")] == ['{author author_pinyin} : "鲁迅"']


def test_a_query_without_terms_asks_nothing() -> None:
    assert asked(" ()") == ()
