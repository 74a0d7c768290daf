"""A link is made in a real browser, and opened in another one, which has no login."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser import SIZES, watched
from tests.integration.test_browser import SERIOUS, becomes, fits
from tests.integration.web_clients import served
from tests.integration.web_house import PASSWORD, WebHouse, said

MEDIA = "document.querySelector('#media')"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A page with a recording, whose users have to log in."""
    house = WebHouse(tmp_path_factory.mktemp("share"), "share_days_max = 30")
    house.users.set_password("carol", PASSWORD)
    lines = [said("good morning everybody", 0.0, 2.0, timed=True), said("this is all", 2.0, 4.0, timed=True)]
    house.add("talk.opus", *lines)
    house.store.decoded(1, chunks_total=1, duration_s=60.0, speech_s=4.0, damaged=0, waveform=bytes(range(256)))
    with served(house.settings) as found:
        yield found
    house.close()


@pytest.fixture(params=zip(SIZES, ("light", "dark"), strict=True), ids=("desk", "phone"))
def contexts(
    request: pytest.FixtureRequest, browser: Browser, address: str
) -> Iterator[tuple[BrowserContext, BrowserContext]]:
    """Two browsers, on a desk by day or on a phone at night."""
    (width, height), scheme = request.param
    made = [
        browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme, base_url=address)
        for _ in range(2)
    ]
    yield made[0], made[1]
    for each in made:
        each.close()


def opened_reader(context: BrowserContext, address: str) -> Page:
    """The reader of the recording, after a login, with its part about links unfolded."""
    page = context.new_page()
    page.goto("/jobs/1")
    page.get_by_label("Name").fill("carol")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(f"{address}/jobs/1")
    page.get_by_text("Share", exact=True).click()
    return page


def serious(page: Page) -> list[tuple[str, str]]:
    found = Axe().run(page).response["violations"]
    return [(each["id"], each["nodes"][0]["html"]) for each in found if each["impact"] in SERIOUS]


def test_a_link_is_made_opened_without_a_login_and_withdrawn(
    contexts: tuple[BrowserContext, BrowserContext], address: str
) -> None:
    mine, theirs = contexts
    mine.grant_permissions(["clipboard-read", "clipboard-write"])
    page = opened_reader(mine, address)
    wrong = watched(page, address)
    page.get_by_label("Days").fill("3")
    page.get_by_label("With the recording").check()
    page.get_by_role("button", name="Make a link").click()
    link = page.get_by_label("The link")
    expect(link).to_be_focused()
    shared = link.input_value()
    assert shared.startswith(f"{address}/shared/")
    page.get_by_role("button", name="copy the link").click()
    expect(page.get_by_text("Copied.")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == shared
    row = page.locator("#share-links li").first
    expect(row).to_contain_text("carol")
    expect(row).to_contain_text("with the recording")
    expect(row.get_by_text("Does not work")).to_be_hidden()
    assert fits(page) and serious(page) == []

    visitor = theirs.new_page()
    wrong += watched(visitor, address)
    visitor.goto(shared)
    expect(visitor.get_by_role("heading", name="talk.opus")).to_be_visible()
    expect(visitor.locator("#waveform")).to_be_visible()
    word = visitor.locator("#lines li").nth(1).locator("[data-start]").nth(1)
    word.click()
    becomes(visitor, f"!{MEDIA}.paused && {MEDIA}.currentTime >= {word.get_attribute('data-start')}")
    expect(visitor.locator("#lines li").nth(1)).to_have_attribute("aria-current", "true")
    visitor.keyboard.press("k")
    becomes(visitor, f"{MEDIA}.paused")
    with visitor.expect_download() as taken:
        visitor.get_by_role("link", name="srt", exact=True).click()
    assert taken.value.suggested_filename == "talk.srt"
    assert "good morning everybody" in Path(taken.value.path()).read_text()
    assert fits(visitor) and serious(visitor) == []
    assert theirs.cookies() == [] and httpx.head(shared).status_code == 200

    row.get_by_role("button", name="withdraw").click()
    expect(page.get_by_text("The link is withdrawn.")).to_be_visible()
    expect(page.locator("#share-links li")).to_have_count(0)
    expect(link).to_be_hidden()
    assert wrong == []
    visitor.reload()
    expect(visitor.get_by_role("heading", name="This link does not work")).to_be_visible()
    assert fits(visitor) and serious(visitor) == []


def test_a_link_to_the_text_alone_has_no_player_and_its_text_can_be_copied(
    contexts: tuple[BrowserContext, BrowserContext], address: str
) -> None:
    mine, theirs = contexts
    page = opened_reader(mine, address)
    page.get_by_role("button", name="Make a link").click()
    link = page.get_by_label("The link")
    expect(link).to_be_focused()
    theirs.grant_permissions(["clipboard-read", "clipboard-write"])
    visitor = theirs.new_page()
    wrong = watched(visitor, address)
    visitor.goto(link.input_value())
    expect(visitor.locator("#lines li")).to_have_count(2)
    expect(visitor.locator("#media")).to_have_count(0)
    visitor.get_by_role("button", name="copy with times").click()
    expect(visitor.get_by_text("Copied.")).to_be_visible()
    assert visitor.evaluate("navigator.clipboard.readText()") == "0:00\tgood morning everybody\n0:02\tthis is all"
    assert fits(visitor) and serious(visitor) == [] and wrong == []


def test_a_double_click_makes_one_link(contexts: tuple[BrowserContext, BrowserContext], address: str) -> None:
    page = opened_reader(contexts[0], address)
    before = page.locator("#share-links li")
    page.wait_for_load_state("networkidle")
    count = before.count()
    page.get_by_role("button", name="Make a link").dblclick()
    expect(page.get_by_label("The link")).to_be_focused()
    page.wait_for_load_state("networkidle")
    expect(before).to_have_count(count + 1)
    page.get_by_role("button", name="Make a link").click()
    expect(before).to_have_count(count + 2)


def test_what_goes_wrong_is_said(contexts: tuple[BrowserContext, BrowserContext], address: str) -> None:
    page = opened_reader(contexts[0], address)
    page.get_by_label("Days").fill("31")
    page.evaluate("document.querySelector('#share-form').noValidate = true")
    page.get_by_role("button", name="Make a link").click()
    expect(page.get_by_text("30 are the most")).to_be_visible()
    contexts[0].set_offline(True)
    page.get_by_role("button", name="Make a link").click()
    expect(page.get_by_text("The server cannot be reached")).to_be_visible()
    assert page.get_by_label("The link").is_hidden()
