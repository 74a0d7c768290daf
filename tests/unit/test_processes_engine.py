"""When an engine takes a batch."""

from daemon.processes.engine import AHEAD_MAX_S, Engine
from tests.builders import load_model, ready


def engine(in_flight: int, batch_s: float) -> Engine:
    return Engine(load_model(), ready=ready(), batches=dict.fromkeys(range(in_flight), ()), batch_s=batch_s)


def test_an_idle_worker_takes_any_batch() -> None:
    assert engine(1, 9.0).may_take(alone=False, full=False)
    assert not engine(1, 9.0).may_take(alone=True, full=False)


def test_only_a_full_batch_is_queued_ahead_and_only_where_batches_are_short() -> None:
    short, long = AHEAD_MAX_S / 2, AHEAD_MAX_S * 2
    assert engine(2, short).may_take(alone=False, full=True)
    assert not engine(2, short).may_take(alone=False, full=False)
    assert not engine(2, long).may_take(alone=False, full=True)
    assert not engine(4, short).may_take(alone=False, full=True)
