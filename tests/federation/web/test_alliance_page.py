"""The page of the alliance's keys: what is in force, and what runs out in 90, 30 or 7 days."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer

from federation.web.api import GATEWAY
from tests.federation.web.site import small_site
from tests.federation.web.test_portal import NAVIGATION, Parsed
from tests.trust.samples import HANGZHOU, NOW, YANGPU, Published, agency, key_record, sample_directory, signing_key
from trust.key_life import WARN_DAYS

DAY = timedelta(days=1)
LONG = NOW + 999 * DAY


async def page_of(folder: Path, published: Published, language: str = "zh") -> Parsed:
    """Return the page of a gateway that holds this directory."""
    directory = published.accept()
    async with small_site(folder) as app:
        app[GATEWAY] = replace(app[GATEWAY], directory=lambda: directory)
        async with TestClient(TestServer(app)) as http:
            answer = await http.get("/alliance", params={"lang": language}, headers=NAVIGATION)
            assert answer.status == 200
            return Parsed(await answer.text())


def with_key(days: int) -> Published:
    """A directory in which one library's only key signs for so many days more."""
    key = signing_key("own")
    own = agency(YANGPU, keys=(key_record(key.verifying, sign_until=NOW + days * DAY),)).model_copy(
        update={"name_zh": "杨浦<script>"})
    return Published(directory=sample_directory(own, agency(HANGZHOU)), expires=LONG, root_expires=LONG, version=7)


@pytest.mark.parametrize("days", WARN_DAYS)
async def test_a_key_that_runs_out_is_on_the_page(tmp_path: Path, days: int) -> None:
    page = await page_of(tmp_path, with_key(days))
    assert [warning["data-level"] for warning in page.all("li") if "data-level" in warning] == [str(days)]
    assert any(YANGPU in text and f"{days} 天后到期 runs out in {days} days" in text for _, text in page.texts)


@pytest.mark.parametrize(("language", "words"), [
    ("zh", ["联盟名录与密钥", "即将到期", "没有。", "版本"]),
    ("en", ["The alliance's directory and keys", "Running out soon", "Nothing.", "Version"])])
async def test_it_says_what_is_in_force_in_either_language(tmp_path: Path, language: str, words: list[str]) -> None:
    page = await page_of(tmp_path, with_key(200), language)
    texts = [text for _, text in page.texts]
    assert set(words) <= set(texts)
    assert any(text.startswith("7 (") for text in texts)
    assert any(signing_key("own").key_id[:12] in text for text in texts)


async def test_names_are_escaped_and_a_member_without_a_key_is_told(tmp_path: Path) -> None:
    page = await page_of(tmp_path, with_key(-1))
    assert "杨浦<script>" in [text for _, text in page.texts]
    assert "目前没有可用的签名密钥" in [text for _, text in page.texts]
    assert [warning["data-level"] for warning in page.all("li") if "data-level" in warning] == ["0"]
