"""The agent of the benchmark: the messages of an engine, without a process for it."""

import json
import os

import psutil
import pytest

from daemon.bench.cluster.agent import StandIn
from daemon.bench.load import engine
from daemon.bench.load.engine import PLAN
from daemon.processes.protocol import BatchDone, LoadModel, Ready, RunBatch
from daemon.processes.safe_pickle import message
from daemon.processes.wire import packed
from tests.builders import chunk

ORDER = LoadModel(
    name="m", device="cpu", compute_type="auto", workers=None, cpu_threads=None, batch_size=None, engine=engine.__name__
)


def test_its_engine_is_a_thread_and_says_what_an_engine_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PLAN, json.dumps({"chunks_per_s": 1000.0, "workers": 2, "batch_size": 4}))
    agent, children = StandIn(), psutil.Process(os.getpid()).children()
    agent.begin(1)
    agent.send(1, *packed(ORDER))
    (ready,) = agent.receive(1).messages
    assert isinstance(message(*ready), Ready)
    agent.send(1, *packed(RunBatch(7, (chunk(1), chunk(2)))))
    (said,) = agent.receive(1).messages
    done = message(*said)
    assert isinstance(done, BatchDone) and (done.batch_id, len(done.results)) == (7, 2)
    assert psutil.Process(os.getpid()).children() == children
    agent.end(1)
    assert agent.receive(1).ended == "ended by the daemon"
