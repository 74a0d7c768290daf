"""When tokens are said, of made-up attention."""

from collections.abc import Sequence
from math import log
from typing import Any, cast

import numpy as np
import pytest

from daemon.engine.generate.alignment import MEDIAN_OF, Aligner, cheapest_path, followed, smoothed
from daemon.engine.generate.beam_search import Text
from daemon.engine.generate.decoder import Decoder, Floats, Memory
from daemon.engine.generate.token_rules import Vocabulary

VOCABULARY = Vocabulary(end=50, start=51, no_speech=52, no_timestamps=53)
AT_0, AT_1, AT_2 = range(VOCABULARY.timestamps, VOCABULARY.timestamps + 3)


def made_up(*shape: int) -> Floats:
    return np.random.default_rng(sum(shape)).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("frames", [2, 3, 4, 7, 50, 1500])
def test_each_value_becomes_the_median_of_its_neighbours(frames: int) -> None:
    rows = made_up(5, frames)
    wide = np.pad(rows, ((0, 0), (MEDIAN_OF // 2,) * 2), mode="reflect")
    expected = np.median(np.lib.stride_tricks.sliding_window_view(wide, MEDIAN_OF, axis=1), axis=-1)
    np.testing.assert_array_equal(smoothed(rows), expected)


def step_by_step(cost: Floats) -> list[int]:
    """Return where the cheapest path comes to each token, found place by place."""
    tokens, frames = cost.shape
    total = np.full((tokens + 1, frames + 1), np.inf)
    total[0, 0] = 0
    for at in range(tokens):
        for frame in range(frames):
            before = min(total[at, frame], total[at, frame + 1], total[at + 1, frame])
            total[at + 1, frame + 1] = cost[at, frame] + before
    at, frame, first = tokens, frames, [0] * tokens
    while at > 0:
        first[at - 1] = frame - 1
        steps = [(total[at - 1, frame - 1], -1, -1), (total[at - 1, frame], -1, 0), (total[at, frame - 1], 0, -1)]
        _, down, back = min(steps)
        at, frame = at + down, frame + back
    return first


@pytest.mark.parametrize(("tokens", "frames"), [(1, 1), (1, 9), (9, 1), (3, 3), (20, 8), (8, 20), (60, 400)])
def test_the_cheapest_path_is_the_one_that_is_found_place_by_place(tokens: int, frames: int) -> None:
    cost = made_up(tokens, frames)
    assert cheapest_path(cost).tolist() == step_by_step(cost)


def attending(firsts: Sequence[int], frames: int, heads: int = 2) -> Floats:
    """Return heads that attend to each token from its first frame to that of the next one."""
    attention = np.full((heads, len(firsts), frames), 1e-4, np.float32)
    for token, (first, end) in enumerate(zip(firsts, [*firsts[1:], frames], strict=True)):
        attention[:, token, first:end] = 1.0
    return attention / attention.sum(axis=2, keepdims=True)


def test_tokens_begin_where_they_are_attended_to() -> None:
    firsts = [0, 10, 40, 47, 90]
    assert cheapest_path(-followed(attending(firsts, 100))).tolist() == firsts


def test_a_head_that_tells_nothing_does_no_harm() -> None:
    firsts = [0, 10, 40, 47, 90]
    attention = attending(firsts, 100)
    silent, even = np.zeros_like(attention[:1]), np.full_like(attention[:1], 0.01)
    found = followed(np.concatenate([attention, silent, even]))
    assert np.isfinite(found).all()
    assert cheapest_path(-found).tolist() == firsts


class Attentive:
    """A decoder that attends as the memory of the text says."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []

    def attention(self, tokens: Sequence[int], memory: Any, heads: Sequence[tuple[int, int]]) -> Floats:
        self.asked.append(list(tokens))
        return attending(memory, 120, len(heads))


class Kept:
    """A memory that says of each item when its tokens are attended to."""

    def __init__(self, *firsts: Sequence[int]) -> None:
        self.firsts = firsts

    def pick(self, members: Sequence[int]) -> Sequence[int]:
        (member,) = members
        return self.firsts[member]


def aligner(decoder: Attentive, memory: Kept, *texts: Text) -> Aligner:
    heads = [(0, 1), (1, 0)]
    return Aligner(cast(Decoder, decoder), heads, VOCABULARY, cast(Memory, memory), texts)


def test_texts_are_timed_without_their_time_stamps_and_as_likely_as_they_were_found() -> None:
    decoder = Attentive()
    texts = [
        Text([AT_0, 7, 8, AT_1], -0.5, 0.0, tuple(map(log, (0.9, 0.8, 0.7, 0.6, 0.5)))),
        Text([AT_0, 7, AT_1, AT_1, 9, AT_2], -0.5, 0.0, tuple(map(log, (0.9, 0.4, 0.9, 0.9, 0.3, 0.9, 0.9)))),
    ]
    memory = Kept([0, 10, 20, 60, 90], [0, 10, 30, 90])
    first, second = aligner(decoder, memory, *texts).align(
        None, [51], [[7, 8], [7]], [200, 240], median_filter_width=MEDIAN_OF
    )
    assert decoder.asked == [[51, 53, 7, 8, 50], [51, 53, 7, 50]]
    assert [place for place, _ in first.alignments] == [0, 1, 2]
    assert first.alignments[0] == (0, 0) and [frame for _, frame in first.alignments][1:] == [20, 60]
    assert first.text_token_probs == pytest.approx([0.8, 0.7])
    assert second.alignments == [(0, 0), (1, 30)]
    assert second.text_token_probs == pytest.approx([0.4]), "the second line is left to the next part"


def test_times_end_with_the_speech() -> None:
    decoder = Attentive()
    text = Text([AT_0, 7, 8], -0.5, 0.0, (-0.1,) * 4)
    (timed,) = aligner(decoder, Kept([0, 1, 30, 40, 110]), text).align(
        None, [51], [[7, 8]], [100], median_filter_width=MEDIAN_OF
    )
    assert all(frame < 50 for _, frame in timed.alignments), "there are 50 frames of 20 ms in 100 of 10 ms"
    (timed,) = aligner(decoder, Kept([0, 1, 30, 40, 110]), text).align(
        None, [51], [[7, 8]], [0], median_filter_width=MEDIAN_OF
    )
    assert timed.alignments == [(0, 0), (1, 0), (2, 0)], "of no speech at all"
