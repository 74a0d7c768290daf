"""Recordings whose voices are hard to tell apart, or are none: crowds, songs, children, many people, turns of 0.3 s."""

import json
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path

import numpy as np
import pytest

from daemon.chunk import SAMPLE_RATE
from daemon.clips import voices
from daemon.decode.vad import PAD
from tests import sounds
from tests.media import Sound, clip, one
from tests.support import Daemon, MakeDaemon

PEOPLE = ("awb", "slt", "rms")
PAUSE = np.zeros(SAMPLE_RATE // 2, dtype=np.float32)


def of(name: str) -> Iterator[Sound]:
    """What one of the synthetic voices says, again and again."""
    return cycle([clip(path) for path, voice in voices().items() if voice == name])


def long(parts: Iterator[Sound], seconds: float, pause: Sound = PAUSE) -> Sound:
    """Some parts one after another, as many as it takes."""
    joined: list[Sound] = []
    while sum(map(len, joined)) < seconds * SAMPLE_RATE:
        joined += [next(parts), pause]
    return np.concatenate(joined)


def raised(sound: Sound, factor: float) -> Sound:
    """A voice that is higher by a factor, as a child's is, and speaks as much faster."""
    at = np.arange(0, len(sound) - 1, factor)
    return np.asarray(np.interp(at, np.arange(len(sound)), sound), dtype=np.float32)


def nobody(seconds: float) -> Sound:
    parts = [sounds.sound(name, seconds / 4) for name in ("white noise", "hum", "rain", "clicks")]
    return np.asarray(np.concatenate(parts) / 32768, dtype=np.float32)


def song(seconds: float) -> Sound:
    """A voice whose pitch goes up and down by a fifth, over music."""
    said = long(of("slt"), seconds, PAUSE[:0])
    slow = 2 * np.pi * np.arange(len(said)) / SAMPLE_RATE
    bent = np.cumsum(1.2 + 0.3 * np.sign(np.sin(slow)) + 0.02 * np.sin(6 * slow)) % (len(said) - 1)
    sung = np.interp(bent, np.arange(len(said)), said).astype(np.float32)
    music = sounds.sound("band", len(sung) / SAMPLE_RATE)[: len(sung)]
    return np.asarray(sung + music / 131072, dtype=np.float32)


def child(seconds: float) -> Sound:
    """A child and the grown-up whose voice it is made of."""
    said = of("awb")
    return long((raised(next(said), factor) for factor in cycle((1.0, 1.5))), seconds)


def two_microphones(seconds: float) -> Sound:
    """One voice, a sentence from nearby and one over a telephone."""

    def heard() -> Iterator[Sound]:
        for near, said in zip(cycle((True, False)), of("rms")):
            spectrum = np.fft.rfft(said)
            hertz = np.fft.rfftfreq(len(said), 1 / SAMPLE_RATE)
            spectrum[~near & ((hertz < 300) | (hertz > 3400))] = 0
            yield np.fft.irfft(spectrum, len(said)).astype(np.float32)

    return long(heard(), seconds)


def short_turns(seconds: float) -> Sound:
    """Two people of whom nobody speaks for longer than 0.3 s."""
    turn = 3 * SAMPLE_RATE // 10
    one_says, other_says = (long(of(name), seconds, PAUSE[:0]) for name in ("awb", "slt"))
    count = min(len(one_says), len(other_says)) // turn
    parts = [(one_says, other_says)[at % 2][at * turn : (at + 1) * turn] for at in range(count)]
    return np.concatenate(parts)


def crowd(seconds: float) -> Sound:
    """A dozen people who speak at once all the time."""
    everybody = [
        raised(long(of(name), 1.5 * seconds + 10), factor) for name in PEOPLE for factor in (0.8, 0.95, 1.1, 1.3)
    ]
    late = [np.roll(each, nth * SAMPLE_RATE)[: round(seconds * SAMPLE_RATE)] for nth, each in enumerate(everybody)]
    return np.asarray(np.sum(late, axis=0) / 4, dtype=np.float32)


def forty(seconds: float) -> Sound:
    """Forty people, each of whom says something in turn: three voices at fourteen heights."""
    said = {name: of(name) for name in PEOPLE}
    heights = [(name, factor) for factor in np.linspace(0.75, 1.45, 14) for name in PEOPLE][:40]
    return long((raised(next(said[name]), factor) for name, factor in cycle(heights)), seconds)


KINDS: dict[Callable[[float], Sound], range] = {
    nobody: range(1),
    song: range(5),
    child: range(1, 4),
    two_microphones: range(1, 4),
    short_turns: range(1, 4),
    crowd: range(7),
    forty: range(2, 46),
}
"""How many people may be found in each."""
KEEP_MOMENTS = (
    "from sqlalchemy import false\nfrom daemon.store import store\nstore.HEARD_OF = store.HEARD_OF.where(false())"
)
"""How every moment sounded goes when a job is done; here it stays, to be counted."""
SHORT_S = 15.0
DOSES = [pytest.param(SHORT_S, id="15 s"), pytest.param(600.0, id="10 min", marks=pytest.mark.faults)]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("seconds", DOSES)
@pytest.mark.usefixtures("speaker_model")
def test_whoever_speaks_there_is_a_transcript(make_daemon: MakeDaemon, seconds: float) -> None:
    pytest.importorskip("fastcluster")
    pytest.importorskip("kaldi_native_fbank")
    watch = 'path = "inbox"\nspeakers = "auto"\nformats = ["txt", "json"]'
    daemon: Daemon = make_daemon(fake={}, vad="enabled = true", **{"[watch]": watch})
    daemon.patch = KEEP_MOMENTS
    for kind in KINDS:
        one(daemon.inbox / f"{kind.__name__}.wav", np.clip(kind(seconds), -1, 1), "pcm_s16le", SAMPLE_RATE)
    assert daemon.once(500) == 0
    assert set(daemon.states().values()) == {"done"} and len(daemon.states()) == len(KINDS)
    assert daemon.query("SELECT path, warnings FROM jobs WHERE warnings LIKE '%who speaks%'") == []
    for kind, possible in KINDS.items():
        assert (daemon.inbox / f"{kind.__name__}.txt").exists()
        people = labels(daemon.inbox / f"{kind.__name__}.json")
        assert len(people) in possible, f"{kind.__name__}: {sorted(people)}"
        heard = daemon.query(
            "SELECT start_s, end_s, length(embedding) FROM voices JOIN jobs ON jobs.id = job_id WHERE path = ?",
            f"{kind.__name__}.wav",
        )
        assert heard or not people
        # No more is listened to and kept than there is: a window takes 0.4 s at least, stretches within it 0.03 s.
        assert sum(end_s - start_s for start_s, end_s, _ in heard) <= seconds * 1.7 + PAD / SAMPLE_RATE
        assert len(heard) <= 3 * seconds and {size for *_, size in heard} <= {384}


def labels(transcript: Path) -> set[str]:
    return {line["speaker"] for line in json.loads(transcript.read_text("utf-8"))["segments"] if "speaker" in line}
