"""Who speaks, in a real browser: names where the voice changes, also while somebody corrects."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.integration.correct_desk import Desk, caret, correct, open_line, saved, tells
from tests.integration.test_browser import fits
from tests.integration.test_sharing import execute
from tests.integration.web_house import said

LINES = (
    said("good morning Ben", 0.0, 1.0, speaker="S1", timed=True),
    said("we begin", 1.0, 2.0, speaker="S1"),
    said("thank you", 2.0, 3.0, speaker="S2"),
    said("not at all", 3.0, 4.0, speaker="S1"),
)


@pytest.fixture
def page(desk: Desk) -> Iterator[Page]:
    with desk.page(LINES) as made:
        job = urlsplit(made.url).path.rpartition("/")[2]
        execute(desk.house, f"INSERT INTO speakers (job_id, speaker, name) VALUES ({job}, 'S1', 'Ada')")
        made.reload()
        yield made


def names(page: Page, where: str = "#lines") -> list[str]:
    return page.locator(f"{where} .name").all_text_contents()


def test_names_follow_the_lines_while_they_are_corrected(page: Page) -> None:
    assert names(page) == ["Ada", "", "S2", "Ada"]
    correct(page)
    open_line(page, "thank you")
    caret(page, len("thank"))
    page.keyboard.press("Alt+Enter")
    tells(page, "Split in two")
    assert names(page) == ["Ada", "", "S2", "", "Ada"]
    page.keyboard.press("Alt+Delete")
    open_line(page, "thank")
    page.keyboard.press("Alt+Delete")
    assert names(page) == ["Ada", "", ""]
    page.get_by_role("button", name="Add a line after").click()
    page.keyboard.type("and so on")
    page.keyboard.press("Control+s")
    tells(page, "Saved as version 1.")
    assert [line["speaker"] for line in saved(page)] == ["S1"] * 4
    page.reload()
    assert names(page) == ["Ada", "", "", ""]


def test_what_is_not_touched_keeps_its_speaker_and_versions_show_it(page: Page) -> None:
    correct(page)
    open_line(page, "we begin")
    page.keyboard.press("End")
    page.keyboard.type(" now")
    page.get_by_role("button", name="Save").click()
    tells(page, "Saved as version 1.")
    assert [line["speaker"] for line in saved(page)] == ["S1", "S1", "S2", "S1"]
    page.get_by_role("button", name="Close").click()
    page.get_by_text("Versions", exact=True).click()
    page.get_by_role("button", name="Look at it: The machine's").click()
    expect(page.locator("#version-shown .name").first).to_have_text("Ada")
    assert names(page, "#version-shown") == ["Ada", "", "S2", "Ada"]
    assert names(page) == ["Ada", "", "S2", "Ada"]


def test_another_one_says_a_line(page: Page) -> None:
    correct(page)
    open_line(page, "thank you")
    says = page.get_by_label("Speaker")
    expect(says).to_have_value("S2")
    says.select_option("Ada")
    tells(page, "Ada says the line.")
    assert names(page) == ["Ada", "", "", ""]
    page.keyboard.press("Control+z")
    assert names(page) == ["Ada", "", "S2", "Ada"]
    page.keyboard.press("Control+y")
    expect(says).to_be_focused()
    expect(says).to_have_value("S1")
    page.reload()
    page.get_by_role("button", name="Take them up again").click()
    tells(page, "Your changes are here again")
    assert names(page) == ["Ada", "", "", ""]
    page.keyboard.press("Control+s")
    tells(page, "Saved as version 1.")
    assert [line["speaker"] for line in saved(page)] == ["S1"] * 4
    open_line(page, "we begin")
    says.select_option("S2")
    page.get_by_role("button", name="Close").click()
    assert names(page) == ["Ada", "", "", ""], "what is not saved is not shown either"


def test_where_nobody_is_told_apart_there_is_no_speaker_to_choose(desk: Desk) -> None:
    with desk.page([said("good morning", 0.0, 1.0)]) as page:
        correct(page)
        expect(page.get_by_label("Speaker")).to_have_count(0)


def test_what_is_copied_names_who_speaks(page: Page) -> None:
    page.evaluate("navigator.clipboard.writeText = (text) => { window.copied = text; return Promise.resolve(); }")
    page.get_by_role("button", name="copy the text").click()
    expect(page.locator("#copied")).to_have_text("Copied.")
    assert page.evaluate("window.copied") == "Ada: good morning Ben\nwe begin\nS2: thank you\nAda: not at all"
    page.get_by_role("button", name="copy with times").click()
    assert page.evaluate("window.copied").splitlines()[2] == "0:02\tS2: thank you"


def test_speakers_have_colours_of_their_own_and_long_names_leave_room(page: Page, desk: Desk) -> None:
    job = urlsplit(page.url).path.rpartition("/")[2]
    execute(desk.house, f"UPDATE speakers SET name = '{'Ada Augusta King ' * 5}' WHERE job_id = {job}")
    page.set_viewport_size({"width": 360, "height": 640})
    page.reload()
    assert fits(page)
    colours = page.evaluate(
        "[...document.querySelectorAll('#lines .name')].map((name) => getComputedStyle(name).color)"
    )
    assert colours[0] == colours[1] == colours[3] != colours[2]
