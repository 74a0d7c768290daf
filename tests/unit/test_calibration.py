"""The trial of layouts with a model that is made up."""

from typing import Any, cast

import pytest

from daemon.chunk import Chunk
from daemon.config.parallelism import Parallelism
from daemon.engine import calibration
from daemon.engine.calibration import ROUNDS, _speech, main
from daemon.errors import Unavailable
from daemon.processes.protocol import Calibrate, Calibrated, LoadModel, Ready
from tests.builders import chunk, load_model, ready

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
    def __init__(self, ran: list[list[Chunk]]) -> None:
        self._ran = ran

    def run(self, chunks: list[Chunk]) -> None:
        self._ran.append(chunks)


def tried(
    monkeypatch: pytest.MonkeyPatch, fails: type[Exception] | None = None, after: int = 0, **abilities: Any
) -> tuple[Calibrated, Any]:
    """What is answered where loading fails after so many layouts, and the orders with their batches."""
    orders: list[tuple[LoadModel, list[list[Chunk]]]] = []

    def load(order: LoadModel) -> tuple[Model, Ready]:
        if fails is not None and len(orders) >= after:
            raise fails("no")
        orders.append((order, []))
        return Model(orders[-1][1]), ready(**abilities)

    monkeypatch.setattr(calibration, "load", load)
    speech = [chunk(0, number, language="en", full_context=False) for number in range(3)]
    monkeypatch.setattr(calibration, "_speech", lambda: speech)
    conn = Conn(Calibrate(load_model(workers=None, cpu_threads=None, batch_size=None), USUAL, 2))
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
        sizes = [len(batch) for batch in ran]
        assert sizes == [layout.batch_size] * (layout.workers * (ROUNDS + 1)), "one more round warms it up"
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


@pytest.mark.parametrize(
    ("languages", "cut_context", "asked"),
    [(("de", "en"), True, ("en", False)), (("fr", "de"), False, ("fr", True))],
)
def test_an_engine_is_asked_for_what_it_can_do(
    monkeypatch: pytest.MonkeyPatch, languages: tuple[str, ...], cut_context: bool, asked: tuple[str, bool]
) -> None:
    _, orders = tried(monkeypatch, languages=languages, cut_context=cut_context)
    chunks = {(each.language, each.full_context) for _, ran in orders for batch in ran for each in batch}
    assert chunks == {asked}


def test_the_speech_of_a_trial_shares_a_bucket() -> None:
    chunks = _speech()
    assert len(chunks) >= 2 and len({each.bucket for each in chunks}) == 1
