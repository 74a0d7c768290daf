"""What is searched for on the page and through the API: words, and where and when they were said."""

from datetime import UTC, datetime, timedelta

import pytest

from daemon.web.searching import phrases
from tests.integration.web_house import WebHouse, said

TODAY = datetime.now(UTC).date()


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("", [""]),
        ("quarterly budget", ["quarterly", "budget"]),
        ('the "quarterly budget" is', ["quarterly budget", "the", "is"]),
        ('"half', ["half"]),
        ("“curly quotes”", ["curly quotes"]),
        ('""', ['""']),
    ],
)
def test_what_is_between_quotes_is_a_phrase(words: str, found: list[str]) -> None:
    assert phrases(words) == found


@pytest.mark.parametrize(
    ("limits", "count"),
    [
        ({}, 2),
        ({"language": "de"}, 1),
        ({"language": "fr"}, 0),
        ({"folder": "ada"}, 1),
        ({"since": str(TODAY)}, 2),
        ({"since": str(TODAY + timedelta(2))}, 0),
        ({"until": str(TODAY + timedelta(1))}, 2),
        ({"until": str(TODAY - timedelta(2))}, 0),
        ({"since": str(TODAY - timedelta(1)), "until": str(TODAY + timedelta(1)), "language": "en"}, 1),
    ],
)
def test_the_page_and_the_api_find_the_same(web: WebHouse, limits: dict[str, str], count: int) -> None:
    web.add("talk.opus", said("the budget", 0.0, 1.0))
    web.add("ada/rede.opus", said("das budget", 0.0, 1.0, language="de"))
    asked = {"q": "budget", **limits}
    if "folder" in limits:
        asked["folder"] = str(web.inbox / limits["folder"])
    client = web.client()
    assert len(client.get("/api/search", params=asked).json()) == count
    page = client.get("/search", params=asked).text
    assert page.count("<mark>budget</mark>") == count
    for value in asked.values():
        assert f'value="{value}"' in page or f"<option selected>{value}</option>" in page


@pytest.mark.parametrize(
    "limits", [{"since": "yesterday"}, {"until": "2026-1-1"}, {"language": "x" * 11}, {"q": "x" * 1001}]
)
def test_what_cannot_be_meant_is_refused(web: WebHouse, limits: dict[str, str]) -> None:
    for path in ("/api/search", "/search"):
        assert web.client().get(path, params={"q": "budget", **limits}).status_code == 422
