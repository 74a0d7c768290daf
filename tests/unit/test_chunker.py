import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from daemon.chunk import CHUNK_MAX_S, SAMPLE_RATE, Options
from daemon.clips import CLIPS
from daemon.decode import chunker, vad
from daemon.decode.chunker import APART, CHUNK_MAX, EXTENT, Chunker, pack, quietest, split
from daemon.decode.media import samples
from daemon.decode.vad import PAD, VAD_WINDOW, padded, stretches
from tests.whispering import whispered


def test_the_quietest_moment_is_found() -> None:
    samples = np.full(SAMPLE_RATE, 1000, dtype=np.int16)
    samples[8000:9600] = 3
    assert quietest(samples) == pytest.approx(8800, abs=50)


def test_long_speech_is_cut_at_its_quietest_moments_into_pieces_that_fit() -> None:
    rng = np.random.default_rng(1)
    samples = rng.integers(-9000, 9000, 70 * SAMPLE_RATE, dtype=np.int16)
    for second in (25, 48):
        samples[second * SAMPLE_RATE : second * SAMPLE_RATE + 2000] = 0
    pieces = list(split(samples, 0, (0, len(samples)), CHUNK_MAX))
    assert pieces[0][0] == 0 and pieces[-1][1] == len(samples)
    assert all(before[1] == after[0] for before, after in itertools.pairwise(pieces))
    assert all(0 < end - start <= CHUNK_MAX for start, end in pieces)
    assert pieces[0][1] / SAMPLE_RATE == pytest.approx(25.06, abs=0.1)
    assert pieces[1][1] / SAMPLE_RATE == pytest.approx(48.06, abs=0.1)


def test_neighbours_are_packed_while_they_fit() -> None:
    second = SAMPLE_RATE
    pieces = [(0, 10 * second), (12 * second, 30 * second), (31 * second, 34 * second)]
    assert pack(pieces, 30 * second, []) == [pieces[:2], pieces[2:]]
    assert pack(pieces, 15 * second, []) == [[piece] for piece in pieces]
    assert pack([], 30 * second, []) == []


def test_a_chunk_goes_on_with_what_it_has_and_reaches_only_so_far() -> None:
    second = SAMPLE_RATE
    begun = [(0, 5 * second), (15 * second, 19 * second), (21 * second, 21 * second)]
    assert pack([(30 * second, 36 * second)], 15 * second, begun) == [[*begun, (30 * second, 36 * second)]]
    assert pack([(30 * second, 37 * second)], 15 * second, begun) == [begun, [(30 * second, 37 * second)]]
    blinks = [(at * second, at * second + 1) for at in range(0, EXTENT // second, 9)]
    late = (EXTENT - second, EXTENT + 1)
    assert pack([late], 15 * second, blinks) == [blinks, [late]]
    assert pack([], 15 * second, begun) == [begun]


def test_what_is_said_before_a_long_pause_has_nothing_to_do_with_what_comes_after_it() -> None:
    first, near, far = (0, 100), (100 + APART, 200 + APART), (101 + APART, 200 + APART)
    assert pack([first, near], CHUNK_MAX, []) == [[first, near]]
    assert pack([first, far], CHUNK_MAX, []) == [[first], [far]]
    assert pack([far], CHUNK_MAX, [first]) == [[first], [far]]


def chunks_of(samples: np.ndarray, options: Options, blocks: int = 50) -> list[tuple[tuple[float, float], ...]]:
    """The spans of every chunk."""
    chunker = Chunker(options)
    found = [spans for block in np.array_split(samples, blocks) for spans, *_ in chunker.feed(block)]
    return found + [spans for spans, *_ in chunker.finish()]


def spans_of(samples: np.ndarray, **options: Any) -> list[tuple[float, float]]:
    return [span for spans in chunks_of(samples, Options(**options)) for span in spans]


def cut(samples: np.ndarray, window_s: float) -> list[tuple[float, float]]:
    return spans_of(samples, vad=False, window_s=window_s)


@pytest.mark.parametrize("window_s", [31.0, 47.0, 120.0, 1000.0])
def test_no_sample_is_lost_or_doubled_whatever_the_window(window_s: float) -> None:
    samples = np.random.default_rng(2).integers(-9000, 9000, 200 * SAMPLE_RATE, dtype=np.int16)
    spans = cut(samples, window_s)
    assert spans[0][0] == 0.0 and spans[-1][1] == pytest.approx(200.0)
    assert all(before[1] == after[0] for before, after in itertools.pairwise(spans))


def spoken(
    likely: list[tuple[float, float, float]], length_s: float, *, narrow: bool = False, **options: Any
) -> list[tuple[float, float]]:
    """Where somebody is said to speak, if Silero says this of these stretches."""

    def look(part: np.ndarray) -> vad.Probabilities:
        windows = np.arange(-(-len(part) // VAD_WINDOW)) * VAD_WINDOW / SAMPLE_RATE
        found = np.zeros(len(windows), dtype=np.float32)
        for start_s, end_s, probability in likely:
            found[(windows >= start_s) & (windows < end_s)] = probability
        return found

    chunker = Chunker(Options(**options), look=look, narrow=narrow)
    samples = np.random.default_rng(0).integers(-9000, 9000, round(length_s * SAMPLE_RATE), dtype=np.int16)
    cuts = [*chunker.feed(samples), *chunker.finish()]
    for spans, _, _, _, said in cuts:
        assert all(any(start <= s and e <= end for start, end in spans) for s, e in said)
    return [stretch for *_, said in cuts for stretch in said]


def test_nobody_speaks_in_the_padding_and_in_a_pause_of_three_tenths() -> None:
    likely = [(2.0, 5.0, 0.9), (5.4, 8.0, 0.9), (8.2, 9.0, 0.9), (9.4, 9.6, 0.2)]
    found = spoken(likely, 12.0)
    assert found == [pytest.approx(stretch, abs=0.033) for stretch in ((2.0, 5.0), (5.4, 9.0))]


@pytest.mark.parametrize(("narrow", "end_s"), [(False, 5.0), (True, 5.3)])
def test_the_soft_end_of_a_word_counts_over_a_telephone(narrow: bool, end_s: float) -> None:
    found = spoken([(2.0, 5.0, 0.9), (5.0, 5.3, 0.1)], 12.0, narrow=narrow)
    assert found == [pytest.approx((2.0, end_s), abs=0.033)]


def test_where_somebody_speaks_is_known_across_chunks() -> None:
    found = spoken([(1.0, 40.0, 0.9)], 50.0)
    assert len(found) > 1 and all(before[1] == after[0] for before, after in itertools.pairwise(found))
    assert [found[0][0], found[-1][1]] == pytest.approx([1.0, 40.0], abs=0.033)


def test_without_a_vad_somebody_speaks_all_the_time() -> None:
    assert spoken([], 40.0, vad=False)[0][0] == 0.0
    assert sum(end - start for start, end in spoken([], 40.0, vad=False)) == pytest.approx(40.0)


def test_the_same_samples_give_the_same_cuts() -> None:
    samples = np.random.default_rng(3).integers(-9000, 9000, 150 * SAMPLE_RATE, dtype=np.int16)
    assert cut(samples, 60.0) == cut(samples, 60.0)


def test_silence_has_no_chunks() -> None:
    chunker = Chunker(Options(window_s=60.0))
    silence = np.zeros(100 * SAMPLE_RATE, dtype=np.int16)
    assert list(chunker.feed(silence)) == [] and list(chunker.finish()) == []
    assert chunker.position_s == pytest.approx(100.0)


W = VAD_WINDOW


@pytest.mark.parametrize(
    ("probabilities", "found"),
    [
        ([0.0] * 8, []),
        ([0.0, 0.9, 0.0], [(W, 2 * W)]),
        # what may be speech before and after what surely is belongs to it
        ([0.0, 0.2, 0.3, 0.6, 0.4, 0.2, 0.1], [(W, 6 * W)]),
        # and is none where nothing is sure, unless it goes on for a second
        ([0.0, 0.2, 0.3, 0.4, 0.3, 0.1], []),
        ([0.0, *[0.2] * 31, 0.0], []),
        ([0.0, *[0.2] * 32, 0.0], [(W, 33 * W)]),
        # a pause of less than three windows is part of a stretch, one of three is not
        ([0.9, 0.0, 0.0, 0.9, 0.0, 0.0, 0.0, 0.9], [(0, 4 * W), (7 * W, 8 * W)]),
    ],
)
def test_speech_goes_on_while_it_may_be_speech(probabilities: list[float], found: list[tuple[int, int]]) -> None:
    assert stretches(np.array(probabilities, dtype=np.float32), 0.5, 3 * W) == found


def test_room_around_speech_ends_where_the_next_begins() -> None:
    assert padded([], 0, 9 * PAD) == []
    assert padded([(PAD // 2, 2 * PAD), (3 * PAD, 4 * PAD), (8 * PAD, 9 * PAD)], 0, 9 * PAD + 5) == [
        (0, PAD * 5 // 2), (PAD * 5 // 2, 5 * PAD), (7 * PAD, 9 * PAD + 5),
    ]  # fmt: skip


def test_speech_over_the_border_of_two_looks_of_the_vad_is_one_stretch(monkeypatch: pytest.MonkeyPatch) -> None:
    audio = np.frombuffer(samples(CLIPS / "memo-8.opus"), dtype="<i2")
    (whole,) = spans_of(audio)
    for windows in (47, 63, 97):
        monkeypatch.setattr(chunker, "VAD_SLICE", windows * VAD_WINDOW)
        (sliced,) = spans_of(audio)
        assert abs(sliced[0] - whole[0]) < 0.5 and abs(sliced[1] - whole[1]) < 0.5


LEVELS = {"speech": 9000, "murmur": 900, "noise": 90, "pause": 0}


class Watched:
    """A VAD that goes by loudness alone, and counts the samples that it and the search for quiet moments look at."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.looked = 0
        monkeypatch.setattr(vad, "get_vad_model", lambda: self._vad)
        monkeypatch.setattr(chunker, "quietest", self._quietest)

    def _vad(self, samples: np.ndarray) -> np.ndarray:
        self.looked += len(samples)
        loudness = np.abs(samples.reshape(-1, VAD_WINDOW)).max(axis=1) * 32768
        return np.select([loudness > 5000, loudness > 500], [0.9, 0.2], 0.0).astype(np.float32)

    def _quietest(self, samples: np.ndarray) -> int:
        self.looked += len(samples)
        return quietest(samples)


@pytest.mark.slow
@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    parts=st.lists(st.tuples(st.sampled_from(sorted(LEVELS)), st.floats(0.02, 400)), min_size=1, max_size=12),
    window_s=st.sampled_from([30.0, 60.0, 300.0]),
    silence_ms=st.sampled_from([0, 500, 60_000]),
    context=st.sampled_from(["auto", "full"]),
)
@example(parts=[("speech", 8.0), ("noise", 1500.0)], window_s=300.0, silence_ms=500, context="auto")
@example(parts=[("speech", 3.0), ("pause", 200.0)] * 4, window_s=300.0, silence_ms=60_000, context="full")
@example(parts=[("speech", 600.0)], window_s=30.0, silence_ms=500, context="auto")
def test_whatever_comes_each_sample_is_looked_at_twice_at_most(
    monkeypatch: pytest.MonkeyPatch, parts: list[tuple[str, float]], window_s: float, silence_ms: int, context: str
) -> None:
    watched = Watched(monkeypatch)
    rng = np.random.default_rng(5)
    levels = [np.full(round(length_s * SAMPLE_RATE), LEVELS[kind]) for kind, length_s in parts]
    level = np.concatenate(levels)
    samples = (level * rng.choice([-1.0, -0.98, 0.98, 1.0], len(level))).astype(np.int16)
    wanted = Options(window_s=window_s, vad_min_silence_ms=silence_ms, context=context)
    chunks = chunks_of(samples, wanted, blocks=max(1, len(samples) // 4000))
    assert watched.looked <= 2 * len(samples) + VAD_WINDOW

    spans = [span for chunk in chunks for span in chunk]
    assert all(start < end for start, end in spans)
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(spans))
    assert all(sum(end - start for start, end in chunk) <= CHUNK_MAX_S for chunk in chunks)
    spoken = np.zeros(len(samples) + 1, dtype=np.int8)
    for start, end in spans:
        spoken[round(start * SAMPLE_RATE) : round(end * SAMPLE_RATE)] = 1
    assert spoken[:-1][level == LEVELS["speech"]].all()
    assert chunks_of(samples, replace(wanted, window_s=3600.0)) == chunks


def test_what_a_vad_does_not_hear_and_may_be_whispered_is_a_doubtful_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunker, "probabilities", lambda part: np.zeros(-(-len(part) // VAD_WINDOW), dtype=np.float32))
    whisper = whispered(np.frombuffer(samples(CLIPS / "memo-8.opus"), dtype="<i2"))
    noise = np.random.default_rng(2).normal(0, 300, 130 * SAMPLE_RATE).astype(np.int16)
    found = Chunker(Options())
    cuts = [*found.feed(np.concatenate([noise, whisper, noise])), *found.finish()]
    assert cuts and all(doubtful for *_, doubtful, _ in cuts)
    spans = [span for each, *_ in cuts for span in each]
    assert 128 < spans[0][0] < 132 and 130 + len(whisper) / SAMPLE_RATE - 1 < spans[-1][1] < 141
    assert [noise_db for *_, noise_db, _, _ in cuts] == [pytest.approx(-40.8, abs=0.5)] * len(cuts)


def test_the_noise_of_a_chunk_does_not_depend_on_the_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is that of the minute in which the chunk ends, or of the last one before with any pause."""
    Watched(monkeypatch)
    rng = np.random.default_rng(2)
    loud = [LEVELS["speech"] * rng.choice([-1.0, 1.0], 20 * SAMPLE_RATE) for _ in range(20)]
    still = [2.0**nth * rng.choice([-1.0, 1.0], 3 * SAMPLE_RATE) for nth in range(20)]
    heard = np.concatenate([part for pair in zip(loud, still, strict=True) for part in pair]).astype(np.int16)

    def noises(window_s: float) -> list[float]:
        found = Chunker(Options(window_s=window_s), window_s=window_s)
        blocks = np.array_split(heard, 500)
        return [noise_db for cut in (*map(found.feed, blocks), found.finish()) for *_, noise_db, _, _ in cut]

    assert noises(60.0) == noises(300.0) == noises(3600.0)
    assert len(set(noises(60.0))) > 4
