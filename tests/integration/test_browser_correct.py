"""Correcting a transcript in a real browser: over a real daemon from the recording to its files, the rest without one."""

import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from daemon.chunk import Suppressed
from daemon.clips import CLIPS
from daemon.web.sessions import COOKIE
from tests.browser import SIZES, chromium, watched
from tests.integration.test_browser import SERIOUS, becomes, fits
from tests.integration.web_clients import served
from tests.integration.web_house import WebHouse, said
from tests.integration.web_process import free_port, is_served
from tests.support import Daemon, wait_until

LINES = (
    said("good morning Ida", 0.0, 1.0, timed=True),
    said("the budget is to large", 1.2, 2.2, timed=True),
    said("next week then", 2.4, 3.0),
    said("多谢大家", 10.0, 11.0, language="zh"),
    said("再见。", 11.0, 12.0, language="zh"),
)
LEFT_OUT = Suppressed(5.0, 6.0, "Thanks for watching", "a phrase that the model makes up")
NUMBERS = itertools.count()
Shown = list[tuple[float, float, str]]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebHouse]:
    """Where nobody has a password; each test has a recording of its own there."""
    made = WebHouse(tmp_path_factory.mktemp("house"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def address(house: WebHouse) -> Iterator[str]:
    with served(house.settings) as found:
        yield found


@pytest.fixture
def talk(house: WebHouse) -> int:
    return house.add(f"{next(NUMBERS)}.opus", *LINES, suppressed=[LEFT_OUT])


@pytest.fixture(params=SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def small_or_large(request: pytest.FixtureRequest) -> dict[str, Any]:
    return {"viewport": {"width": request.param[0], "height": request.param[1]}}


@pytest.fixture
def page(browser: Browser, address: str, talk: int) -> Iterator[Page]:
    """The recording in the browser; every question is answered with yes."""
    context = browser.new_context(base_url=address)
    made = context.new_page()
    wrong = watched(made, address)
    made.on("dialog", lambda dialog: dialog.accept())
    made.goto(f"/jobs/{talk}")
    yield made
    context.close()
    # That the server refuses something, or is away, the console tells as well.
    assert [each for each in wrong if not each.startswith("Failed to load resource")] == []


@pytest.fixture(scope="module")
def still(house: WebHouse, browser: Browser, address: str) -> Iterator[Page]:
    """A page on which nothing is done; its scripts are asked."""
    page = browser.new_page()
    page.goto(f"{address}/jobs/{house.add('still.opus')}")
    yield page
    page.close()


def correct(page: Page) -> None:
    page.get_by_role("button", name="Correct", exact=True).click()
    expect(page.locator(".editor")).to_be_visible()


def tells(page: Page, text: str) -> None:
    """Screen readers hear it."""
    expect(page.get_by_role("status").filter(has_text=text)).to_be_visible()


def shown(page: Page) -> Shown:
    """The lines as the page shows them, with the one that is open."""
    found: list[list[Any]] = page.evaluate(
        """() => [...document.querySelectorAll("#lines > li[data-start]")].map((row) => [
            Number(row.dataset.start), Number(row.dataset.end),
            (row.querySelector("textarea")?.value ?? row.querySelector(".text").textContent).trim(),
        ])"""
    )
    return [(start, end, text) for start, end, text in found]


def texts(page: Page) -> list[str]:
    return [text for _, _, text in shown(page)]


def saved(page: Page, talk: int, version: int | str = "current") -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = page.request.get(f"/api/jobs/{talk}/versions/{version}").json()["lines"]
    return lines


def open_line(page: Page, text: str) -> None:
    page.locator("#lines .text", has_text=text).click()


def caret(page: Page, at: int) -> None:
    page.locator(".editor textarea").focus()
    page.evaluate(f"document.activeElement.setSelectionRange({at}, {at})")


def pure(page: Page, module: str, body: str) -> Any:
    """What a function of a script gives."""
    return page.evaluate(f"async () => {{ const the = await import('/static/{module}'); {body} }}")


def focus_is_in_line(page: Page, at: int) -> bool:
    return bool(
        page.evaluate(
            f"document.querySelectorAll('#lines > li')[{at}].contains(document.activeElement)"
            " && document.activeElement.name === 'text'"
        )
    )


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
    browser: Browser, daemon: Daemon, small_or_large: dict[str, Any]
) -> None:
    context = browser.new_context(**small_or_large, base_url=daemon.environment["PAGE"], accept_downloads=True)
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


def test_lines_are_split_joined_added_and_deleted_by_mouse(page: Page, talk: int) -> None:
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
    assert [line["text"] for line in saved(page, talk)] == [
        "hello", "the budget", "is to large next week then", "多谢大家再见。",
    ]  # fmt: skip
    assert [line["language"] for line in saved(page, talk)] == ["en", "en", "en", "zh"]


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


def test_lines_of_two_channels_are_not_joined(house: WebHouse, browser: Browser, address: str) -> None:
    job = house.add("call.opus", said("hello", 0.0, 1.0, channel=1), said("hi", 1.0, 2.0, channel=2))
    page = browser.new_page(base_url=address)
    page.goto(f"/jobs/{job}")
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
    assert [line["channel"] for line in saved(page, job)] == [1, 2, 2]
    page.close()


def test_times_are_typed_and_wrong_ones_are_told(page: Page, talk: int) -> None:
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
    assert [(line["start_s"], line["text"]) for line in saved(page, talk, 1)][1] == (0.5, "next week then")
    start.fill("0:00.40")
    start.press("Tab")
    tells(page, "The line overlaps another one")
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


# -- undo ----------------------------------------------------------------------------------------------------


def test_every_kind_of_change_is_undone_and_done_again(page: Page) -> None:
    correct(page)
    keys = page.keyboard
    steps: list[list[Callable[[], None]]] = [
        [lambda: keys.type("So, ")],
        [lambda: keys.press("Enter"), lambda: keys.type(" indeed")],
        [lambda: caret(page, 10), lambda: keys.press("Alt+Enter")],
        [lambda: keys.press("Alt+Backspace")],
        [lambda: page.get_by_role("button", name="Add a line after").click()],
        [lambda: keys.type("new")],
        [lambda: keys.press("Alt+Delete")],
        [lambda: page.get_by_label("End", exact=True).fill("0:09"), lambda: keys.press("Enter")],
        [
            lambda: open_line(page, "再见"),
            lambda: page.get_by_label("Start", exact=True).fill("0"),
            lambda: keys.press("Escape"),
        ],
        [lambda: page.get_by_role("button", name="Add a line", exact=True).click()],
        [lambda: keys.insert_text("pasted\nin two lines")],
    ]
    seen = [shown(page)]
    for nth, step in enumerate(steps):
        for each in step:
            each()
        seen.append(shown(page))
        assert seen[-1] != seen[-2], nth
    assert "pasted in two lines" in texts(page)
    for nth, before in enumerate(reversed(seen[:-1])):
        page.keyboard.press("Control+z")
        assert shown(page) == before, f"undo {nth}"
        assert page.evaluate("document.activeElement.closest('#lines > li') !== null"), f"undo {nth} loses the focus"
    page.keyboard.press("Control+z")
    tells(page, "There is nothing to undo.")
    for nth, after in enumerate(seen[1:]):
        page.keyboard.press("Control+Shift+Z" if nth % 2 else "Control+y")
        assert shown(page) == after, f"redo {nth}"
    page.get_by_role("button", name="Undo").click()
    assert shown(page) == seen[-2]
    page.keyboard.type("otherwise")
    page.get_by_role("button", name="Redo").click()
    tells(page, "There is nothing to do again.")


def test_undo_goes_on_behind_what_was_saved(page: Page, talk: int) -> None:
    correct(page)
    page.keyboard.type("So, ")
    page.keyboard.press("Control+s")
    tells(page, "Saved as version 1.")
    page.keyboard.press("Control+s")
    tells(page, "Nothing has changed since the last save.")
    page.keyboard.press("Control+z")
    assert texts(page)[0] == "good morning Ida"
    page.keyboard.press("Control+s")
    tells(page, "Saved as version 2.")
    assert saved(page, talk)[0]["text"] == "good morning Ida" and saved(page, talk, 1)[0]["text"].startswith("So,")


# -- keys ----------------------------------------------------------------------------------------------------


def test_all_of_it_works_without_a_mouse(page: Page, talk: int) -> None:
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "correct":
            break
    page.keyboard.press("Enter")
    expect(page.locator(".editor")).to_be_visible()
    assert focus_is_in_line(page, 0)
    page.keyboard.press("Shift+Enter")
    tells(page, "This is the first line.")
    page.keyboard.press("Enter")
    assert focus_is_in_line(page, 1)
    for _ in range(len(" large")):
        page.keyboard.press("ArrowLeft")
    page.keyboard.type("o")
    assert texts(page)[1] == "the budget is too large"
    page.keyboard.press("Alt+Enter")
    assert focus_is_in_line(page, 2) and texts(page)[1:3] == ["the budget is too", "large"]
    page.keyboard.press("Alt+Backspace")
    assert focus_is_in_line(page, 1) and texts(page)[1] == "the budget is too large"
    page.keyboard.press("Shift+Enter")
    page.keyboard.press("Alt+Delete")
    assert focus_is_in_line(page, 0) and texts(page)[0] == "the budget is too large"
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    page.keyboard.type("0:01")
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.matches('#lines > li.open')") and shown(page)[0][0] == 1.0
    page.keyboard.press("k")
    becomes(page, "!document.querySelector('#media').paused")
    page.keyboard.press("k")
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement === document.querySelectorAll('#lines > li')[1]")
    page.keyboard.press("Enter")
    assert focus_is_in_line(page, 1)
    page.keyboard.type("!")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.dataset.do") == "delete"
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert focus_is_in_line(page, 2), "the text of a line is opened as a button is pressed"
    page.keyboard.press("Control+s")
    tells(page, "Saved as version 1.")
    assert [line["text"] for line in saved(page, talk)][:2] == ["the budget is too large", "next week then!"]


def test_keys_are_those_of_every_keyboard_and_input_methods_keep_theirs(page: Page) -> None:
    def pressed(**event: Any) -> str:
        return str(
            pure(
                page,
                "correct_keys.js",
                f"return the.named(new KeyboardEvent('keydown', {json.dumps(event)}));",
            )
        )

    assert pressed(key="z", code="KeyY", ctrlKey=True) == "Mod+Z", "Z and Y change places in Germany"
    assert pressed(key="я", code="KeyZ", ctrlKey=True) == "Mod+Z", "a Russian keyboard"
    assert pressed(key="[", code="BracketLeft", altKey=True) == "Alt+["
    assert pressed(key="ü", code="BracketLeft", altKey=True) == "Alt+["
    assert pressed(key="@", code="KeyQ", altKey=True, ctrlKey=True) == "", "AltGr writes characters"
    assert pressed(key="Enter", code="Enter", isComposing=True) == ""
    assert pressed(key="Enter", code="NumpadEnter", shiftKey=True) == "Shift+Enter"

    correct(page)
    open_line(page, "再见")
    page.keyboard.press("End")
    session = page.context.new_cdp_session(page)
    session.send("Input.imeSetComposition", {"text": "大", "selectionStart": 1, "selectionEnd": 1})
    page.evaluate(
        "document.activeElement.dispatchEvent(new KeyboardEvent('keydown', "
        "{ key: 'Enter', code: 'Enter', isComposing: true, bubbles: true }))"
    )
    session.send("Input.insertText", {"text": "大家"})
    assert texts(page)[-1] == "再见。大家" and focus_is_in_line(page, 4)


# -- nothing is lost -----------------------------------------------------------------------------------------


def test_what_was_not_saved_is_there_again_after_the_page_was_lost(page: Page, talk: int) -> None:
    correct(page)
    page.keyboard.type("So, ")
    becomes(page, "Object.values(localStorage).some((each) => each.includes('So, good morning'))")
    page.reload()
    expect(page.get_by_text("This browser keeps changes that you have not saved")).to_be_visible()
    page.get_by_role("button", name="Take them up again").click()
    tells(page, "Your changes are here again")
    assert texts(page)[0] == "So, good morning Ida"
    page.keyboard.press("Control+z")
    assert texts(page)[0] == "good morning Ida"
    page.keyboard.press("Control+y")
    page.keyboard.press("Control+s")
    tells(page, "Saved as version 1.")
    assert page.evaluate("localStorage.length") == 0 and saved(page, talk)[0]["text"] == "So, good morning Ida"
    page.reload()
    page.wait_for_load_state("networkidle")
    expect(page.locator("#draft")).to_be_hidden()


def test_whoever_leaves_or_discards_is_asked(page: Page) -> None:
    asked: list[str] = []
    page.on("dialog", lambda dialog: asked.append(dialog.type))
    correct(page)
    page.get_by_role("button", name="Close").click()
    assert asked == [], "nothing has changed"
    correct(page)
    before = shown(page)
    page.keyboard.type("So, ")
    caret(page, 8)
    page.keyboard.press("Alt+Enter")
    page.reload()
    assert asked == ["beforeunload"]
    page.get_by_role("button", name="Take them up again").click()
    tells(page, "Your changes are here again")
    assert shown(page) != before
    page.get_by_role("button", name="Close").click()
    assert asked == ["beforeunload", "confirm"] and shown(page) == before
    expect(page.get_by_role("button", name="Correct", exact=True)).to_be_focused()
    expect(page.locator("#lines [tabindex]")).to_have_count(0)
    assert page.evaluate("localStorage.length") == 0
    page.reload()
    assert len(asked) == 2


def test_who_saves_later_is_told_and_may_save_over_it(web: WebHouse, browser: Browser) -> None:
    talk = web.add("talk.opus", *LINES)
    eve, bea = web.of("eve"), web.of("bea")
    with served(web.settings) as address:
        context = browser.new_context(base_url=address)
        context.add_cookies([{"name": COOKIE, "value": bea.cookies[COOKIE], "url": address}])
        page = context.new_page()
        page.goto(f"/jobs/{talk}")
        correct(page)
        page.keyboard.type("Mine: ")
        lines = eve.get(f"/api/jobs/{talk}/versions/current").json()["lines"]
        theirs = {"based_on": 0, "lines": [lines[0] | {"text": "Theirs"}, *lines[1:]]}
        assert eve.post(f"/api/jobs/{talk}/versions", json=theirs).status_code == 201
        page.keyboard.press("Control+s")
        expect(page.get_by_text("eve saved version 1 meanwhile")).to_be_visible()
        assert page.evaluate("Object.values(localStorage).some((each) => each.includes('Mine: good'))")
        with context.expect_page() as opened:
            page.get_by_role("link", name="Open theirs in a new tab").click()
        expect(opened.value.locator("#version-shown .text").first).to_have_text("Theirs")
        expect(opened.value.locator("#draft")).to_be_hidden()
        opened.value.close()
        page.get_by_role("button", name="Save mine as a newer version").click()
        tells(page, "Saved as version 2.")
        expect(page.locator("#conflict")).to_be_hidden()
        expect(page.locator("#edited")).to_contain_text("Corrected by bea, 20")
        first = [saved(page, talk, version)[0]["text"] for version in (0, 1, 2)]
        assert first == ["good morning Ida", "Theirs", "Mine: good morning Ida"]
        context.close()


def test_what_cannot_be_saved_is_told_and_kept(page: Page) -> None:
    correct(page)
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")
    page.keyboard.press("Enter")
    page.keyboard.press("Control+s")
    expect(page.get_by_role("alert").filter(has_text="The line at 0:00.00 has no text")).to_be_visible()
    assert focus_is_in_line(page, 0)
    page.keyboard.insert_text("a" * 10_001)
    page.keyboard.press("Control+s")
    expect(page.get_by_role("alert").filter(has_text="at most 10000 characters")).to_be_visible()
    page.route("**/versions", lambda route: route.abort())
    page.keyboard.press("Control+s")
    expect(page.get_by_role("alert").filter(has_text="The server cannot be reached")).to_be_visible()
    assert page.evaluate("localStorage.length") == 1 and texts(page)[0] == "a" * 10_001
    page.unroute("**/versions")


# -- what was left out, and versions -------------------------------------------------------------------------


def test_what_was_left_out_is_restored(page: Page, talk: int) -> None:
    page.get_by_label("Show what was left out").check()
    restore = page.get_by_role("button", name="Restore the line at 0:05")
    restore.click()
    tells(page, "A line was added at 0:05.00.")
    assert shown(page)[3] == (5.0, 6.0, "Thanks for watching") and focus_is_in_line(page, 3)
    restore.click()
    assert texts(page).count("Thanks for watching") == 1 and focus_is_in_line(page, 3)
    page.keyboard.press("Control+s")
    tells(page, "Saved as version 1.")
    assert saved(page, talk)[3]["text"] == "Thanks for watching"


def test_an_earlier_version_is_looked_at_and_made_current_again(page: Page, talk: int) -> None:
    correct(page)
    page.keyboard.type("So, ")
    page.keyboard.press("Control+s")
    tells(page, "Saved as version 1.")
    page.get_by_role("button", name="Close").click()
    page.get_by_text("Versions", exact=True).click()
    rows = page.locator("#versions-list li")
    expect(rows).to_have_count(2)
    expect(rows.nth(1)).to_contain_text("The machine's")
    expect(rows.nth(0).get_by_role("button", name="Make it current again")).to_have_count(0)
    rows.nth(1).get_by_role("button", name="Look at it").click()
    expect(page.locator("#version-shown .text").first).to_have_text("good morning Ida")
    expect(page.locator("#version-shown h3")).to_be_focused()
    with page.expect_navigation():
        rows.nth(1).get_by_role("button", name="Make it current again").click()
    assert texts(page)[0] == "good morning Ida"
    expect(page.locator("#edited")).to_be_hidden()
    page.get_by_text("Versions", exact=True).click()
    expect(rows).to_have_count(3)
    expect(rows.nth(0)).to_contain_text("Version 2, as the machine had it")
    with page.expect_navigation():
        rows.nth(1).get_by_role("button", name="Make it current again").click()
    assert texts(page)[0] == "So, good morning Ida" == saved(page, talk, 3)[0]["text"]
    expect(page.locator("#edited")).to_contain_text("Corrected")


def test_who_may_only_read_corrects_nothing(web: WebHouse) -> None:
    talk = web.add("talk.opus", *LINES, suppressed=[LEFT_OUT])
    bob, cid = web.of("bob"), web.of("cid")
    text = bob.get(f"/jobs/{talk}").text
    assert "next week then" in text
    assert 'id="correct"' not in text and "correct.js" not in text and "data-restore" not in text
    assert 'id="correct"' in cid.get(f"/jobs/{talk}").text
    lines = cid.get(f"/api/jobs/{talk}/versions/0").json()["lines"]
    assert cid.post(f"/api/jobs/{talk}/versions", json={"based_on": 0, "lines": lines[:2]}).status_code == 201
    text = bob.get(f"/jobs/{talk}").text
    assert "Corrected by cid, 20" in text and "versions.js" in text and 'data-do="restore"' not in text


def test_a_transcript_may_lose_all_lines_and_get_new_ones(page: Page, talk: int) -> None:
    correct(page)
    for _ in LINES:
        page.keyboard.press("Alt+Delete")
    expect(page.get_by_role("button", name="Add a line", exact=True)).to_be_focused()
    assert shown(page) == []
    page.keyboard.press("Enter")
    page.keyboard.type("all new")
    page.keyboard.press("Control+s")
    tells(page, "Saved as version 1.")
    assert [(line["start_s"], line["text"], line["language"]) for line in saved(page, talk)] == [(0.0, "all new", "en")]


# -- everybody -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("scheme", "size"), list(zip(("light", "dark"), SIZES, strict=True)))
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


# -- pure functions ------------------------------------------------------------------------------------------


def test_times_are_read_and_printed(still: Page) -> None:
    typed = ["1:02:03.45", "2:03", "75.5", "0:07,25", "１：０２", "", "1:60", "x", "1:2:3:4", "-1", "1e3", "1:02:", "∞"]
    found = pure(still, "edit_lines.js", f"return {json.dumps(typed)}.map((each) => String(the.parsed(each)));")
    assert found == ["3723.45", "123", "75.5", "7.25", "62"] + ["NaN"] * 8
    times = [0, 59.999, 61.005, 3600, 36_000.5]
    assert pure(still, "edit_lines.js", f"return {json.dumps(times)}.map(the.printed);") == [
        "0:00.00", "1:00.00", "1:01.01", "1:00:00.00", "10:00:00.50",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "caret_at", "border"),
    [
        ("one two three", 3, (0.9, 1.0)),
        ("one two three", 4, (0.9, 1.0)),
        ("ONE two three", 4, (0.9, 1.0)),
        ("one two THREE", 8, (1.9, 2.0)),
        ("one two three", 10, (2.36, 2.36)),
        ("quite another text", 5, (0.833, 0.833)),
    ],
    ids=["before the space", "after it", "changed before", "changed after", "in a word", "by the share of the text"],
)
def test_a_border_is_where_the_word_is(still: Page, text: str, caret_at: int, border: tuple[float, float]) -> None:
    words = [
        {"start_s": 0, "end_s": 0.9, "word": " one"},
        {"start_s": 1, "end_s": 1.9, "word": " two"},
        {"start_s": 2, "end_s": 2.9, "word": " three"},
    ]
    line = {"start_s": 0, "end_s": 3, "text": text, "channel": 0, "language": "en", "words": words}
    first, second = pure(still, "edit_lines.js", f"return the.split({json.dumps(line)}, {caret_at});")
    assert (first["end_s"], second["start_s"]) == pytest.approx(border, abs=0.001)
    assert (first["start_s"], second["end_s"]) == (0, 3)
    assert (first["text"], second["text"]) == (text[:caret_at].strip(), text[caret_at:].strip())
    joined = pure(still, "edit_lines.js", f"return the.join(...the.split({json.dumps(line)}, {caret_at}));")
    assert (joined["line"]["start_s"], joined["line"]["end_s"]) == (0, 3)


def test_typing_is_one_step_until_the_line_is_left_or_a_rest(still: Page) -> None:
    steps = pure(
        still,
        "history.js",
        """
        const history = new the.History(["a"]);
        const type = (text, kind, now) => history.change({ at: 0, count: 1, added: [text], kind, now });
        type("ab", "line 1", 0); type("abc", "line 1", 900); type("abcd", "line 1", 1800);
        type("abcde", "line 1", 2900);
        type("abcdef", "line 2", 3000);
        history.seal(); type("abcdefg", "line 2", 3100);
        const seen = [];
        while (history.canUndo) { history.undo(); seen.push(history.lines[0]); }
        return seen;
        """,
    )
    assert steps == ["abcdef", "abcde", "abcd", "a"]
