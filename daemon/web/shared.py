"""Answers that many people ask for at the same time, made once."""

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock

LASTS_S = 1.0
"""An answer is used for no longer, for changes are noticed only while somebody listens to them."""
ANSWERS_MAX = 100


class Shared:
    """The newest answer to each question. Whoever asks for one that is being made waits for it."""

    def __init__(self) -> None:
        self._turn = Lock()
        self._answers: OrderedDict[Hashable, _Answer] = OrderedDict()

    def get(self, question: Hashable, change: int, make: Callable[[], str]) -> str:
        """Return the answer to a question.

        Args:
            question: Everything that makes a difference to it.
            change: The number of the newest change; what was made before it is made again.
            make: Makes the answer.
        """
        with self._turn:
            answer = self._answers.setdefault(question, _Answer())
            self._answers.move_to_end(question)
            while len(self._answers) > ANSWERS_MAX:
                self._answers.popitem(last=False)
        return answer.get(change, make)


class _Answer:
    """One answer."""

    def __init__(self) -> None:
        self._turn = Lock()
        self._text = ""
        self._change = -1
        self._made_at = float("-inf")

    def get(self, change: int, make: Callable[[], str]) -> str:
        with self._turn:
            if self._change != change or time.monotonic() - self._made_at >= LASTS_S:
                made_at = time.monotonic()
                self._text = make()
                self._change, self._made_at = change, made_at
            return self._text
