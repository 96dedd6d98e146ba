import pytest

from connectors.sip2.errors import ProfileError
from connectors.sip2.profile import Profile


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("charset", "klingon"),
        ("delimiter", "ab"),
        ("delimiter", "A"),
        ("delimiter", "東"),
        ("delimiter", "\r"),
        ("timezone", "Mars/Olympus"),
        ("timezone", "../etc"),
    ],
)
def test_a_dialect_that_cannot_be_is_refused_by_name(field: str, value: str) -> None:
    with pytest.raises(ProfileError, match=field):
        Profile(**{field: value})  # type: ignore[arg-type]


def test_the_terminal_password_never_shows() -> None:
    assert "s3cret" not in repr(Profile(terminal_password="s3cret"))


def test_equal_profiles_are_equal_and_hashable() -> None:
    assert {Profile(charset="gbk"), Profile(charset="gbk")} == {Profile(charset="gbk")}
    assert str(Profile().zone) == "Asia/Shanghai"
