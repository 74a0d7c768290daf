"""How loud a recording is, in twentieths of a second."""

import numpy as np
import pytest

from daemon.decode.waveform import SPAN, Waveform


def fed(*blocks: np.ndarray) -> Waveform:
    made = Waveform()
    for block in blocks:
        made.feed(block.astype(np.float32))
    return made


def test_each_level_is_the_peak_of_its_span() -> None:
    heard = np.zeros(3 * SPAN + 1)
    heard[SPAN - 1], heard[SPAN], heard[-1] = 1.0, 0.5, 0.25
    assert list(fed(heard).levels) == [255, 128, 0, 64]
    assert fed().levels == fed(np.zeros(0)).levels == b""
    assert list(fed(np.full(SPAN, 2.0)).levels) == [255], "what is clipped is full"


@pytest.mark.parametrize("size", [1, 7, SPAN - 1, SPAN, SPAN + 1, 5000])
def test_the_blocks_make_no_difference(size: int) -> None:
    heard = np.abs(np.random.default_rng(1).normal(0, 0.2, 20_000))
    whole = fed(heard).levels
    assert fed(*(heard[at : at + size] for at in range(0, len(heard), size))).levels == whole
    assert len(whole) == 20_000 // SPAN


def test_the_loudest_of_several_tracks_counts_and_the_last_of_alternatives() -> None:
    loud, soft = np.full(2 * SPAN, 0.5), np.full(3 * SPAN, 0.25)
    beside, instead = fed(loud), fed(loud)
    beside.begin_track(alternative=False)
    instead.begin_track(alternative=True)
    for made in (beside, instead):
        made.feed(soft.astype(np.float32))
    assert list(beside.levels) == [128, 128, 64] and list(instead.levels) == [64, 64, 64]
