"""Frames of any length and form, brought to 16 kHz together."""

from collections.abc import Iterator

import av
import numpy as np
import pytest

from daemon.chunk import SAMPLE_RATE
from daemon.decode.resample import GATHERED_S, Resampler, Sound

RATE = 48000
SAMPLES: Sound = np.asarray(np.random.default_rng(2).normal(size=(1, 2 * 3 * RATE)) / 8, np.float32)
"""3 s of two channels, packed."""


def frames(samples: Sound = SAMPLES, each_s: float = 0.02, rate: int = RATE) -> Iterator[av.AudioFrame]:
    step = 2 * round(each_s * rate)
    for at in range(0, samples.shape[1], step):
        frame = av.AudioFrame.from_ndarray(samples[:, at : at + step].copy(), format="flt", layout="stereo")
        frame.sample_rate = rate
        yield frame


def resampled(*given: av.AudioFrame) -> list[Sound]:
    resampler = Resampler()
    return [block.copy() for frame in given for block in resampler.take(frame)] + [*resampler.finish()]


@pytest.mark.parametrize("each_s", [0.0025, 0.02, 0.7, 3.0])
def test_frames_of_any_length_give_the_same(each_s: float) -> None:
    (whole,) = av_resampled(SAMPLES)
    assert np.array_equal(np.concatenate(resampled(*frames(each_s=each_s))), whole)


def av_resampled(samples: Sound) -> list[Sound]:
    """Return what FFmpeg makes of all samples at once."""
    resampler = av.AudioResampler(format="flt", layout=None, rate=SAMPLE_RATE)
    (frame,) = frames(samples, each_s=3.0)
    blocks = [*resampler.resample(frame), *resampler.resample(None)]
    return [np.concatenate([block.to_ndarray().reshape(-1, 2) for block in blocks])]


def test_short_frames_are_resampled_together() -> None:
    lengths = [len(block) for block in resampled(*frames())]
    assert min(lengths[1:-1]) >= GATHERED_S * SAMPLE_RATE and sum(lengths) == 3 * SAMPLE_RATE


def test_what_was_gathered_is_known_and_given_when_it_is_asked_for() -> None:
    resampler, few = Resampler(), list(frames())[:10]
    assert resampler.gathered_s == 0 and [*resampler.give()] == []
    assert [block for frame in few for block in resampler.take(frame)] == []
    assert resampler.gathered_s == pytest.approx(0.2)
    given = sum(map(len, resampler.give()))
    assert resampler.gathered_s == 0 and 0.19 * SAMPLE_RATE < given <= 0.2 * SAMPLE_RATE


def test_frames_of_another_form_come_after_those_before() -> None:
    other = np.full((1, 2 * 16000), 0.25, np.float32)
    found = np.concatenate(resampled(*list(frames())[:5], *frames(other, rate=16000)))
    assert len(found) == round(0.1 * SAMPLE_RATE) + 16000 and (found[-16000:] == 0.25).all()
