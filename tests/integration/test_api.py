"""The API for programs, on a database without a daemon."""

import json
import sqlite3
from contextlib import closing

import pytest

from daemon.chunk import Suppressed
from daemon.config.formats import FORMATS
from daemon.store.queries import Queries
from tests.integration.web_house import WebHouse, said


def asked(web: WebHouse) -> list[tuple[str, int | None]]:
    """What the daemon is asked for."""
    return web.store.take_requests()


def test_jobs_come_page_by_page_the_newest_first(web: WebHouse) -> None:
    ids = [web.add(f"talk-{number}.opus", said("good morning", 0.0, 1.0)) for number in range(5)]
    client = web.client()
    first = client.get("/api/jobs", params={"limit": 2}).json()
    rest = client.get("/api/jobs", params={"cursor": first["next"]}).json()
    assert [job["id"] for job in first["jobs"] + rest["jobs"]] == ids[::-1] and rest["next"] is None
    assert client.get("/api/jobs", params={"cursor": "what"}).status_code == 422


def test_jobs_are_filtered_by_state_and_path(web: WebHouse) -> None:
    web.add("talk.opus", said("good morning", 0.0, 1.0))
    web.add("[odd] memo.opus", state="dead")
    web.add("memo.opus", state="queued")

    def paths(**params: object) -> list[str]:
        return [job["path"] for job in web.client().get("/api/jobs", params=params).json()["jobs"]]  # type: ignore[arg-type]

    both = ["memo.opus", "[odd] memo.opus"]
    assert paths(state="queued") == ["memo.opus"] and paths(state=["queued", "dead"]) == both == paths(path="memo")
    assert paths(path="talk") == ["talk.opus"] == paths(path="t*.opus")
    assert web.client().get("/api/jobs", params={"state": "lost"}).status_code == 422


def test_who_may_see_some_folders_sees_no_others(web: WebHouse) -> None:
    mine = web.add("ada/talk.opus", said("good morning ada", 0.0, 1.0))
    other = web.add("talk.opus", said("good morning everybody", 0.0, 1.0))
    ada = web.of("ada")
    assert [job["id"] for job in ada.get("/api/jobs").json()["jobs"]] == [mine]
    assert [hit["job_id"] for hit in ada.get("/api/search", params={"q": "morning"}).json()] == [mine]
    assert ada.get(f"/api/jobs/{mine}").status_code == 200
    for path in (
        f"/api/jobs/{other}",
        f"/api/jobs/{other}/recording",
        f"/api/jobs/{other}/transcript.txt",
        f"/jobs/{other}",
    ):
        assert ada.get(path).status_code == 404
    assert ada.post(f"/api/jobs/{other}/retry").status_code == 404 and asked(web) == []
    assert "everybody" not in ada.get("/", params={"path": ""}).text


@pytest.mark.parametrize("job_id", ["99", "0", "-1", "9223372036854775808", "1e3", "x", "1/../2"])
def test_a_job_that_is_not_there(web: WebHouse, job_id: str) -> None:
    assert web.client().get(f"/api/jobs/{job_id}").status_code in (404, 422)


def test_everything_about_a_job(web: WebHouse) -> None:
    job_id = web.add("talk.opus", said("good morning", 0.0, 1.0))
    found = web.client().get(f"/api/jobs/{job_id}").json()
    assert found["path"] == "talk.opus" and [line["text"] for line in found["segments"]] == ["good morning"]


def test_what_is_asked_of_a_job_is_a_request_to_the_daemon(web: WebHouse) -> None:
    done, queued = web.add("talk.opus", said("good morning", 0.0, 1.0)), web.add("memo.opus", state="queued")
    client = web.client()
    assert client.post(f"/api/jobs/{done}/retry").json() == {"requested": "retry"}
    assert client.put(f"/api/jobs/{queued}/priority/-7").status_code == 202
    assert asked(web) == [("retry", done), ("priority:-7", queued)]
    refused = client.post(f"/api/jobs/{done}/cancel")
    assert refused.status_code == 409 and "done" in refused.json()["error"]["message"]
    assert client.put(f"/api/jobs/{queued}/priority/1000001").status_code == 422
    assert client.post(f"/api/jobs/{queued}/explode").status_code == 422 and asked(web) == []


def test_the_transcript_in_any_format(web: WebHouse) -> None:
    left_out = Suppressed(5.0, 6.0, "Thanks for watching!", "a phrase that the model makes up")
    job_id = web.add("talk.opus", said("good <b>morning</b>", 0.0, 1.0), suppressed=[left_out])
    client = web.client()
    for form in FORMATS:
        answer = client.get(f"/api/jobs/{job_id}/transcript.{form}")
        assert answer.status_code == 200 and ("morning" in answer.text or form == "rttm")
        assert not answer.headers["content-type"].startswith("text/html")
    assert json.loads(client.get(f"/api/jobs/{job_id}/transcript.json").text)["suppressed"][0]["text"] == left_out.text
    assert client.get(f"/api/jobs/{job_id}/transcript.exe").status_code == 422
    waiting = web.add("memo.opus", state="queued")
    assert client.get(f"/api/jobs/{waiting}/transcript.txt").status_code == 409


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("budget", 1), ('"quarterly budget"', 1), ('"budget quarterly"', 0), ("budget quarterly", 1), ("“quarterly budget”", 1),
        ('"quarterly', 1), ("budget OR nothing", 0), ("bud*", 0),
    ],
)  # fmt: skip
def test_words_and_phrases_are_searched(web: WebHouse, words: str, found: int) -> None:
    web.add("talk.opus", said("the quarterly budget is fine", 2.0, 4.0))
    hits = web.client().get("/api/search", params={"q": words}).json()
    assert len(hits) == found and all(hit["start_s"] == 2.0 for hit in hits)


def test_what_cannot_be_searched_says_so(web: WebHouse) -> None:
    answer = web.client().get("/api/search", params={"q": "???"})
    assert answer.status_code == 422 and "no letter" in answer.json()["error"]["message"]
    web.add("talk.opus", said("good morning", 0.0, 1.0))
    assert web.client().get("/api/search", params={"q": "morning", "language": "de"}).json() == []


def test_without_a_database_the_reason_is_told(web: WebHouse) -> None:
    web.settings.database_path.unlink()
    answer = web.client().get("/api/jobs")
    assert answer.status_code == 503 and "start the daemon" in answer.json()["error"]["hint"]
    page = web.client().get("/")
    assert page.status_code == 503 and "no database" in page.text


def test_alerts_are_listed(web: WebHouse) -> None:
    assert web.client().get("/api/alerts").json() == []


def test_every_answer_keeps_to_its_description(web: WebHouse) -> None:
    described = web.client().get("/api/openapi.json").json()
    assert {"/api/jobs", "/api/search", "/api/events"} <= described["paths"].keys()
    assert not any(path.startswith(("/jobs", "/login")) for path in described["paths"])
    with Queries(web.settings.database_path) as queries:
        assert queries.jobs() == []


def test_a_database_that_somebody_else_writes_to_is_not_waited_for_long(
    web: WebHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemon.web.house.PATIENCE_S", 0.1)
    job_id = web.add("talk.opus", said("good morning", 0.0, 1.0))
    with closing(sqlite3.connect(web.settings.database_path, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        answer = web.client().post(f"/api/jobs/{job_id}/retry")
        assert answer.status_code == 503 and "locked" in answer.json()["error"]["message"]
        assert web.client().get(f"/api/jobs/{job_id}").status_code == 200, "reading goes on"
    assert web.client().post(f"/api/jobs/{job_id}/retry").status_code == 202
