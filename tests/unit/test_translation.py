"""Which language a page is in, and texts in it."""

import json
from typing import Any

import pytest
from starlette.requests import HTTPConnection

from daemon.web import translation
from daemon.web.translation import Message, answering, gettext, ngettext, preferred, term


def request(path: str = "/", query: str = "", **headers: str) -> HTTPConnection:
    scope: dict[str, Any] = {
        "type": "http", "method": "GET", "scheme": "http", "path": path, "query_string": query.encode(),
        "server": ("127.0.0.1", 80), "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
    }  # fmt: skip
    return HTTPConnection(scope)


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "en"),
        ("de", "de"),
        ("de-CH", "de"),
        ("DE-at,en;q=0.5", "de"),
        ("zh-TW", "zh"),
        ("zh-Hans-CN,zh;q=0.9", "zh"),
        ("nl, fr;q=0.8, de;q=0.9", "de"),
        ("en-GB,en;q=0.9,de;q=0.8", "en"),
        ("nl,pl", "en"),
        ("*", "en"),
        ("fr;q=0, es;q=0.1", "es"),
        ("fr;q=0", "en"),
        ("fr ; q = 0.2 , es;q=1.000", "es"),
        ("fr;q=2, es", "es"),
        ("fr;level=1, ../../etc;q=1, es;q=0.3", "es"),
        (";;,,q=1", "en"),
        ("x" * 5000, "en"),
        ("xx," * 400 + "de", "en"),
    ],
)
def test_a_browser_gets_the_language_that_it_likes_best_of_those_there_are(accepted: str, language: str) -> None:
    assert preferred(None, accepted) == language


def test_what_was_chosen_comes_before_the_browser() -> None:
    assert preferred("fr", "de") == "fr" and preferred("en", "de") == "en"
    assert preferred("xx", "de") == "de" and preferred("", "de") == "de"


def test_texts_are_in_the_language_of_the_request_and_of_no_other() -> None:
    message = Message("there is no job {job}", job=7)
    with answering(request(accept_language="de"), "GET"):
        assert gettext("Search") == "Suchen" and ngettext("{count} line", "{count} lines", 1) == "1 Zeile"
        assert term("states", "done") == "fertig" and message.translated == "Es gibt keinen Auftrag 7."
        with answering(request(cookie="language=es"), "GET"):
            assert gettext("Search") == "Buscar"
        assert gettext("Search") == "Suchen"
    assert gettext("Search") == "Search" and term("states", "done") == "done"


def test_a_message_is_english_for_programs_and_translated_for_people() -> None:
    message = Message("there is no job {job}", job=7)
    with answering(request(accept_language="fr"), "GET"):
        assert json.dumps(message) == '"there is no job 7"' and f"{message}" == "there is no job 7"
        assert translation.shown(message) == "La tâche 7 n’existe pas." and not translation.is_english(message)
        assert translation.shown("as the daemon says it") == "as the daemon says it"
        assert translation.is_english("as the daemon says it")


def test_braces_in_a_value_are_no_places() -> None:
    with answering(request(accept_language="de"), "GET"):
        assert gettext("Select {path}", path="{path} {0} {x.__class__}") == "{path} {0} {x.__class__} auswählen"


def test_whoever_chooses_a_language_comes_back_to_where_he_was() -> None:
    with answering(request("/search", "q=a&since=2026-01-01"), "GET"):
        assert translation.address() == "/search?q=a&since=2026-01-01"
    with answering(request("/jobs/many"), "POST"):
        assert translation.address() == "/", "this page cannot be asked for again"
    with answering(request("/search", "q=" + "x" * translation.ADDRESS_MAX), "GET"):
        assert translation.address() == "/", "so much fits into no form"
