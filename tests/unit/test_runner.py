"""Steps one after another: first all are looked at, then those that are not done are done."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

import pytest

from daemon.errors import Unavailable
from daemon.install.runner import Outcome, run
from daemon.install.steps import Change, Step


@dataclass(eq=False)
class Fake:
    """A step that notes when it is done, and may fail."""

    what: str
    diary: list[str]
    is_done: bool = False
    refuses: bool = False
    fails: Callable[[], None] | None = None
    seen: list[list[str]] = field(default_factory=list)

    def change(self, changed: Collection[Step], /) -> Change | None:
        self.seen.append([step.what for step in changed])
        if self.refuses:
            raise Unavailable("refused")
        return None if self.is_done else Change(f"do {self.what}", self._do)

    def _do(self) -> None:
        if self.fails is not None:
            self.fails()
        self.diary.append(self.what)
        self.is_done = True


def no_space() -> None:
    raise OSError(28, "No space left on device")


def test_what_is_done_is_left_and_the_rest_done_in_order() -> None:
    diary: list[str] = []
    steps = [Fake("a", diary), Fake("b", diary, is_done=True), Fake("c", diary)]
    assert list(run(steps, dry_run=False)) == [
        Outcome("done", "do a"),
        Outcome("already", "b"),
        Outcome("done", "do c"),
    ]
    assert diary == ["a", "c"]
    assert steps[2].seen == [["a"], ["a"]], "it is told what has changed before it"
    assert {outcome.state for outcome in run(steps, dry_run=False)} == {"already"}


def test_a_dry_run_does_nothing() -> None:
    diary: list[str] = []
    assert [outcome.state for outcome in run([Fake("a", diary), Fake("b", diary)], dry_run=True)] == ["would"] * 2
    assert diary == []


@pytest.mark.parametrize("dry_run", [False, True])
def test_one_that_is_refused_stops_all_before_anything_is_done(dry_run: bool) -> None:
    diary: list[str] = []
    with pytest.raises(Unavailable, match="refused"):
        list(run([Fake("a", diary), Fake("b", diary, refuses=True)], dry_run=dry_run))
    assert diary == []


def test_one_that_fails_is_named_and_the_next_run_goes_on_from_there() -> None:
    diary: list[str] = []
    steps = [Fake("a", diary), Fake("b", diary, fails=no_space)]
    with pytest.raises(Unavailable, match="cannot b: No space left on device"):
        list(run(steps, dry_run=False))
    steps[1].fails = None
    assert [outcome.state for outcome in run(steps, dry_run=False)] == ["already", "done"]
