"""The engine of a set speed."""

import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from daemon.bench.load.engine import PLAN, WORDS, decoded, load
from daemon.config.settings import Model
from daemon.processes.load_order import load_order
from daemon.transcribe.quality import judge
from tests.builders import chunk


def test_it_says_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PLAN, json.dumps({"chunks_per_s": 40.0, "workers": 3, "batch_size": 2}))
    _, ready = load(load_order(Model(engine="daemon.bench.load.engine", device="cuda:1")))
    assert (ready.device, ready.workers, ready.batch_size) == ("cuda:1", 3, 2)


def test_its_batches_take_their_time_one_after_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PLAN, json.dumps({"chunks_per_s": 40.0, "workers": 2, "batch_size": 4}))
    model, _ = load(load_order(Model(engine="daemon.bench.load.engine")))
    began, used = time.monotonic(), time.process_time()
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(model.run, [[chunk(1, idx), chunk(2, idx)] for idx in range(4)]))
    assert time.monotonic() - began >= 8 / 40
    assert time.process_time() - used < 8 / 40, "it only waits"
    assert [len(each) for each in results] == [2] * 4


@pytest.mark.parametrize("seconds", [1.0, 8.0, 30.0])
def test_what_it_says_is_as_long_as_speech_always_the_same_and_good_enough(seconds: float) -> None:
    of = chunk(3, 5, seconds, language="en")
    said = decoded(of)
    words = " ".join(line.text for line in said.segments).split()
    assert said == decoded(of) != decoded(chunk(3, 6, seconds))
    assert 2 * seconds <= len(words) <= 3 * seconds and set(words) <= set(WORDS)
    assert said.segments[0].start_s == of.start_s and said.segments[-1].end_s == of.end_s
    verdict = judge(of, said, ())
    assert verdict.accepted is not None and verdict.again is verdict.rest is None
