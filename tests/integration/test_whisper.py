"""The model room: what a chunk gives must not depend on its company in the batch."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import jiwer
import numpy as np
import pytest

from daemon.chunk import BEAM, BYTES_PER_SECOND, COVERAGE_GAP_S, SAMPLE_RATE, Chunk, Decoded
from daemon.clips import references
from daemon.decode.media import samples
from daemon.engine.generate.alignment import Aligner, Timed
from daemon.engine.model_files import resolve
from daemon.engine.search import SURE_AVG_LOGPROB
from daemon.engine.whisper import Whisper
from daemon.transcribe.quality import judge
from tests.sounds import sound
from tests.support import words
from tests.whispering import whispered

pytestmark = [pytest.mark.model, pytest.mark.timeout(300)]

DIGITS = "The bus to the lake leaves at 8, the boat at 9 and the plane at 10. " * 6


@pytest.fixture(scope="module")
def whisper() -> Whisper:
    return Whisper(resolve("tiny.en"), "cpu", 0, "int8", 1, 2)


def clip(name: str, job_id: int = 1, **values: object) -> Chunk:
    path = next(path for path in references() if path.name == name)
    audio = samples(path)
    spans = ((0.0, len(audio) / BYTES_PER_SECOND),)
    return Chunk(job_id, 0, spans, audio, language="en", full_context=False, **values)  # type: ignore[arg-type]


def text(result: object) -> str:
    return " ".join(segment.text for segment in result.segments)  # type: ignore[attr-defined]


def test_word_times_do_not_depend_on_the_batch(whisper: Whisper) -> None:
    chunks = [clip(f"memo-{n}.opus", n, word_timestamps=True) for n in (4, 5, 6)]
    together = whisper.run(chunks)
    for chunk, batched in zip(chunks, together, strict=True):
        (alone,) = whisper.run([chunk])
        assert batched.segments == alone.segments
        words = [word for segment in batched.segments for word in segment.words or ()]
        assert "".join(word.word for word in words).strip() == text(batched)
        times = [time for word in words for time in (word.start_s, word.end_s)]
        assert times == sorted(times) and times[0] >= 0.0 and times[-1] <= chunk.duration_s + 0.02


def test_words_are_timed_by_the_decoder_that_found_them(whisper: Whisper, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the chunks that ask for it, and of no others."""
    asked: list[int] = []
    align = Aligner.align

    def counted(self: Aligner, encoded: Any, start: Any, texts: Any, frames: Any, **options: Any) -> list[Timed]:
        asked.append(len(texts))
        return align(self, encoded, start, texts, frames, **options)

    monkeypatch.setattr(Aligner, "align", counted)
    chunks = [clip(f"memo-{n}.opus", n, word_timestamps=n != 5) for n in (4, 5, 6)]
    first, second, third = whisper.run(chunks)
    assert asked == [2]
    assert all(segment.words is None for segment in second.segments)
    monkeypatch.setattr(whisper._generator, "aligner", lambda *_: None)
    by_ctranslate2 = whisper.run(chunks)
    assert asked == [2]
    for ours, theirs in ((first, by_ctranslate2[0]), (third, by_ctranslate2[2])):
        words, others = ([word for segment in each.segments for word in segment.words or ()] for each in (ours, theirs))
        assert [word.word for word in words] == [word.word for word in others] and len(words) > 5
        apart = [abs(word.start_s - other.start_s) for word, other in zip(words, others, strict=True)]
        assert max(apart) < 0.2 and np.mean(apart) < 0.03


def test_prompts_of_several_lengths_share_a_batch(whisper: Whisper) -> None:
    before = "The children talked about the weather, the river, the boats and the birds. " * 3
    chunks = [
        clip("memo-4.opus", 1, previous=before),
        clip("memo-5.opus", 2),
        clip("memo-6.opus", 3, previous="Short."),
    ]
    together = whisper.run(chunks)
    assert [text(result) for result in together] == [text(whisper.run([chunk])[0]) for chunk in chunks]


def test_the_text_before_reaches_the_model(whisper: Whisper) -> None:
    """A prompt with digits makes the model write digits."""
    (plain,) = whisper.run([clip("memo-2.opus")])
    (prompted,) = whisper.run([clip("memo-2.opus", previous=DIGITS)])
    assert " at seven" in text(plain) and " at 7" in text(prompted)


def test_text_where_there_is_no_sound_is_set_aside(whisper: Whisper) -> None:
    chunk = clip("memo-1.opus")
    silent = replace(chunk, audio=bytes(len(chunk.audio)))
    (result,) = whisper.run([silent])
    assert result.segments == ()
    assert {each.reason for each in result.suppressed} <= {"no sound there", "past the end of the speech"}


def test_a_short_chunk_cannot_hold_up_its_batch_for_long(whisper: Whisper) -> None:
    noise = Chunk(1, 0, ((0.0, 1.0),), bytes(range(256)) * 125, language="en", full_context=False, temperature=1.0)
    (result,) = whisper.run([noise])
    assert len(text(result).split()) <= 63


def judged(whisper: Whisper, chunk: Chunk) -> Decoded:
    """What is accepted of a chunk that is not cut in two."""
    earlier: list[Decoded] = []
    while True:
        (result,) = whisper.run([chunk])
        verdict = judge(chunk, result, earlier)
        if verdict.accepted is not None:
            return verdict.accepted
        assert verdict.again is not None
        earlier += [] if verdict.guarded else [result]
        chunk = verdict.again


def doubtful(audio: np.ndarray) -> Chunk:
    spans = ((0.0, len(audio) / SAMPLE_RATE),)
    return Chunk(1, 0, spans, audio.astype("<i2").tobytes(), language="en", full_context=False, doubtful=True)


@pytest.mark.parametrize("name", ["memo-3", "memo-5", "memo-9"])
def test_what_is_whispered_is_heard(whisper: Whisper, name: str) -> None:
    said = clip(name + ".opus")
    accepted = judged(whisper, doubtful(whispered(np.frombuffer(said.audio, dtype="<i2"))))
    reference = next(text for path, text in references().items() if path.stem == name)
    assert jiwer.wer(" ".join(words(reference)), " ".join(words(text(accepted)))) <= 0.2


@pytest.mark.parametrize("name", ["water", "paper", "keyboard", "breaths", "white noise", "dog", "beep", "tune"])
def test_what_is_like_a_whisper_has_no_text(whisper: Whisper, name: str) -> None:
    """Whatever the second look took it for: what the engine makes of it counts as little as that."""
    assert judged(whisper, doubtful(sound(name, 5.0))).segments == ()


def test_a_text_reaches_as_far_as_its_words(whisper: Whisper) -> None:
    """In this clip, twice, tiny.en closes the text a second and a half before its end."""
    audio = clip("memo-1.opus").audio
    both = audio + audio
    chunk = replace(clip("memo-1.opus"), audio=both, spans=((0.0, len(both) / BYTES_PER_SECOND),), whole_encoding=True)
    (result,) = whisper.run([chunk])
    assert text(result).lower().count("kitchen sink") == 2
    assert chunk.duration_s - result.covered_s <= COVERAGE_GAP_S
    assert all(segment.words is None for segment in result.segments), "nobody asked for them"


def test_hotwords_are_spelled_as_they_were_told(whisper: Whisper, shared_audio: Path) -> None:
    """Made-up names, which the model cannot know; two recordings that are told different things share a batch."""
    audio = samples(shared_audio / "hotwords.mp3")
    unaware = replace(clip("memo-8.opus"), audio=audio, spans=((0.0, len(audio) / BYTES_PER_SECOND),))
    told = replace(unaware, job_id=2, hotwords=("ComfyUI",))
    alone, named = whisper.run([unaware, told])
    assert "ComfyUI" not in text(alone)
    assert text(named).count("ComfyUI") == 2


def test_what_a_language_is_told_counts_for_the_chunk_in_which_it_is_heard(whisper: Whisper) -> None:
    """The model hears the language before it writes: the first chunk is told, too."""
    hints: dict[str, dict[str, Any]] = {"en": {"initial_prompt": DIGITS, "beam_size": 2}, "de": {"beam_size": 1}}
    chunks = [replace(clip("memo-2.opus"), language="auto", languages=hints), clip("memo-2.opus", 2)]
    told, plain = whisper.run(chunks)
    assert " at 7" in text(told) and " at seven" in text(plain)


def test_an_initial_prompt_sets_the_style(whisper: Whisper) -> None:
    plain, prompted = whisper.run([clip("memo-2.opus"), clip("memo-2.opus", 2, initial_prompt=DIGITS)])
    assert " at seven" in text(plain) and " at 7" in text(prompted)


def test_a_prompt_that_is_full_leaves_room_for_what_is_said(base_model: str) -> None:
    """The prompt, the text and the tokens between them are more than the positions of the decoder."""
    model = Whisper(resolve(base_model), "cpu", 0, "int8", 1, 2)
    noise = (np.random.default_rng(1).standard_normal(28 * SAMPLE_RATE) * 3000).astype("<i2").tobytes()
    chunk = Chunk(1, 0, ((0.0, 28.0),), noise, language="en", beam_size=1, previous="la la la, " * 400)
    (result,) = model.run([chunk])
    assert result.language == "en"


def test_what_a_greedy_search_is_unsure_of_is_as_with_a_beam(whisper: Whisper) -> None:
    """And every line says which search it is from."""
    rng = np.random.default_rng(1)
    clear = clip("memo-4.opus", 1)
    speech = np.frombuffer(clip("memo-5.opus", 2).audio, dtype="<i2")
    noisy = (speech + rng.normal(0, 3 * speech.std(), len(speech))).clip(-32768, 32767).astype("<i2").tobytes()
    chunks = [clear, replace(clear, job_id=2, audio=noisy, spans=((0.0, len(noisy) / BYTES_PER_SECOND),))]
    sure, unsure = whisper.run(chunks)
    assert sure.provisional and sure.avg_logprob >= SURE_AVG_LOGPROB
    assert {line.beam_size for line in sure.segments} == {1}
    assert not unsure.provisional and {line.beam_size for line in unsure.segments} == {5}
    beam = whisper.run([replace(chunk, search=BEAM) for chunk in chunks])
    assert text(beam[1]) == text(unsure) and {line.beam_size for line in beam[0].segments} == {5}
