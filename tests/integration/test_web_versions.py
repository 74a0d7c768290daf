"""Corrections through the API, on a database without a daemon."""

import json
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.integration.web_house import WebHouse, said

pytestmark = pytest.mark.guarantee(31)

LINES = (said("good morning Ida", 0.0, 2.0, timed=True), said("the budget is to large", 2.5, 6.0, timed=True))

JSON = {"Content-Type": "application/json"}


@pytest.fixture
def talk(web: WebHouse) -> int:
    return web.add("talk.opus", *LINES)


def current(client: TestClient, job: int) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"/api/jobs/{job}/versions/current").json()
    return found


def save(client: TestClient, job: int, version: dict[str, Any], **changes: Any) -> Any:
    """Save a version with something changed in its last line."""
    lines = [*version["lines"][:-1], {**version["lines"][-1], **changes}]
    return client.post(f"/api/jobs/{job}/versions", json={"based_on": version["version"], "lines": lines})


def texts(client: TestClient, job: int) -> list[str]:
    return [line["text"] for line in client.get(f"/api/jobs/{job}").json()["segments"]]


def found(client: TestClient, words: str) -> list[str]:
    return [hit["text"] for hit in client.get("/api/search", params={"q": words}).json()]


def test_what_is_saved_counts_everywhere_and_the_machines_text_is_kept(web: WebHouse, talk: int) -> None:
    client = web.client()
    before = current(client, talk)
    assert (before["version"], before["author"], before["as_machine"]) == (0, None, True)
    assert [line["text"] for line in before["lines"]] == ["good morning Ida", "the budget is to large"]
    answer = save(client, talk, before, text="the budget is too large, Ada")
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert (made["version"], made["as_machine"], made["author"]) == (1, False, None) and made["saved_at"]
    right = ["good morning Ida", "the budget is too large, Ada"]
    assert texts(client, talk) == right and found(client, "ada") == right[1:] and found(client, "to large") == []
    assert found(client, "ida") == right[:1]
    hit = client.get("/api/search", params={"q": "too large"}).json()[0]
    assert (hit["start_s"], hit["before"]) == (2.5, "good morning Ida")
    assert client.get(f"/api/jobs/{talk}/transcript.txt").text.splitlines() == right
    document = client.get(f"/api/jobs/{talk}/transcript.json").json()
    assert document["edited"] == {"version": 1, "at": made["saved_at"], "by": None}
    first, second = document["segments"]
    assert "edited" not in first and "avg_logprob" in first and first["words"][0]["probability"] == 0.9
    assert second["edited"] is True and "avg_logprob" not in second
    assert [(word["word"].strip(), word["probability"]) for word in second["words"]] == [
        ("the", 0.9), ("budget", 0.9), ("is", 0.9), ("too", 1.0), ("large,", 1.0), ("Ada", 1.0),
    ]  # fmt: skip
    machines = client.get(f"/api/jobs/{talk}/versions/0").json()
    assert [line["text"] for line in machines["lines"]] == ["good morning Ida", "the budget is to large"]
    assert web.store.unpublished() == [talk]


def test_whoever_saves_over_a_version_that_they_have_not_seen_is_told(web: WebHouse, talk: int) -> None:
    bob, eve = web.of("eve"), web.of("cid")
    seen = current(bob, talk)
    assert save(bob, talk, seen, text="one").json()["author"] == "eve"
    late = save(eve, talk, seen, text="two")
    assert late.status_code == 409 and "by eve" in late.json()["error"]["message"]
    assert texts(bob, talk)[-1] == "one"
    assert save(eve, talk, current(eve, talk), text="two").json() | {"saved_at": 0} == {
        "version": 2, "author": "cid", "as_machine": False, "saved_at": 0,
    }  # fmt: skip
    assert [version["version"] for version in bob.get(f"/api/jobs/{talk}/versions").json()] == [2, 1]


def test_an_earlier_version_and_the_machines_can_count_again(web: WebHouse, talk: int) -> None:
    client = web.client()
    save(client, talk, current(client, talk), text="one two three")
    save(client, talk, current(client, talk), text="four", start_s=3.0)
    restored = client.post(f"/api/jobs/{talk}/versions/1/restore", json={"based_on": 2}).json()
    assert restored["version"] == 3 and texts(client, talk)[-1] == "one two three"
    assert client.post(f"/api/jobs/{talk}/versions/0/restore", json={"based_on": 2}).status_code == 409
    back = client.post(f"/api/jobs/{talk}/versions/0/restore", json={"based_on": 3}).json()
    assert (back["version"], back["as_machine"]) == (4, True)
    assert texts(client, talk)[-1] == "the budget is to large" and found(client, "budget") == ["the budget is to large"]
    assert "edited" not in client.get(f"/api/jobs/{talk}/transcript.json").json()
    assert save(client, talk, current(client, talk), text="five").json()["version"] == 5
    assert client.post(f"/api/jobs/{talk}/versions/4/restore", json={"based_on": 5}).json()["as_machine"] is True
    assert client.post(f"/api/jobs/{talk}/versions/9/restore", json={"based_on": 6}).status_code == 404


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"text": "  "}, "line 2: it has no text"),
        ({"end_s": 2.5}, "line 2: it must end (2.5 s) after it begins (2.5 s)"),
        ({"end_s": 70.0}, "line 2: it ends at 70 s, and the recording at 60 s"),
        ({"channel": 3}, "line 2: there is no channel 3"),
        ({"text": "a" * 2_001}, "2000"),
        ({"start_s": -1}, "greater than or equal to 0"),
        ({"speaker": "Ada"}, "speaker"),
        ({"language": "e\0n"}, "lines.1.language"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_changes(
    web: WebHouse, talk: int, changes: dict[str, Any], why: str
) -> None:
    client = web.client()
    refused = save(client, talk, current(client, talk), **changes)
    assert refused.status_code == 422 and why in refused.text, refused.text
    assert client.get(f"/api/jobs/{talk}/versions").json() == [] and web.store.unpublished() == []


def test_signs_that_no_file_can_have_are_left_out_of_all(web: WebHouse, talk: int) -> None:
    client = web.client()
    # What a browser sends for half of a sign that it writes as two.
    body = json.dumps({"based_on": 0, "lines": [{"start_s": 0.0, "end_s": 2.0, "text": "the\0 bud\x02get\ud83d is"}]})
    assert client.post(f"/api/jobs/{talk}/versions", content=body, headers=JSON).status_code == 201
    assert texts(client, talk)[-1] == "the bud get is"
    (hit,) = client.get("/api/search", params={"q": "get"}).json()
    assert (hit["text"], hit["highlights"]) == ("the bud get is", [[8, 11]])


def test_an_earlier_version_can_count_again_after_the_channels_were_mixed(web: WebHouse) -> None:
    job = web.add("call.opus", said("left", 0.0, 1.0, channel=1), said("right", 0.0, 1.0, channel=2))
    client = web.client()
    assert save(client, job, current(client, job), text="night").status_code == 201
    web.store.retry(job)
    web.store.claim(1)
    web.store.restart(job)
    restored = client.post(f"/api/jobs/{job}/versions/1/restore", json={"based_on": 1})
    assert restored.status_code == 201, restored.text
    assert texts(client, job) == ["left", "night"]


def test_lines_that_overlap_come_back_as_they_were_saved(web: WebHouse, talk: int) -> None:
    client = web.client()
    save(client, talk, current(client, talk), start_s=1.5)
    assert [line["start_s"] for line in current(client, talk)["lines"]] == [0.0, 1.5]


def test_a_day_of_speech_can_be_saved_and_nothing_larger(web: WebHouse) -> None:
    talk, client = web.add("talk.opus", said("good morning", 0.0, 1.0)), web.client()
    lines = [{"start_s": 0.0, "end_s": 50.0, "text": "what was said " * 32}] * 8_000
    assert client.post(f"/api/jobs/{talk}/versions", json={"based_on": 0, "lines": lines}).status_code == 201
    assert client.post(f"/api/jobs/{talk}/versions", json={"based_on": 0, "lines": lines * 3}).status_code == 413
    assert client.post(f"/api/jobs/{talk}/versions/0/restore", content=b" " * 1_000_001).status_code == 413


def test_a_transcript_may_lose_all_of_its_lines(web: WebHouse, talk: int) -> None:
    client = web.client()
    assert client.post(f"/api/jobs/{talk}/versions", json={"based_on": 0, "lines": []}).status_code == 201
    assert texts(client, talk) == [] and found(client, "budget") == []
    assert client.get(f"/api/jobs/{talk}/transcript.txt").text == ""


def test_a_job_without_a_transcript_has_nothing_to_correct(web: WebHouse) -> None:
    job = web.add("talk.opus", state="queued")
    refused = web.client().post(f"/api/jobs/{job}/versions", json={"based_on": 0, "lines": []})
    assert refused.status_code == 409 and "queued" in refused.json()["error"]["message"]


def test_what_was_corrected_stays_while_it_is_transcribed_again_and_after(web: WebHouse, talk: int) -> None:
    client = web.client()
    save(client, talk, current(client, talk), text="as it should be")
    web.store.retry(talk)
    assert texts(client, talk)[-1] == "as it should be"
    assert save(client, talk, current(client, talk), text="even better").status_code == 201
    (job,) = web.store.claim(1)
    web.store.restart(job.id)
    assert texts(client, talk) == ["good morning Ida", "even better"] and found(client, "better") == ["even better"]


def test_readers_see_versions_and_save_none(web: WebHouse, talk: int) -> None:
    bob = web.of("bob")
    assert bob.get(f"/api/jobs/{talk}/versions/current").status_code == 200
    assert save(bob, talk, current(bob, talk), text="mine").status_code == 403
    assert web.of("ada").get(f"/api/jobs/{talk}/versions").status_code == 404
