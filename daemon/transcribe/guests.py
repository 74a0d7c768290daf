"""Chunks of other daemons, which the engines transcribe beside those of the jobs. Nothing of them is kept.

They come by the page and go back by it: no job, no file and no text is made of them. To the batcher a recording of a
guest is like one of this machine, with the usual priority, so that each in turn gives a chunk. What is bad goes back as
it is: the daemon that has asked decides whether to ask once more.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from daemon.chunk import CHUNK_MAX_S, Chunk, Decoded
from daemon.errors import FailedRecording
from daemon.guests import abilities, answer, request
from daemon.guests.abilities import Abilities
from daemon.guests.checks import Malformed
from daemon.guests.line import Kind, Line, Question, Reply
from daemon.processes.model_pools import ModelPools
from daemon.processes.protocol import Ready
from daemon.processes.website import Website
from daemon.store.records import Result
from daemon.transcribe.inference import Inference
from daemon.transcribe.owner import Owner
from daemon.transcribe.policies import Policy

log = logging.getLogger(__name__)

STOPS = "the daemon stops"
AWAY_S, LOADING_S, FULL_S = 60, 5, 2
"""For how long a guest is asked to stay away: during a pause, until a model is loaded, until there is room."""
ROUNDS, HELD_LEAST_S, HELD_MAX_S = 4, 600.0, 8000.0
"""So many times what all workers compute on at once may be here of guests, in seconds of their audio (32 kB each)."""


@dataclass(slots=True)
class _Request:
    """One that is not answered yet."""

    number: int
    results: list[Decoded | str | None]
    audio_s: float


@dataclass(slots=True)
class Guest:
    """A recording of another daemon, of which chunks are here; an `Owner`."""

    number: int
    """That of its chunks, below 0: no job has it."""
    key: tuple[str, int]
    """Whose it is, and how that daemon calls it."""
    model: str
    settle: Callable[["Guest", int, Decoded | str], None]
    open: dict[int, tuple[_Request, int]] = field(default_factory=dict)
    """The chunks that are here by their numbers: the request of each, and its place there."""
    priority: int = 0
    run: int = 0
    detects: bool = False
    language: str = ""
    language_probability: float | None = None
    _last: int = 0

    def let_in(self, chunk: Chunk, of: _Request, place: int) -> Chunk:
        """Return a chunk as one of this guest."""
        self._last += 1
        self.open[self._last] = (of, place)
        return replace(chunk, job_id=self.number, idx=self._last)

    def take(
        self, chunk: Chunk, result: Decoded, _run_s: float, _policy: Policy | None = None
    ) -> tuple[list[Chunk], Result | None]:
        """Take what an engine has heard in a chunk: nothing follows from it here."""
        self.settle(self, chunk.idx, result)
        return [], None

    def charged(self, chunk: Chunk, error: FailedRecording) -> list[tuple[int, FailedRecording]]:
        """Take that no engine can transcribe a chunk: that one alone has failed, and no job ends."""
        self.settle(self, chunk.idx, str(error))
        return []


class Guests:
    """The chunks of guests, for the dispatcher's thread.

    Args:
        owners: The guests of whom chunks are here, by their numbers, where `inference` finds them.
        inference: Where their chunks wait.
        pools: The engines, of which those of `[model]` transcribe them.
        page: By which they come; None where there is none.
        name: The model of these engines, in the configuration.
    """

    def __init__(
        self, owners: dict[int, Owner], inference: Inference, pools: ModelPools, page: Website | None, name: str
    ) -> None:
        self._owners, self._inference, self._page = owners, inference, page
        self._engines, self._name, self._model = pools.main, name, pools.name_of(name)
        self._guests: dict[tuple[str, int], Guest] = {}
        self._requests: dict[int, _Request] = {}
        self._line: Line | None = None
        self._away = ""
        self._count = 0

    @property
    def held_s(self) -> float:
        """Seconds of their audio that are here."""
        return sum(each.audio_s for each in self._requests.values())

    def tick(self, pause: str | None, *, stops: bool = False) -> None:
        """Look after them in every round; those that wait while no chunk is handed out are sent away.

        Args:
            pause: Why work is paused, if it is.
            stops: Whether the daemon stops.
        """
        line = self._page.line if self._page is not None else None
        if line is not self._line:
            # Nobody is there any more who could take an answer, and another page gives the same numbers.
            self._line = line
            for number in list(self._requests):
                self._forget(number)
        self._away = STOPS if stops else f"paused: {pause}" if pause else ""
        if self._away and self._requests:
            guests = list(self._guests.values())
            waiting = [(each, chunk.idx) for each in guests for chunk in self._inference.drop(each.number)]
            for number in {each.open[idx][0].number for each, idx in waiting if idx in each.open}:
                self._refuse(number, 503, self._away, AWAY_S)

    def close(self) -> None:
        """Send all of them away."""
        for number in list(self._requests):
            self._refuse(number, 503, STOPS, AWAY_S)

    def take(self, question: Question) -> None:
        """Take what the page asks."""
        if question.kind == Kind.GONE:
            self._forget(question.number)
            return
        ready = self._engines.ready
        if any(engine.is_elsewhere for engine in self._engines.engines):
            why = "its own chunks go to engines elsewhere: use these, so that none goes round in a circle"
            self._refuse(question.number, 404, why)
        elif self._away or ready is None:
            self._refuse(question.number, 503, self._away or "its model is not loaded", AWAY_S if ready else LOADING_S)
        elif question.kind == Kind.ABILITIES:
            self._reply(Reply(question.number, 200, abilities.packed(self._abilities(ready))))
        else:
            self._let_in(question, ready)

    def _abilities(self, ready: Ready) -> Abilities:
        return Abilities(
            name=self._name,
            model=ready.model,
            compute_type=ready.compute_type,
            languages=ready.languages,
            tasks=ready.tasks,
            word_times=ready.word_times,
            cut_context=ready.cut_context,
            policy=ready.policy,
            batch_size=ready.batch_size,
            detects=ready.detects,
            prompts=ready.prompts,
            decoder=ready.decoder,
            word_fault=ready.word_fault,
        )

    def _let_in(self, question: Question, ready: Ready) -> None:
        number = question.number
        try:
            asked = request.unpacked(question.body)
        except Malformed as error:
            self._refuse(number, 400, str(error))
            return
        audio_s = sum(chunk.duration_s for chunk in asked.chunks)
        most_s = min(HELD_MAX_S, max(HELD_LEAST_S, ROUNDS * CHUNK_MAX_S * self._engines.capacity))
        if asked.model != ready.model:
            self._refuse(number, 404, f"its model is {ready.model}")
        elif self._requests and self.held_s + audio_s > most_s:
            self._refuse(number, 429, "too much waits already", FULL_S)
        else:
            of = self._requests[number] = _Request(number, [None] * len(asked.chunks), audio_s)
            log.debug("guest %s: %d chunks", question.person, len(asked.chunks))
            for place, chunk in enumerate(asked.chunks):
                guest = self._guest(question.person, chunk.job_id)
                fitted = fit(chunk, ready)
                mine = guest.let_in(fitted if isinstance(fitted, Chunk) else chunk, of, place)
                if isinstance(fitted, Chunk):
                    self._inference.submit(guest, [mine])
                else:
                    self._settle(guest, mine.idx, fitted)

    def _guest(self, person: str, recording: int) -> Guest:
        key = (person, recording)
        if key not in self._guests:
            self._count += 1
            guest = self._guests[key] = Guest(-self._count, key, self._model, self._settle)
            self._owners[guest.number] = guest
        return self._guests[key]

    def _settle(self, guest: Guest, idx: int, result: Decoded | str) -> None:
        """Note what has become of a chunk, and answer once that is known of all that came with it."""
        if idx not in guest.open:
            return
        of, place = guest.open.pop(idx)
        of.results[place] = result
        self._leave(guest)
        known = [each for each in of.results if each is not None]
        if len(known) == len(of.results):
            del self._requests[of.number]
            self._reply(_answer(of.number, known))

    def _forget(self, number: int) -> None:
        """Drop the chunks of a request; those of the others of the same recording stay."""
        if self._requests.pop(number, None) is None:
            return
        for guest in list(self._guests.values()):
            gone = [idx for idx, (of, _) in guest.open.items() if of.number == number]
            if gone:
                for idx in gone:
                    del guest.open[idx]
                waiting = self._inference.drop(guest.number)
                self._inference.submit(guest, [chunk for chunk in waiting if chunk.idx in guest.open])
                self._leave(guest)

    def _leave(self, guest: Guest) -> None:
        if not guest.open:
            del self._guests[guest.key]
            del self._owners[guest.number]

    def _refuse(self, number: int, status: int, why: str, wait_s: int = 0) -> None:
        self._forget(number)
        self._reply(Reply(number, status, why.encode(), wait_s))

    def _reply(self, reply: Reply) -> None:
        if self._page is not None:
            self._page.reply(reply)


def _answer(number: int, results: Sequence[Decoded | str]) -> Reply:
    try:
        return Reply(number, 200, answer.packed(results))
    except TypeError as error:  # an engine of the user's may give anything
        return Reply(number, 500, f"the engine's answer cannot be passed on: {error}".encode())


def fit(chunk: Chunk, ready: Ready) -> Chunk | str:
    """Return a chunk within what the engine can do, or what it cannot; pure."""
    language = ready.languages[0] if len(ready.languages) == 1 and chunk.language == "auto" else chunk.language
    if language not in ("auto", *ready.languages):
        return f"the engine knows no {language!r}"
    if language == "auto" and not ready.detects:
        return "the engine cannot tell which language is spoken"
    if chunk.task not in ready.tasks:
        return f"the engine cannot {chunk.task}"
    return replace(
        chunk,
        language=language,
        word_timestamps=chunk.word_timestamps and ready.word_times,
        full_context=chunk.full_context or not ready.cut_context,
    )
