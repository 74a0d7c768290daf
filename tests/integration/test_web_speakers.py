"""Who speaks, on the pages and through the API, on a database without a daemon."""

import json
import re

import pytest

from tests.integration.test_sharing import execute
from tests.integration.test_web_versions import current, save
from tests.integration.web_house import WebHouse, said

LINES = (
    said("good morning", 0.0, 1.0, speaker="S1", timed=True),
    said("we begin", 1.0, 2.0, speaker="S1"),
    said("thank you", 2.0, 3.0, speaker="S2"),
)


@pytest.fixture
def talk(web: WebHouse) -> int:
    made = web.add("talk.opus", *LINES)
    execute(web, f"INSERT INTO speakers (job_id, speaker, name) VALUES ({made}, 'S1', '<Ada>'), ({made}, 'S2', NULL)")
    return made


def shown(page: str) -> list[str]:
    return re.findall(r'<span class="name">(.*?)</span>', page)


def test_the_reader_names_who_speaks_where_that_changes(web: WebHouse, talk: int) -> None:
    page = web.client().get(f"/jobs/{talk}").text
    lines = page.partition('id="lines"')[2].partition("</ol>")[0]
    assert shown(lines) == ["&lt;Ada&gt;", "", "S2"]
    assert re.findall(r'data-speaker="(S\d)" class="(channel-\d)"', lines) == [
        ("S1", "channel-1"),
        ("S1", "channel-1"),
        ("S2", "channel-2"),
    ]
    unknown = web.client().get(f"/jobs/{web.add('other.opus', said('good morning', 0.0, 1.0))}").text
    lines = unknown.partition('id="lines"')[2].partition("</ol>")[0]
    assert shown(lines) == [] and "data-speaker" not in unknown.partition('id="transcript"')[2].partition("</ol>")[0]


def test_the_files_that_are_taken_have_the_names(web: WebHouse, talk: int) -> None:
    client = web.client()
    assert client.get(f"/api/jobs/{talk}/transcript.txt").text == "<Ada>: good morning\nwe begin\nS2: thank you\n"
    assert "SPEAKER talk 1 2.000 1.000" in client.get(f"/api/jobs/{talk}/transcript.rttm").text
    document = client.get(f"/api/jobs/{talk}/transcript.json").json()
    assert [each["name"] for each in document["speakers"]] == ["<Ada>", "S2"]


def test_names_that_nobody_has_confirmed_are_told_of(web: WebHouse, talk: int) -> None:
    told = "not confirmed: &lt;Ada&gt;"
    assert told not in web.client().get(f"/jobs/{talk}").text
    execute(web, f"UPDATE speakers SET recognized = 0.83 WHERE job_id = {talk} AND speaker = 'S1'")
    assert told in web.client().get(f"/jobs/{talk}").text


def test_what_is_corrected_keeps_its_speaker(web: WebHouse, talk: int) -> None:
    client = web.client()
    version = current(client, talk)
    assert [line["speaker"] for line in version["lines"]] == ["S1", "S1", "S2"]
    assert save(client, talk, version, text="thanks").status_code == 201
    assert client.get(f"/api/jobs/{talk}/transcript.txt").text.splitlines()[-1] == "S2: thanks"
    bare = [{name: each for name, each in line.items() if name != "speaker"} for line in current(client, talk)["lines"]]
    bare[2]["text"] = "many thanks"
    answer = client.post(f"/api/jobs/{talk}/versions", json={"based_on": 1, "lines": bare})
    assert answer.status_code == 201, "a program that knows nothing of speakers"
    assert [line["speaker"] for line in current(client, talk)["lines"]] == ["S1", "S1", "S2"]
    assert client.post(f"/api/jobs/{talk}/versions/1/restore", json={"based_on": 2}).status_code == 201
    assert [line["speaker"] for line in current(client, talk)["lines"]] == ["S1", "S1", "S2"]


@pytest.mark.parametrize("speaker", ["Ada", "S0", "s1", "S1\n", "S12345"])
def test_a_speaker_that_cannot_be_is_refused(web: WebHouse, talk: int, speaker: str) -> None:
    client = web.client()
    assert save(client, talk, current(client, talk), speaker=speaker).status_code == 422
    assert save(client, talk, current(client, talk), speaker="S3").status_code == 201


def test_where_nobody_is_known_the_api_is_as_it_was(web: WebHouse) -> None:
    made = web.add("talk.opus", said("good morning", 0.0, 1.0))
    assert current(web.client(), made)["lines"] == [
        {"start_s": 0.0, "end_s": 1.0, "text": "good morning", "channel": 0, "language": "en"}
    ]
    assert "speaker" not in json.dumps(web.client().get(f"/api/jobs/{made}/transcript.json").json()["segments"])
