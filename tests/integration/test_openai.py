"""The API that other programs already speak, with OpenAI's own client: a real server, a real daemon."""

import contextlib
import json
import socket
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import openai
import pysubs2
import pytest
from openai import OpenAI

from daemon.clips import CLIPS
from daemon.engine.fake import POISON
from daemon.web.openai import AT_ONCE
from tests.support import Daemon, MakeDaemon, fake_texts, reconcile, wait_until, words, write_wav
from tests.webs import Web

SECONDS = 40


@pytest.fixture
def talk(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A recording of a name and content of its own."""
    seed = sum(map(ord, request.node.name))
    return write_wav(tmp_path / f"talk-{uuid.uuid4().hex[:8]}.wav", SECONDS, seed)


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A daemon for all tests that end none."""
    few = "retry_backoff_seconds = 0.1\ndrain_seconds = 5\nattempts = 1"
    started = Daemon(tmp_path_factory.mktemp("daemon"), fake={"poison": "raise"}, jobs=few).start().ready()
    yield started
    started.kill()


@pytest.fixture(scope="module")
def web(daemon: Daemon) -> Iterator[Web]:
    with Web(daemon) as served:
        yield served
    assert "Traceback" not in served.log.read_text()


OPENED: list[OpenAI] = []


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """Clients keep their connections until they are closed."""
    yield
    while OPENED:
        OPENED.pop().close()


def client(web: Web, **more: Any) -> OpenAI:
    OPENED.append(OpenAI(base_url=f"{web.address}/v1", **{"api_key": "-", "max_retries": 0, "timeout": 60, **more}))
    return OPENED[-1]


def transcribe(web: Web, recording: Path, **asked: Any) -> Any:
    with recording.open("rb") as file:
        return client(web).audio.transcriptions.create(file=file, **{"model": "whisper-1", **asked})


def post(web: Web, file: tuple[str, bytes, str], path: str = "transcriptions", **more: Any) -> httpx.Response:
    return httpx.post(f"{web.address}/v1/audio/{path}", files={"file": file}, timeout=60, **more)


def test_every_format_has_the_text(web: Web, daemon: Daemon, talk: Path) -> None:
    text = " ".join(fake_texts(talk))
    plain = transcribe(web, talk)
    assert plain.text == text and plain.usage.seconds == SECONDS
    assert transcribe(web, talk, response_format="text") == f"{text}\n"
    for form in ("srt", "vtt"):
        cues = pysubs2.SSAFile.from_string(transcribe(web, talk, response_format=form), format_=form)
        assert " ".join(cue.plaintext for cue in cues).split() == text.split()
    verbose = transcribe(web, talk, response_format="verbose_json")
    assert (verbose.text, verbose.language, verbose.duration) == (text, "english", SECONDS)
    assert [line.text for line in verbose.segments] == fake_texts(talk)
    assert [line.id for line in verbose.segments] == list(range(len(verbose.segments)))
    assert verbose.segments[0].avg_logprob == pytest.approx(-0.1) and verbose.segments[0].tokens == []
    assert verbose.words is None
    assert set(daemon.states().values()) == {"done"}
    stem = talk.stem
    for name in (f"{stem}.wav", *(f"{stem} ({number}).wav" for number in range(2, 6))):
        assert (daemon.inbox / name).read_bytes() == talk.read_bytes()


def test_what_is_asked_for_is_asked_of_the_job(web: Web, daemon: Daemon, talk: Path) -> None:
    transcribe(
        web, talk, model="tiny.en", language="en-GB", prompt='He said "C:\\".\n', temperature=0.2,
        response_format="verbose_json", timestamp_granularities=["word"], keywords=["Noë", "Ada L."],
    )  # fmt: skip
    ((options,),) = daemon.query("SELECT options FROM jobs WHERE path = ?", talk.name)
    asked = json.loads(options)
    assert (asked["language"], asked["task"], asked["word_timestamps"]) == ("en", "transcribe", True)
    assert asked["initial_prompt"] == 'He said "C:\\".' and asked["hotwords"] == ["Noë", "Ada L."]


def test_nothing_is_written_beside_a_recording_that_is_to_be_as_its_folder_says(
    web: Web, daemon: Daemon, talk: Path
) -> None:
    transcribe(web, talk)
    assert (daemon.inbox / talk.name).exists() and not (daemon.inbox / f"{talk.name}.toml").exists()


@pytest.mark.filterwarnings("ignore:deprecated")
def test_a_translation_is_one(web: Web, daemon: Daemon, talk: Path) -> None:
    with talk.open("rb") as file:
        translated = client(web).audio.translations.create(file=file, model="whisper-1", response_format="verbose_json")
    assert translated.language == "english" and translated.text == " ".join(fake_texts(talk))
    assert daemon.query("SELECT task FROM jobs WHERE path = ?", talk.name) == [("translate",)]


def test_the_text_comes_as_it_grows(web: Web, talk: Path) -> None:
    events = list(transcribe(web, talk, stream=True))
    *deltas, done = events
    assert {event.type for event in deltas} == {"transcript.text.delta"} and done.type == "transcript.text.done"
    assert "".join(event.delta for event in deltas) == done.text == " ".join(fake_texts(talk))


def test_words_come_before_the_recording_is_done(tmp_path: Path, make_daemon: MakeDaemon) -> None:
    daemon = make_daemon(fake={"delay_s": 0.5}, model="workers = 1\ncpu_threads = 1\nbatch_size = 1").start().ready()
    long = write_wav(tmp_path / "long.wav", 200, 5)
    with Web(daemon) as web:
        events = transcribe(web, long, stream=True)
        first = next(events)
        assert daemon.states() == {"long.wav": "running"}
        assert fake_texts(long)[0].startswith(first.delta[:40])
        deltas = [first.delta, *(event.delta for event in events if event.type == "transcript.text.delta")]
    assert len(deltas) >= 3 and "".join(deltas) == " ".join(fake_texts(long))


def test_two_recordings_of_one_name_at_once_have_their_own_texts(web: Web, daemon: Daemon, tmp_path: Path) -> None:
    recordings = []
    for number in range(4):
        (folder := tmp_path / str(number)).mkdir()
        recordings.append(write_wav(folder / "speech.wav", 40, number))
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda recording: transcribe(web, recording).text, recordings))
    assert answers == [" ".join(fake_texts(recording)) for recording in recordings]
    assert {"speech.wav", "speech (2).wav", "speech (3).wav", "speech (4).wav"} <= set(daemon.states())


def test_who_does_not_wait_gets_the_address_of_the_job(web: Web, daemon: Daemon, talk: Path) -> None:
    answer = post(web, (talk.name, talk.read_bytes(), "audio/wav"), headers={"Prefer": "respond-async, wait=10"})
    assert answer.status_code == 202 and answer.headers["preference-applied"] == "respond-async"
    job = f"{web.address}{answer.headers['location']}"
    daemon.wait_for({talk.name: "done"})
    assert httpx.get(job).json()["state"] == "done"
    assert httpx.get(f"{job}/transcript.txt").text.split() == " ".join(fake_texts(talk)).split()


def test_a_client_that_goes_away_changes_nothing(make_daemon: MakeDaemon, talk: Path) -> None:
    daemon = make_daemon(fake={"delay_s": 1.0}).start().ready()
    with Web(daemon) as web:
        with pytest.raises(openai.APITimeoutError), talk.open("rb") as file:
            client(web, timeout=1.0).audio.transcriptions.create(file=file, model="whisper-1")
        daemon.wait_for({talk.name: "done"})
    reconcile(daemon, [daemon.inbox / talk.name])


def test_an_answer_comes_although_the_daemon_was_killed_meanwhile(make_daemon: MakeDaemon, tmp_path: Path) -> None:
    daemon = make_daemon(fake={"delay_s": 0.5}, model="workers = 1\ncpu_threads = 1\nbatch_size = 1").start().ready()
    long = write_wav(tmp_path / "long.wav", 200, 5)
    with Web(daemon) as web:
        events = transcribe(web, long, stream=True)
        told = next(events).delta
        daemon.kill()
        daemon.start()
        told += "".join(event.delta for event in events if event.type == "transcript.text.delta")
    assert told == " ".join(fake_texts(long))
    daemon.wait_for({"long.wav": "done"})
    reconcile(daemon, [daemon.inbox / "long.wav"])


def test_a_recording_of_which_half_came_leaves_nothing(web: Web, daemon: Daemon, talk: Path) -> None:
    content = talk.read_bytes()
    head = (
        f"POST /v1/audio/transcriptions HTTP/1.1\r\nHost: 127.0.0.1:{web.port}\r\n"
        f"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: {len(content) + 1000}\r\n\r\n"
        '--x\r\nContent-Disposition: form-data; name="file"; filename="half.wav"\r\n\r\n'
    )
    with socket.create_connection(("127.0.0.1", web.port)) as connection:
        connection.sendall(head.encode() + content[: len(content) // 2])
        wait_until(lambda: hidden(daemon))
    wait_until(lambda: not hidden(daemon), what="the half being removed")
    assert not (daemon.inbox / "half.wav").exists() and "half.wav" not in daemon.states()


def hidden(daemon: Daemon) -> list[Path]:
    return list(daemon.inbox.glob(".upload-*.part"))


def test_a_recording_that_nobody_can_decode_is_the_clients_fault(web: Web) -> None:
    with pytest.raises(openai.BadRequestError, match=r"job \d+ is rejected: .*") as caught:
        client(web).audio.transcriptions.create(file=("a.wav", b"no sound at all" * 100), model="whisper-1")
    assert caught.value.param == "file" and caught.value.type == "invalid_request_error"


def test_a_recording_that_fails_is_not_sent_again(web: Web, daemon: Daemon, tmp_path: Path) -> None:
    poisoned = write_wav(tmp_path / "bad.wav", 5, start=POISON)
    with (
        pytest.raises(openai.InternalServerError, match=r"job \d+ is dead: .*poisoned") as caught,
        poisoned.open("rb") as file,
    ):
        client(web, max_retries=2).audio.transcriptions.create(file=file, model="whisper-1")
    assert caught.value.type == "server_error"
    assert daemon.query("SELECT state FROM jobs WHERE path GLOB 'bad*'") == [("dead",)]
    with pytest.raises(openai.APIError, match="is dead"):
        list(transcribe(web, poisoned, stream=True))


def test_a_job_that_somebody_cancels_is_answered(make_daemon: MakeDaemon, talk: Path) -> None:
    daemon = make_daemon(fake={"delay_s": 30}).start().ready()
    with Web(daemon) as web:

        def cancel() -> None:
            daemon.wait_for({talk.name: "running"})
            httpx.post(f"{web.address}/api/jobs/1/cancel")

        (thread := threading.Thread(target=cancel)).start()
        with pytest.raises(openai.ConflictError, match="job 1 is cancelled"):
            transcribe(web, talk)
        thread.join()


@pytest.mark.parametrize(
    ("asked", "message", "param"),
    [
        ({"response_format": "docx"}, "response_format must be one of json, text", "response_format"),
        ({"language": "klingon"}, "language must be a code such as", "language"),
        ({"temperature": 3}, "temperature must be a number from 0 to 1", "temperature"),
        ({"stream": "perhaps"}, "stream must be true or false", "stream"),
        ({"timestamp_granularities": ["syllable"]}, "timestamp_granularities must be", "timestamp_granularities"),
    ],
)
def test_wrong_fields_are_named_and_nothing_is_left(
    web: Web, daemon: Daemon, talk: Path, asked: dict[str, Any], message: str, param: str
) -> None:
    with pytest.raises(openai.BadRequestError, match=message) as caught:
        transcribe(web, talk, **asked)
    assert caught.value.param == param
    assert not (daemon.inbox / talk.name).exists() and not hidden(daemon)


def test_names_are_made_fit_and_what_is_no_recording_is_refused(web: Web, daemon: Daemon, talk: Path) -> None:
    content = talk.read_bytes()
    for name, media_type in (("blob", "audio/wav"), ("../../.hid\nden.wav", "audio/wav"), ("größe.wav", "")):
        assert post(web, (name, content, media_type)).status_code == 200
    assert {"blob.wav", "hid_den.wav", "größe.wav"} <= set(daemon.states())
    refused = post(web, ("letter.pdf", content, "application/pdf"))
    assert refused.status_code == 400 and "not named like a recording (.pdf)" in refused.json()["error"]["message"]
    assert httpx.post(f"{web.address}/v1/audio/transcriptions", json={}).status_code == 400
    assert "is missing" in post_fields(web)["error"]["message"]


def post_fields(web: Web) -> Any:
    return httpx.post(f"{web.address}/v1/audio/transcriptions", files={"model": (None, "whisper-1")}).json()


def test_without_a_daemon_only_who_does_not_wait_may_send_a_recording(make_daemon: MakeDaemon, talk: Path) -> None:
    daemon = make_daemon(fake={})
    daemon.start().ready()
    assert daemon.stop() == 0
    with Web(daemon) as web:
        with pytest.raises(openai.InternalServerError, match=r"no daemon is running.*transcribed run") as caught:
            transcribe(web, talk)
        assert caught.value.status_code == 503 and list(daemon.inbox.iterdir()) == []
        answer = post(web, (talk.name, talk.read_bytes(), "audio/wav"), headers={"Prefer": "respond-async"})
        assert answer.status_code == 202 and answer.json()["job"] is None
        daemon.start().ready()
        daemon.wait_for({talk.name: "done"})
        (job,) = httpx.get(f"{web.address}{answer.headers['location']}").json()["jobs"]
        assert job["state"] == "done"


def test_models_and_what_is_not_there(web: Web) -> None:
    assert [model.id for model in client(web).models.list()] == ["tiny.en", "whisper-1"]
    assert client(web).models.retrieve("whisper-1").owned_by == "transcribed"
    with pytest.raises(openai.NotFoundError):
        client(web).models.retrieve("large")
    with pytest.raises(openai.NotFoundError):
        client(web).embeddings.create(input="x", model="whisper-1")


def test_tokens_say_who_may_send_recordings_and_where_they_go(make_daemon: MakeDaemon, talk: Path) -> None:
    settings = '[web.users.ada]\nfolders = ["inbox/ada"]\n[web.users.bob]\nread_only = true'
    daemon = make_daemon(fake={}, web=f'api_folder = "inbox"\n{settings}')
    (daemon.inbox / "ada").mkdir()
    daemon.start().ready()
    tokens = {name: daemon.run("web", "user", "add", name, "--token", "api").stdout.strip() for name in ("ada", "bob")}
    with Web(daemon) as web:
        with talk.open("rb") as file:
            client(web, api_key=tokens["ada"]).audio.transcriptions.create(file=file, model="whisper-1")
        assert daemon.states() == {f"ada/{talk.name}": "done"}
        with pytest.raises(openai.PermissionDeniedError, match="may read, and change nothing"):
            client(web, api_key=tokens["bob"]).audio.transcriptions.create(file=talk, model="whisper-1")
        with pytest.raises(openai.AuthenticationError, match="send a token"):
            client(web, api_key="wrong").audio.transcriptions.create(file=talk, model="whisper-1")


def test_plug_ins_in_browsers_need_a_token_and_other_sites_have_none(make_daemon: MakeDaemon, talk: Path) -> None:
    daemon = make_daemon(fake={}).start().ready()
    elsewhere = {"Origin": "app://obsidian.md", "Sec-Fetch-Site": "cross-site"}
    content = (talk.name, talk.read_bytes(), "audio/wav")
    with Web(daemon) as web:
        refused = post(web, content, headers=elsewhere)
        assert refused.status_code == 401 and "send a token" in refused.json()["error"]["message"]
        assert refused.headers["access-control-allow-origin"] == "*", "the plug-in would not be shown why"
        assert "access-control-allow-origin" not in httpx.get(f"{web.address}/v1/models", headers=elsewhere).headers
        token = daemon.run("web", "user", "add", "ada", "--token", "obsidian").stdout.strip()
        may = httpx.options(
            f"{web.address}/v1/audio/transcriptions",
            headers=elsewhere | {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"},
        )  # fmt: skip
        assert may.status_code == 204 and may.headers["access-control-allow-headers"] == "authorization"
        answer = post(web, content, headers=elsewhere | {"Authorization": f"Bearer {token}"})
        assert answer.status_code == 200 and answer.headers["access-control-allow-origin"] == "*"
        unknown = post(web, content, headers=elsewhere | {"Authorization": "Bearer tr-wrong"})
        assert unknown.status_code == 401
        assert (
            httpx.post(
                f"{web.address}/api/jobs/1/retry", headers=elsewhere | {"Authorization": f"Bearer {token}"}
            ).status_code
            == 403
        )
        assert "access-control-allow-origin" not in httpx.options(f"{web.address}/api/jobs", headers=elsewhere).headers


def test_so_many_recordings_of_one_person_come_at_once(web: Web, daemon: Daemon, talk: Path) -> None:
    head = (
        f"POST /v1/audio/transcriptions HTTP/1.1\r\nHost: 127.0.0.1:{web.port}\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 1000\r\n\r\n"
        '--x\r\nContent-Disposition: form-data; name="file"; filename="many.wav"\r\n\r\n'
    )
    with contextlib.ExitStack() as stack:
        for _ in range(AT_ONCE):
            stack.enter_context(socket.create_connection(("127.0.0.1", web.port))).sendall(head.encode() + b"half")
        wait_until(lambda: len(hidden(daemon)) == AT_ONCE)
        with pytest.raises(openai.RateLimitError, match="send this one later"):
            transcribe(web, talk)
    wait_until(lambda: not hidden(daemon))
    assert transcribe(web, talk).text


@pytest.mark.model
@pytest.mark.timeout(300)
def test_a_real_memo_with_its_words(make_daemon: MakeDaemon) -> None:
    daemon = make_daemon().start().ready()
    references = (CLIPS / "references.tsv").read_text("utf-8").splitlines()
    reference = next(line.split("\t")[2] for line in references if line.startswith("memo-1.opus\t"))
    with Web(daemon) as web:
        heard = transcribe(
            web, CLIPS / "memo-1.opus", response_format="verbose_json", timestamp_granularities=["word", "segment"]
        )
    said = words(heard.text)
    assert len(set(said) & set(words(reference))) >= 0.8 * len(set(words(reference)))
    assert heard.segments and [word.word for word in heard.words] == heard.text.split()
    times = [time for word in heard.words for time in (word.start, word.end)]
    assert times == sorted(times) and times[0] >= 0 and times[-1] <= heard.duration
