"""How many recordings are worked on at once, and how far ahead they are decoded."""

import pytest

from daemon.transcribe.places import HELD_MAX_S, LONG_BYTES, decoders, free_places, needs_window


@pytest.mark.parametrize(("cores", "count"), [(1, 1), (2, 1), (4, 2), (8, 4), (16, 4), (64, 16), (128, 32)])
def test_large_machines_decode_more_at_once(cores: int, count: int) -> None:
    assert decoders(cores) == count


@pytest.mark.parametrize(("capacity", "long", "short"), [(8, 4, 20), (128, 4, 260), (512, 16, 1028), (1920, 60, 3844)])
def test_more_engines_have_more_recordings_open(capacity: int, long: int, short: int) -> None:
    assert free_places([], capacity) == (long, short)
    assert free_places([LONG_BYTES + 1, 1, 1], capacity) == (long - 1, short - 2)


@pytest.mark.parametrize(
    ("open_chunks", "capacity", "held_s", "needs"),
    [
        (0, 8, 9999.0, True),
        (31, 8, HELD_MAX_S - 1, True),
        (32, 8, 0.0, False),
        (1, 8, HELD_MAX_S, False),
        (1, 40, HELD_MAX_S, False),
        (1, 400, HELD_MAX_S, True),
        (1, 400, 15.0 * 400, False),
    ],
)
def test_what_is_held_is_enough_for_a_batch_of_each_worker_and_no_more(
    open_chunks: int, capacity: int, held_s: float, needs: bool
) -> None:
    assert needs_window(open_chunks, capacity, held_s) is needs
