"""A real browser, where there is one."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

PROGRAMS = ("chromium-headless-shell", "chromium")
SIZES = ((1280, 800), (390, 844))
"""A desk and a phone."""


@contextmanager
def chromium() -> Iterator[Browser]:
    """Chromium, as Debian has it."""
    program = next((found for name in PROGRAMS if (found := shutil.which(name))), None)
    if program is None:
        pytest.skip(f"there is no browser here: apt install {PROGRAMS[0]}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


def watched(page: Page, address: str) -> list[str]:
    """What goes wrong on a page from now on: errors of its scripts, and requests to anywhere else."""
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.on(
        "request",
        lambda request: None if request.url.startswith((address, "blob:", "data:")) else wrong.append(request.url),
    )
    return wrong
