"""One device as the daemon sees it, and what can come of a batch there."""

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import islice
from typing import TypeAlias

from daemon.chunk import Chunk
from daemon.processes.child import Peer
from daemon.processes.cluster_protocol import Place
from daemon.processes.protocol import BatchDone, BatchFailed, Downloading, LoadModel, Ready

log = logging.getLogger(__name__)

AHEAD_MAX_S = 0.25
"""A batch waits in the child, ahead of the running one, only where batches take less than this, as on a GPU: a memo
that comes meanwhile has to wait for it."""
RECYCLE_CHUNKS = 50_000
"""After this many (some 200 hours of speech) an engine is replaced between batches, whatever it looks like."""
SETTLED_CHUNKS = 32
"""Chunks after which an engine's buffers have their size; what it grows from then on is a leak."""
RECYCLE_GROWTH_BYTES = 1 << 30
"""An engine that has grown by this, and to twice what it had, is replaced between batches."""
FAR_AHEAD_MAX = 2
"""Batches that wait ahead of each worker of an engine of another machine at most."""
FAR_AHEAD_S = 1.0
"""They are as many as keep it busy for so long besides the way there and back: the dispatcher looks again within a
second, even if nothing happens."""
FAR_BATCH_MAX_S = 2.0
"""Where batches take longer, none waits ahead: next to that the way is nothing, and it could hold up the end of a
recording."""
FIRST_OF_BATCH = 4
"""An engine of another machine is measured with a quarter of a batch."""
BATCH_AUDIO_S = 30.0
"""What a batch costs besides its audio, in seconds of audio: about one window of the encoder, which is computed however
little is in it. Without this, an engine that has had a few short chunks would seem slower than its equal that has had
full batches."""
REMEMBERED = 0.8
"""What each batch that ends leaves of the weight of those before: the last three count as much as all others."""


@dataclass(slots=True)
class Engine:
    """One device and its child, if it lives."""

    load: LoadModel
    place: Place | None = None
    """Where it is, on a machine of a cluster."""
    attach: Callable[[], Peer] | None = None
    """Has it started there, and returns the connection to it."""
    stands_in: bool = False
    """Whether it only works while the cluster is away."""
    child: Peer | None = None
    ready: Ready | None = None
    download: Downloading | None = None
    """How far it is with its model, while it downloads it."""
    batches: dict[int, tuple[Chunk, ...]] = field(default_factory=dict)
    deaths: int = 0
    """In a row, without having been ready."""
    restart_at: float = 0.0
    batch_s: float = 0.0
    """How long the last batch ran."""
    ran_s: float = 0.0
    """How long the last batches ran, and how much audio that was; those long ago count less."""
    heard_s: float = 0.0
    way_s: float = 0.0
    """How long chunks and answers were on their way lately, where a worker was idle."""
    began: dict[int, tuple[float, bool]] = field(default_factory=dict)
    """When each of the batches that run now began, on the monotonic clock, and whether that was when it was given."""
    batch_size: int = 0
    """Halved when the device runs out of memory."""
    restarts: int = 0
    """Deaths since the daemon's start."""
    chunks_run: int = 0
    settled_bytes: int = 0
    """Resident memory once the buffers had their size."""
    recycle: bool = False
    """To be replaced once its batches are done."""
    held_until: float | None = None
    """It asks to be left alone until then."""
    too_hot: bool = False
    """Its machine must cool down."""
    leaving: bool = False
    """To be forgotten once it has nothing in flight: its place is gone, or it is not needed any more."""
    trouble: str = ""
    """Why it could not be loaded the last time."""

    @property
    def name(self) -> str:
        """What it is called in logs and figures: its device, its server, or its place."""
        return self.load.device if self.place is None else self.place.name

    @property
    def is_elsewhere(self) -> bool:
        """Whether it only passes chunks on to a server on another machine."""
        return self.load.server is not None

    @property
    def is_here(self) -> bool:
        """Whether it computes on this machine."""
        return self.load.server is None and self.place is None

    @property
    def is_needed(self) -> bool:
        """Whether the daemon is of no use if it cannot be loaded."""
        return self.is_here and not self.stands_in

    @property
    def device(self) -> str:
        """The device, as the engine names it once it is ready."""
        return self.ready.device if self.ready is not None else self.load.device

    @property
    def is_serial(self) -> bool:
        """Whether a batch takes longer the more it holds."""
        return self.device == "cpu"

    @property
    def workers(self) -> int:
        """How many batches run at once."""
        return self.ready.workers if self.ready is not None else 0

    @property
    def idle_workers(self) -> int:
        """How many more batches could begin at once; negative while batches wait in the child."""
        return self.ready.workers - len(self.batches) if self.ready is not None else 0

    def has_grown(self, chunks: int) -> bool:
        """Count chunks that it has run, and tell whether it holds so much memory that it should be replaced."""
        assert self.child is not None
        self.chunks_run += chunks
        has_bytes = self.child.rss_bytes
        if self.chunks_run <= SETTLED_CHUNKS or not self.settled_bytes:
            self.settled_bytes = has_bytes
        grown_bytes = has_bytes - self.settled_bytes
        if grown_bytes > max(RECYCLE_GROWTH_BYTES, self.settled_bytes):
            log.warning("engine %s has grown by %d MB", self.child, grown_bytes >> 20)
            return True
        return self.chunks_run >= RECYCLE_CHUNKS

    @property
    def is_on_cluster(self) -> bool:
        """Whether it is on a machine of a cluster, and chunks have a way to go."""
        return self.place is not None

    @property
    def pace(self) -> float:
        """How many seconds a second of audio has taken lately; 0 before the first batch."""
        return self.ran_s / self.heard_s if self.heard_s else 0.0

    def learn(self, batch_id: int, run_s: float, audio_s: float) -> None:
        """Note how long a batch of so much audio ran; its answer has just come."""
        self.ran_s = REMEMBERED * self.ran_s + run_s
        self.heard_s = REMEMBERED * self.heard_s + audio_s + BATCH_AUDIO_S
        began, was_idle = self.began.get(batch_id, (0.0, False))
        if was_idle:
            way_s = max(0.0, time.monotonic() - began - run_s)
            self.way_s = REMEMBERED * self.way_s + (1 - REMEMBERED) * way_s if self.way_s else way_s

    def look(self, *, given: bool = False) -> None:
        """Note which of its batches have begun to run: as many as it has workers, the others wait in the child.

        Args:
            given: whether the last one has just been given to it.
        """
        now = (time.monotonic(), given)
        self.began = {batch_id: self.began.get(batch_id, now) for batch_id in islice(self.batches, self.workers)}

    def due_s(self, pace: float) -> dict[int, float]:
        """Return in how many seconds each of its batches should be done.

        One that takes longer than it should is expected to take as long again as it is late.

        Args:
            pace: seconds that it takes for a second of audio.
        """
        now = time.monotonic()
        free: list[float] = []
        due: dict[int, float] = {}
        for batch_id, chunks in self.batches.items():
            takes_s = takes(pace, chunks)
            if batch_id in self.began:
                due[batch_id] = abs(self.began[batch_id][0] + self.way_s + takes_s - now)
            else:
                due[batch_id] = takes_s + (heappop(free) if len(free) >= self.workers else 0.0)
            heappush(free, due[batch_id])
        return due

    def free_in_s(self, pace: float) -> float:
        """Return in how many seconds one of its workers should be idle; see `due_s`."""
        idle = self.idle_workers
        return 0.0 if idle > 0 else sorted(self.due_s(pace).values())[-idle]

    @property
    def is_usable(self) -> bool:
        """Whether it is given batches at all."""
        is_wanted = not (self.recycle or self.leaving or self.too_hot)
        return self.ready is not None and is_wanted and self.held_until is None

    @property
    def room(self) -> int:
        """How many batches more it may have: one for each idle worker, and full ones that wait ahead of the others.

        Where batches take long, none waits: the few milliseconds that this saves are nothing, and a memo that comes
        meanwhile would wait for it.
        """
        if not self.is_usable:
            return 0
        if self.is_on_cluster:
            is_short = 0.0 < self.batch_s <= FAR_BATCH_MAX_S
            ahead = FAR_AHEAD_MAX if is_short and self.free_in_s(self.pace) < self.way_s + FAR_AHEAD_S else 0
        else:
            ahead = 1 if self.batch_s < AHEAD_MAX_S else 0
        return self.idle_workers + ahead * self.workers

    @property
    def takes_most(self) -> int:
        """How many chunks it is given at once at most: few at first on another machine, which may be a slow one."""
        is_unknown = self.is_on_cluster and not self.pace
        return -(-self.batch_size // FIRST_OF_BATCH) if is_unknown else self.batch_size

    def may_take(self, *, alone: bool, full: bool) -> bool:
        """Tell whether to hand out a batch now.

        Args:
            alone: the batch is a chunk that must have the engine for itself.
            full: the batch would be full; only such a one is queued ahead, for others may still join the rest.
        """
        if self.room <= 0 or any(chunk.alone for batch in self.batches.values() for chunk in batch):
            return False
        return not self.batches if alone else full or self.idle_workers > 0


def takes(pace: float, chunks: Iterable[Chunk]) -> float:
    """Return how many seconds a batch of these chunks should take an engine of a pace."""
    return pace * (BATCH_AUDIO_S + sum(chunk.duration_s for chunk in chunks))


@dataclass(frozen=True, slots=True)
class LostBatches:
    """An engine died with these batches unfinished."""

    batches: tuple[tuple[Chunk, ...], ...]
    how: str
    blamed: bool = True
    """Whether they may have been the reason; not if the last one never reached it."""
    with_its_machine: bool = False
    """Whether its machine has gone, or the way to it: that says nothing about them."""


@dataclass(frozen=True, slots=True)
class EngineReady:
    """An engine has loaded the model, and hears what it should."""


@dataclass(frozen=True, slots=True)
class BatchEnded:
    """A batch has run, for better or worse, and these were its chunks."""

    engine: Engine
    answer: BatchDone | BatchFailed
    chunks: tuple[Chunk, ...]


EngineEvent: TypeAlias = EngineReady | BatchEnded | LostBatches
