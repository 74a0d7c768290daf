"""The page in five languages in a real browser: it fits a phone, everybody can use it, and scripts speak it, too."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from daemon.store.store import Store
from daemon.web.catalogs import CATALOGS
from tests.browser import SIZES, watched
from tests.integration.test_browser import SERIOUS
from tests.integration.test_language_menu import HEARD, READ, UNREAD, full
from tests.integration.web_clients import served
from tests.integration.web_house import WebHouse
from tests.support import queue

__all__ = ["full"]
PAGES = (
    "/",
    "/?did=cancel&count=2&left=1",
    "/jobs/1",
    "/search?q=morning",
    "/service?hours=24&asked=pause",
    "/login",
    "/jobs/99",
    f"/shared/{HEARD}",
    f"/shared/{READ}",
    f"/shared/{UNREAD}",
    "/shared/wrong",
)
LOCALES = {"en": "en-GB", "de": "de-AT", "fr": "fr-CA", "es": "es-MX", "zh": "zh-CN"}
AXED = "de"
"""What axe looks for does not depend on the language, and it takes a second for each page."""
SOME = ["de", *(pytest.param(code, marks=pytest.mark.faults) for code in ("en", "fr", "es", "zh"))]


PHONE: dict[str, Any] = {"viewport": {"width": SIZES[-1][0], "height": SIZES[-1][1]}, "color_scheme": "dark"}


def in_script(code: str, english: str) -> str:
    """What a script says."""
    said = CATALOGS[code].scripts.get(english, english)
    assert isinstance(said, str)
    return said


@contextmanager
def opened(browser: Browser, address: str, code: str = "en", **options: Any) -> Iterator[Any]:
    """A page of a browser that prefers a language; nothing may go wrong on it, nor a request to another host."""
    context = browser.new_context(locale=LOCALES[code], base_url=address, **options)
    page = context.new_page()
    wrong = watched(page, address, "data:", "blob:", told="Content Security")
    yield page
    context.close()
    assert wrong == []


def is_for_everybody(page: Page, code: str) -> None:
    """All that is folded up is open; nothing is wider than the page, nor a serious finding of axe-core."""
    page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
    page.wait_for_load_state("networkidle" if code == AXED else "load")
    assert page.evaluate("document.documentElement.lang") == CATALOGS[code].tag
    wide = page.evaluate(
        "[...document.querySelectorAll('body *')].filter((each) => each.getBoundingClientRect().right > innerWidth + 1"
        " && !each.closest('.hidden, .skip, .plot')).map((each) => each.outerHTML.slice(0, 200))"
    )
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth") and wide == [], (page.url, wide)
    if code != AXED:
        return
    found = Axe().run(page).response["violations"]
    assert [(page.url, each["id"], each["nodes"][0]["html"]) for each in found if each["impact"] in SERIOUS] == []


@pytest.mark.parametrize("code", LOCALES)
def test_every_page_fits_a_phone_and_everybody_can_use_it(full: WebHouse, browser: Browser, code: str) -> None:
    with served(full.settings) as address, opened(browser, address, code, **PHONE) as page:
        for path in PAGES:
            page.goto(path)
            is_for_everybody(page, code)


@pytest.mark.parametrize("code", SOME)
def test_whoever_corrects_on_a_phone_can_do_so_in_each_language(full: WebHouse, browser: Browser, code: str) -> None:
    with served(full.settings) as address, opened(browser, address, code, **PHONE) as page:
        page.goto("/jobs/1")
        page.locator("#correct").click()
        page.locator(".editor textarea").press("Alt+Backspace")
        expect(page.locator("#correct-said")).to_have_text(in_script(code, "This is the first line."))
        for name, wrong in (("start", "nonsense"), ("end", "9:00:00")):
            page.locator(f".editor [name={name}]").fill(wrong)
        page.locator(".editor [name=end]").press("Enter")
        complaint = in_script(code, "Write the time like {long} or {short}.").format(long="1:02:03.45", short="2:03")
        expect(page.locator("#wrong-time")).to_have_text(complaint)
        page.locator("#versions summary").click()
        page.locator("#versions-list [data-do=look]").last.click()
        expect(page.locator("#version-shown h3")).to_have_text(in_script(code, "The machine's"))
        page.locator("#share summary").click()
        page.locator("#share-form button").click()
        made = in_script(code, "The link is made. Copy it now: it is not shown again.")
        expect(page.locator("#share-said")).to_have_text(made)
        is_for_everybody(page, code)


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_a_language_is_chosen_with_the_keyboard(full: WebHouse, browser: Browser, scripts: bool) -> None:
    with served(full.settings) as address, opened(browser, address, java_script_enabled=scripts) as page:
        page.goto("/search?q=morning")
        page.get_by_role("button", name="Français").focus()
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="Rechercher").wait_for()
        assert page.url.endswith("/search?q=morning")
        expect(page.get_by_role("button", name="Français")).to_have_attribute("aria-pressed", "true")
        page.goto("/")
        page.get_by_text("en attente : 1").wait_for()
        page.get_by_role("button", name="English").click()
        page.get_by_text("1 queued").wait_for()


def test_lines_of_a_transcript_keep_their_own_language(full: WebHouse, browser: Browser) -> None:
    with served(full.settings) as address, opened(browser, address, "zh") as page:
        page.goto("/jobs/1")
        assert page.locator("#lines .text").evaluate_all("(all) => all.map((each) => each.lang)") == ["en", "en"]
        assert page.locator("#suppressed .text").get_attribute("lang") == "en"


def test_the_live_update_and_the_scripts_speak_the_language_of_the_page(
    full: WebHouse, browser: Browser, tmp_path: Path
) -> None:
    (tmp_path / "notes.pdf").write_bytes(b"x")
    (tmp_path / "a b.mp3").write_bytes(b"x" * 1000)
    with (
        served(full.settings) as address,
        opened(browser, address, "de", permissions=["clipboard-read", "clipboard-write"]) as page,
    ):
        page.goto("/")
        said = page.locator("#said")
        page.set_input_files("#files", tmp_path / "notes.pdf")
        expect(said).to_have_text("1 wurde ausgelassen: leer oder dem Namen nach keine Aufnahme.")
        page.set_input_files("#files", [tmp_path / "a b.mp3", tmp_path / "notes.pdf"])
        expect(said).to_have_text("a b.mp3 ist angekommen.")
        assert page.locator("#wish-language option", has_text="Deutsch (de)").count() == 1
        page.get_by_label("talk.opus auswählen").check(force=True)
        expect(page.locator("#chosen")).to_have_text("1 ausgewählt")
        store = Store(full.settings.database_path)
        queue(store, "new.opus", root=str(full.inbox))
        store.close()
        page.get_by_label("new.opus auswählen").wait_for()
        page.get_by_text("wartet: 2").wait_for()
        page.get_by_role("link", name="talk.opus").click()
        page.wait_for_url("**/jobs/*")
        page.wait_for_load_state()
        page.get_by_role("button", name="Text kopieren").click()
        expect(page.locator("#copied")).to_have_text("Kopiert.")


def test_what_the_server_refuses_is_marked_as_english(full: WebHouse, browser: Browser) -> None:
    with served(full.settings) as address, opened(browser, address, "fr") as page:
        page.goto("/jobs/1")
        page.locator("#correct").click()
        page.locator(".editor textarea").fill("a" * 2_001)
        page.keyboard.press("Control+s")
        trouble = page.locator("#correct-trouble")
        expect(trouble).to_contain_text("line 1: its text has 2001 characters")
        expect(trouble).to_have_attribute("lang", "en")
        page.route("**/versions", lambda route: route.abort())
        page.keyboard.press("Control+s")
        expect(trouble).to_have_text("Le serveur est injoignable.")
        expect(trouble).to_have_attribute("lang", "fr")
        page.locator("#share summary").click()
        page.locator("#share-form").evaluate("(form) => (form.noValidate = true)")
        page.locator("#share-form [name=days]").fill("31")
        page.locator("#share-form button").click()
        said = page.locator("#share-said")
        expect(said).to_contain_text("30 are the most")
        expect(said).to_have_attribute("lang", "en")


def test_the_texts_of_scripts_are_no_code(full: WebHouse, browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    scripts = {**CATALOGS["de"].scripts, "{count} selected": {"one": "</script><b>$& {count}", "other": "x"}}
    monkeypatch.setitem(CATALOGS, "de", replace(CATALOGS["de"], scripts=scripts))
    with served(full.settings) as address, opened(browser, address, "de") as page:
        page.goto("/")
        page.get_by_label("talk.opus auswählen").check(force=True)
        expect(page.locator("#chosen")).to_have_text("</script><b>$& 1")
