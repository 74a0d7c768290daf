"""Write docs/images/, pictures of the page as it is with the shipped clips: `python -m tools.screenshots`.

Needs Debian's chromium-headless-shell, and fonts-noto-cjk for the page in Chinese.
"""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page

from daemon.bench.workload import meeting
from tests.browser import SIZES, chromium
from tests.integration.web_process import free_port, is_served
from tests.support import Daemon, wait_until

IMAGES = Path(__file__).parent.parent / "docs" / "images"
DESK, PHONE = SIZES
TALKS = {"2026/board meeting": 120.0, "calls/dentist": 30.0, "interviews/ida": 60.0}
"""Recordings, made of the clips, and how long they are in seconds."""
LOUD = "document.querySelector('#waveform').hidden === false"


@contextmanager
def _house(folder: Path) -> Iterator[str]:
    """A daemon that has transcribed the talks, and the address of its page."""
    port = free_port()
    web = f'listen = "127.0.0.1:{port}"\nshare_days_max = 30'
    daemon = Daemon(folder, web=web, model="word_timestamps = true")
    daemon.start().ready()
    try:
        for name, length_s in TALKS.items():
            (path := daemon.inbox / f"{name}.wav").parent.mkdir()
            meeting(folder, length_s, "talk").items[0].path.rename(path)
        (daemon.inbox / "notes.mp3").write_text("this is no recording" * 99)
        daemon.wait_idle(len(TALKS) + 1)
        wait_until(lambda: is_served(port), 20, "the page")
        yield f"http://127.0.0.1:{port}"
    finally:
        daemon.kill()


def _queue(page: Page) -> None:
    page.goto("/")


def _reader(page: Page) -> None:
    page.goto("/")
    page.get_by_role("link", name="board").click()
    page.wait_for_url("**/jobs/*")
    wait_until(lambda: bool(page.evaluate(LOUD)), 20, "the waveform")
    page.locator("#lines li").nth(2).locator("[data-start]").nth(2).click()
    page.wait_for_timeout(600)
    page.keyboard.press("k")


def _editor(page: Page) -> None:
    _reader(page)
    page.locator("#correct").click()
    page.locator("#lines li").nth(3).locator(".text").click()


def _search(page: Page) -> None:
    page.goto("/search?q=the")


PICTURES: dict[str, tuple[Callable[[Page], None], tuple[int, int], str, str]] = {
    "queue": (_queue, DESK, "light", "en"),
    "reader": (_reader, DESK, "light", "en"),
    "editor": (_editor, DESK, "light", "en"),
    "search": (_search, DESK, "dark", "en"),
    "reader-phone": (_reader, PHONE, "dark", "en"),
    "editor-phone": (_editor, PHONE, "light", "de"),
    "queue-phone": (_queue, PHONE, "light", "zh"),
}
"""Each picture: what is done, the size of the window, the colours, and the language."""


def _take(browser: Browser, address: str, name: str) -> None:
    what, (width, height), colours, language = PICTURES[name]
    context = browser.new_context(
        viewport={"width": width, "height": height},
        base_url=address,
        color_scheme="dark" if colours == "dark" else "light",
        locale=language,
    )
    page = context.new_page()
    what(page)
    page.screenshot(path=IMAGES / f"web-{name}.png")
    context.close()


def main() -> None:
    """Take the pictures."""
    IMAGES.mkdir(exist_ok=True)
    # Pictures show the path.
    (folder := Path(tempfile.gettempdir()) / "transcribed").mkdir()
    try:
        _take_all(folder)
    finally:
        shutil.rmtree(folder)


def _take_all(folder: Path) -> None:
    with _house(folder) as address, chromium() as browser:
        for name in PICTURES:
            _take(browser, address, name)


if __name__ == "__main__":
    main()
