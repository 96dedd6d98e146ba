from connectors.breaker import SILENCES_MAX, Breaker, BreakerState


def breaker() -> Breaker:
    return Breaker(lambda: 0.5)


def test_it_begins_closed() -> None:
    assert breaker().may_try(0.0)
    assert breaker().state is BreakerState.CLOSED


def test_a_failed_line_opens_it_and_one_probe_is_let_through_after_the_pause() -> None:
    it = breaker()
    it.failed(100.0)
    assert it.state is BreakerState.OPEN
    assert not it.may_try(100.2)
    assert it.may_try(100.25)
    assert it.state is BreakerState.PROBING
    assert not it.may_try(200.0)
    it.opened_line()
    assert it.state is BreakerState.CLOSED
    assert it.may_try(200.0)


def test_each_failed_probe_doubles_the_pause_up_to_half_a_minute() -> None:
    it, now, pauses = breaker(), 0.0, []
    for _ in range(12):
        it.failed(now)
        pauses.append(it.retry_at - now)
        now = it.retry_at
        assert it.may_try(now)
    assert pauses[:4] == [0.25, 0.5, 1.0, 2.0]
    assert pauses[-1] == 30.0
    it.opened_line()
    it.answered()
    it.failed(now)
    assert it.retry_at - now == 0.25


def test_the_pause_is_spread_by_chance() -> None:
    ends = []
    for chance in (0.0, 1.0):
        it = Breaker(lambda chance=chance: chance)  # type: ignore[misc]
        it.failed(0.0)
        ends.append(it.retry_at)
    assert ends == [0.125, 0.375]


def test_answers_that_stay_away_open_it_unless_others_come_between() -> None:
    it = breaker()
    for _ in range(SILENCES_MAX - 1):
        it.was_silent(0.0)
    it.answered()
    it.was_silent(0.0)
    assert it.state is BreakerState.CLOSED
    for _ in range(SILENCES_MAX - 1):
        it.was_silent(0.0)
    assert it.state is BreakerState.OPEN


def test_an_ils_that_opens_lines_and_never_answers_is_still_given_up() -> None:
    it = breaker()
    for _ in range(SILENCES_MAX):
        it.was_silent(0.0)
    assert it.may_try(10.0)
    it.opened_line()
    it.was_silent(10.0)
    assert it.state is BreakerState.OPEN


def test_a_probe_that_was_cancelled_lets_the_next_one_try() -> None:
    it = breaker()
    it.failed(0.0)
    assert it.may_try(10.0)
    it.gave_up()
    assert it.may_try(10.0)
    it.opened_line()
    it.gave_up()
    assert it.state is BreakerState.CLOSED
