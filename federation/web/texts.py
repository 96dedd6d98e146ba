"""What the readers' pages say, in Chinese and in English, and which of the two a reader gets.

The texts are data (``pages/texts.json``): ``pages`` for the templates, ``script`` for the page's own script. A text
with a count may have a second form for one, named ``….one``. Absent on purpose: the libraries' own words (titles,
reasons), which are shown as they are and marked with their language by ``speech_of``.
"""

import json
import re
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

PAGES = Path(__file__).parent / "pages"
ACCEPT_CHARS_MAX = 200
"""How much of an Accept-Language header is looked at; real ones are shorter."""

_PREFERENCE = re.compile(r"(?:^|,)\s*([A-Za-z]{1,8})(?:-[A-Za-z0-9-]*)?\s*(?:;\s*q=([01](?:\.\d{0,3})?))?\s*(?=,|$)")
_KANA = re.compile(r"[\u3041-\u30ff]")
_HAN = re.compile(r"[\u2e80-\u2fdf\u3005-\u3007\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")


class Language(StrEnum):
    """A language of the pages; the first is the one they are written in."""

    ZH = "zh"
    EN = "en"

    @property
    def tag(self) -> str:
        """The value of HTML's ``lang`` (BCP 47)."""
        return "zh-CN" if self is Language.ZH else "en"

    @property
    def other(self) -> "Language":
        """The language that the page's switch leads to."""
        return Language.EN if self is Language.ZH else Language.ZH


def chosen_language(name: str | None) -> Language | None:
    """Return the language a reader asked for by name; ``None`` for a name of none."""
    return next((language for language in Language if language == name), None)


def accepted_language(header: str) -> Language:
    """Return the language a browser prefers (RFC 9110 §12.5.4), Chinese where it accepts neither.

    >>> accepted_language("fr, en-GB;q=0.8, zh;q=0.5")
    <Language.EN: 'en'>
    """
    weights = dict.fromkeys(Language, 0.0)
    for name, weight in _PREFERENCE.findall(header[:ACCEPT_CHARS_MAX]):
        language = chosen_language(name.lower())
        if language is not None:
            weights[language] = max(weights[language], float(weight or 1))
    return max(weights, key=lambda language: weights[language])


def load_texts() -> Mapping[Language, Mapping[str, Mapping[str, str]]]:
    """Read the texts: by language, then by section (``pages`` or ``script``), then by name."""
    document = json.loads((PAGES / "texts.json").read_text("utf-8"))
    return {Language(name): sections for name, sections in document.items()}


def phrase(texts: Mapping[str, str], name: str, **values: object) -> str:
    """Return a text with its values filled in. The result is plain: whoever shows it escapes it."""
    form = f"{name}.one" if values.get("count") == 1 and f"{name}.one" in texts else name
    return texts[form].format(**values)


def speech_of(text: str) -> str:
    """Return the language tag of a catalogued text, as far as its script tells: zh, ja or en.

    >>> speech_of("東方快車謀殺案"), speech_of("ノルウェイの森"), speech_of("Design Patterns")
    ('zh', 'ja', 'en')
    """
    if _KANA.search(text):
        return "ja"
    return "zh" if _HAN.search(text) else "en"
