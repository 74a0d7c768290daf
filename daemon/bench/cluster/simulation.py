"""A daemon and engines on a cluster, simulated: at which number of engines which part of it becomes the limit.

Batches go round: from the dispatcher through link, raylet and network to an engine, and back. Each part is a queue
that does one batch at a time; the dispatcher takes all that waits at one go, and saves it in one commit. Decoders work
ahead.
"""

import heapq
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count

from daemon.bench.cluster.costs import (
    DECODERS,
    DISPATCHER,
    ENGINES,
    LINK,
    NETWORK,
    RAYLET,
    REMEDIES,
    Costs,
    Setting,
    alone,
    wire_s,
)
from daemon.bench.report import Report
from daemon.transcribe.places import decoders

COUNTS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
GBITS = (1.0, 10.0, 25.0)
SIMULATED_S, WARM_UP_S = 20.0, 20.0
BACK_SHARE = 0.3
"""Of what the link does for a message, that for the answer."""
LINEAR = 0.9
"""Of what the engines could do: less is not linear any more."""
COLUMNS = ("Gbit/s", "engines", "chunks/s", "of ideal %", "limit", *(f"{part} %" for part in REMEDIES))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a setting."""

    chunks_per_s: float
    use: dict[str, float]
    """The share of the time that each part was busy; of the engines and decoders, on average."""

    @property
    def limit(self) -> str:
        """The part that was busy for most of the time."""
        return max(self.use, key=lambda part: self.use[part])


class _Clock:
    def __init__(self) -> None:
        self.now = 0.0
        self.busy = defaultdict[str, float](float)
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()

    def after(self, seconds: float, then: Callable[[], None]) -> None:
        heapq.heappush(self._events, (self.now + seconds, next(self._numbers), then))

    def run(self, until: float) -> None:
        while self._events and self._events[0][0] <= until:
            self.now, _, then = heapq.heappop(self._events)
            then()
        self.now = until


class _Queue:
    """Does one thing at a time, in the order in which they come."""

    def __init__(self, clock: _Clock, name: str) -> None:
        self._clock, self._name = clock, name
        self._waiting: deque[tuple[float, Callable[[], None]]] = deque()
        self._busy = False

    def do(self, seconds: float, then: Callable[[], None]) -> None:
        self._waiting.append((seconds, then))
        if not self._busy:
            self._next()

    def _next(self) -> None:
        self._busy = bool(self._waiting)
        if self._busy:
            seconds, then = self._waiting.popleft()
            self._clock.busy[self._name] += seconds
            self._clock.after(seconds, lambda: self._done(then))

    def _done(self, then: Callable[[], None]) -> None:
        then()
        self._next()


class _Run:
    """One setting, from its start to its end."""

    def __init__(self, setting: Setting, costs: Costs) -> None:
        self._setting, self._costs = setting, costs
        self._clock = _Clock()
        self._link, self._raylet, self._network = (_Queue(self._clock, name) for name in (LINK, RAYLET, NETWORK))
        self._engines = [_Queue(self._clock, ENGINES) for _ in range(setting.engines)]
        self._decoding = [_Queue(self._clock, DECODERS) for _ in range(decoders(setting.cores))]
        self._ready = self._ahead = 2 * setting.workers * setting.engines
        """Batches that are decoded, at most so many: they have had time to get ahead."""
        self._wanting: deque[int] = deque(each for _ in range(setting.workers) for each in range(setting.engines))
        """Engines that could have a batch more."""
        self._came: list[int] = []
        """Engines whose answers the dispatcher has not seen yet."""
        self._in_round = False
        self.chunks = 0

    def outcome(self) -> Outcome:
        for decoder in self._decoding:
            self._decode(decoder)
        self._round()
        self._clock.run(WARM_UP_S)
        before, self._clock.busy = self.chunks, defaultdict(float)
        self._clock.run(WARM_UP_S + SIMULATED_S)
        many = {ENGINES: len(self._engines), DECODERS: len(self._decoding)}
        use = {part: min(1.0, self._clock.busy[part] / SIMULATED_S / many.get(part, 1)) for part in REMEDIES}
        return Outcome((self.chunks - before) / SIMULATED_S, use)

    def _decode(self, decoder: _Queue) -> None:
        """Have a decoder make the next batch, or look again a little later where enough waits."""
        if self._ready >= self._ahead:
            self._clock.after(0.1, lambda: self._decode(decoder))
            return

        def decoded() -> None:
            self._ready += 1
            self._decode(decoder)
            self._round()

        decoder.do(self._setting.batch_size * self._costs.decode_ms / 1000, decoded)

    def _round(self) -> None:
        """Have the dispatcher begin a round, if it waits and there is something to do."""
        if self._in_round or not (self._came or (self._ready and self._wanting)):
            return
        came, self._came = self._came, []
        costs, engines = self._costs, self._setting.engines
        ms = costs.round_engine_ms * engines
        while self._ready and self._wanting:
            self._hand_out(ms)
        for engine in came:
            takes_ms = costs.fill_engine_ms * engines + costs.daemon_ms * self._setting.batch_size
            ms += takes_ms
            self._clock.after(ms / 1000, partial(self._done, takes_ms))
            self._wanting.append(engine)
            if self._ready:
                self._hand_out(ms)
        commit_ms = costs.commit_ms if came else 0.0
        self._clock.busy[DISPATCHER] += (costs.round_engine_ms * engines + commit_ms) / 1000
        self._in_round = True
        self._clock.after((ms + commit_ms) / 1000, self._round_ended)

    def _hand_out(self, ms: float) -> None:
        """Send the next batch on its way, so long after the beginning of the round."""
        self._ready -= 1
        self._clock.after(ms / 1000, partial(self._send, self._wanting.popleft()))

    def _done(self, took_ms: float) -> None:
        self._clock.busy[DISPATCHER] += took_ms / 1000
        self.chunks += self._setting.batch_size

    def _round_ended(self) -> None:
        self._in_round = False
        self._round()

    def _send(self, engine: int) -> None:
        costs, size = self._costs, self._setting.batch_size
        mb = size * costs.chunk_kb / 1000
        there_s = (costs.link_mb_ms * mb + (1 - BACK_SHARE) * costs.link_message_ms) / 1000
        back_s = BACK_SHARE * costs.link_message_ms / 1000

        def answered() -> None:
            self._came.append(engine)
            self._round()

        def computed() -> None:
            self._link.do(back_s, answered)

        def arrived() -> None:
            self._engines[engine].do(size / self._setting.chunks_per_s, computed)

        def on_its_way() -> None:
            self._network.do(size * wire_s(self._setting, costs), arrived)

        self._link.do(there_s, lambda: self._raylet.do(costs.raylet_mb_ms * mb / 1000, on_its_way))


def simulated(setting: Setting, costs: Costs) -> Outcome:
    """Return what a setting comes to."""
    return _Run(setting, costs).outcome()


def simulation(
    engines: Sequence[int] = COUNTS,
    gbits: Sequence[float] = GBITS,
    cores: int = 64,
    chunk_ms: float = 100.0,
    costs: Costs = Costs(),  # noqa: B008 - it is frozen
) -> Report:
    """Simulate each number of engines on each network, and say from which number on which part is the limit."""
    report = Report("cluster simulation", "", [], list(COLUMNS))
    rate = 1000 / chunk_ms
    for gbit in gbits:
        for number in engines:
            setting = Setting(number, rate, gbit=gbit, cores=cores)
            found = simulated(setting, costs)
            share = found.chunks_per_s / setting.ideal
            report.rows.append(
                {
                    "Gbit/s": f"{gbit:g}",
                    "engines": number,
                    "chunks/s": round(found.chunks_per_s, 1),
                    "of ideal %": round(100 * share, 1),
                    "limit": ENGINES if share >= LINEAR else found.limit,
                    **{f"{part} %": round(100 * used) for part, used in found.use.items()},
                }
            )
    report.notes += _notes(rate, gbits, cores, costs)
    return report


def _notes(rate: float, gbits: Sequence[float], cores: int, costs: Costs) -> list[str]:
    """Say for how many engines each part would do if it were alone, and what helps then."""
    notes = [
        f"chunks of {costs.chunk_kb:g} kB, {rate:g} a second and engine; {cores} cores where the files are",
        "each part alone; between 90 % of that and all of it, batches wait for one another:",
    ]
    for gbit in gbits:
        for part, chunks in alone(Setting(1, rate, gbit=gbit, cores=cores), costs).items():
            if part == NETWORK:
                notes.append(f"network of {gbit:g} Gbit/s: {chunks:.0f} chunks/s, {chunks / rate:.0f} engines")
            elif gbit == gbits[0]:
                notes.append(f"{part}: {chunks:.0f} chunks/s, {chunks / rate:.0f} engines; then {REMEDIES[part]}")
    return [*notes, f"where the network is the limit: {REMEDIES[NETWORK]}"]
