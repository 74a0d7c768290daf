"""The page in the language of who looks at it, without a browser."""

import re
import sqlite3
from collections.abc import Mapping
from html.parser import HTMLParser
from typing import Any

import pytest
from starlette.testclient import TestClient

from daemon.chunk import Suppressed
from daemon.config.languages import LANGUAGES
from daemon.store.monitoring import History
from daemon.store.queries import Queries
from daemon.web.catalogs import CATALOGS, Catalog
from daemon.web.pages import TAKEN
from daemon.web.people import hash_of
from tests.integration.test_service_page import looks
from tests.integration.web_house import PASSWORD, WebHouse, said

NAMES = {"en": "English", "de": "Deutsch", "fr": "Français", "es": "Español", "zh": "简体中文"}
GERMAN = {"Accept-Language": "de-DE,de;q=0.9,en;q=0.5"}
HEARD, READ, UNREAD = (letter * 43 for letter in "hru")
"""Tokens of links: to a transcript with its recording, to one alone, and to a recording that has none yet."""


def test_a_browser_gets_its_language_and_is_told_so(web: WebHouse) -> None:
    answer = web.client(headers=GERMAN).get("/")
    assert '<html lang="de">' in answer.text and "<h1>Aufnahmen</h1>" in answer.text
    assert answer.headers["Content-Language"] == "de"
    assert answer.headers["Vary"] == "Accept-Language, Cookie"
    assert '<html lang="en">' in web.client(headers={"Accept-Language": "pt"}).get("/").text
    assert '<html lang="zh-Hans">' in web.client(headers={"Accept-Language": "zh-CN"}).get("/").text


@pytest.mark.parametrize("code", NAMES)
def test_a_language_is_chosen_and_kept(web: WebHouse, code: str) -> None:
    client = web.client(headers=GERMAN)
    for name in NAMES.values():
        assert f">{name}</button>" in client.get("/").text
    answer = client.post("/language", data={"language": code, "here": "/search?q=a"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/search?q=a")
    assert re.search(r"language=\w\w;.*httponly;.*max-age=3\d{7};.*samesite=lax", answer.headers["set-cookie"], re.I)
    for path in ("/", "/search?q=a", "/now", "/jobs/99", "/login"):
        answer = client.get(path)
        assert answer.headers["Content-Language"] == CATALOGS[code].tag
        assert path == "/now" or f'<html lang="{CATALOGS[code].tag}">' in answer.text
    assert re.findall(r'lang="[\w-]+" aria-pressed="true">(.*?)<', client.get("/").text) == [NAMES[code]]


def test_over_tls_the_choice_is_sent_over_nothing_else(web: WebHouse) -> None:
    def cookie(**headers: str) -> str:
        answer = web.client(headers=headers).post("/language", data={"language": "de"})
        return answer.headers["set-cookie"]

    assert "Secure" in cookie(**{"X-Forwarded-Proto": "https"}) and "Secure" not in cookie()


def test_who_has_not_logged_in_chooses_as_well(web: WebHouse) -> None:
    web.with_people().users.set_password("ada", PASSWORD)
    client = web.client()
    page = client.get("/login?next=/search%3Fq%3Da").text
    assert 'name="here" value="/login?next=/search%3Fq%3Da"' in page
    assert client.post("/language", data={"language": "fr", "here": "/login"}).headers["location"] == "/login"
    assert "Mot de passe" in client.get("/login").text
    wrong = client.post("/login", data={"name": "ada", "password": "wrong"})
    assert "Nom ou mot de passe incorrect." in wrong.text and 'name="here" value="/"' in wrong.text


@pytest.mark.parametrize("elsewhere", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:x"])
def test_the_choice_leads_to_no_other_site(web: WebHouse, elsewhere: str) -> None:
    answer = web.client().post("/language", data={"language": "de", "here": elsewhere})
    assert answer.headers["location"] == "/"


def test_another_site_cannot_choose(web: WebHouse) -> None:
    answer = web.client().post("/language", data={"language": "de"}, headers={"Origin": "http://evil.example"})
    assert answer.status_code == 403 and "set-cookie" not in answer.headers


@pytest.mark.parametrize("language", ["", "xx", "../de", "en\r\nSet-Cookie: a=b"])
def test_a_language_that_there_is_not_is_refused(web: WebHouse, language: str) -> None:
    answer = web.client().post("/language", data={"language": language})
    assert answer.status_code == 422 and "set-cookie" not in answer.headers
    assert web.client(headers={"Cookie": "language=xx"}).get("/").headers["Content-Language"] == "en"


def test_two_who_look_at_the_same_queue_see_it_each_in_their_language(web: WebHouse) -> None:
    web.add("memo.opus", state="queued")
    client = web.client()
    for _ in range(2):
        assert "wartet: 1" in client.get("/now", headers=GERMAN).text
        assert "1 queued" in client.get("/now").text


def test_programs_are_answered_in_english(web: WebHouse) -> None:
    web.add("memo.opus", state="queued")
    client = web.client(headers=GERMAN)
    answer = client.get("/api/jobs/99")
    assert answer.json()["error"]["message"] == "there is no job 99"
    assert "Content-Language" not in answer.headers and "Vary" not in answer.headers
    assert client.get("/api/jobs").json()["jobs"][0]["state"] == "queued"
    assert "no letter" in client.get("/api/search", params={"q": "???"}).json()["error"]["message"]
    assert client.get("/v1/models/none").json()["error"]["message"].startswith("there is no model")


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/jobs/99", "Es gibt keinen Auftrag 99."),
        ("/nothing", "Diese Seite gibt es nicht."),
        ("/?cursor=what", "Diese Seite der Warteschlange gibt es nicht"),
        ("/?state=lost", "Es gibt keinen Status „lost“"),
        ("/search?q=%3F%3F%3F", "„???“ enthält weder Buchstaben noch Ziffern"),
    ],
)
def test_errors_are_told_in_the_language_of_the_page(web: WebHouse, path: str, text: str) -> None:
    answer = web.client(headers=GERMAN).get(path)
    assert text in answer.text and 'lang="en"' not in answer.text.partition("<main")[2].partition("</main>")[0]


def test_what_the_daemon_says_is_marked_as_english(web: WebHouse) -> None:
    web.add("bad.opus", state="dead")
    client = web.client(headers=GERMAN)
    assert '<span class="faint" lang="en">the decoder died of it</span>' in client.get("/").text
    assert '<p lang="en">hours: ' in client.get("/service?hours=0").text, "what a library says of a request, too"


# -- nothing is left out -------------------------------------------------------------------------------------


class Bracketed(dict[str, Any]):
    """A catalog's table in which every text is itself in brackets."""

    def get(self, key: str, default: Any = None) -> Any:
        return {"other": f"⟦{key}⟧"} if default is None else f"⟦{key}⟧"


class Kinds(dict[str, Mapping[str, str]]):
    def get(self, key: str, default: Any = None) -> Any:
        del key, default
        return Bracketed()


@pytest.fixture
def bracketed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything that is translated stands in brackets in the German page."""
    made = Catalog("de", "Deutsch", (), Bracketed(), {}, Kinds())
    monkeypatch.setitem(CATALOGS, "de", made)


class Visible(HTMLParser):
    """The texts of a page in the language of the page."""

    VOID = ("meta", "link", "input", "br")

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._around: list[bool] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        is_other = values.get("lang", "de") != "de" or tag == "script" or any(self._around)
        if not is_other:
            self.texts += [text for name in ("aria-label", "placeholder", "alt", "title") if (text := values.get(name))]
        if tag not in self.VOID:
            self._around.append(is_other)

    def handle_endtag(self, tag: str) -> None:
        del tag
        self._around.pop()

    def handle_data(self, data: str) -> None:
        if not any(self._around):
            self.texts.append(data)


@pytest.fixture
def full(web: WebHouse) -> WebHouse:
    """A house in which every part of every page has something to show."""
    lines = [said("good morning", 0.0, 2.0, timed=True), said("mumble", 2.0, 3.0, channel=1, avg_logprob=-1.5)]
    web.add("talk.opus", *lines, suppressed=[Suppressed(5.0, 6.0, "Thanks!", "a phrase that the model makes up")])
    web.add("bad.opus", state="dead")
    web.add("long.opus", said("half of it", 0.0, 1.0), state="running")
    web.add("memo.opus", state="queued")
    web.store.pause("hours", "outside the hours")
    history = History(web.settings.database_path, lambda _reason: False)
    looks(history, gpu=True)
    history.close()
    with sqlite3.connect(web.settings.database_path) as db:
        at = "2026-03-02T09:00:00.000Z"
        for rule, subject, state, ended in (("disk_free", "/srv", "firing", None), ("memory", "", "resolved", at)):
            db.execute(
                "INSERT INTO alerts (rule, subject, state, text, since, resolved_at) VALUES (?, ?, ?, 'it is so', ?, ?)",
                (rule, subject, state, at, ended),
            )
        db.execute("INSERT INTO layouts VALUES ('a-machine', 'tiny.en', 'cpu', 'int8', 2, 1, 4, ?, '[]')", (at,))
        db.execute(
            "INSERT INTO outbox (job_id, delivery, kind, address, event, payload, state, attempts, wanted_at, due_at) "
            "VALUES (1, 'x', 'webhook', 'http://example', 'done', '{}', 'waiting', 0, ?, ?)",
            (at, at),
        )
        db.execute("UPDATE jobs SET warnings = '[\"the recording is damaged\"]' WHERE id = 1")
    corrected = web.client().get("/api/jobs/1/versions/current").json()["lines"]
    corrected[0]["text"] = "good morning, all"
    assert web.client().post("/api/jobs/1/versions", json={"based_on": 0, "lines": corrected}).status_code == 201
    with sqlite3.connect(web.settings.database_path) as db:
        db.execute("UPDATE versions SET author = 'eve'")
    sharing = web.settings.web.model_copy(update={"share_days_max": 30})
    web.settings = web.settings.model_copy(update={"web": sharing})
    with Queries(web.settings.database_path) as queries:
        for token, job in ((HEARD, 1), (READ, 1), (UNREAD, 4)):
            queries.share(job, hash_of(token), created_by="", lasts_s=3600, with_recording=token == HEARD)
    return web


PATHS = (
    "/", "/?state=ignored", "/?path=nothing", "/?did=cancel&count=1&left=1", "/?did=pause", "/jobs/1", "/jobs/4",
    "/search", "/search?q=morning", "/search?q=%3F", "/service", "/service?hours=24&asked=pause",
    "/service?asked=resume", "/login", "/jobs/99", "/nothing", "/?state=lost", "/now", "/service/now",
    f"/shared/{HEARD}", f"/shared/{READ}", f"/shared/{UNREAD}", "/shared/wrong",
)  # fmt: skip
SAME = {
    "transcribed", "zip", "UTC", *LANGUAGES, *TAKEN, "tiny", "int8", "cpu", "srv", "hours", "disk_free", "a-machine",
    "talk", "bad", "long", "morning", "memo", "opus", "eve", "nothing", "h", "s", "MB", "a", "C", "Deutsch",
}  # fmt: skip
"""What is no text: names, formats, codes, and units."""


def left_over(page: str) -> set[str]:
    """The words of a page outside of brackets."""
    seen = Visible()
    seen.feed(page)
    seen.close()
    words = set()
    for text in seen.texts:
        while (shorter := re.sub(r"⟦[^⟦⟧]*⟧", "", text)) != text:
            text = shorter
        words |= set(re.findall(r"[^\W\d_][\w-]*", text))
    return words


@pytest.mark.usefixtures("bracketed")
@pytest.mark.parametrize("path", PATHS)
def test_no_page_is_half_translated(full: WebHouse, path: str) -> None:
    folder = set(re.findall(r"[^\W\d_][\w-]*", str(full.inbox)))
    page = full.client(headers=GERMAN).get(path).text
    assert page.count("⟦") >= 3 and left_over(page) - SAME - folder == set()


@pytest.mark.usefixtures("bracketed")
@pytest.mark.parametrize("command", ["retry", "cancel", "pause", "resume", "priority"])
def test_the_question_before_much_is_done_is_translated(full: WebHouse, command: str) -> None:
    with sqlite3.connect(full.settings.database_path) as db:
        db.execute("UPDATE jobs SET state = 'paused' WHERE id = 3")
    data = {"command": command, "everything": "true", "priority": "3"}
    page = full.client(headers=GERMAN).post("/jobs/many", data=data).text
    assert "⟦No, back⟧" in page and left_over(page) - SAME == set()


@pytest.mark.usefixtures("bracketed")
def test_the_queue_of_who_may_not_see_all_is_translated(full: WebHouse) -> None:
    client: TestClient = full.of("bob")
    for path in ("/", "/service"):
        assert left_over(client.get(path, headers=GERMAN).text) - SAME - {"bob"} <= set(
            re.findall(r"[^\W\d_][\w-]*", str(full.inbox))
        )
