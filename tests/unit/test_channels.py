"""Channels that carry the same sound are mixed, others are heard on their own."""

import numpy as np
import pytest

from daemon.clips import CLIPS
from daemon.decode.channels import BLOCK, Mixer, Streams, without_bleed
from tests.media import Sound, clip

RNG = np.random.default_rng(3)
ONE = clip(*(CLIPS / f"memo-{number}.opus" for number in (1, 3, 5, 7)))
OTHER = clip(*(CLIPS / f"memo-{number}.opus" for number in (2, 4, 6, 8)))
LENGTH = min(len(ONE), len(OTHER))
ONE, OTHER = ONE[:LENGTH], OTHER[:LENGTH]
TURN = (np.arange(LENGTH) // 64_000 % 2).astype(np.float32)
"""1 and 0 in turns of four seconds."""
SILENCE = np.zeros(LENGTH, dtype=np.float32)


def noise(level_db: float) -> Sound:
    return (RNG.standard_normal(LENGTH) * 10 ** (level_db / 20)).astype(np.float32)


def heard(*channels: Sound, wanted: str | int = "auto") -> list[Streams]:
    mixer, table = Mixer(wanted), np.stack(channels, axis=1)
    return [*(each for block in np.array_split(table, 50) for each in mixer.feed(block)), *mixer.finish()]


def streams(*channels: Sound, wanted: str | int = "auto") -> set[int]:
    return {number for each in heard(*channels, wanted=wanted) for number in each}


def level(samples: Sound) -> float:
    return float(np.sqrt(np.mean(np.square(samples))))


TIME_CODE = np.sign(np.sin(2 * np.pi * 2000 * np.arange(LENGTH) / 16_000)).astype(np.float32) * 0.3
CLICKS = np.where(np.arange(LENGTH) % 8000 == 0, 0.9, 0).astype(np.float32)


@pytest.mark.parametrize(
    ("channels", "expected"),
    [
        ((ONE,), {0}),
        ((ONE, ONE), {0}),
        ((ONE, -ONE), {0}),
        ((ONE, 0.1 * ONE), {0}),
        ((ONE + noise(-45), 0.7 * np.roll(ONE, 40) + noise(-45)), {0}),
        ((noise(-50), noise(-50)), {0}),
        ((ONE, ONE, -ONE, ONE, 0.5 * ONE, ONE), {0}),
        ((ONE, OTHER), {1, 2}),
        ((ONE * TURN, OTHER * (1 - TURN)), {1, 2}),
        ((ONE * TURN + noise(-55), OTHER * (1 - TURN) + noise(-55)), {1, 2}),
        ((ONE, TIME_CODE), {1, 2}),
        ((CLICKS, ONE), {1, 2}),
        ((ONE, SILENCE), {1}),
        ((SILENCE, ONE), {2}),
        ((SILENCE, ONE, ONE, SILENCE), {2}),
        ((ONE, ONE, OTHER, -OTHER), {1, 3}),
    ],
    ids=str,
)
def test_which_channels_belong_together(channels: tuple[Sound, ...], expected: set[int]) -> None:
    assert streams(*channels) == expected


def test_an_inverted_channel_does_not_cancel_the_other() -> None:
    for wanted in ("auto", "mix"):
        (first, *_) = heard(ONE, -ONE, wanted=wanted)
        assert np.allclose(first[0], ONE[:BLOCK], atol=1e-6)


def test_what_is_wanted_is_done_whatever_the_channels_carry() -> None:
    assert streams(ONE, OTHER, wanted="mix") == {0}
    assert streams(ONE, ONE, wanted="split") == {1, 2}
    assert streams(ONE, OTHER, wanted=2) == {2}
    assert all(not each[3].any() for each in heard(ONE, OTHER, wanted=3))


def test_nothing_is_lost_or_added_and_all_streams_are_of_one_length() -> None:
    for found in (heard(ONE), heard(ONE, ONE), heard(ONE, OTHER)):
        lengths = [{len(samples) for samples in each.values()} for each in found]
        assert all(len(each) == 1 for each in lengths)
        assert sum(each.pop() for each in lengths) == LENGTH
    split = heard(ONE, OTHER)
    assert np.array_equal(np.concatenate([each[1] for each in split]), ONE)


def test_channels_that_come_and_go_are_followed() -> None:
    mixer = Mixer("auto")
    stereo, mono = np.stack([ONE, ONE], axis=1)[:20_000], ONE[:20_000, None]
    found = [*mixer.feed(stereo), *mixer.feed(mono), *mixer.feed(stereo), *mixer.finish()]
    assert sum(len(each[0]) for each in found) == 60_000


def test_what_comes_through_from_the_other_side_is_silenced_and_two_voices_at_once_are_not() -> None:
    echo = 0.05 * np.roll(ONE, 160)
    cleaned = without_bleed({1: ONE, 2: echo + noise(-70)})
    assert np.array_equal(cleaned[1], ONE)
    assert level(cleaned[2]) < level(echo) / 10
    quiet = 0.3 * OTHER
    both = without_bleed({1: ONE, 2: quiet})
    assert level(both[2]) > 0.8 * level(quiet)
