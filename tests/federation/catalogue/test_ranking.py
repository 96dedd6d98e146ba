from federation.catalogue.query import parse
from federation.catalogue.ranking import Question, tiers


def questions(text: str) -> list[Question]:
    return [tier.question for tier in tiers(parse(text))]


def test_words_are_tried_as_a_title_first() -> None:
    assert questions("红楼 梦")[:2] == [Question.TITLE, Question.TITLE_PREFIX]
    assert tiers(parse("红楼 梦"))[0].argument == "红楼梦"


def test_a_field_a_choice_or_a_refusal_is_no_title() -> None:
    for text in ("author:鲁迅", "猫 OR 狗", "猫 -狗", "猫咪*"):
        assert Question.TITLE not in questions(text)


def test_the_last_tier_is_the_whole_query() -> None:
    assert tiers(parse("红楼梦 曹雪芹"))[-1].argument == '("红楼 楼梦") AND ("曹雪 雪芹")'


def test_a_query_without_terms_asks_nothing() -> None:
    assert tiers(parse(" ()")) == ()
