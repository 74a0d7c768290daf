"""Correcting a transcript in a real browser: undo, keys, and what the scripts make of times and words."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.integration.correct_desk import (
    Desk,
    caret,
    correct,
    focus_is_in_line,
    open_line,
    pure,
    saved,
    shown,
    tells,
    texts,
)
from tests.integration.test_browser import becomes


@pytest.fixture
def page(desk: Desk) -> Iterator[Page]:
    with desk.page() as made:
        yield made


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


def test_undo_goes_on_behind_what_was_saved(page: Page) -> None:
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
    assert saved(page)[0]["text"] == "good morning Ida" and saved(page, 1)[0]["text"].startswith("So,")
    page.keyboard.press("End")
    page.keyboard.type("!")
    page.keyboard.press("Control+z")
    assert page.evaluate("document.activeElement.selectionStart") == len("good morning Ida"), (
        "the caret is where it was"
    )


# -- keys ----------------------------------------------------------------------------------------------------


def test_all_of_it_works_without_a_mouse(page: Page) -> None:
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
    assert [line["text"] for line in saved(page)][:2] == ["the budget is too large", "next week then!"]


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


# -- pure functions ------------------------------------------------------------------------------------------


def test_times_are_read_and_printed(page: Page) -> None:
    typed = ["1:02:03.45", "2:03", "75.5", "0:07,25", "１：０２", "", "1:60", "x", "1:2:3:4", "-1", "1e3", "1:02:", "∞"]
    found = pure(page, "edit_lines.js", f"return {json.dumps(typed)}.map((each) => String(the.parsed(each)));")
    assert found == ["3723.45", "123", "75.5", "7.25", "62"] + ["NaN"] * 8
    times = [0, 59.999, 61.005, 3600, 36_000.5]
    assert pure(page, "edit_lines.js", f"return {json.dumps(times)}.map(the.printed);") == [
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
def test_a_border_is_where_the_word_is(page: Page, text: str, caret_at: int, border: tuple[float, float]) -> None:
    words = [
        {"start_s": 0, "end_s": 0.9, "word": " one"},
        {"start_s": 1, "end_s": 1.9, "word": " two"},
        {"start_s": 2, "end_s": 2.9, "word": " three"},
    ]
    line = {"start_s": 0, "end_s": 3, "text": text, "channel": 0, "language": "en", "words": words}
    first, second = pure(page, "edit_lines.js", f"return the.split({json.dumps(line)}, {caret_at});")
    assert (first["end_s"], second["start_s"]) == pytest.approx(border, abs=0.001)
    assert (first["start_s"], second["end_s"]) == (0, 3)
    assert (first["text"], second["text"]) == (text[:caret_at].strip(), text[caret_at:].strip())
    joined = pure(page, "edit_lines.js", f"return the.join(...the.split({json.dumps(line)}, {caret_at}));")
    assert (joined["line"]["start_s"], joined["line"]["end_s"]) == (0, 3)


def test_typing_is_one_step_until_the_line_is_left_or_a_rest(page: Page) -> None:
    steps = pure(
        page,
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
