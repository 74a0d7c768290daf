"""The page in a real browser, over a real daemon: drop, watch, read and listen, search, take."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from daemon.clips import CLIPS
from tests.browser import SIZES, watched
from tests.integration.web_process import free_port, is_served
from tests.support import Daemon, wait_until

SERIOUS = ("serious", "critical")


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A daemon with the real model, its page, and a recording that is done."""
    port = free_port()
    made = Daemon(tmp_path_factory.mktemp("page"), web=f'listen = "127.0.0.1:{port}"', model="word_timestamps = true")
    made.start().ready()
    shutil.copy(CLIPS / "memo-1.opus", made.inbox / "memo.opus")
    shutil.copy(CLIPS / "demo.flac", made.inbox / "demo.flac")
    made.wait_idle(2)
    wait_until(lambda: is_served(port), 20, "the page")
    made.environment["PAGE"] = f"http://127.0.0.1:{port}"
    yield made
    made.kill()


@pytest.fixture(params=SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def page(request: pytest.FixtureRequest, browser: Browser, daemon: Daemon) -> Iterator[Page]:
    width, height = request.param
    context = browser.new_context(
        viewport={"width": width, "height": height}, base_url=daemon.environment["PAGE"], accept_downloads=True
    )
    made = context.new_page()
    wrong = watched(made, daemon.environment["PAGE"], "blob:", "data:")
    yield made
    context.close()
    assert wrong == []


def becomes(page: Page, expression: str) -> None:
    """Wait until something is true. Playwright's own way is to evaluate a text in the page, which the CSP forbids."""
    page.wait_for_load_state()
    wait_until(lambda: page.evaluate(expression), 20, expression)


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


@pytest.mark.model
def test_what_is_dropped_appears_by_itself_and_is_read_and_listened_to(page: Page, daemon: Daemon) -> None:
    page.goto("/")
    name = f"dropped-{page.viewport_size['width'] if page.viewport_size else 0}.opus"
    shutil.copy(CLIPS / "memo-2.opus", daemon.inbox / name)
    row = page.locator("tr", has=page.get_by_role("link", name=name))
    expect(row.locator(".state")).to_have_text("done", timeout=60_000)
    assert fits(page)
    row.get_by_role("link").click()
    page.wait_for_url("**/jobs/*")
    page.wait_for_load_state()

    lines = page.locator("#lines li")
    text = (daemon.inbox / name).with_suffix(".txt").read_text().splitlines()
    assert [line.strip() for line in page.locator("#lines .text").all_inner_texts()] == text
    assert fits(page)
    words = lines.first.locator("[data-start]")
    words.nth(3).click()
    becomes(page, "!document.querySelector('#media').paused")
    place = float(words.nth(3).get_attribute("data-start") or "nan")
    becomes(page, f"document.querySelector('#media').currentTime >= {place}")
    expect(lines.first).to_have_attribute("aria-current", "true")
    expect(page.locator(".sounds")).to_have_count(1)


@pytest.mark.model
def test_the_keys_of_editors_work(page: Page) -> None:
    page.goto("/")
    page.get_by_role("link", name="demo.flac").click()
    page.wait_for_url("**/jobs/*")
    becomes(page, "document.querySelector('#media').readyState > 0")
    media = "document.querySelector('#media')"
    page.keyboard.press("k")
    becomes(page, f"!{media}.paused && {media}.currentTime > 0")
    page.keyboard.press(" ")
    becomes(page, f"{media}.paused")
    page.keyboard.press("ArrowDown")
    before = page.evaluate(f"{media}.currentTime")
    page.keyboard.press("l")
    becomes(page, f"{media}.currentTime > {before} + 1")
    page.keyboard.press(">")
    assert page.evaluate(f"{media}.playbackRate") == 1.25
    page.get_by_label("Speed").focus()
    page.keyboard.press("k")
    assert page.evaluate(f"{media}.paused"), "who chooses something else does not play"


@pytest.mark.model
def test_the_waveform_shows_the_sound_and_leads_into_it(page: Page) -> None:
    page.goto("/")
    page.get_by_role("link", name="demo.flac").click()
    canvas = page.locator("#waveform")
    expect(canvas).to_be_visible()
    inks = "new Set(document.querySelector('#waveform').getContext('2d').getImageData(0, 20, 300, 20).data).size"
    becomes(page, f"{inks} > 2")
    box = canvas.bounding_box()
    assert box is not None
    canvas.click(position={"x": box["width"] / 2, "y": 5})
    media = "document.querySelector('#media')"
    becomes(page, f"Math.abs({media}.currentTime - {media}.duration / 2) < {media}.duration / 20")


@pytest.mark.model
def test_what_is_found_plays_from_its_second(page: Page, daemon: Daemon) -> None:
    ((words, start_s),) = daemon.query(
        "SELECT text, start_s FROM segments JOIN jobs ON jobs.id = job_id WHERE path = 'demo.flac' ORDER BY start_s DESC LIMIT 1"
    )
    page.goto("/")
    page.get_by_role("searchbox").fill(f'"{words}"')
    page.keyboard.press("Enter")
    expect(page.locator("mark").first).to_be_visible()
    assert fits(page)
    page.get_by_role("link", name="demo.flac").click()
    page.wait_for_url("**/jobs/*")
    becomes(page, f"Math.abs(document.querySelector('#media').currentTime - {start_s}) < 0.1")
    expect(page.locator("[aria-current]")).to_contain_text(str(words).split()[0])


@pytest.mark.model
def test_a_transcript_is_taken_away(page: Page, daemon: Daemon) -> None:
    page.goto("/")
    page.get_by_role("link", name="demo.flac").click()
    with page.expect_download() as taken:
        page.get_by_role("link", name="srt", exact=True).click()
    assert taken.value.suggested_filename == "demo.srt"
    assert Path(taken.value.path()).read_bytes() == (daemon.inbox / "demo.srt").read_bytes()


@pytest.mark.model
def test_a_job_is_retried_from_the_page(page: Page, daemon: Daemon) -> None:
    name = f"broken-{page.viewport_size['width'] if page.viewport_size else 0}.mp3"
    (daemon.inbox / name).write_bytes(b"no music" * 100)
    page.goto("/")
    row = page.locator("tr", has=page.get_by_role("link", name=name))
    expect(row.locator(".state")).to_have_text("rejected", timeout=30_000)
    before = daemon.query("SELECT count(*) FROM jobs WHERE path = ? AND retried", name)
    row.get_by_role("button", name="retry").click()
    wait_until(
        lambda: daemon.query("SELECT count(*) FROM jobs WHERE path = ? AND retried", name) != before, 20, "retry"
    )


@pytest.mark.model
@pytest.mark.parametrize("scheme", [pytest.param("light", marks=pytest.mark.faults), "dark"])
def test_everybody_can_use_it(page: Page, scheme: str) -> None:
    """No serious finding of axe-core, which knows WCAG 2.2 AA."""
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    for path in ("/", "/jobs/1", "/search?q=the", "/login"):
        page.goto(path)
        found = Axe().run(page).response["violations"]
        assert [(path, each["id"], each["nodes"][0]["html"]) for each in found if each["impact"] in SERIOUS] == []
