"""Versions of a transcript in a real browser: nothing is lost, and what was left out or replaced comes back."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from daemon.web.sessions import COOKIE
from tests.integration.correct_desk import (
    LEFT_OUT,
    LINES,
    Desk,
    caret,
    correct,
    focus_is_in_line,
    saved,
    shown,
    tells,
    texts,
)
from tests.integration.test_browser import becomes
from tests.integration.web_clients import served
from tests.integration.web_house import WebHouse

KEPT = "Object.values(localStorage).some((each) => each.includes('So, good morning'))"


@pytest.fixture
def page(desk: Desk) -> Iterator[Page]:
    with desk.page() as made:
        yield made


# -- nothing is lost -----------------------------------------------------------------------------------------


def test_what_was_not_saved_is_there_again_after_the_page_was_lost(page: Page) -> None:
    correct(page)
    page.keyboard.type("So, ")
    becomes(page, KEPT)
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
    assert page.evaluate("localStorage.length") == 0 and saved(page)[0]["text"] == "So, good morning Ida"
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


def test_what_is_kept_is_taken_up_or_discarded_before_anything_else(page: Page) -> None:
    correct(page)
    page.keyboard.type("So, ")
    becomes(page, KEPT)
    page.reload()
    notice = page.get_by_text("This browser keeps changes that you have not saved")
    for name in ("Correct", "Restore the line at 0:05"):
        page.evaluate("document.querySelector('#suppressed').hidden = false")
        page.get_by_role("button", name=name, exact=True).click()
        expect(page.get_by_role("button", name="Take them up again")).to_be_focused()
        expect(notice).to_be_visible()
    expect(page.locator(".editor")).to_have_count(0)
    page.keyboard.press("Enter")
    tells(page, "Your changes are here again")
    assert texts(page)[0] == "So, good morning Ida"
    page.reload()
    page.get_by_role("button", name="Discard them").click()
    assert page.evaluate("localStorage.length") == 0
    correct(page)
    assert texts(page)[0] == "good morning Ida"


def test_another_tab_takes_nothing_away(page: Page) -> None:
    other = page.context.new_page()
    other.on("dialog", lambda dialog: dialog.accept())
    other.goto(page.url)
    correct(other)
    correct(page)
    page.keyboard.type("So, ")
    becomes(page, KEPT)
    other.get_by_role("button", name="Close").click()
    assert page.evaluate(KEPT), "nothing was typed there"
    page.get_by_role("button", name="Close").click()
    assert page.evaluate("localStorage.length") == 0


def test_who_saves_later_is_told_and_may_save_over_it(web: WebHouse, desk: Desk) -> None:
    talk = web.add("talk.opus", *LINES)
    eve, bea = web.of("eve"), web.of("bea")
    with served(web.settings) as address:
        context = desk.browser.new_context(base_url=address)
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
        expect(page.get_by_role("button", name="Save", exact=True)).to_be_focused()
        expect(page.locator("#conflict")).to_be_hidden()
        expect(page.locator("#edited")).to_contain_text("Corrected by bea, 20")
        first = [saved(page, version)[0]["text"] for version in (0, 1, 2)]
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
    page.keyboard.insert_text("a" * 2_001)
    page.keyboard.press("Control+s")
    expect(page.get_by_role("alert").filter(has_text="line 1: its text has 2001 characters")).to_be_visible()
    page.route("**/versions", lambda route: route.abort())
    page.keyboard.press("Control+s")
    expect(page.get_by_role("alert").filter(has_text="The server cannot be reached")).to_be_visible()
    page.route("**/versions", lambda route: route.fulfill(status=200, content_type="text/html", body="Log in"))
    page.keyboard.press("Control+s")
    expect(page.get_by_role("alert").filter(has_text="Unexpected")).to_have_count(0)
    page.wait_for_load_state("networkidle")
    expect(page.get_by_role("alert").filter(has_text="The server cannot be reached")).to_be_visible()
    assert page.evaluate("localStorage.length") == 1 and texts(page)[0] == "a" * 2_001
    page.unroute("**/versions")


def test_a_server_that_never_answers_is_not_waited_for_for_ever(page: Page) -> None:
    page.add_init_script(
        "{ const wait = AbortSignal.timeout;"
        " AbortSignal.timeout = (ms) => wait.call(AbortSignal, window.isPatient ? ms : 300) }"
    )
    page.reload()
    correct(page)
    page.keyboard.type("So, ")
    page.route("**/versions", lambda _: None)
    page.keyboard.press("Control+s")
    expect(page.get_by_role("alert").filter(has_text="The server cannot be reached")).to_be_visible()
    page.unroute("**/versions")
    page.evaluate("window.isPatient = true")  # a busy machine may take longer than that to save
    page.keyboard.press("Control+s")
    tells(page, "Saved as version 1.")


# -- what was left out, and versions -------------------------------------------------------------------------


def test_what_was_left_out_is_restored(page: Page) -> None:
    page.get_by_label("Show what was left out").check()
    restore = page.get_by_role("button", name="Restore the line at 0:05")
    restore.click()
    tells(page, "A line was added at 0:05.00.")
    assert shown(page)[3] == (5.0, 6.0, "Thanks for watching") and focus_is_in_line(page, 3)
    restore.click()
    assert texts(page).count("Thanks for watching") == 1 and focus_is_in_line(page, 3)
    page.keyboard.press("Control+s")
    tells(page, "Saved as version 1.")
    assert saved(page)[3]["text"] == "Thanks for watching"


def test_an_earlier_version_is_looked_at_and_made_current_again(page: Page) -> None:
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
    assert texts(page)[0] == "So, good morning Ida" == saved(page, 3)[0]["text"]
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


def test_a_transcript_may_lose_all_lines_and_get_new_ones(page: Page) -> None:
    correct(page)
    for _ in LINES:
        page.keyboard.press("Alt+Delete")
    expect(page.get_by_role("button", name="Add a line", exact=True)).to_be_focused()
    assert shown(page) == []
    page.keyboard.press("Enter")
    page.keyboard.type("all new")
    page.keyboard.press("Control+s")
    tells(page, "Saved as version 1.")
    assert [(line["start_s"], line["text"], line["language"]) for line in saved(page)] == [(0.0, "all new", "en")]
