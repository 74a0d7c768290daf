"""Who speaks when in a file, in this process."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from daemon.bench.speakers import listening
from daemon.bench.speakers.conversation import Case, build
from daemon.bench.speakers.lines import write
from daemon.bench.speakers.people import shipped
from daemon.chunk import SAMPLE_RATE
from daemon.decode.voices import SpeakerModel
from daemon.voice import Turn, Voice


class NoModel(SpeakerModel):
    """What hears nothing."""

    def __init__(self) -> None:
        pass


Stretches = Sequence[tuple[float, float]]


def voices(_model: SpeakerModel, spans: Stretches, samples: NDArray[np.int16], spoken: Stretches) -> list[Voice]:
    """One voice for each stretch in which somebody speaks; the samples must be those of the spans."""
    assert len(samples) == pytest.approx(sum(end - start for start, end in spans) * SAMPLE_RATE, abs=len(spans))
    assert all(any(first <= start and end <= last for first, last in spans) for start, end in spoken)
    return [Voice(start, end, b"") for start, end in spoken]


def diarize(heard: list[Voice], speakers: str) -> tuple[list[Turn], dict[str, None]]:
    return [Turn(voice.start_s, voice.end_s, speakers) for voice in heard], {}


def test_by_voice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "voices", voices)
    monkeypatch.setattr(listening, "diarize", diarize)
    made = build(shipped(), Case(2, 0.5), 0)
    found = listening.listen(write(made.sound, "clean", tmp_path / "talk"), NoModel(), "2-3")
    assert found.windows == len(found.turns) > 3 and {turn.speaker for turn in found.turns} == {"2-3"}
    assert set(found.cpu_s) == {"decoding", "embeddings", "clustering"} and found.cpu_s["decoding"] > 0
    for turn in made.turns:
        middle = (turn.start_s + turn.end_s) / 2
        assert any(each.start_s <= middle <= each.end_s for each in found.turns), turn


def test_by_channel_where_the_channels_carry_different_speech(tmp_path: Path) -> None:
    made = build(shipped(), Case(2, 0.6, by_channel=True), 0)
    found = listening.listen(write(made.sound, "clean", tmp_path / "talk"), NoModel(), "auto")
    assert {turn.speaker for turn in found.turns} == {"channel 1", "channel 2"} and found.windows == 0
    names = {name: f"channel {number}" for number, name in enumerate(made.people, 1)}
    for turn in made.turns:
        middle = (turn.start_s + turn.end_s) / 2
        speaking = {each.speaker for each in found.turns if each.start_s <= middle <= each.end_s}
        assert names[turn.speaker] in speaking
