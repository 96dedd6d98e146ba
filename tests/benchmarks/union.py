"""A generated union catalogue: works that several libraries hold, each library with a record of its own.

Titles are drawn from words and surnames that Chinese books use, so that bigrams and pinyin collide as in life; how
many libraries hold a work falls off as a power law. The sample books are among the works. Same size, same records.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from random import Random

from examples.alliance.books import load_books
from schemas.bib import Bib, Classification, Contributor, Holding, Isbn, Item, MarcFormat, Note, Subject
from schemas.identifiers import AgencyId

_WORDS = (
    "中国 世界 上海 江南 现代 古代 当代 经济 社会 历史 文化 文学 艺术 哲学 科学 技术 教育 管理 心理 儿童 "
    "家庭 健康 医学 法律 政治 军事 城市 乡村 环境 地理 旅行 美食 建筑 园林 戏曲 音乐 绘画 书法 摄影 电影 "
    "诗歌 小说 散文 传记 故事 童话 神话 计算机 程序 网络 数据 算法 人工智能 机器 数学 物理 化学 生物 天文 "
    "海洋 动物 植物 农业 工程 设计 发展 研究 概论 导论 入门 教程 手册 词典 选集 全集 通史 简史 评论 思想 "
    "理论 方法 实践 问题 变迁 记忆 时代 春天 夜晚 长江 太湖 运河 西湖 黄山 红楼 三国 水浒 西游 明清 唐宋 "
    "民国 的 与 之 论 新 大 小 在 我的 一个 从 到")
_ENGLISH = (
    "introduction to the of data design systems modern history art theory practice computer network machine "
    "learning city river love war and")
WORDS, ENGLISH = _WORDS.split(), _ENGLISH.split()
SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗"
GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华文辉志远思雨晨"
PUBLISHERS = tuple(f"{place}{kind}出版社" for place in ("人民", "上海", "江苏", "浙江", "安徽", "科学", "清华大学",
                                                       "商务", "中信", "重庆") for kind in ("文艺", "教育", "科技", ""))
CLASSES = ("I247.5", "K25", "F12", "TP312", "B84", "G40", "J22", "Q95", "R161", "D9", "TU986", "H31")
CITIES = ("上海", "南京", "苏州", "无锡", "常州", "南通", "杭州", "宁波", "嘉兴", "绍兴", "湖州", "合肥", "芜湖")
TOPICS = ("长篇小说", "历史", "经济发展", "程序设计", "心理学", "教育", "绘画", "动物", "保健", "法律", "古典园林",
          "英语")
HOLDERS_EXPONENT = 0.75
"""Of the power law: half of the works have one or two holders, some have all."""

RECORDS_PER_WORK = 3


@dataclass(frozen=True, slots=True)
class Work:
    """What all libraries agree on."""

    title: str
    author: str
    publisher: str
    year: int
    isbn13: str
    subject: int

    @property
    def language(self) -> str:
        """Its language, by its title's script."""
        return "eng" if self.title.isascii() else "chi"


@dataclass(frozen=True)
class Union:
    """``records`` records of ``libraries`` libraries; iterating gives them in an order that mixes libraries."""

    records: int
    libraries: int = 31
    seed: int = 7

    @cached_property
    def agencies(self) -> tuple[AgencyId, ...]:
        """The libraries."""
        return tuple(AgencyId(f"CN-31{number:04}-1-LIB") for number in range(self.libraries))

    @cached_property
    def cities(self) -> dict[AgencyId, str]:
        """The city of each library: a few have several."""
        return {agency: CITIES[number % len(CITIES)] for number, agency in enumerate(self.agencies)}

    @cached_property
    def works(self) -> tuple[Work, ...]:
        """The works; the sample books first."""
        random = Random(f"{self.seed}:works")
        sample = [Work(book.title, book.author, book.publisher, book.year, book.isbn13, n % len(TOPICS))
                  for n, book in enumerate(load_books())]
        count = max(1, self.records // RECORDS_PER_WORK)
        return (*sample[:count], *(_work(random, number) for number in range(count - len(sample))))

    def __iter__(self) -> Iterator[tuple[AgencyId, Bib]]:
        random = Random(f"{self.seed}:holders")
        number = 0
        while True:
            for work in self.works:
                holders = max(1, min(self.libraries, int(random.paretovariate(HOLDERS_EXPONENT))))
                for agency in random.sample(self.agencies, holders):
                    if number == self.records:
                        return
                    yield agency, bib_of(work, number)
                    number += 1

    def by_library(self) -> list[list[tuple[AgencyId, Bib]]]:
        """Return the records dealt out evenly, for senders that each have as many."""
        whole = list(self)
        return [whole[first::self.libraries] for first in range(self.libraries)]


def bib_of(work: Work, number: int) -> Bib:
    """Return a library's record of a work, with one or two copies."""
    items = tuple(Item(barcode=f"{number:08}{copy}", price_fen=6800) for copy in range(1 + number % 2))
    clc = CLASSES[work.subject]
    holding = Holding(branch="总馆", location="中文图书借阅室", call_number=f"{clc}/{number % 1000}", items=items)
    return Bib(
        record_id=f"{number:09}", source=MarcFormat.CNMARC, title=work.title, responsibility=f"{work.author}著",
        contributors=(Contributor(name=work.author, role="著"),), publisher=work.publisher, year=work.year,
        date_text=str(work.year), isbns=(Isbn.parse(work.isbn13, price_text="CNY68.00"),) if work.isbn13 else (),
        subjects=(Subject(heading=TOPICS[work.subject], places=("中国",)),),
        classes=(Classification(number=clc),), languages=(work.language,),
        notes=(Note(texts=("有索引",)),) if number % 3 == 0 else (),
        holdings=(holding,))


def _work(random: Random, number: int) -> Work:
    if random.random() < 0.15:
        title = " ".join(random.choices(ENGLISH, k=random.randint(2, 6))).capitalize()
    else:
        title = "".join(random.choices(WORDS, k=random.randint(2, 5)))
    author = random.choice(SURNAMES) + "".join(random.choices(GIVEN, k=random.randint(1, 2)))
    return Work(title, author, random.choice(PUBLISHERS), random.randint(1980, 2026),
                _isbn(number) if random.random() < 0.9 else "", random.randrange(len(TOPICS)))


def _isbn(number: int) -> str:
    digits = f"9787{number % 10**8:08}"
    total = sum(int(digit) * (1, 3)[place % 2] for place, digit in enumerate(digits))
    return f"{digits}{-total % 10}"
