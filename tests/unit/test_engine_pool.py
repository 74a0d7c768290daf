"""The engine pool: one child for each device, and what becomes of its batches."""

import logging
from multiprocessing.connection import wait

import pytest

from daemon.errors import Unavailable
from daemon.processes.engine_pool import EnginePool
from tests.builders import load_model


def test_an_engine_that_cannot_load_at_start_is_one_error_without_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    pool = EnginePool(load_model(name="larg-v3"))
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
