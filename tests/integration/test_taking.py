"""Transcripts to take away."""

from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from docx import Document

from daemon.chunk import Options
from daemon.filesystem import fingerprint
from daemon.store.queries import Queries
from daemon.store.records import MadeWith
from daemon.store.store import Store
from daemon.web import taking
from tests.builders import VERSION, result, seen, segment, settings
from tests.integration.web_clients import browser_page, client, people, served
from tests.support import queue, write_wav


def done(store: Store, name: str, root: Path, text: str = "hello", version: str = VERSION, **options: Any) -> int:
    """Add a recording with a transcript."""
    store.queue([(seen(name, version, root=str(root)), Options(**options), 5)])
    (job,) = store.claim(1)
    made_with = MadeWith("tiny.en", "int8", "cpu")
    store.begin(job.id, content_hash=name, duration_s=80.0, made_with=made_with, language="de")
    store.decoded(job.id, chunks_total=1, duration_s=80.0, speech_s=10.0, damaged=0)
    lines = (segment(text, 0.0, 1.0, language="de"), segment("again", 65.0, 66.0, language="de"))
    store.save([result(job.id, segments=lines)])
    store.finish(job.id)
    return job.id


def unpacked(answer: Any) -> dict[str, str]:
    assert answer.status_code == 200, answer.text
    with ZipFile(BytesIO(answer.content)) as packed:
        assert packed.testzip() is None
        return {name: packed.read(name).decode(errors="replace") for name in packed.namelist()}


def test_a_document_with_and_without_times(store: Store, tmp_path: Path) -> None:
    job = done(store, "talks/Über uns.m4a", tmp_path / "inbox")
    page = client(settings(tmp_path))
    answer = page.get(f"/api/jobs/{job}/transcript.docx")
    assert answer.headers["content-type"] == taking.DOCX_TYPE
    assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''%C3%9Cber%20uns.docx"
    whole = Document(BytesIO(answer.content))
    assert whole.core_properties.title == "Über uns.m4a" and whole.core_properties.language == "de-DE"
    assert [each.text for each in whole.paragraphs[2:]] == ["00:00:00\thello", "00:01:05\tagain"]
    plain = page.get(f"/api/jobs/{job}/transcript.docx?times=false")
    assert [each.text for each in Document(BytesIO(plain.content)).paragraphs[2:]] == ["hello", "again"]


def test_what_is_not_done_has_no_document(store: Store, tmp_path: Path) -> None:
    queue(store, "a.wav", root=str(tmp_path / "inbox"))
    page = client(settings(tmp_path))
    assert page.get("/api/jobs/1/transcript.docx").status_code == 409
    assert page.get("/api/jobs/2/transcript.docx").status_code == 404


def test_a_zip_of_many_in_several_formats_says_what_is_not_in_it(store: Store, tmp_path: Path) -> None:
    first, second = (done(store, name, tmp_path / "inbox", name) for name in ("a/one.wav", "two.wav"))
    queue(store, "waits.wav", root=str(tmp_path / "inbox"))
    data = {"job": [str(first), str(second), "3", "99"], "format": ["txt", "srt", "docx"]}
    files = unpacked(client(settings(tmp_path)).post("/api/transcripts.zip", data=data))
    assert set(files) == {f"{stem}.{form}" for stem in ("a/one", "two") for form in ("txt", "srt", "docx")} | {
        "left-out.txt"
    }
    assert files["a/one.txt"] == "a/one.wav\nagain\n" and "00:00:00,000 -->" in files["two.srt"]
    assert files["left-out.txt"] == "99: there is no such job\n3: the job is queued\n"


def test_a_job_that_has_both_has_both_in_the_zip(store: Store, tmp_path: Path) -> None:
    job = done(store, "one.wav", tmp_path / "inbox", task="both")
    answer = client(settings(tmp_path)).post("/api/transcripts.zip", data={"job": str(job), "format": ["txt", "json"]})
    assert set(unpacked(answer)) == {"one.txt", "one.en.txt", "one.json"}
    other = done(store, "one.en.wav", tmp_path / "inbox", "of another")
    answer = client(settings(tmp_path)).post("/api/transcripts.zip", data={"job": [str(other), str(job)]})
    assert set(unpacked(answer)) == {"one.txt", "one.en.txt", "one.en.wav.txt"}


def test_no_two_transcripts_have_one_name_and_no_name_leads_elsewhere(store: Store, tmp_path: Path) -> None:
    names = ("talk.wav", "Talk.mp3", "TALK.WAV", "tAlk.wav", "left-out.wav", "q: what?.wav", " . /x.wav")
    ids = [done(store, name, tmp_path / "inbox", name) for name in names]
    elsewhere = done(store, "talk.wav", tmp_path / "other", "elsewhere")
    page = client(settings(tmp_path))
    files = unpacked(page.post("/api/transcripts.zip", data={"job": [str(each) for each in ids]}))
    assert list(files) == [
        "talk.txt",
        "Talk.mp3.txt",
        "TALK.WAV.txt",
        f"tAlk.wav ({ids[3]}).txt",
        "left-out.wav.txt",
        "q_ what_.txt",
        "x.txt",
    ]
    both = unpacked(page.post("/api/transcripts.zip", data={"job": [str(ids[0]), str(elsewhere)]}))
    assert list(both) == ["inbox/talk.txt", "other/talk.txt"]


@pytest.mark.parametrize(("path", "safe"), [
    ("../../etc/passwd", "etc/passwd"), ("/etc/passwd", "etc/passwd"), ("..", "recording"), ("a\\..\\b", "a_.._b"),
    ("a\nb\x00.", "a_b_"),
])  # fmt: skip
def test_paths_in_a_zip_lead_only_down(path: str, safe: str) -> None:
    assert taking._harmless(path) == safe


def test_all_that_match_are_taken_but_not_too_many(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.wav", "b.wav", "c.mp3"):
        done(store, name, tmp_path / "inbox")
    page = client(settings(tmp_path))
    data = {"everything": "true", "here": "path=.wav"}
    assert set(unpacked(page.post("/jobs/zip", data=data))) == {"a.txt", "b.txt"}
    monkeypatch.setattr(taking, "JOBS_MAX", 1)
    answer = page.post("/api/transcripts.zip", data=data)
    assert answer.status_code == 422 and "1 are the most at once" in answer.json()["error"]["message"]


def test_nobody_takes_what_they_do_not_see(store: Store, tmp_path: Path) -> None:
    mine, theirs = (done(store, "a.wav", tmp_path / name, name) for name in ("inbox", "other"))
    users = people(tmp_path)
    data = {"job": [str(mine), str(theirs)]}
    files = unpacked(users["guest"].post("/api/transcripts.zip", data=data))
    assert set(files) == {"a.txt", "left-out.txt"} and files["left-out.txt"] == f"{theirs}: there is no such job\n"
    assert set(unpacked(users["guest"].post("/jobs/zip", data={"everything": "true"}))) == {"a.txt"}
    assert len(unpacked(users["auditor"].post("/api/transcripts.zip", data=data))) == 2, "reading is enough"
    assert users["guest"].get(f"/api/jobs/{theirs}/transcript.docx").status_code == 404


@pytest.mark.parametrize(("data", "status"), [
    ({}, 422), ({"job": "1"}, 409), ({"job": "9"}, 409), ({"job": "1", "format": "exe"}, 422), ({"job": "x"}, 422),
])  # fmt: skip
def test_what_cannot_be_taken_is_said(store: Store, tmp_path: Path, data: dict[str, str], status: int) -> None:
    queue(store, "a.wav", root=str(tmp_path / "inbox"))
    answer = client(settings(tmp_path)).post("/api/transcripts.zip", data=data)
    assert answer.status_code == status and answer.json()["error"]["message"]


def test_a_zip_is_sent_as_it_is_made_and_names_what_goes_meanwhile(store: Store, path: Path, tmp_path: Path) -> None:
    ids = [done(store, name, tmp_path / "inbox") for name in ("a.wav", "b.wav")]
    pieces = taking._zipped(path, [*ids, 99], ["txt"], ["7: the job is queued"])
    first = next(pieces)
    assert b"a.txt" in first and b"b.txt" not in first
    with ZipFile(BytesIO(first + b"".join(pieces))) as packed:
        assert packed.namelist() == ["a.txt", "b.txt", "left-out.txt"] and packed.testzip() is None
        assert packed.read("left-out.txt") == b"7: the job is queued\n99: the job has gone meanwhile\n"


def test_whoever_breaks_off_leaves_no_open_database(
    store: Store, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [done(store, name, tmp_path / "inbox") for name in ("a.wav", "b.wav")]
    closed: list[Queries] = []
    close = Queries.close

    def noted(queries: Queries) -> None:
        closed.append(queries)
        close(queries)

    monkeypatch.setattr(Queries, "close", noted)
    pieces = taking._zipped(path, ids, ["txt"], [])
    next(pieces)
    assert closed == []
    del pieces
    assert len(closed) == 1


def test_a_transcript_is_copied_and_many_are_taken_in_a_browser(store: Store, tmp_path: Path) -> None:
    house = settings(tmp_path)
    recording = write_wav(tmp_path / "inbox" / "talk.wav")
    done(store, "talk.wav", tmp_path / "inbox", version=fingerprint(recording.stat()))
    with served(house) as address, browser_page() as page:
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.goto(address)
        page.get_by_text("With many").click()
        page.get_by_label("Select talk.wav").check()
        page.get_by_label("docx").check()
        with page.expect_download() as taken:
            page.get_by_role("button", name="zip").click()
        with ZipFile(taken.value.path()) as packed:
            assert set(packed.namelist()) == {"talk.txt", "talk.docx"}
        page.get_by_role("link", name="talk.wav").click()
        page.wait_for_load_state()
        for what, text in (("copy the text", "hello\nagain"), ("copy with times", "0:00\thello\n1:05\tagain")):
            page.get_by_role("button", name=what).click()
            page.get_by_text("Copied.").wait_for()
            assert page.evaluate("navigator.clipboard.readText()") == text
        with page.expect_download() as taken:
            page.get_by_role("link", name="docx").click()
        assert taken.value.suggested_filename == "talk.docx"
