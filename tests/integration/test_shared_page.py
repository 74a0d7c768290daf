"""What somebody sees who opens a link: one transcript, and nothing else of the house."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
from docx import Document

from daemon.chunk import Options, Suppressed
from daemon.clips import CLIPS
from daemon.config.formats import FORMATS
from daemon.publish.formats import rendered
from daemon.web.guard import HEADERS, OF_SHARED
from daemon.web.shared_page import public
from tests.builders import segment, transcript
from tests.integration.test_sharing import by, execute, link
from tests.integration.web_house import WebHouse, said

SECRET = "Secret"


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebHouse]:
    made = WebHouse(tmp_path, "share_days_max = 30")
    yield made
    made.close()


@pytest.fixture
def job(web: WebHouse) -> int:
    """A recording in a folder, with a line that was left out, a word that is replaced, and words told to the model."""
    left_out = Suppressed(5.0, 6.0, f"{SECRET} phrase", f"{SECRET} reason")
    lines = (said("good morning Mister Secret", 0.0, 4.0, timed=True), said("and so on", 4.0, 5.0))
    found = web.add("ada/talk (1).opus", *lines, suppressed=[left_out])
    options = json.loads(execute(web, "SELECT options FROM jobs")[0][0])
    options |= {
        "replace": {SECRET: "Public"}, "hotwords": [SECRET], "initial_prompt": SECRET, "front_matter": True,
        "output": f"/{SECRET}", "model": f"/{SECRET}/models/tiny.en", "suppress_words": ["and so on"],
        "languages": {"en": {"hotwords": [SECRET]}},
    }  # fmt: skip
    execute(web, f"UPDATE jobs SET options = '{json.dumps(options)}', model = '/{SECRET}/models/tiny.en'")
    return found


@pytest.fixture
def address(web: WebHouse, job: int) -> str:
    return link(by(web, "carol"), job, with_recording=True)


def test_the_page_has_the_text_the_player_and_all_formats_and_leads_nowhere_else(web: WebHouse, address: str) -> None:
    page = web.client().get(address).text
    assert "<h1>talk (1).opus</h1>" in page and "<audio" in page and "Shared with you until" in page
    assert re.findall(r'<span data-start="([\d.]+)"', page) == ["0.0", "1.0", "2.0", "3.0"]
    led = set(re.findall(r'(?:href|src|action|data-from)="([^"#]*)', page))
    own = {
        f"{address}/{part}"
        for part in ("recording", "waveform", *(f"transcript.{form}" for form in (*FORMATS, "docx")))
    }
    assert {each for each in led if not each.startswith("/static/")} - {""} == own
    assert 'download="talk (1).srt"' in page


def test_nobody_corrects_there(web: WebHouse, address: str) -> None:
    page = web.client().get(address).text
    for word in ("correct", "version", "data-job", "data-draft", "data-do", "Alt+Enter", "share.js"):
        assert word not in page, word


def test_it_has_the_language_of_the_browser_and_a_refusal_too(web: WebHouse, address: str) -> None:
    client = web.client(headers={"Accept-Language": "fr"})
    assert "Partagé avec vous jusqu’au" in (page := client.get(address).text) and "Shared with you" not in page
    refusal = client.get("/shared/wrong")
    assert "<h1>Ce lien ne fonctionne pas</h1>" in refusal.text and refusal.headers["Content-Language"] == "fr"
    client.cookies.set("language", "es")
    assert "Este enlace no funciona" in client.get("/shared/wrong").text


def test_nothing_of_the_house_is_in_it(web: WebHouse, address: str) -> None:
    client = web.client()
    for more in ("", *(f"/transcript.{form}" for form in FORMATS)):
        answer = client.get(f"{address}{more}")
        assert answer.status_code == 200
        for word in (SECRET, "inbox", '"ada', "ada/", str(web.folder), "and so on", "carol"):
            assert word not in answer.text, (more, word)
        assert "Public" in answer.text or more.endswith(".rttm"), more
    document = Document(BytesIO(client.get(f"{address}/transcript.docx").content))
    text = "\n".join(each.text for each in document.paragraphs)
    assert "Mister Public" in text and SECRET not in text


def test_what_was_corrected_is_shown_and_not_by_whom(web: WebHouse, job: int, address: str) -> None:
    line = {"start_s": 0.0, "end_s": 4.0, "text": "good evening", "language": "en"}
    new = {"based_on": 0, "lines": [line]}
    assert by(web, "carol").post(f"/api/jobs/{job}/versions", json=new).status_code == 201
    client = web.client()
    assert "good" in (page := client.get(address).text) and "evening" in page and "morning" not in page
    whole = client.get(f"{address}/transcript.json")
    assert whole.json()["text"] == "good evening" and whole.json()["edited"]["by"] is None and "carol" not in whole.text


def test_a_session_makes_no_difference(web: WebHouse, address: str) -> None:
    page = web.client().get(address).text
    for client in (web.of("bob"), by(web, "carol"), web.client(headers={"Authorization": "Bearer tr-wrong"})):
        assert client.get(address).text == page


def test_without_the_recording_there_is_nothing_to_hear(web: WebHouse, job: int) -> None:
    address = link(by(web, "carol"), job)
    client = web.client()
    page = client.get(address).text
    assert "good" in page and "<audio" not in page and "player.js" not in page and "Play from" not in page
    assert f"{address}/recording" not in page and "Space or K" not in page
    assert [client.get(f"{address}/{part}").status_code for part in ("recording", "waveform")] == [404, 404]
    assert [client.head(f"{address}/{part}").status_code for part in ("recording", "waveform")] == [404, 404]
    assert client.get(f"{address}/transcript.srt").status_code == 200


def test_the_recording_is_sent_whole_and_in_parts(web: WebHouse, address: str) -> None:
    content = (CLIPS / "memo-1.opus").read_bytes()
    client = web.client()
    assert client.get(f"{address}/recording").content == content
    part = client.get(f"{address}/recording", headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, content[100:200])
    assert client.get(f"{address}/recording", headers={"Range": f"bytes={len(content)}-"}).status_code == 416
    head = client.head(f"{address}/recording")
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(content)))
    web.store.decoded(1, chunks_total=1, duration_s=0.2, speech_s=0.1, damaged=0, waveform=b"\x00\xff")
    assert client.get(f"{address}/waveform").content == b"\x00\xff"


@pytest.mark.parametrize("more", ["", "/transcript.txt", "/transcript.docx", "/waveform"])
def test_it_can_be_asked_for_heads(web: WebHouse, address: str, more: str) -> None:
    assert web.client().head(f"{address}{more}").status_code == 200


def test_another_file_in_its_place_is_not_sent(web: WebHouse, address: str) -> None:
    path = web.inbox / "ada" / "talk (1).opus"
    path.unlink()
    path.write_text(SECRET)
    answer = web.client().get(f"{address}/recording")
    assert answer.status_code == 404 and SECRET not in answer.text and "place" not in answer.text


WRONG = [
    "x" * 43, "x" * 42, "x" * 44, "x" * 5000, "", "%00", "%2e%2e", "%2e%2e%2fjobs%2f1", "%2e%2e/api/jobs", "%C3%A9" * 43,
    "x" * 43 + "%0a", "' OR 1=1 --", "x" * 43 + "/transcript.txt", "x" * 43 + "/recording", "x" * 43 + "/%2e%2e/%2e%2e/api/jobs",
]  # fmt: skip


@pytest.mark.parametrize("token", WRONG)
def test_whatever_is_wrong_with_a_link_the_answer_is_the_same(web: WebHouse, address: str, token: str) -> None:
    client = web.client()
    execute(web, "UPDATE shares SET expires_at = '2020-01-01T00:00:00.000Z'")
    expired = client.get(address)
    assert expired.status_code == 404 and "This link does not work" in expired.text
    wrong = client.get(f"/shared/{token}")
    assert (wrong.status_code, wrong.text, wrong.headers) == (404, expired.text, expired.headers)


def test_what_it_does_not_have_is_refused_in_the_same_way(web: WebHouse, address: str) -> None:
    client = web.client()
    unknown = client.get(f"/shared/{'x' * 43}").text
    for more in ("/transcript.exe", "/transcript.", "/segments", "/%2e%2e/jobs/1", "/shares", "/transcript.txt/x"):
        assert (answer := client.get(f"{address}{more}")).status_code == 404 and answer.text == unknown, more


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_nothing_can_be_changed_there(web: WebHouse, address: str, method: str) -> None:
    assert web.client().request(method, address).status_code == 405
    assert web.client().request(method, address, headers={"Origin": "http://evil.example"}).status_code == 403


def test_the_address_is_told_to_nobody_and_kept_by_nobody(web: WebHouse, address: str) -> None:
    client = web.client()
    for path in (address, f"{address}/recording", f"{address}/transcript.txt", "/shared/wrong"):
        headers = client.get(path).headers
        assert headers["Referrer-Policy"] == "no-referrer" and "noindex" in headers["X-Robots-Tag"]
        assert headers["Cache-Control"] == "no-store"
        assert {name: headers[name] for name in HEADERS} == HEADERS | {"Referrer-Policy": "no-referrer"}
    assert not set(OF_SHARED) & set(HEADERS) - {"Referrer-Policy"}
    assert client.get("/login").headers["Referrer-Policy"] == "same-origin"


def test_another_name_that_leads_here_is_refused(web: WebHouse, address: str) -> None:
    assert web.client().get(address, headers={"Host": "evil.example"}).status_code == 400


def test_while_it_is_transcribed_anew_that_is_said(web: WebHouse, job: int, address: str) -> None:
    web.store.retry(job)
    answer = web.client().get(address)
    assert answer.status_code == 200 and "no transcript at the moment" in answer.text and "<audio" not in answer.text
    text = web.client().get(f"{address}/transcript.txt")
    assert text.status_code == 409 and "Try again later" in text.text


def test_what_goes_wrong_inside_is_told_to_nobody_outside(web: WebHouse, address: str) -> None:
    web.settings.database_path.with_name("web_users.json").write_text("{")
    answer = web.client().get(address)
    assert answer.status_code == 503 and "json" not in answer.text and "Try again later" in answer.text


@pytest.mark.parametrize(
    "name", ["<script>alert(1)<script>.opus", '" onmouseover=alert(1) .opus', "{{ 9973*9967 }}.opus"]
)
def test_names_and_texts_are_never_code(web: WebHouse, name: str) -> None:
    job = web.add(name, said('<img src=x onerror="alert(1)"> {{ 9973*9967 }}', 0.0, 1.0))
    page = web.client().get(link(by(web, "carol"), job)).text
    assert "<script>alert" not in page and "<img" not in page and '" onmouseover' not in page and "99400891" not in page


@pytest.mark.parametrize(("model", "shown"), [
    ("tiny.en", "tiny.en"), ("Systran/faster-whisper-base", "Systran/faster-whisper-base"), ("/srv/m/own", "own"),
    ("./own/", "own"), (None, None),
])  # fmt: skip
def test_a_model_in_a_folder_is_named_without_it(model: str | None, shown: str | None) -> None:
    assert public(transcript("hello", model=model)).job.model == shown


def test_it_is_not_told_whose_voices_are_known() -> None:
    line = segment("hello", speaker="S1")
    known = replace(transcript("hello"), segments=[line], heard=["hello"], names={"S1": "Ada"}, recognized={"S1": 0.83})
    assert b"recognized" in rendered(known, ("json",))["json"]
    shown = rendered(public(known), ("json",))["json"]
    assert b"recognized" not in shown and b"Ada" in shown


def test_how_the_text_is_laid_out_stays() -> None:
    options = Options(task="both", subtitle_max_lines=1, replace={"a": "b"})
    shown = public(transcript("hello", options=options, path="a/b.wav", path_bytes=b"a/b.wav"))
    assert shown.job.options == Options(task="both", subtitle_max_lines=1)
    assert (shown.job.root, shown.job.path, shown.job.path_bytes) == ("", "b.wav", b"b.wav")
    assert list(shown.segments) == [segment("hello")]
