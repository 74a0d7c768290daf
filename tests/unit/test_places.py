"""How much is begun at once."""

from hypothesis import given
from hypothesis import strategies as st

from daemon.transcribe.places import HELD_MAX_S, LONG_BYTES, LONG_OPEN_MAX, free_places, needs_window


def test_an_idle_daemon_has_all_places() -> None:
    assert free_places([], capacity=8) == (LONG_OPEN_MAX, 20)


def test_a_file_of_the_limit_is_short() -> None:
    assert free_places([LONG_BYTES, LONG_BYTES + 1], capacity=1) == (LONG_OPEN_MAX - 1, 5)


@given(st.lists(st.integers(0, 2 * LONG_BYTES)), st.integers(1, 64))
def test_each_recording_takes_one_place_of_its_kind(sizes: list[int], capacity: int) -> None:
    long, short = free_places(sizes, capacity)
    assert long + short == LONG_OPEN_MAX + 2 * capacity + 4 - len(sizes)
    assert free_places([*sizes, LONG_BYTES + 1], capacity) == (long - 1, short)
    assert free_places([*sizes, 0], capacity) == (long, short - 1)


def test_a_recording_that_has_nothing_waiting_is_always_decoded_on() -> None:
    assert needs_window(0, capacity=1, held_s=10 * HELD_MAX_S)


def test_another_one_only_while_there_is_little_left_to_do_and_room() -> None:
    assert needs_window(7, capacity=2, held_s=HELD_MAX_S - 1)
    assert not needs_window(8, capacity=2, held_s=0.0)
    assert not needs_window(7, capacity=2, held_s=HELD_MAX_S)
