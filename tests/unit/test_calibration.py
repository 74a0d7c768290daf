"""The trial of layouts with a model that is made up."""

from typing import Any, cast

import pytest

from daemon.chunk import Chunk
from daemon.config.parallelism import Parallelism
from daemon.engine import calibration
from daemon.engine.calibration import ROUNDS, _speech, main
from daemon.errors import Unavailable
from daemon.processes.protocol import Calibrate, Calibrated, LoadModel
from tests.builders import chunk, load_model

USUAL = Parallelism(2, 1, 4)


class Conn:
    """The daemon's end, which asks once and takes the answer."""

    def __init__(self, order: Calibrate) -> None:
        self._order = order
        self.answer: Calibrated | None = None

    def recv(self) -> Calibrate:
        return self._order

    def send(self, answer: Calibrated) -> None:
        self.answer = answer


class Model:
    def __init__(self, ran: list[int]) -> None:
        self._ran = ran

    def run(self, chunks: list[Chunk]) -> None:
        self._ran.append(len(chunks))


def tried(
    monkeypatch: pytest.MonkeyPatch, fails: type[Exception] | None = None, after: int = 0
) -> tuple[Calibrated, Any]:
    """What is answered where loading fails after so many layouts, and the orders with the sizes of their batches."""
    orders: list[tuple[LoadModel, list[int]]] = []

    def load(order: LoadModel) -> tuple[Model, None]:
        if fails is not None and len(orders) >= after:
            raise fails("no")
        orders.append((order, []))
        return Model(orders[-1][1]), None

    monkeypatch.setattr(calibration, "load", load)
    monkeypatch.setattr(calibration, "_speech", lambda: [chunk(0, number) for number in range(3)])
    conn = Conn(Calibrate(load_model(), USUAL, 2))
    main(cast(Any, conn))
    assert conn.answer is not None
    return conn.answer, orders


def test_every_layout_runs_full_batches_on_all_its_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    answer, orders = tried(monkeypatch)
    assert len(answer.trials) == len(orders) > 2 and answer.trials[0].layout == USUAL
    for trial, (order, ran) in zip(answer.trials, orders, strict=True):
        layout = trial.layout
        assert (order.workers, order.cpu_threads, order.batch_size) == (
            layout.workers, layout.cpu_threads, layout.batch_size,
        )  # fmt: skip
        assert ran == [layout.batch_size] * (layout.workers * (ROUNDS + 1)), "one more round warms it up"
        assert trial.times_real_time > 0


@pytest.mark.parametrize("fails", [RuntimeError, MemoryError, Unavailable])
def test_a_layout_that_does_not_fit_is_left_out(monkeypatch: pytest.MonkeyPatch, fails: type[Exception]) -> None:
    answer, _ = tried(monkeypatch, fails, after=2)
    assert len(answer.trials) == 2


def test_the_usual_layout_must_run(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RuntimeError):
        tried(monkeypatch, RuntimeError)


def test_after_its_time_no_further_layout_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "BUDGET_S", 0.0)
    answer, _ = tried(monkeypatch)
    assert [trial.layout for trial in answer.trials] == [USUAL]


def test_the_speech_of_a_trial_shares_a_bucket() -> None:
    chunks = _speech()
    assert len(chunks) >= 2 and len({each.bucket for each in chunks}) == 1
