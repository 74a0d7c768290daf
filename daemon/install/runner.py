"""Runs the steps of an installation."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from daemon.errors import Unavailable
from daemon.install.steps import Step


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a step."""

    state: Literal["done", "would", "already"]
    what: str


def run(steps: Sequence[Step], *, dry_run: bool) -> Iterator[Outcome]:
    """Run the steps that are not done, in order, and yield what became of each.

    Args:
        steps: All of them are looked at before the first one changes anything.
        dry_run: Only say what would be done.

    Raises:
        Unavailable: A step is refused, or failed; those before it are done, and count as such the next time.
    """
    expected: list[Step] = []
    for step in steps:
        with _explained(step.what):
            if step.change(expected) is not None:
                expected.append(step)
    changed: list[Step] = []
    for step in steps:
        with _explained(step.what):
            change = step.change(changed)
            if change is not None and not dry_run:
                change.do()
        if change is None:
            yield Outcome("already", step.what)
        else:
            changed.append(step)
            yield Outcome("would" if dry_run else "done", change.what)


@contextmanager
def _explained(what: str) -> Iterator[None]:
    """Say what could not be done when the system refuses it."""
    try:
        yield
    except OSError as error:
        raise Unavailable(f"cannot {what}: {error.strerror or error}") from error
