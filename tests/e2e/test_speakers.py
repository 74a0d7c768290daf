"""Who says what, for real: the speaker model, tiny.en, conversations of the voices in the shipped clips."""

import importlib.util
import json
import sqlite3
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from daemon.clips import voices
from daemon.config.speaker_models import campplus
from tests.media import clip, one
from tests.support import Daemon, MakeDaemon, reconcile, wait_until, write_wav

pytestmark = [
    pytest.mark.model,
    pytest.mark.timeout(600),
    pytest.mark.skipif(
        not campplus().is_file() or not all(map(importlib.util.find_spec, ("fastcluster", "kaldi_native_fbank"))),
        reason="needs pip install 'transcribed[speakers]' and transcribed speakers install",
    ),
]

RATE = 16_000
PAUSE = np.zeros(RATE // 2, dtype=np.float32)
WATCH = 'path = "inbox"\nspeakers = "{}"\nformats = ["txt", "json"]'


def conversation(path: Path, who: Sequence[str]) -> list[tuple[float, float, str]]:
    """Write a conversation of people who take turns; return who speaks from when to when."""
    clips = {name: iter([file for file, voice in voices().items() if voice == name]) for name in set(who)}
    sound, turns, at = [], [], 0
    for name in who:
        said = clip(next(clips[name]))
        turns.append((at / RATE, (at + len(said)) / RATE, name))
        sound += [said, PAUSE]
        at += len(said) + len(PAUSE)
    one(path, np.concatenate(sound), "pcm_s16le")
    return turns


def spoken(transcript: Path) -> list[dict[str, object]]:
    return list(json.loads(transcript.read_text())["segments"])


def right(transcript: Path, turns: Sequence[tuple[float, float, str]]) -> float:
    """The share of words that have the label of who says them; each label stands for whom it names most often."""
    said: list[tuple[str, str]] = []
    for line in spoken(transcript):
        for word in line["words"]:  # type: ignore[attr-defined]
            middle = (word["start_s"] + word["end_s"]) / 2
            name = min(turns, key=lambda turn: max(turn[0] - middle, middle - turn[1]))[2]
            said.append((str(line["speaker"]), name))
    labels = {label for label, _ in said}
    stands_for = {
        label: max(set(voices().values()), key=lambda name: sum(each == (label, name) for each in said))
        for label in labels
    }
    assert len(set(stands_for.values())) == len(labels), f"two labels for one person: {stands_for}"
    return sum(stands_for[label] == name for label, name in said) / len(said)


def test_people_who_take_turns(make_daemon: MakeDaemon) -> None:
    who = ("awb", "slt", "rms", "awb", "slt", "rms", "awb", "slt", "rms")
    daemon: Daemon = make_daemon(**{"[watch]": WATCH.format("2-6")})
    turns = conversation(daemon.inbox / "talk.wav", who)
    assert daemon.once() == 0
    assert right(daemon.inbox / "talk.json", turns) >= 0.96
    people = daemon.query("SELECT speaker, name, seconds, share FROM speaking ORDER BY speaker")
    assert [speaker for speaker, *_ in people] == ["S1", "S2", "S3"]
    assert sum(share for *_, share in people) == pytest.approx(1, abs=0.001)
    lines = (daemon.inbox / "talk.txt").read_text().splitlines()
    assert lines[0].startswith("S1: ") and sum(": " in line[:4] for line in lines) >= 6
    reconcile(daemon, [daemon.inbox / "talk.wav"], ("txt", "json"))


@pytest.mark.guarantee(7)
def test_a_kill_costs_no_voice_that_was_heard(make_daemon: MakeDaemon) -> None:
    watch = WATCH.format("auto").replace('"txt", ', "")  # which is compared with what the engine has heard
    daemon: Daemon = make_daemon(fake={"delay_s": 0.1}, **{"[watch]": watch})
    recording = write_wav(daemon.inbox / "long.wav", 200.0)
    daemon.start().ready()
    kept = "SELECT chunk, idx, start_s, end_s, embedding FROM voices ORDER BY chunk, idx"
    wait_until(lambda: len(daemon.query(kept)) >= 10, 60, "the first voices")
    daemon.kill()
    before = daemon.query(kept)
    with sqlite3.connect(daemon.database) as db:
        # What is listened to again would be written again, if it was not there.
        db.execute("UPDATE voices SET start_s = start_s + 0.001")
    daemon.start()
    after = wait_until(lambda: len(rows := daemon.query(kept)) > len(before) and rows, 60, "more voices")
    daemon.wait_for({"long.wav": "done"}, 120)
    assert [round(row[2] - 0.001, 3) for row in after[: len(before)]] == [round(row[2], 3) for row in before]
    assert len(after) > len(before) and all(later[:2] > earlier[:2] for earlier, later in pairwise(after))
    assert daemon.query("SELECT DISTINCT speaker FROM segments ORDER BY 1")[0] == ("S1",)
    assert daemon.query(kept) == [], "of what is done nobody needs them"
    assert daemon.query("SELECT attempts, warnings FROM jobs") == [(1, None)]
    assert daemon.stop() == 0
    reconcile(daemon, [recording], ("json",))


def test_a_file_that_is_no_model_costs_no_transcript(make_daemon: MakeDaemon, tmp_path: Path) -> None:
    daemon: Daemon = make_daemon(fake={}, **{"[watch]": WATCH.format("auto")})
    cache = tmp_path / "cache"
    daemon.environment["XDG_CACHE_HOME"] = str(cache)
    file = cache / "transcribed" / "models" / campplus().name
    file.parent.mkdir(parents=True)
    file.write_bytes(b"not a model")
    write_wav(daemon.inbox / "a.wav", 20.0)
    assert daemon.once() == 0
    assert daemon.states() == {"a.wav": "done"}
    ((warnings,),) = daemon.query("SELECT warnings FROM jobs")
    assert "who speaks is not known" in warnings and "transcribed speakers install" in warnings
    assert all("speaker" not in line for line in spoken(daemon.inbox / "a.json"))
