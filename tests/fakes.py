"""Stand-ins for child processes: what they are sent is noted, and what they say or how they end is up to the test."""

from collections import deque
from collections.abc import Collection, Iterator
from itertools import count

from daemon.processes.child import ChildDied
from daemon.processes.engine import Engine, LostBatches
from daemon.processes.protocol import Ready


class FakeChild:
    """In place of `daemon.processes.child.Child`.

    Args:
        module: what the real one would run.
    """

    _pids = count(1000)

    def __init__(self, module: str) -> None:
        self.module = module
        self.pid: int | None = next(self._pids)
        self.deadline: float | None = None
        self.unheard = False
        self.overdue = False
        self.hung_up = True
        """Why nothing can be received from it, if that is so: not because what it says makes no sense."""
        self.rss_bytes = 100 << 20
        self.sent: list[object] = []
        self.ended: str | None = None
        """How it was ended: `gently` or `at once`."""
        self._answers: deque[object] = deque()
        self._deaf = False

    def says(self, *answers: object) -> "FakeChild":
        """Have it say something; an exception is raised where it would have been received."""
        self._answers.extend(answers)
        return self

    def goes_deaf(self) -> None:
        """Whatever it is sent from now on is lost."""
        self._deaf = True

    def fileno(self) -> int:
        return -1

    def send(self, message: object, fd: int | None = None) -> None:  # noqa: ARG002 (as the real one has it)
        if self._deaf:
            self.unheard = True
            raise ChildDied("broken pipe")
        self.sent.append(message)

    def receive(self) -> object:
        answer = self._answers.popleft() if self._answers else ChildDied("connection lost")
        if isinstance(answer, Exception):
            raise answer
        return answer

    def end(self, *, gently: bool = False) -> str:
        self.ended = "gently" if gently else "at once"
        return "signal 9"


class KilledEngines:
    """What the fake engine pools of the tests have in common: one model, engines that are killed and given less."""

    engines: list[Engine]

    def __init__(self) -> None:
        self.killed: list[str] = []
        """Why, for each engine that was killed."""

    def shrink(self, engine: Engine, batch_size: int) -> None:
        engine.batch_size = batch_size

    @property
    def main(self) -> "KilledEngines":
        return self

    def want(self, models: Collection[str]) -> list[str]:
        assert set(models) <= {""}, "there is one model only"
        return []

    def name_of(self, model: str) -> str:  # noqa: ARG002 (as the real one has it)
        return ""

    def ready_of(self, model: str) -> Ready | None:  # noqa: ARG002
        return next(engine.ready for engine in self.engines)

    def in_turn(self) -> Iterator[tuple[str, "KilledEngines"]]:
        yield "", self

    def has_room(self, engine: Engine) -> bool:  # noqa: ARG002
        return True

    def kill(self, engine: Engine, why: str) -> LostBatches:
        self.killed.append(why)
        lost = tuple(engine.batches.values())
        engine.batches.clear()
        return LostBatches(lost, "signal 9")


class FakeClock:
    """In place of `time` in a module: it stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


class Nursery:
    """In place of the class `Child` in a module; remembers the children that were made."""

    def __init__(self) -> None:
        self.born: list[FakeChild] = []

    def __call__(self, module: str) -> FakeChild:
        self.born.append(FakeChild(module))
        return self.born[-1]

    def __iter__(self) -> Iterator[FakeChild]:
        return iter(self.born)

    @property
    def last(self) -> FakeChild:
        return self.born[-1]
