"""A real daemon whose chunks go to a server: it goes away and comes back, is busy, or fails at one of them."""

import json
import time
import wave
from pathlib import Path

import numpy as np
import pytest

from daemon.engine.fake import text_of
from tests.servers import Asked, FakeServer, Reply
from tests.sounds import tone
from tests.support import MakeDaemon, wait_until

NONE = 'device = "none"'


def talk(path: Path, number: int, chunks: int = 2) -> Path:
    """A recording of so many chunks with sounds and pauses, whose samples no other number has."""
    block = np.concatenate([tone(0.8, -20 - number), np.zeros(3200, dtype=np.int16)])
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        for at in range(30 * chunks):
            file.writeframes(np.roll(block, 7 * at).tobytes())
    return path


def engines(url: str, more: str = "") -> dict[str, str]:
    return {"[engines]": f'url = "{url}"\nwindow = 2\n{more}'}


def test_a_server_goes_away_in_the_middle_comes_back_and_nobody_pays(make_daemon: MakeDaemon, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("hunter2")
    busy = iter([Reply(status=503, headers={"Retry-After": "1"})])
    first, second = FakeServer(), None
    daemon = make_daemon(
        fake={}, model=NONE, jobs="attempts = 1\nretry_backoff_seconds = 0.1",
        **engines(first.url, f'api_key_file = "{tmp_path / "key"}"'),
    )  # fmt: skip
    for number in range(3):
        talk(daemon.inbox / f"{number}.wav", number)

    def goes_away(asked: Asked) -> Reply | None:
        if not asked.audio or asked.is_clip:
            return None
        if len(first.heard) == 2:
            return next(busy, None)
        return Reply(how="silent") if len(first.heard) > 3 else None

    def ill(asked: Asked) -> Reply | None:
        """It cannot take one of the chunks, and does not say how sure it is of the others."""
        if asked.audio and asked.audio == spoilt:
            return Reply(b'{"error": {"message": "hunter2 is odd"}}', 500)
        if not asked.audio or asked.is_clip:
            return None
        line = {"start": 0.0, "end": 20.0, "text": text_of(asked.audio)}
        return Reply(json.dumps({"text": line["text"], "language": "en", "segments": [line]}).encode())

    spoilt = b""
    with first:
        first.answer = goes_away
        daemon.start().ready()
        wait_until(lambda: len(first.heard) > 4, 30, "requests that are not answered")
        assert first.at_once_max <= 2, "the window"
    try:
        wait_until(lambda: "is away" in daemon.log_text() and "cannot load" in daemon.log_text(), 30, "the loss")
        assert set(daemon.states().values()) <= {"running", "done"}
        known = {asked.audio for asked in first.heard}
        spoilt = first.heard[-1].audio
        second = FakeServer(ill, port=first.port)
        ended = {f"{number}.wav" for number in range(3)}
        wait_until(lambda: {p for p, s in daemon.states().items() if s in ("done", "dead")} == ended, 60, "the end")
    finally:
        if second is not None:
            second.__exit__(None, None, None)
        daemon.stop()
    (dead,) = daemon.query("SELECT path, error FROM jobs WHERE state = 'dead'")
    assert "answered 500 Internal Server Error: … is odd" in dead[1], "alone twice, while the clip was heard"
    assert sum(asked.audio == spoilt for asked in second.asked) == 2
    rows = daemon.query("SELECT model, device, compute_type, attempts FROM jobs WHERE state = 'done'")
    assert rows == [("elsewhere:tiny.en", first.place, "unknown", 1)] * 2
    texts = {text for (text,) in daemon.query("SELECT text FROM segments")}
    assert texts <= {text_of(audio) for audio in known | {asked.audio for asked in second.heard}}
    assert {device for (device,) in daemon.query("SELECT device FROM batches")} == {first.place}
    assert daemon.query("SELECT count(*) > 0 FROM segments WHERE avg_logprob IS NULL AND no_speech_prob IS NULL") == [
        (1,)
    ]
    for path in daemon.inbox.glob("*.json"):
        assert "NaN" not in path.read_text()
    everything = daemon.log_text() + "".join(map(str, daemon.query("SELECT * FROM jobs")))
    assert "hunter2" not in everything


def test_an_engine_of_this_machine_goes_on_meanwhile(make_daemon: MakeDaemon) -> None:
    def slowly(asked: Asked) -> Reply | None:
        if len(house.heard) > 2:
            return Reply(status=503, headers={"Retry-After": "600"})
        time.sleep(0.05 if asked.audio else 0)
        return None

    with FakeServer(slowly) as house:
        daemon = make_daemon(
            fake={"delay_s": 0.05, "workers": 1, "batch_size": 1}, model="workers = 1\ncpu_threads = 1\nbatch_size = 1",
            **engines(house.url),
        )  # fmt: skip
        daemon.start()
        wait_until(lambda: daemon.log_text().count("engine ready") == 2, 60, "both engines")
        for number in range(2):
            talk(daemon.inbox / f"{number}.wav", number, chunks=4)
        wait_until(lambda: list(daemon.states().values()) == ["done", "done"], 60, "the end")
        daemon.stop()
    devices = dict(daemon.query("SELECT device, count(*) FROM batches GROUP BY device"))
    assert devices[house.place] == 2 and devices["fake"] >= 6
    assert daemon.query("SELECT DISTINCT device, attempts FROM jobs") == [(f"fake, {house.place}", 1)]


def test_run_once_gives_up_where_there_is_no_server(make_daemon: MakeDaemon) -> None:
    with FakeServer(lambda _asked: Reply(status=401)) as house:
        daemon = make_daemon(fake={}, model=NONE, **engines(house.url))
        talk(daemon.inbox / "a.wav", 1, chunks=1)
        daemon.start("--once", "--wait", "1")
        assert daemon.process is not None and daemon.process.wait(60) == 5
    assert "gave up waiting: 127.0.0.1 answered 401 Unauthorized; engines[0].api_key_file" in daemon.log_text()
    assert daemon.query("SELECT state, attempts FROM jobs") == [("queued", 0)]


@pytest.mark.parametrize("status", [200, 401])
def test_the_doctor_tries_it(make_daemon: MakeDaemon, status: int) -> None:
    from daemon.config import reader
    from daemon.doctor import trials
    from daemon.doctor.case import Case

    with FakeServer(lambda _asked: None if status == 200 else Reply(status=status)) as house:
        daemon = make_daemon(fake={}, model=NONE, **engines(house.url))
        settings = reader.load(daemon.config)
        case = Case(None, settings, "", "pat", None)
        (found,) = trials.examine(case)
        assert trials.models_of(settings) == [], "none is looked for on this machine"
    assert ("hears a clip of speech" in found.text) == (status == 200)
