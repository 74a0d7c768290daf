"""Windows of speech through a speaker model: where they are cut, and what comes out."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper

from daemon.chunk import SAMPLE_RATE
from daemon.config.speaker_models import FOR_8_BITS, in_8_bits
from daemon.decode import voices as module
from daemon.decode.vad import Samples
from daemon.decode.voices import BANDS, LONGEST, SHORTEST, SpeakerModel, cut, filter_banks, voices
from daemon.errors import Unavailable


def speech(seconds: float, level: float = 3000, seed: int = 0) -> Samples:
    drawn = np.random.default_rng(seed).normal(0, level, round(seconds * SAMPLE_RATE))
    return np.clip(drawn, -32768, 32767).astype(np.int16)


def tone(seconds: float, hertz: float) -> Samples:
    return (8000 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE)).astype(np.int16)


def joined(*parts: Samples) -> Samples:
    return np.concatenate(parts)


def saved(file: Path, *shapes: list[Any], kind: int = TensorProto.FLOAT, operator: str = "ReduceMax") -> Path:
    """Write a model of one operator over time."""
    graph = helper.make_graph(
        [
            helper.make_node(operator, ["x", "axes"], ["y"], keepdims=0),
            *(helper.make_node("Identity", [f"x{nth}"], [f"y{nth}"]) for nth in range(1, len(shapes))),
        ],
        "model",
        [helper.make_tensor_value_info(f"x{nth or ''}", kind, shape) for nth, shape in enumerate(shapes)],
        [helper.make_tensor_value_info("y", kind, None)],
        [helper.make_tensor("axes", TensorProto.INT64, [1], [1])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    file.write_bytes(model.SerializeToString())
    return file


@pytest.fixture
def model(tmp_path: Path) -> SpeakerModel:
    """A model that takes the loudest of each band for the voice."""
    return SpeakerModel(saved(tmp_path / "model.onnx", ["n", "t", BANDS]))


def direction(embedding: bytes) -> NDArray[np.float64]:
    return np.frombuffer(embedding, "<f2").astype(np.float64)


def test_a_voice_has_its_time_in_the_recording_and_a_direction_of_length_1(model: SpeakerModel) -> None:
    found = voices(model, [(10.0, 11.5), (20.0, 21.5)], joined(tone(1.5, 300), tone(1.5, 2500)))
    assert [(voice.start_s, voice.end_s) for voice in found] == [(10.0, 11.5), (20.0, 21.5)]
    first, second = (direction(voice.embedding) for voice in found)
    assert first.shape == (BANDS,)
    assert np.linalg.norm(first) == pytest.approx(1.0, abs=2e-3)
    # Each is made of the samples of its own span.
    alone = direction(voices(model, [(0.0, 1.5)], tone(1.5, 2500))[0].embedding)
    assert second == pytest.approx(alone, abs=1e-3)
    assert first @ second < 0.9


def test_where_nobody_speaks_there_is_no_voice(model: SpeakerModel) -> None:
    spans, samples = [(10.0, 11.5), (20.0, 21.5)], joined(tone(1.5, 300), tone(1.5, 2500))
    found = voices(model, spans, samples, [(9.0, 10.5), (10.9, 11.4)])
    assert [(voice.start_s, voice.end_s) for voice in found] == [(10.0, 10.5), (10.9, 11.4)]
    # Both are what one window sounds like, the pause and all.
    whole = voices(model, spans, samples)[0]
    assert {voice.embedding for voice in found} == {whole.embedding}


def test_no_window_holds_two_spans(model: SpeakerModel) -> None:
    spans = [(0.0, 0.7), (1.0, 6.3), (7.0, 7.2), (8.0, 9.9)]
    found = voices(model, spans, speech(sum(end - start for start, end in spans)))
    for voice in found:
        assert any(start <= voice.start_s and voice.end_s <= end + 1e-9 for start, end in spans)
    assert not any(7.0 <= voice.start_s < 7.2 for voice in found)


def test_long_speech_is_cut_where_it_is_quietest() -> None:
    gap = speech(0.1, level=30)
    at = cut(joined(speech(1.3), gap, speech(1.7, seed=1), gap, speech(1.4, seed=2)))
    borders = [first / SAMPLE_RATE for first, _ in at[1:]]
    assert borders == pytest.approx([1.35, 3.15], abs=0.05)


def test_windows_are_neither_too_long_nor_too_short_and_leave_nothing_out() -> None:
    for seconds in np.arange(0.4, 12.0, 0.13):
        at = cut(speech(float(seconds)))
        assert all(SHORTEST <= last - first <= LONGEST for first, last in at)
        assert all(before[1] == after[0] for before, after in pairwise(at))
        assert sum(last - first for first, last in at) >= (seconds - 0.5) * SAMPLE_RATE
    assert cut(speech(0.3)) == cut(speech(0.001)) == cut(speech(0)) == []


def test_the_silence_that_the_vad_leaves_around_speech_is_left_out() -> None:
    hush = speech(0.35, level=20)
    (only,) = cut(joined(hush, speech(1.2), hush))
    assert only == pytest.approx((0.35 * SAMPLE_RATE, 1.55 * SAMPLE_RATE), abs=0.06 * SAMPLE_RATE)
    # No more than that is left out: a voice that falls to a whisper goes on.
    fading = cut(joined(speech(1.0), speech(0.9, level=20)))
    assert fading[-1][1] >= 1.45 * SAMPLE_RATE


def test_silence_gives_no_voice_that_is_no_number(model: SpeakerModel) -> None:
    for samples in (np.zeros(SAMPLE_RATE, np.int16), np.full(SAMPLE_RATE, -32768, np.int16)):
        for voice in voices(model, [(0.0, 1.0)], samples):
            assert np.isfinite(direction(voice.embedding)).all()


def test_filter_banks_do_not_depend_on_the_level() -> None:
    loud = speech(1.0, level=4000)
    banks = filter_banks(loud)
    assert banks.shape == (98, BANDS) and banks.dtype == np.float32
    assert np.abs(banks.mean(axis=0)).max() < 1e-3
    assert filter_banks((loud / 2).astype(np.int16)) == pytest.approx(banks, abs=0.05)


@pytest.mark.parametrize(
    ("shapes", "reason"),
    [
        ([["n", "t", 40]], "not filter banks of 80 bands alone"),
        ([["n", 80]], "not filter banks"),
        ([["n", "t", 80], ["n"]], "not filter banks"),
    ],
)
def test_a_model_that_takes_something_else_is_refused(shapes: list[list[Any]], reason: str, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=reason):
        SpeakerModel(saved(tmp_path / "model.onnx", *shapes))


def test_a_file_that_is_no_model_is_named(tmp_path: Path) -> None:
    file = tmp_path / "model.onnx"
    for content in (b"", b"no model", bytes(1000)):
        file.write_bytes(content)
        with pytest.raises(Unavailable, match=r"model\.onnx is no speaker model: .*speakers install"):
            SpeakerModel(file)
    with pytest.raises(Unavailable, match=r"missing\.onnx"):
        SpeakerModel(tmp_path / "missing.onnx")


@pytest.mark.parametrize(
    ("flags", "small", "used"),
    [({FOR_8_BITS}, True, "small"), (set(), True, "whole"), ({FOR_8_BITS}, False, "whole")],
)
def test_8_bits_are_used_where_they_lie_beside_and_pay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: set[str], small: bool, used: str
) -> None:
    monkeypatch.setattr(module, "has", flags.__contains__)
    whole = saved(tmp_path / "model.onnx", ["n", "t", BANDS])
    if small:
        saved(in_8_bits(whole), ["n", "t", BANDS], operator="ReduceMin")
    banks = np.stack([np.full(BANDS, 3.0), np.append(np.full(BANDS - 1, 1.0), 2.0)])[None].astype(np.float32)
    (voice,) = SpeakerModel(whole).embed(banks)
    assert (voice[0] == voice[-1]) == (used == "whole")
