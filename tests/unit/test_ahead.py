"""An engine child that is started early is taken once, by an engine that it is of."""

import pytest

from daemon.processes import ahead


class Started:
    """A child that notes how it was made and whether it was ended."""

    def __init__(self, module: str) -> None:
        self.module = module
        self.ended = False

    def end(self) -> str:
        """Note that it is ended."""
        self.ended = True
        return "exit 0"


@pytest.fixture(autouse=True)
def started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "Child", Started)


def test_it_is_taken_once() -> None:
    ahead.start()
    first = ahead.take("whisper")
    assert isinstance(first, Started) and first.module == ahead.MODULE and not first.ended
    assert ahead.take("whisper") is None


def test_another_engine_ends_it() -> None:
    ahead.start()
    (early,) = ahead._started
    assert ahead.take("fake") is None
    assert isinstance(early, Started) and early.ended and ahead.take("whisper") is None


def test_nobody_waits_for_one_that_was_never_started() -> None:
    assert ahead.take("whisper") is None


def test_the_child_that_is_started_serves_like_any_other() -> None:
    """Its module has the `main` that the child's first module calls, and Whisper's libraries."""
    from daemon.engine import loader, whisper_worker, worker

    assert whisper_worker.main is worker.main and whisper_worker.loader is loader
