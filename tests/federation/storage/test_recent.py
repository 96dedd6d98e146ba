"""What the writer remembers is bounded; the oldest gives way."""

from federation.storage.recent import Recent


def test_the_newest_value_is_remembered() -> None:
    recent: Recent[str, int] = Recent()
    assert recent.get("a") is None
    recent.put("a", 1)
    recent.put("a", 2)
    assert recent.get("a") == 2


def test_the_oldest_gives_way_and_what_is_put_again_is_new() -> None:
    recent: Recent[str, int] = Recent(entries_max=2)
    for key in ("a", "b", "a", "c"):
        recent.put(key, 0)
    assert [recent.get(key) for key in ("a", "b", "c")] == [0, None, 0]
