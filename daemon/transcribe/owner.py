"""Whose a chunk is, as the batcher and the engines need to know it: a job of this daemon, or a guest."""

from collections import ChainMap
from collections.abc import Mapping
from typing import Protocol, cast

from daemon.chunk import Chunk, Decoded
from daemon.errors import FailedRecording
from daemon.store.records import Result
from daemon.transcribe.policies import Policy


class Owner(Protocol):
    """A recording of which chunks are transcribed here; its number is the `job_id` of its chunks."""

    @property
    def model(self) -> str:
        """The model whose engines transcribe it."""

    @property
    def priority(self) -> int:
        """The priority of its chunks."""

    @property
    def run(self) -> int:
        """Which claim of the job this is."""

    @property
    def detects(self) -> bool:
        """Whether its language is yet to be found."""

    @property
    def language(self) -> str:
        """Its language, once it is found."""

    @property
    def language_probability(self) -> float | None:
        """How sure that is."""

    def take(
        self, chunk: Chunk, result: Decoded, run_s: float, policy: Policy | None = None
    ) -> tuple[list[Chunk], Result | None]:
        """Take the engine's result for a chunk; return what is to be submitted next, and what is to be saved."""

    def charged(self, chunk: Chunk, error: FailedRecording) -> list[tuple[int, FailedRecording]]:
        """Take that no engine can transcribe a chunk; return the jobs that end with that."""


def both(jobs: Mapping[int, Owner], guests: Mapping[int, Owner]) -> Mapping[int, Owner]:
    """Return the jobs and the guests as they are at any time, by their numbers."""
    return ChainMap(cast(dict[int, Owner], jobs), cast(dict[int, Owner], guests))
