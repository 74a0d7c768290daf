"""How many of the waiting chunks each engine gets."""

import pytest

from daemon.processes.engine import BATCH_AUDIO_S, Engine
from daemon.processes.protocol import Server
from daemon.transcribe.shares import UNEVEN, by_speed, shares
from tests.builders import chunk, load_model, ready


@pytest.mark.parametrize(
    ("count", "busy_s", "each_s", "given"),
    [
        (6, (0, 0, 0), (1, 1, 1), [2, 2, 2]),
        (1, (0, 0, 0), (1, 1, 1), [1, 0, 0]),
        (7, (0, 0, 0), (1, 1, 1), [3, 2, 2]),
        (16, (0, 0, 0, 0), (1, 5, 1, 1), [5, 1, 5, 5]),
        (4, (2, 0), (1, 5), [3, 1]),
        (2, (2, 0), (1, 5), [2, 0]),
        (3, (100, 0), (1, 5), [0, 3]),
        (0, (0, 3), (1, 1), [0, 0]),
        (1000, (0, 50), (1, 1), [525, 475]),
        (10, (0, 1, 2, 3), (0.1, 0.1, 0.1, 0.1), [10, 0, 0, 0]),
    ],
)
def test_all_are_done_as_early_as_possible(
    count: int, busy_s: tuple[float, ...], each_s: tuple[float, ...], given: list[int]
) -> None:
    assert shares(count, busy_s, each_s) == given


def test_no_other_way_of_dealing_them_out_is_better() -> None:
    busy_s, each_s = (0.3, 0.0, 1.1), (0.7, 1.9, 0.4)

    def end_s(given: tuple[int, ...]) -> float:
        return max(busy + each * count for busy, each, count in zip(busy_s, each_s, given, strict=True) if count)

    for count in range(1, 12):
        ways = [(a, b, count - a - b) for a in range(count + 1) for b in range(count + 1 - a)]
        assert end_s(tuple(shares(count, busy_s, each_s))) == pytest.approx(min(map(end_s, ways)))


def engine(pace: float, *, workers: int = 1, server: Server | None = None) -> Engine:
    says = ready(workers=workers, batch_size=4)
    return Engine(load_model(server=server), ready=says, batch_size=4, ran_s=pace, heard_s=float(pace > 0))


def test_equal_engines_and_those_that_are_not_known_yet_get_no_shares() -> None:
    assert by_speed([engine(1.0)], 9, 10.0) is None
    assert by_speed([engine(1.0), engine(UNEVEN * 0.99)], 9, 10.0) is None
    assert by_speed([engine(1.0), engine(0.0), engine(0.0)], 9, 10.0) is None


def test_nor_do_those_beside_a_server() -> None:
    assert by_speed([engine(1.0), engine(5.0)], 9, 10.0) is not None
    assert by_speed([engine(1.0), engine(5.0), engine(1.0, server=Server("engines[0]", "http://b"))], 9, 10.0) is None


def test_a_slow_one_gets_few_and_one_that_is_not_known_as_many_as_the_fastest() -> None:
    assert by_speed([engine(0.1), engine(0.5), engine(0.0)], 22, 30.0) == {0: 11, 1: 1, 2: 10}


def test_more_workers_are_faster() -> None:
    found = by_speed([engine(0.1), engine(0.2, workers=4)], 30, 30.0)
    assert found is not None and found[1] > 1.5 * found[0]


def test_what_an_engine_has_counts_and_one_that_takes_none_gets_none() -> None:
    busy, slow, gone = engine(0.1), engine(0.5), engine(0.1)
    gone.recycle = True
    busy.batches[1] = (chunk(seconds=BATCH_AUDIO_S),)
    assert by_speed([busy, slow, gone], 1, 30.0) == {0: 1, 1: 0}
    busy.batches[2] = tuple(chunk(idx=idx, seconds=30.0) for idx in range(10))
    assert by_speed([busy, slow, gone], 1, 30.0) == {0: 0, 1: 1}
