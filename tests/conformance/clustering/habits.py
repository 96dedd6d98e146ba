"""How libraries write one publication down: the full card, and what each library does otherwise.

A habit takes a card and its publication and returns another card. Habits are the generator's; pairs that need an eye
for real records are written by hand in ``handwritten.toml``.
"""

from collections.abc import Callable

from tests.conformance.clustering.cards import Card, with_check_digit
from tests.conformance.clustering.facts import Person, Unit, choose

Habit = Callable[[Card, Unit, str], Card]

NUMERALS = {str(number): numeral for number, numeral in enumerate("一二三四五六七八九十", 1)}
LOOKALIKES = dict(zip("传世孤轻梦词国游导汉历记死王子语罚葬数鹿便孩筝简城快森",
                      "转士弧青萝辞围遊寻汊厉纪亡玉于悟罸莽敎麓使该争筒域块林", strict=True))
ORIGINALS = {"法": "fre", "俄": "rus", "苏": "rus", "日": "jpn", "捷克": "fre", "哥伦比亚": "spa", "西": "spa",
             "德": "ger", "奥": "ger", "古希腊": "grc"}
TRADITIONAL_VOLUME = {"册": "冊", "编": "編"}
TRADITIONAL_ROLE = {"编": "編", "编著": "編著", "主编": "主編", "译": "譯", "修订": "修訂"}


def chinese_card(unit: Unit) -> Card:
    """The full CNMARC record of a Chinese book (or the MARC21 one of an English book)."""
    if unit.lang == "eng":
        return english_card(unit)
    card = _common(unit) | {"resp": statement(unit, dynasty=True), "country": unit.country or "CN",
                            "by": "; ".join(_heading(person) for person in unit.people + unit.translators)}
    if unit.isbn13:
        note = f"（全{unit.volumes}册）" if unit.is_set_isbn else ""
        binding = "平装" if unit.hardback_isbn13 else ""
        card["isbn"] = [f"{hyphened(unit.isbn13, unit.publisher.prefix)}|{binding}|CNY{unit.price}{note}"]
    if unit.translators:
        card["orig"] = ORIGINALS.get(unit.people[0].origin, "eng")
    return _full(card)


def english_card(unit: Unit) -> Card:
    """The MARC21 record of a book in English."""
    resp = " and ".join(_direct(person.name) for person in map(_in_latin, unit.people))
    if unit.translators:
        resp += " ; translated by " + " and ".join(_direct(person.name) for person in unit.translators)
    by = [f"{_in_latin(person).name}/author" for person in unit.people]
    by += [f"{person.name}/translator" for person in unit.translators]
    card = _common(unit) | {"format": "MARC21", "resp": resp, "by": "; ".join(by), "pinyin": "",
                            "extent": f"{unit.pages} p. ; 20 cm.", "isbn": [unit.isbn13] if unit.isbn13 else []}
    return _full(card)


def statement(unit: Unit, *, dynasty: bool) -> str:
    """The statement of responsibility: (清)曹雪芹, 高鹗著 ; 范晔译."""
    groups: dict[str, list[str]] = {}
    for person in unit.people + unit.translators:
        origin = f"({person.origin})" if dynasty and person.origin else ""
        groups.setdefault(person.role, []).append(origin + person.name)
    return " ; ".join(", ".join(names) + role for role, names in groups.items())


def hyphened(isbn13: str, prefix: str) -> str:
    """The number as the book prints it; without hyphens under an older prefix of the publisher."""
    if not isbn13.startswith(prefix):
        return isbn13
    group = next(group for group in ("957", "7", "0", "1") if prefix.startswith("978" + group))
    publisher = prefix[3 + len(group):]
    return "-".join((isbn13[:3], group, publisher, isbn13[len(prefix):12], isbn13[12]))


def isbn10(isbn13: str) -> str:
    """The same number with ten digits."""
    return with_check_digit(isbn13[3:12] + "?")


# --- what one library does otherwise ---------------------------------------------------------------------------


def marc21(card: Card, unit: Unit, key: str) -> Card:
    """A MARC21 library with 880 fields: roman headings beside the characters, English role words."""
    people = [_heading(person, role) for person, role in _with_english_roles(unit)]
    numbers = (unit.isbn13, hyphened(unit.isbn13, unit.publisher.prefix))
    qualifier = "set" if unit.is_set_isbn else "pbk." if unit.hardback_isbn13 else ""
    isbn = [f"{choose(key + 'marc21', numbers)}|{qualifier}"] if unit.isbn13 else []
    return _full(card | {"format": "MARC21", "by": "; ".join(people), "date": f"{unit.year}.", "pinyin": unit.pinyin,
                         "isbn": isbn})


def pinyin_only(card: Card, unit: Unit, key: str) -> Card:
    """A library abroad whose system holds no characters: everything in pinyin."""
    people = [f"{person.latin}/{role}" for person, role in _with_english_roles(unit) if person.latin]
    number = volume_number(unit)
    volume = f"v. {number}" if number and unit.kin != "annual" else number
    card = marc21(card, unit, key) | {
        "title": unit.pinyin, "pinyin": "", "subtitle": "", "by": "; ".join(people), "resp": "", "place": "",
        "volume": volume, "volume_title": "", "publisher": unit.publisher.pinyin,
        "edition": _roman_edition(unit.edition), "extent": f"{unit.pages} p. ; 21 cm."}
    return _full(card if choose(key + "isbn", (True, False)) else card | {"isbn": []})


def traditional(card: Card, unit: Unit, key: str) -> Card:
    """A library in Taiwan or Hong Kong that holds the mainland book."""
    people = [f"{person.traditional or person.name}/{TRADITIONAL_ROLE.get(person.role, person.role)}"
              for person in unit.people]
    isbn = [unit.isbn13] if unit.isbn13 and choose(key + "isbn", (True, False)) else []
    volume = "".join(TRADITIONAL_VOLUME.get(char, char) for char in unit.volume)
    return _full(card | {"title": unit.traditional, "publisher": unit.publisher.traditional, "by": "; ".join(people),
                         "resp": ", ".join(person.partition("/")[0] for person in people), "volume": volume,
                         "place": "", "isbn": isbn, "pinyin": "", "orig": "", "format": "MARC21",
                         "edition": unit.edition.replace("订", "訂")})


def ten_digits(card: Card, unit: Unit, key: str) -> Card:
    return card | {"isbn": [isbn10(unit.isbn13) + ("|(全套)" if unit.is_set_isbn else "")]}


def no_isbn(card: Card, unit: Unit, key: str) -> Card:
    return _full(card | {"isbn": []})


def wrong_check_digit(card: Card, unit: Unit, key: str) -> Card:
    wrong = str((int(unit.isbn13[12]) + 3) % 10)
    return card | {"isbn": [hyphened(unit.isbn13[:12] + wrong, unit.publisher.prefix)]}


def publisher_short(card: Card, unit: Unit, key: str) -> Card:
    return card | {"publisher": unit.publisher.short}


def next_year(card: Card, unit: Unit, key: str) -> Card:
    return card | {"date": choose(key + "year", (f"{unit.year + 1}.1", f"[{unit.year + 1}]", str(unit.year + 1)))}


def reprinted(card: Card, unit: Unit, key: str) -> Card:
    year = choose(key + "printing", unit.printings)
    return card | {"date": choose(key + "form", (str(year), f"{unit.year}({year}重印)", f"{year}.6"))}


def in_boards(card: Card, unit: Unit, key: str) -> Card:
    number = hyphened(unit.hardback_isbn13, unit.publisher.prefix)
    return card | {"isbn": [f"{number}|精装|CNY{float(unit.price) + 12:.2f}"]}


def no_author(card: Card, unit: Unit, key: str) -> Card:
    return _full(card | {"by": "", "resp": ""})


def other_roles(card: Card, unit: Unit, key: str) -> Card:
    """No statement, no role words; (原著) at most."""
    role = choose(key + "role", ("", "", "原著", "撰"))
    return _full(card | {"resp": "", "by": "; ".join(f"{person.name}/{role}" for person in unit.people)})


def other_name(card: Card, unit: Unit, key: str) -> Card:
    """The author by another name: family name only, in Latin script, with the country, or translated otherwise."""
    forms = [form for person in unit.people for form in (*person.variants, person.latin) if form]
    first = unit.people[0]
    name = choose(key + "name", [form for form in forms if form in (*first.variants, first.latin)])
    return _full(card | {"by": f"{name}/{first.role}", "resp": choose(key + "resp", (f"{name}{first.role}", ""))})


def edition_wording(card: Card, unit: Unit, key: str) -> Card:
    number = "".join(filter(str.isdigit, unit.edition))
    return card | {"edition": choose(key + "edition", (f"{number}版", f"第{NUMERALS[number]}版", f"{number}版."))}


def volume_wording(card: Card, unit: Unit, key: str) -> Card:
    number = volume_number(unit)
    if unit.volume in ("上", "中", "下", "上册", "中册", "下册"):
        forms: tuple[str, ...] = (f"{unit.volume[0]}册", f"{unit.volume[0]}卷", unit.volume[0])
    else:
        forms = (f"第{NUMERALS.get(number, number)}卷", f"第{number}册", f"v.{number}")
    return card | {"volume": choose(key + "volume", [form for form in forms if form != unit.volume])}


def volume_in_title(card: Card, unit: Unit, key: str) -> Card:
    """The volume written as part of the title proper."""
    form = choose(key + "where", ("{}（{}）", "{} {}", "{}. {}"))
    return _full(card | {"title": form.format(unit.title, unit.volume), "volume": "", "pinyin": ""})


def subtitle_in_title(card: Card, unit: Unit, key: str) -> Card:
    mark = choose(key + "mark", ("：", " : ", "——")) if unit.lang == "chi" else " : "
    return _full(card | {"title": f"{unit.title}{mark}{unit.subtitle}", "subtitle": "", "pinyin": ""})


def typo(card: Card, unit: Unit, key: str) -> Card:
    place = choose(key + "typo", [place for place, char in enumerate(unit.title) if char in LOOKALIKES])
    return card | {"title": unit.title[:place] + LOOKALIKES[unit.title[place]] + unit.title[place + 1:]}


def ubn_wording(card: Card, unit: Unit, key: str) -> Card:
    return card | {"ubn": unit.ubn.replace("·", choose(key + "dot", ("-", ".", "•", "－")))}


# --- small differences that any record may have ----------------------------------------------------------------


def side_habits(card: Card, unit: Unit, key: str, keep: frozenset[str]) -> Card:
    """Two or three habits of no weight, none of which touches a key to ``keep``."""
    drops = [name for name in ("pinyin", "lang", "orig", "extent", "place", "country", "resp", "subtitle")
             if name not in keep and choose(key + name, (True, False))]
    card = {name: value for name, value in card.items() if name not in drops}
    if "isbn" in card and choose(key + "plain", (True, False)):
        card["isbn"] = [_plain(text) for text in card["isbn"]]
    if "resp" in card and "(" in card["resp"] and choose(key + "dynasty", (True, False)):
        card["resp"] = statement(unit, dynasty=False)
    if "date" not in keep and card.get("date") == str(unit.year) and card.get("format") != "MARC21":
        card["date"] = choose(key + "date", ("{}", "{}", "{}.1", "[{}]", "{}05")).format(unit.year)
    return card


def _plain(text: str) -> str:
    number, *rest = text.split("|")
    return "|".join((number.replace("-", ""), *rest))


def _common(unit: Unit) -> Card:
    return {"title": unit.title, "pinyin": unit.pinyin, "subtitle": unit.subtitle, "volume": unit.volume,
            "volume_title": unit.volume_title, "edition": unit.edition, "publisher": unit.publisher.name,
            "place": unit.publisher.place, "date": str(unit.year), "ubn": unit.ubn, "lang": unit.lang,
            "extent": f"{unit.pages}页"}


def _full(card: Card) -> Card:
    return {key: value for key, value in card.items() if value}


def _heading(person: Person, role: str | None = None) -> str:
    mark = "@" if person.corporate else ""
    return f"{mark}{person.name}/{person.role if role is None else role}/{person.latin}".rstrip("/")


def _with_english_roles(unit: Unit) -> list[tuple[Person, str]]:
    return [(person, "author") for person in unit.people] + [(person, "translator") for person in unit.translators]


def _in_latin(person: Person) -> Person:
    return Person(person.latin or person.name, person.role)


def _direct(name: str) -> str:
    family, _, given = name.partition(", ")
    return f"{given} {family}".strip()


def volume_number(unit: Unit) -> str:
    """The number in a volume's name: 第一卷 is 1, and so is 上 (of two or three); none where the name has none."""
    if unit.volume.isdigit():
        return unit.volume
    words = {word: number for number, word in NUMERALS.items()}
    words |= {"上": "1", "中": "2", "下": str(unit.volumes), "Ⅱ": "2", "Ⅲ": "3"}
    found = [words.get(char, char) for char in unit.volume if char in words or char.isdigit()]
    return found[0] if len(found) == 1 else ""


def _roman_edition(edition: str) -> str:
    number = "".join(filter(str.isdigit, edition))
    return f"Di {number} ban." if edition == f"第{number}版" else ""
