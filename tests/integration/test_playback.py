"""Recordings for the player, whole and in parts."""

import gc
import os

import pytest

from daemon.clips import CLIPS
from daemon.web.playback import is_video, media_type
from tests.integration.web_house import WebHouse, said


@pytest.fixture
def address(web: WebHouse) -> str:
    return f"/api/jobs/{web.add('talk.opus', said('good morning', 0.0, 1.0))}/recording"


def test_a_recording_is_sent_whole_and_in_parts(web: WebHouse, address: str) -> None:
    content = (CLIPS / "memo-1.opus").read_bytes()
    client = web.client()
    whole = client.get(address)
    assert whole.content == content and whole.headers["content-type"] == "audio/ogg"
    assert whole.headers["accept-ranges"] == "bytes"
    for asked, start, end in (("0-0", 0, 1), ("100-199", 100, 200), ("500-", 500, None), ("-50", -50, None)):
        part = client.get(address, headers={"Range": f"bytes={asked}"})
        assert (part.status_code, part.content) == (206, content[start:end])
    assert client.get(address, headers={"Range": f"bytes={len(content)}-"}).status_code == 416
    assert client.head(address).content == b""


@pytest.mark.parametrize(
    "asked", ["bytes=a-b", "bytes=5-1", "lines=1-2", "bytes=" + ",".join(["0-"] * 5000), "bytes=--5"]
)
def test_ranges_that_are_wrong_or_too_many_do_no_harm(web: WebHouse, address: str, asked: str) -> None:
    answer = web.client().get(address, headers={"Range": asked})
    assert answer.status_code in (200, 206, 400, 416)
    assert len(answer.content) <= 2 * (CLIPS / "memo-1.opus").stat().st_size


def test_no_descriptor_stays_open(web: WebHouse, address: str) -> None:
    client = web.client()
    client.get(address)
    gc.collect()  # What other tests have left would be closed meanwhile.
    before = len(os.listdir("/proc/self/fd"))
    for headers in ({}, {"Range": "bytes=0-5"}, {"Range": "bytes=99999999-"}, {"Range": "bytes=a"}):
        for _ in range(3):
            client.get(address, headers=headers)
            client.head(address)
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize("what", ["gone", "another", "a link", "a pipe", "written"])
def test_only_the_recording_that_was_transcribed_is_sent(web: WebHouse, address: str, what: str) -> None:
    path = web.inbox / "talk.opus"
    before = path.read_bytes()
    secret = web.folder / "secret"
    secret.write_text("secret")
    if what != "written":
        path.unlink()
    match what:
        case "another":
            path.write_bytes(before)
        case "a link":
            path.symlink_to(secret)
        case "a pipe":
            os.mkfifo(path)
        case "written":
            path.write_bytes(before + b"more")
    answer = web.client().get(address)
    assert answer.status_code == 404 and "recording" in answer.json()["error"]["message"]


def test_a_recording_that_was_only_touched_by_a_chmod_is_sent(web: WebHouse, address: str) -> None:
    (web.inbox / "talk.opus").chmod(0o600)
    assert web.client().get(address).status_code == 200


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.mp3", "audio/mpeg"), ("a.WAV", "audio/x-wav"), ("a.opus", "audio/ogg"), ("a.mp4", "video/mp4"), ("a.mkv", "video/x-matroska"),
        ("a.html", "application/octet-stream"), ("a.svg", "application/octet-stream"), ("a", "application/octet-stream"),
    ],
)  # fmt: skip
def test_no_name_makes_a_browser_run_a_recording(name: str, kind: str) -> None:
    assert media_type(name) == kind and is_video(name) == kind.startswith("video")


def test_the_waveform_is_what_the_decoder_has_heard(web: WebHouse, address: str) -> None:
    where = address.replace("recording", "waveform")
    assert web.client().get(where).content == b""
    web.store.decoded(1, chunks_total=1, duration_s=0.2, speech_s=0.1, damaged=0, waveform=b"\x00\xff\x80\x01")
    assert web.client().get(where).content == b"\x00\xff\x80\x01"
