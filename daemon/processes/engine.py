"""One device as the daemon sees it, and what can come of a batch there."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
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

    def may_take(self, *, alone: bool, full: bool) -> bool:
        """Tell whether to hand out a batch now.

        Args:
            alone: the batch is a chunk that must have the engine for itself.
            full: the batch would be full; only such a one is queued ahead, for others may still join the rest. Where
                batches take long, none is: the few milliseconds that this saves are nothing, and a memo that comes
                meanwhile would wait for it.
        """
        if self.ready is None or self.recycle or self.leaving or self.too_hot or self.held_until is not None:
            return False
        if any(chunk.alone for batch in self.batches.values() for chunk in batch):
            return False
        if alone:
            return not self.batches
        ahead = full and self.batch_s < AHEAD_MAX_S and self.idle_workers > -self.ready.workers
        return self.idle_workers > 0 or ahead


@dataclass(frozen=True, slots=True)
class LostBatches:
    """An engine died with these batches unfinished."""

    batches: tuple[tuple[Chunk, ...], ...]
    how: str
    blamed: bool = True
    """Whether they may have been the reason; not if the last one never reached it."""


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
