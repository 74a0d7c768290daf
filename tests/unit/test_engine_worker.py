"""The engine child's loop with a model of the test's own, on a thread of this process."""

import threading
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import Pipe
from multiprocessing.connection import Connection

import pytest

from daemon.chunk import Chunk, Decoded
from daemon.engine.downloads import listener
from daemon.engine.registry import Load, Runner
from daemon.engine.worker import serve
from daemon.errors import Unavailable
from daemon.processes.protocol import BatchDone, BatchFailed, Downloading, LoadModel, Ready, RunBatch, Unready
from tests.builders import chunk, heard, load_model, ready


class Model:
    """Hears every chunk, unless told to fail."""

    def __init__(self, error: Exception | None = None) -> None:
        self._error = error

    def run(self, chunks: Sequence[Chunk]) -> tuple[Decoded, ...]:
        if self._error is not None:
            raise self._error
        return tuple(heard(each) for each in chunks)


def loads(model: Model) -> Load:
    return lambda order: (model, ready(model=order.name))


@pytest.fixture
def engine() -> Iterator[Callable[[Load], Connection]]:
    """Our end of the connection to an engine that loads in this way."""
    threads: list[tuple[Connection, threading.Thread]] = []

    def serving(theirs: Connection, load: Load) -> None:
        try:
            serve(theirs, load)
        except EOFError:
            theirs.close()

    def start(load: Load) -> Connection:
        ours, theirs = Pipe()
        thread = threading.Thread(target=serving, args=(theirs, load))
        thread.start()
        threads.append((ours, thread))
        ours.send(load_model())
        return ours

    yield start
    for ours, thread in threads:
        ours.close()
        thread.join(10)
        assert not thread.is_alive(), "it goes on after the daemon's end of the connection is closed"


def test_a_daemon_that_is_gone_before_it_has_named_a_model_is_no_failure(capsys: pytest.CaptureFixture[str]) -> None:
    ours, theirs = Pipe()
    ours.close()
    with pytest.raises(EOFError):
        serve(theirs, loads(Model()))
    assert capsys.readouterr().err == ""


def test_it_tells_how_far_a_download_is_before_it_is_ready(engine: Callable[[Load], Connection]) -> None:
    def load(order: LoadModel) -> tuple[Runner, Ready]:
        listener()(Downloading(order.name, 1, 2))
        return Model(), ready()

    ours = engine(load)
    assert [ours.recv(), ours.recv()] == [Downloading("tiny.en", 1, 2), ready()]


def test_it_says_what_it_has_loaded_and_answers_each_batch(engine: Callable[[Load], Connection]) -> None:
    conn = engine(loads(Model()))
    assert conn.recv() == ready()
    orders = [RunBatch(number, (chunk(number), chunk(number, 1))) for number in range(4)]
    for order in orders:
        conn.send(order)
    answers = {answer.batch_id: answer for answer in (conn.recv() for _ in orders)}
    for order in orders:
        answer = answers[order.batch_id]
        assert isinstance(answer, BatchDone) and answer.results == tuple(map(heard, order.chunks)) and answer.run_s >= 0


@pytest.mark.parametrize(
    ("error", "said", "out_of_memory"),
    [
        (RuntimeError("CUDA failed with error out of memory"), "CUDA failed with error out of memory", True),
        (RuntimeError("Out of Memory"), "Out of Memory", True),
        (MemoryError(), "", True),
        (RuntimeError("an illegal memory access was encountered"), "an illegal memory access was encountered", False),
        (ValueError("a strange tensor"), "a strange tensor", False),
        (KeyError("weights"), "KeyError: 'weights'", False),
    ],
    ids=str,
)
def test_a_batch_that_fails_says_whether_memory_was_the_reason_and_the_engine_goes_on(
    engine: Callable[[Load], Connection], error: Exception, said: str, out_of_memory: bool
) -> None:
    conn = engine(loads(Model(error)))
    conn.recv()
    for number in range(2):
        conn.send(RunBatch(number, (chunk(),)))
        assert conn.recv() == BatchFailed(number, said, out_of_memory)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (Unavailable("no such model", "try another"), Unready("no such model", "try another")),
        (RuntimeError("CUDA driver version is insufficient"), Unready("CUDA driver version is insufficient", "")),
        (OSError("no space left"), Unready("no space left", "")),
    ],
    ids=["unavailable", "driver", "disk"],
)
def test_what_cannot_be_loaded_is_said(engine: Callable[[Load], Connection], error: Exception, said: Unready) -> None:
    def load(_order: LoadModel) -> tuple[Model, Ready]:
        raise error

    assert engine(load).recv() == said
