"""A real browser, where there is one."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

PROGRAMS = ("chromium-headless-shell", "chromium")
SIZES = ((1280, 800), (390, 844))
"""A desk and a phone."""


@contextmanager
def chromium(*options: str) -> Iterator[Browser]:
    """Chromium, as Debian has it, with further options of its command line."""
    program = next((found for name in PROGRAMS if (found := shutil.which(name))), None)
    if program is None:
        pytest.skip(f"there is no browser here: apt install {PROGRAMS[0]}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", *options])
        yield browser
        browser.close()


def watched(page: Page, *addresses: str, told: str = "") -> list[str]:
    """What goes wrong on a page from now on.

    Args:
        page: The page.
        addresses: What the addresses may begin with that it asks; all others are wrong.
        told: What its console tells is wrong where this is in it; "" for every error.
    """
    wrong: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        if told in message.text if told else message.type == "error":
            wrong.append(message.text)

    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", hear)
    page.on("request", lambda request: None if request.url.startswith(addresses) else wrong.append(request.url))
    return wrong
