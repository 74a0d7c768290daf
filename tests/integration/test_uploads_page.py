"""Recordings that are dropped onto the page in a real browser arrive byte for byte, whatever happens meanwhile."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from daemon.config.folder_settings import FolderSettings
from daemon.config.reader import load
from tests.browser import chromium, watched
from tests.integration.web_process import Web
from tests.support import wait_until, write_wav

SIZE = 40_000_000
PER_S = 16_000_000
"""The browser sends no more than this, so that there is a middle."""


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    made = Web(tmp_path).start()
    yield made
    made.kill()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream") as found:
        yield found


@pytest.fixture
def page(web: Web, browser: Browser) -> Iterator[Any]:
    """The queue in a browser; a script that fails, and a request to another host, fail the test."""
    with browser.new_context(viewport={"width": 390, "height": 800}, color_scheme="dark") as context:
        made = context.new_page()
        # That a server is away, which some tests kill, the console tells as well.
        wrong = watched(made, f"http://{web.address}", f"blob:http://{web.address}", told="Content Security")
        made.on("dialog", lambda dialog: dialog.accept())
        made.goto(f"http://{web.address}/")
        yield made
    assert wrong == []


@pytest.fixture
def slowly(page: Any) -> Callable[[bool], None]:
    """Makes the browser send slowly, or as fast as it can."""
    session = page.context.new_cdp_session(page)

    def send(slow: bool) -> None:
        limits = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": PER_S if slow else -1}
        session.send("Network.enable")
        session.send("Network.emulateNetworkConditions", limits)

    return send


def recording(folder: Path, name: str = "talk.mp3", size: int = SIZE) -> Path:
    path = folder / name
    path.write_bytes(os.urandom(size))
    return path


def under_way(web: Web, page: Any, slowly: Callable[[bool], None], folder: Path) -> Path:
    """A recording that is being sent, slowly, and of which a part has arrived."""
    file = recording(folder)
    slowly(True)
    page.set_input_files("#files", file)
    wait_until(lambda: web.arrived() > SIZE // 5, 60, "a part having arrived")
    return file


def said(page: Any, text: str) -> None:
    page.locator("#said", has_text=text).wait_for(timeout=60_000)


def test_several_recordings_arrive_one_after_another_with_what_is_wanted(web: Web, page: Any, tmp_path: Path) -> None:
    files = [recording(tmp_path, name, 500_000) for name in ("one.mp3", "two.wav", "Gespräch 3.m4a", "notes.pdf")]
    files.append(recording(tmp_path, "empty.mp3", 0))
    page.select_option("#wish-language", "de")
    page.select_option("#wish-task", "both")
    page.set_input_files("#files", files)
    said(page, "Gespräch 3.m4a has arrived. 3 have arrived in all.")
    for file in files[:3]:
        assert (web.inbox / file.name).read_bytes() == file.read_bytes()
        settings = FolderSettings(load(web.house.config))
        resolved, errors = settings.resolve(os.fsencode(web.inbox / file.name))
        assert not errors and (resolved.options.language, resolved.options.task) == ("de", "both")
    assert len(web.names()) == 6 and page.locator("#sending li").count() == 0


def test_what_is_dropped_arrives_and_is_flattened(web: Web, page: Any, tmp_path: Path) -> None:
    (tmp_path / "disc" / "inner").mkdir(parents=True)
    files = [recording(tmp_path / "disc", "a.mp3", 1000), recording(tmp_path / "disc" / "inner", "b.mp3", 1000)]
    recording(tmp_path / "disc", ".DS_Store", 10)
    page.set_input_files("#folder-files", tmp_path / "disc")
    said(page, "b.mp3 has arrived")
    assert all((web.inbox / file.name).read_bytes() == file.read_bytes() for file in files)
    page.evaluate(
        """() => {
            const transfer = new DataTransfer();
            transfer.items.add(new File(["dropped"], "c.mp3"));
            const over = new DragEvent("dragover", { dataTransfer: transfer, bubbles: true, cancelable: true });
            if (document.querySelector("main").dispatchEvent(over)) throw new Error("the page takes no drop");
            document.querySelector("main").dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true }));
        }"""
    )
    said(page, "c.mp3 has arrived")
    assert (web.inbox / "c.mp3").read_bytes() == b"dropped" and web.names() == ["a.mp3", "b.mp3", "c.mp3"]


def test_an_upload_goes_on_after_the_page_was_loaded_again(
    web: Web, page: Any, slowly: Callable[[bool], None], tmp_path: Path
) -> None:
    file = under_way(web, page, slowly, tmp_path)
    page.reload()
    said(page, "A recording did not arrive as a whole.")
    assert "of 40 MB: choose or drop this file again" in page.locator("#sending li").inner_text()
    before = web.arrived()
    assert before < SIZE
    sizes: list[int] = []
    page.on("request", lambda asked: sizes.append(int(asked.headers.get("upload-offset", -1))))
    slowly(False)
    page.set_input_files("#files", file)
    said(page, "talk.mp3 has arrived.")
    assert (web.inbox / "talk.mp3").read_bytes() == file.read_bytes() and web.names() == ["talk.mp3"]
    assert min(size for size in sizes if size >= 0) >= before, "nothing is sent twice"


def test_an_upload_goes_on_by_itself_after_the_server_was_killed(
    web: Web, page: Any, slowly: Callable[[bool], None], tmp_path: Path
) -> None:
    file = under_way(web, page, slowly, tmp_path)
    web.kill()
    page.locator("#sending li", has_text="Trying again").wait_for()
    before = web.arrived()
    assert 0 < before < SIZE
    slowly(False)
    web.start()
    said(page, "talk.mp3 has arrived.")
    assert (web.inbox / "talk.mp3").read_bytes() == file.read_bytes() and web.names() == ["talk.mp3"]


def test_an_upload_can_be_cancelled_by_the_keyboard_and_the_next_one_goes_on(
    web: Web, page: Any, slowly: Callable[[bool], None], tmp_path: Path
) -> None:
    slowly(True)
    page.set_input_files("#files", [recording(tmp_path), recording(tmp_path, "next.mp3", 1000)])
    wait_until(lambda: web.arrived() > SIZE // 5, 60, "a part having arrived")
    page.get_by_role("button", name="cancel talk.mp3").focus()
    page.keyboard.press("Enter")
    said(page, "next.mp3 has arrived.")
    wait_until(lambda: web.names() == ["next.mp3"], 30, "nothing of it being left")
    assert page.evaluate("document.activeElement.id") == "choose-files", "the focus is not lost"


def test_what_broke_off_can_be_removed(web: Web, page: Any, slowly: Callable[[bool], None], tmp_path: Path) -> None:
    slowly(True)
    page.set_input_files("#files", recording(tmp_path))
    wait_until(lambda: web.arrived() > SIZE // 5, 60, "a part having arrived")
    page.reload()
    page.get_by_role("button", name="remove talk.mp3").click()
    wait_until(lambda: web.names() == [], 30, "nothing of it being left")


def test_a_refusal_is_told_in_words_and_can_be_tried_again(web: Web, page: Any, tmp_path: Path) -> None:
    aside = tmp_path / "aside"
    page.set_input_files("#files", recording(tmp_path, "~talk.mp3", 1000))
    said(page, "could not be sent: ~talk.mp3 would be left alone: matches the ignore pattern '~*'")
    page.get_by_role("button", name="remove ~talk.mp3").click()
    assert page.locator("#sending li").count() == 0
    web.inbox.rename(aside)
    page.set_input_files("#files", recording(tmp_path, "talk.mp3", 1000))
    page.locator("#sending li", has_text="mount its drive").wait_for()
    aside.rename(web.inbox)
    said(page, "talk.mp3 has arrived.")


def test_files_are_chosen_with_the_keyboard_alone(web: Web, page: Any, tmp_path: Path) -> None:
    names = []
    for _ in range(40):
        page.keyboard.press("Tab")
        names.append(page.evaluate("document.activeElement.id"))
    order = ["choose-files", "choose-folder", "record", "wish-folder", "wish-language", "wish-task"]
    assert [name for name in dict.fromkeys(names) if name in order] == order
    page.locator("#choose-files").focus()
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Space")
    chooser.value.set_files(recording(tmp_path, "talk.mp3", 1000))
    said(page, "talk.mp3 has arrived.")
    assert web.names() == ["talk.mp3"]


def test_the_microphone_is_recorded(web: Web, page: Any) -> None:
    page.get_by_role("button", name="record from the microphone").click()
    page.locator("#recorded", has_text="0:01").wait_for()
    page.get_by_role("button", name="stop, and add it").click()
    said(page, "has arrived.")
    (name,) = web.names()
    assert name.startswith("Recording 20") and name.endswith(".webm")
    assert (web.inbox / name).read_bytes().startswith(b"\x1aE\xdf\xa3"), "that is how WebM begins"


def test_nothing_is_wider_than_a_phone_and_every_control_has_a_name(web: Web, page: Any) -> None:
    write_wav(web.inbox / "a.wav")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    unnamed = page.evaluate(
        """() => [...document.querySelectorAll("#drop input, #drop select, #drop button")]
            .filter((each) => !each.labels?.length && !each.ariaLabel && !each.textContent.trim()).map((each) => each.id)"""
    )
    assert unnamed == [] and page.locator("#said").get_attribute("aria-live") == "polite"
