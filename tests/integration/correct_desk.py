"""Transcripts to be corrected in a real browser, over a database without a daemon, and how tests do it."""

import contextlib
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page, expect

from daemon.chunk import Segment, Suppressed
from tests.browser import chromium, watched
from tests.integration.web_clients import served
from tests.integration.web_house import WebHouse, said

LINES = (
    said("good morning Ida", 0.0, 1.0, timed=True),
    said("the budget is to large", 1.2, 2.2, timed=True),
    said("next week then", 2.4, 3.0),
    said("多谢大家", 10.0, 11.0, language="zh"),
    said("再见。", 11.0, 12.0, language="zh"),
)
LEFT_OUT = Suppressed(5.0, 6.0, "Thanks for watching", "a phrase that the model makes up")
Shown = list[tuple[float, float, str]]


@dataclass
class Desk:
    """A browser, and a page for it where nobody has a password."""

    house: WebHouse
    browser: Browser
    address: str
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    @contextlib.contextmanager
    def page(self, lines: Sequence[Segment] = LINES) -> Iterator[Page]:
        """A new recording with these lines, as the browser shows it; every question is answered with yes."""
        job = self.house.add(f"{next(self._numbers)}.opus", *lines, suppressed=[LEFT_OUT])
        context = self.browser.new_context(base_url=self.address)
        made = context.new_page()
        wrong = watched(made, self.address)
        made.on("dialog", lambda dialog: dialog.accept())
        made.goto(f"/jobs/{job}")
        yield made
        context.close()
        # That the server refuses something, or is away, the console tells as well.
        assert [each for each in wrong if not each.startswith("Failed to load resource")] == []


@contextlib.contextmanager
def desk_in(folder: Path) -> Iterator[Desk]:
    house = WebHouse(folder)
    with chromium() as browser, served(house.settings) as address:
        yield Desk(house, browser, address)
    house.close()


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


def saved(page: Page, version: int | str = "current") -> list[dict[str, Any]]:
    """The lines of a version of what the page shows."""
    job = urlsplit(page.url).path.rpartition("/")[2]
    lines: list[dict[str, Any]] = page.request.get(f"/api/jobs/{job}/versions/{version}").json()["lines"]
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
