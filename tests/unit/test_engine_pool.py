import logging
from multiprocessing.connection import wait

import pytest

from daemon.errors import Unavailable
from daemon.processes.engine import AHEAD_MAX_S, Engine
from daemon.processes.engine_pool import EnginePool
from daemon.processes.protocol import LoadModel, Ready

LOAD = LoadModel("tiny.en", "cpu", "int8", 2, 1, 4)
READY = Ready("tiny.en", "cpu", "int8", 2, 1, 4, 1, False, 0.5, "the words of a clip")


def engine(in_flight: int, batch_s: float) -> Engine:
    return Engine(LOAD, ready=READY, batches=dict.fromkeys(range(in_flight), ()), batch_s=batch_s)


def test_an_idle_worker_takes_any_batch() -> None:
    assert engine(1, 9.0).may_take(alone=False, full=False)
    assert not engine(1, 9.0).may_take(alone=True, full=False)


def test_only_a_full_batch_is_queued_ahead_and_only_where_batches_are_short() -> None:
    short, long = AHEAD_MAX_S / 2, AHEAD_MAX_S * 2
    assert engine(2, short).may_take(alone=False, full=True)
    assert not engine(2, short).may_take(alone=False, full=False)
    assert not engine(2, long).may_take(alone=False, full=True)
    assert not engine(4, short).may_take(alone=False, full=True)


def test_an_engine_that_cannot_load_at_start_is_one_error_without_a_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("TRANSCRIBED_ENGINE", raising=False)
    pool = EnginePool(LoadModel("larg-v3", "cpu", "auto", 1, 1, 1))
    caplog.set_level(logging.INFO)
    try:
        pool.keep_alive()
        (child,) = pool.children
        assert wait([child], 60)
        with pytest.raises(Unavailable) as caught:
            pool.receive(child)
        assert "did you mean 'large-v3'" in caught.value.message
        assert caplog.records == [] and pool.children == []
    finally:
        pool.close()
