"""Correcting a transcript in a real browser: over a real daemon from the recording to its files, the rest without one."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from daemon.clips import CLIPS
from tests.browser import SIZES, watched
from tests.integration.correct_desk import (
    LINES,
    Desk,
    caret,
    correct,
    focus_is_in_line,
    open_line,
    saved,
    shown,
    tells,
    texts,
)
from tests.integration.test_browser import SERIOUS, becomes, fits
from tests.integration.web_house import said
from tests.integration.web_process import free_port, is_served
from tests.support import Daemon, wait_until


@pytest.fixture
def page(desk: Desk) -> Iterator[Page]:
    with desk.page() as made:
        yield made


@pytest.fixture(params=SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def small_or_large(request: pytest.FixtureRequest) -> dict[str, Any]:
    return {"viewport": {"width": request.param[0], "height": request.param[1]}}


# -- from the recording to its files -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    port = free_port()
    made = Daemon(
        tmp_path_factory.mktemp("correct"), web=f'listen = "127.0.0.1:{port}"', model="word_timestamps = true"
    )
    made.environment["PAGE"] = f"http://127.0.0.1:{port}"
    made.start().ready()
    wait_until(lambda: is_served(port), 20, "the page")
    yield made
    made.kill()


@pytest.mark.model
def test_what_is_dropped_is_corrected_found_and_taken_away(
    desk: Desk, daemon: Daemon, small_or_large: dict[str, Any]
) -> None:
    context = desk.browser.new_context(**small_or_large, base_url=daemon.environment["PAGE"], accept_downloads=True)
    page = context.new_page()
    wrong = watched(page, daemon.environment["PAGE"], "blob:", "data:")
    width = small_or_large["viewport"]["width"]
    page.goto("/")
    recording = page.locator("#files")
    name = f"dropped-{width}.opus"
    recording.set_input_files(
        {"name": name, "mimeType": "audio/ogg", "buffer": (CLIPS / "memo-1.opus").read_bytes() + bytes([width % 256])}
    )
    row = page.locator("tr", has=page.get_by_role("link", name=name))
    expect(row.locator(".state")).to_have_text("done", timeout=60_000)
    row.get_by_role("link").click()
    page.wait_for_url("**/jobs/*")
    words = page.locator("#lines .text [data-start]")
    border = float(words.nth(2).get_attribute("data-start") or "nan")
    words.nth(0).click()
    becomes(page, "!document.querySelector('#media').paused")

    correct(page)
    becomes(page, "document.activeElement.name === 'text'")
    heard = page.locator(".editor textarea").input_value()
    place = page.evaluate(
        "document.querySelector('.open .text').textContent.trim().split(' ').slice(0, 2).join(' ').length"
    )
    caret(page, place)
    page.keyboard.press("Alt+Enter")
    tells(page, "Split in two")
    assert shown(page)[1][0] == pytest.approx(border, abs=0.001), "the border is where the third word begins"
    page.keyboard.press("Control+a")
    word = f"Xylophone{width}"
    page.keyboard.type(f"{word} arrives")
    page.keyboard.press("Control+s")
    tells(page, "Saved as version 1.")
    expect(page.locator("#edited")).to_contain_text("Corrected")
    first = " ".join(heard.split()[:2])
    text, subtitles = ((daemon.inbox / name).with_suffix(suffix) for suffix in (".txt", ".srt"))
    wait_until(lambda: word in text.read_text(), 20, "the text being written again")
    assert text.read_text().splitlines()[:2] == [first, f"{word} arrives"]
    wait_until(lambda: word in subtitles.read_text(), 20, "the subtitles being written again")

    page.get_by_role("button", name="Close").click()
    assert fits(page)
    with page.expect_download() as taken:
        page.get_by_role("link", name="srt", exact=True).click()
    assert word in Path(taken.value.path()).read_text()
    page.goto(f"/search?q={word}")
    expect(page.locator("mark")).to_have_text(word)
    page.get_by_role("link", name=name).click()
    page.wait_for_url("**/jobs/*")
    assert texts(page)[:2] == [first, f"{word} arrives"]
    context.close()
    assert wrong == []


# -- lines ---------------------------------------------------------------------------------------------------


def test_lines_are_split_joined_added_and_deleted_by_mouse(page: Page) -> None:
    correct(page)
    open_line(page, "to large")
    caret(page, len("the budget"))
    page.get_by_role("button", name="Split").click()
    tells(page, "Split in two at 0:01.60.")
    assert shown(page)[1:3] == [(1.2, 1.6, "the budget"), (1.6, 2.2, "is to large")]
    page.get_by_role("button", name="Join with the next").click()
    assert shown(page)[2] == (1.6, 3.0, "is to large next week then")
    open_line(page, "多谢大家")
    page.get_by_role("button", name="Join with the next").click()
    assert shown(page)[-1] == (10.0, 12.0, "多谢大家再见。"), "no space where the script has none"
    page.get_by_role("button", name="Join with the next").click()
    tells(page, "This is the last line.")
    open_line(page, "good morning")
    page.get_by_role("button", name="Add a line after").click()
    assert shown(page)[1] == (1.0, 1.2, "") and focus_is_in_line(page, 1)
    page.keyboard.type("hello")
    open_line(page, "good morning")
    page.get_by_role("button", name="Delete").click()
    assert shown(page)[0] == (1.0, 1.2, "hello") and focus_is_in_line(page, 0)
    page.keyboard.press("Control+s")
    tells(page, "Saved as version 1.")
    assert [line["text"] for line in saved(page)] == [
        "hello", "the budget", "is to large next week then", "多谢大家再见。",
    ]  # fmt: skip
    assert [line["language"] for line in saved(page)] == ["en", "en", "en", "zh"]


def test_the_second_part_of_a_line_stands_where_it_is_heard(page: Page) -> None:
    correct(page)
    open_line(page, "next week")
    page.get_by_label("End", exact=True).fill("0:30")
    caret(page, len("next week"))
    page.keyboard.press("Alt+Enter")
    assert texts(page)[2:] == ["next week", "多谢大家", "再见。", "then"]
    assert focus_is_in_line(page, 5)
    page.keyboard.press("Control+z")
    assert texts(page)[2:] == ["next week then", "多谢大家", "再见。"] and focus_is_in_line(page, 2)


def test_the_caret_is_where_the_text_was_clicked(page: Page) -> None:
    correct(page)
    word = page.locator("#lines .text [data-start]", has_text="budget").bounding_box()
    assert word is not None
    page.mouse.click(word["x"] + word["width"] - 1, word["y"] + word["height"] / 2)
    page.keyboard.type("s")
    assert texts(page)[1] == "the budgets is to large"
    page.get_by_role("button", name="Save").focus()
    assert page.locator(".open > .text").text_content() == "the budgets is to large", "what is copied"
    assert page.evaluate("document.querySelector('#media').paused"), "to correct is not to play"


def test_lines_of_two_channels_are_not_joined(desk: Desk) -> None:
    with desk.page([said("hello", 0.0, 1.0, channel=1), said("hi", 1.0, 2.0, channel=2)]) as page:
        correct(page)
        page.get_by_role("button", name="Join with the next").click()
        tells(page, "Lines of two channels cannot be joined.")
        open_line(page, "hi")
        page.keyboard.press("End")
        page.keyboard.type(" there you")
        caret(page, 2)
        page.keyboard.press("Alt+Enter")
        expect(page.locator("#lines .who")).to_have_text(["1", "2", "2"])
        page.keyboard.press("Control+s")
        tells(page, "Saved as version 1.")
        assert [line["channel"] for line in saved(page)] == [1, 2, 2]


def test_times_are_typed_and_wrong_ones_are_told(page: Page) -> None:
    correct(page)
    open_line(page, "next week")
    start, end, wrong = (
        page.get_by_label("Start", exact=True),
        page.get_by_label("End", exact=True),
        page.locator(".editor [role=alert]"),
    )
    start.fill("nonsense")
    start.press("Enter")
    expect(wrong).to_have_text("Write the time like 1:02:03.45 or 2:03.")
    expect(start).to_be_focused()
    expect(start).to_have_attribute("aria-invalid", "true")
    start.fill("0:08")
    start.press("Enter")
    expect(wrong).to_have_text("The end must be later than the start.")
    end.fill("9,5")
    end.press("Enter")
    expect(wrong).to_have_text("")
    assert shown(page)[2][:2] == (8.0, 9.5)
    end.fill("9:00")
    end.press("Tab")
    expect(page.get_by_role("button", name="Now: the line ends")).to_be_focused()
    expect(wrong).to_have_text("The recording ends at 1:00.00.")
    page.keyboard.press("Escape")
    open_line(page, "next week")
    expect(end).to_have_value("0:09.50")
    start.fill("0:00.50")
    end.fill("0:01.10")
    end.press("Control+s")
    tells(page, "Saved as version 1.")
    assert texts(page)[:2] == ["good morning Ida", "next week then"], "it stands where it is heard"
    expect(end).to_be_focused()
    assert [(line["start_s"], line["text"]) for line in saved(page, 1)][1] == (0.5, "next week then")
    start.fill("0:00.40")
    start.press("Tab")
    tells(page, "The line overlaps another one")
    expect(page.get_by_role("button", name="Now: the line starts")).to_be_focused()
    end.fill("0:22")
    end.press("Tab")
    start.fill("0:20")
    start.press("Tab")
    wait_until(lambda: texts(page)[-1] == "next week then", 10, "the line standing at its new place")
    expect(page.get_by_role("button", name="Now: the line starts")).to_be_focused()


def test_a_line_starts_and_ends_at_the_time_that_plays_and_stays_marked(page: Page) -> None:
    becomes(page, "document.querySelector('#media').readyState > 0")
    correct(page)
    open_line(page, "to large")
    page.evaluate("document.querySelector('#media').currentTime = 1.5")
    expect(page.locator("#lines > li").nth(1)).to_have_attribute("aria-current", "true")
    page.keyboard.press("Alt+[")
    tells(page, "The line starts at 0:01.50.")
    page.keyboard.press("Alt+l")
    becomes(page, "document.querySelector('#media').currentTime > 2")
    page.keyboard.press("Alt+j")
    becomes(page, "document.querySelector('#media').currentTime < 1")
    page.keyboard.press("Alt+]")
    expect(page.locator(".editor [role=alert]")).to_have_text("The end must be later than the start.")
    page.evaluate("document.querySelector('#media').currentTime = 2")
    becomes(page, "document.querySelector('#media').currentTime === 2")
    page.get_by_role("button", name="Now: the line ends").click()
    tells(page, "The line ends at 0:02.00.")
    page.get_by_label("Text").focus()
    assert shown(page)[1] == (1.5, 2.0, "the budget is to large")
    page.keyboard.press("Alt+r")
    becomes(page, "!document.querySelector('#media').paused")
    page.keyboard.press("Alt+k")
    becomes(page, "document.querySelector('#media').paused")
    assert focus_is_in_line(page, 1)
    caret(page, 3)
    page.keyboard.press("Alt+Enter")
    expect(page.locator("#lines > [aria-current]")).to_have_count(1)
    page.get_by_role("button", name="Add a line", exact=True).click()
    expect(page.locator("#lines > [aria-current]")).to_have_count(1)


# -- everybody -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("scheme", "size"), [("light", SIZES[0]), ("dark", SIZES[1])])
def test_everybody_can_correct(page: Page, scheme: Any, size: tuple[int, int]) -> None:
    """No serious finding of axe-core, and no scrolling to the side."""
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": size[0], "height": size[1]})
    correct(page)
    page.get_by_label("End", exact=True).fill("nonsense")
    page.get_by_label("End", exact=True).press("Enter")
    page.get_by_text("Versions", exact=True).click()
    page.get_by_role("button", name="Look at it").click()
    page.get_by_text("Keys", exact=True).click()
    expect(page.locator("#version-shown li")).to_have_count(len(LINES))
    assert fits(page)
    found = Axe().run(page).response["violations"]
    assert [(each["id"], each["nodes"][0]["html"]) for each in found if each["impact"] in SERIOUS] == []


def test_what_sounds_is_seen_where_the_system_sets_the_colours(page: Page) -> None:
    page.emulate_media(forced_colors="active")
    page.locator("#lines .text [data-start]", has_text="budget").click()
    becomes(page, "document.querySelector('#lines .sounds') !== null")
    page.keyboard.press("k")
    looks = "(each) => [getComputedStyle(each).outlineStyle, getComputedStyle(each).backgroundColor]"
    word, line = page.locator("#lines .sounds"), page.locator("#lines > [aria-current]")
    other_word, other_line = page.locator("#lines .text [data-start]").first, page.locator("#lines > li").last
    assert word.evaluate(looks)[1] != other_word.evaluate(looks)[1]
    assert (line.evaluate(looks)[0], other_line.evaluate(looks)[0]) == ("solid", "none")


@pytest.mark.parametrize("size", [(640, 400), (320, 256), SIZES[1]], ids=["200 %", "400 %", "a phone"])
def test_nothing_hides_the_text_that_is_open(page: Page, size: tuple[int, int]) -> None:
    page.set_viewport_size({"width": size[0], "height": size[1]})
    correct(page)
    is_seen = """(each) => {
        const { left, top, width, height } = each.getBoundingClientRect();
        return document.elementFromPoint(left + width / 2, top + height / 2) === each;
    }"""
    for key in ("Enter", "Enter", "Enter", "Shift+Enter", "Shift+Enter"):
        page.keyboard.press(key)
        assert page.locator(".editor textarea").evaluate(is_seen)
