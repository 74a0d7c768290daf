"""Batches through models of the shapes of Parakeet and Canary: texts, times, probabilities and languages, to the digit."""

from concurrent.futures import ThreadPoolExecutor
from math import log
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx_asr.loader import Manager

from daemon.chunk import Chunk, Decoded
from daemon.config.onnx_models import EUROPEAN
from daemon.engine.onnx.aed import TOKENS_MAX, prepared
from daemon.engine.onnx.model import OnnxModel
from tests.onnx_models import make_aed, make_ctc, make_tdt, sound

GREETING = [
    ("▁Good", 0.9), ("▁morn", 0.8), ("ing", 0.7), (".", 0.95), ("▁How", 0.85), ("▁are", 0.9), ("▁you", 0.6), ("?", 0.9),
]  # fmt: skip
GERMAN = [("▁Gu", 0.9), ("ten", 0.8), ("▁Morgen", 0.7), (",", 0.9), ("▁meine", 0.9), ("▁Damen", 0.9), (".", 0.9)]
START_S = 100.0
"""Where the chunks begin in their recording."""


def chunk(*loud_s: tuple[float, float], length_s: float, **fields: Any) -> Chunk:
    audio = sound(*loud_s, length_s=length_s)
    return Chunk(**{"job_id": 1, "idx": 0, "spans": ((START_S, START_S + length_s),), "audio": audio, **fields})


def model(folder: Path, languages: tuple[str, ...] = ("en",), *, is_told: bool = False) -> OnnxModel:
    loaded = Manager(None, ["CPUExecutionProvider"]).create_asr(None, folder).with_timestamps()
    if is_told:
        prepared(loaded.asr)  # type: ignore[arg-type]
    return OnnxModel(loaded, languages, is_told=is_told)


def texts(result: Decoded) -> list[str]:
    return [line.text for line in result.segments]


@pytest.fixture
def parakeet(tmp_path: Path) -> OnnxModel:
    return model(make_tdt(tmp_path, GREETING))


TWO_SOUNDS = chunk((1.0, 2.15), (4.0, 5.1), length_s=7.0, word_timestamps=True)
"""Four tokens from 0.96 s on, and four from 4.0 s on, 0.32 s apart."""


def test_tokens_of_a_parakeet_become_lines_and_words_with_times_and_probabilities(parakeet: OnnxModel) -> None:
    (result,) = parakeet.run([TWO_SOUNDS])
    first, second = result.segments
    assert (first.text, first.start_s, first.end_s) == ("Good morning.", 100.96, 102.24)
    assert (second.text, second.start_s, second.end_s) == ("How are you?", 104.0, 105.28)
    assert [(word.word, word.start_s, word.end_s, word.probability) for word in first.words or ()] == [
        (" Good", 100.96, 101.28, 0.9),
        (" morning.", 101.28, 102.24, 0.8167),
    ]
    assert [(word.word, word.probability) for word in second.words or ()] == [
        (" How", 0.85), (" are", 0.9), (" you?", 0.75),
    ]  # fmt: skip
    assert first.avg_logprob == round((log(0.9) + log(0.8) + log(0.7) + log(0.95)) / 4, 4)
    assert result.avg_logprob == pytest.approx(sum(log(each) for _, each in GREETING) / 8, abs=1e-5)
    assert (first.language, first.temperature, first.no_speech_prob, result.covered_s) == ("en", 0.0, 0.0, 7.0)


def test_times_are_those_of_the_recording_where_silence_was_left_out(parakeet: OnnxModel) -> None:
    """The second sentence was said a minute after the first one, so a line ends there, whatever the marks say."""
    spans = ((100.0, 103.0), (160.0, 164.0))
    (result,) = parakeet.run([chunk((1.0, 2.5), (4.0, 4.8), length_s=7.0, spans=spans)])
    assert [(line.text, line.start_s, line.end_s) for line in result.segments] == [
        ("Good morning.", 100.96, 102.24),
        ("How", 102.24, 102.56),
        ("are you?", 161.0, 161.96),
    ]
    assert all(line.words is None for line in result.segments), "nobody asked for them"


def test_chunks_of_a_batch_do_not_touch_each_other_and_it_is_one_call(
    parakeet: OnnxModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = [parakeet.run([each])[0] for each in (TWO_SOUNDS, chunk((0.5, 0.9), length_s=1.5))]
    calls: list[int] = []
    recognize = parakeet._model.recognize

    def counted(audio: list[Any], **told: Any) -> Any:
        calls.append(len(audio))
        return recognize(audio, **told)

    monkeypatch.setattr(parakeet._model, "recognize", counted)
    together = parakeet.run([TWO_SOUNDS, chunk((0.5, 0.9), length_s=1.5)])
    assert calls == [2] and list(together) == alone
    assert texts(alone[1]) == ["Good morn"]


def test_silence_and_the_shortest_of_chunks_have_no_text(parakeet: OnnxModel) -> None:
    silence, short = parakeet.run([chunk(length_s=2.0), chunk(length_s=0.01)])
    assert (silence.segments, silence.covered_s, silence.avg_logprob) == ((), 2.0, 0.0)
    assert short.segments == ()


def test_a_line_where_there_is_no_more_than_the_noise_of_the_recording_is_kept_aside(parakeet: OnnxModel) -> None:
    loud = chunk((0.5, 0.9), length_s=1.5)
    level_db = 20 * np.log10(3000 / 32768)
    (kept,) = parakeet.run([Chunk(1, 0, loud.spans, loud.audio, noise_db=-90.0)])
    assert texts(kept) == ["Good morn"]
    noisy = np.random.default_rng(1).normal(0, 2500, 24_000).astype("<i2") + np.frombuffer(loud.audio, "<i2") // 10
    (result,) = parakeet.run([Chunk(1, 0, loud.spans, noisy.astype("<i2").tobytes(), noise_db=float(level_db))])
    assert result.segments == () and {aside.reason for aside in result.suppressed} == {"no sound there"}


def test_much_sound_after_the_last_word_is_left_for_another_part(tmp_path: Path) -> None:
    """A model that stops in the middle of the speech: after its only word it hears nothing more."""
    stops = model(make_ctc(tmp_path, [("▁Yes", 0.9)], [6]))
    (result,) = stops.run([chunk((0.4, 6.0), length_s=8.0)])
    assert texts(result) == ["Yes"] and result.covered_s == pytest.approx(0.48 + 0.32)
    (quiet,) = stops.run([chunk((0.4, 0.75), length_s=8.0)])
    assert texts(quiet) == ["Yes"] and quiet.covered_s == 8.0, "silence was not left out"
    (short,) = stops.run([chunk((0.4, 2.7), length_s=2.75)])
    assert short.covered_s == 2.75, "a word may be long"


def test_a_ctc_model_gives_times_and_probabilities_too(tmp_path: Path) -> None:
    ctc = model(make_ctc(tmp_path, GREETING, [13, 15, 17, 20, 50, 54, 56, 60]))
    result, silence = ctc.run([TWO_SOUNDS, chunk(length_s=3.0)])
    assert [(line.text, line.start_s, line.end_s) for line in result.segments] == [
        ("Good morning.", 101.04, 101.92),
        ("How are you?", 104.0, 105.12),
    ]
    # A token that stays for two frames has the product of both.
    assert [word.probability for word in result.segments[0].words or ()] == [
        round(0.9**2, 4), round((0.8**2 + 0.7**2 + 0.95**2) / 3, 4),
    ]  # fmt: skip
    assert silence.segments == ()


def test_a_model_that_does_not_say_what_it_heard_is_judged_by_its_text(tmp_path: Path) -> None:
    german = model(make_tdt(tmp_path, GERMAN), EUROPEAN)
    audio = chunk((1.0, 3.1), length_s=5.0)
    told, detected = german.run([chunk((1.0, 3.1), length_s=5.0, language="nl"), audio])
    assert texts(detected) == ["Guten Morgen, meine Damen."]
    assert detected.language == "de" and 0.8 < detected.language_probability <= 1
    assert (told.language, told.language_probability) == ("nl", 1.0), "who says what is spoken is right"
    (short,) = german.run([chunk((0.5, 0.6), length_s=1.0, fallback_language="nl")])
    assert short.language == "nl", "of so short a text nothing can be told"


@pytest.fixture
def canary(tmp_path: Path) -> OnnxModel:
    return model(make_aed(tmp_path, {"en": GREETING, "de": GERMAN}), ("en", "de"), is_told=True)


LONG = ((0.2, 1.5),)


def test_a_canary_writes_the_language_that_it_is_told_and_translates(canary: OnnxModel) -> None:
    english, german, translated, both = canary.run(
        [
            chunk(*LONG, length_s=3.0, language="en"),
            chunk(*LONG, length_s=3.0, language="de"),
            chunk(*LONG, length_s=3.0, language="de", task="translate"),
            chunk(*LONG, length_s=3.0, language="de", task="both"),
        ]
    )
    assert [texts(each) for each in (english, german, translated, both)] == [
        ["Good morning. How are you?"],
        ["Guten Morgen, meine Damen."],
        ["Good morning. How are you?"],
        ["Guten Morgen, meine Damen."],
    ]
    assert [each.language for each in (english, german, translated, both)] == ["en", "de", "de", "de"]
    assert both.translation is not None and texts(both.translation) == ["Good morning. How are you?"]
    assert english.translation is None
    (line,) = english.segments
    assert (line.start_s, line.end_s, line.words) == (START_S, START_S + 3.0, None)
    assert line.avg_logprob == round(sum(log(each) for _, each in GREETING) / 8, 4)


def test_a_text_of_a_batch_that_has_ended_does_not_go_on_while_others_do(canary: OnnxModel, tmp_path: Path) -> None:
    chunks = [chunk(*LONG, length_s=3.0, language="en"), chunk((0.2, 0.5), length_s=3.0, language="en")]
    assert [texts(each) for each in canary.run(chunks)] == [["Good morning. How are you?"], ["Good morning. How"]]
    # Without what we add, onnx-asr takes for text what comes after the end.
    theirs = Manager(None, ["CPUExecutionProvider"]).create_asr(None, tmp_path)
    audio: list[Any] = [np.frombuffer(each.audio, "<i2").astype(np.float32) / np.float32(32768) for each in chunks]
    assert theirs.recognize(audio)[1].startswith("Good morning. How Good")


def test_a_canary_that_goes_round_in_circles_comes_to_an_end(tmp_path: Path) -> None:
    folder = make_aed(tmp_path, {"en": [("▁no", 0.9)]}, ends=False)
    (result,) = model(folder, is_told=True).run([chunk(*LONG, length_s=3.0, language="en")])
    assert len(result.segments[0].text.split()) == TOKENS_MAX - 10
    assert result.compression_ratio > 2.4 and result.pause_s is not None, "so it is heard again in halves"


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("Failed to allocate memory for requested buffer of size 9", MemoryError),
        ("CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED", MemoryError),
        ("Non-zero status code returned while running Conv node", RuntimeError),
    ],
)
def test_too_little_memory_is_told_from_other_failures(
    parakeet: OnnxModel, monkeypatch: pytest.MonkeyPatch, message: str, expected: type[Exception]
) -> None:
    def fail(*_: object, **__: object) -> Any:
        raise RuntimeError(message)

    monkeypatch.setattr(parakeet._model, "recognize", fail)
    with pytest.raises(expected, match=message):
        parakeet.run([TWO_SOUNDS])


def test_workers_share_the_sessions(parakeet: OnnxModel) -> None:
    alone = parakeet.run([TWO_SOUNDS])
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(parakeet.run, [[TWO_SOUNDS]] * 16)) == [alone] * 16
