"""The link to a cluster: a child of the daemon, and the only process of this machine that Ray is in.

It finds out what machines there are, has an agent started on each where an engine is to run, and passes messages on
between the daemon and the engines. It keeps nothing: when it dies, as Ray has it do where a cluster's head is gone, the
daemon sees all connections to the engines close, and starts another link.
"""

import asyncio
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from multiprocessing.connection import Connection
from multiprocessing.reduction import recv_handle
from typing import Any

from daemon.cluster import rays
from daemon.cluster.agent import same_everywhere
from daemon.cluster.models import Models
from daemon.cluster.planning import Node, Slot, nodes_of, wanted
from daemon.cluster.reach import HEAD_HINT
from daemon.cluster.tunnel import SILENT_S, Line, Lost, Tunnel
from daemon.errors import Unavailable
from daemon.processes.cluster_protocol import (
    Attach,
    ClusterJoined,
    ClusterTrouble,
    EngineEnded,
    JoinCluster,
    NodeGpus,
    NodeLeft,
    Place,
    PlaceGone,
)
from daemon.processes.protocol import LoadModel, Unready
from daemon.processes.wire import Unpickler, packed

LOOK_S = 1.0
"""How often it looks which machines there are."""
HEAD_S = 5.0
"""A head that does not say so in this time is said to be away."""
START_S = 60.0
"""How long an agent may take to start: Ray starts a Python for it, or waits for room."""
AGAIN_S = 10.0
"""After this, a place where no engine could be started is tried again."""


@dataclass(slots=True)
class _Open:
    """A place, and the agent there."""

    place: Place
    slot: Slot
    agent: rays.Agent
    tunnels: set[asyncio.Task[None]] = field(default_factory=set)


def serve(conn: Connection, order: JoinCluster, ip: str | None) -> None:
    """Join a cluster, and serve until the daemon closes the connection; `ip` is how its head knows this machine."""
    try:
        rays.join(order.address, ip)
    except Unavailable as error:
        conn.send(ClusterTrouble(error.message, error.hint))
        return
    asyncio.run(_Link(conn, order).run())


class _Link:
    def __init__(self, conn: Connection, order: JoinCluster) -> None:
        self._conn = conn
        self._order = order
        self._models = Models()
        self._numbers = count(1)
        self._places: dict[int, _Open] = {}
        self._taken: set[Slot] = set()
        """Where an engine runs, or is being started, or could not be."""
        self._nodes: dict[str, Node] = {}
        self._probing: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._said: set[str] = set()
        self._joined = False
        self._closed = asyncio.Event()
        self._failure: BaseException | None = None

    async def run(self) -> None:
        """Look after the cluster until the daemon closes the connection."""
        asyncio.get_running_loop().add_reader(self._conn.fileno(), self._hear)
        while not self._closed.is_set():
            await self._look()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closed.wait(), LOOK_S)
        if self._failure is not None:
            raise self._failure

    # -- machines --------------------------------------------------------------------------------------------

    async def _look(self) -> None:
        """See which machines there are, and have engines where they should be."""
        try:
            listed, free = await asyncio.wait_for(asyncio.to_thread(lambda: (rays.nodes(), rays.free())), HEAD_S)
        except (TimeoutError, Unavailable):
            self._say("", ClusterTrouble(f"the head of the cluster {self._order.address} does not answer", HEAD_HINT))
            return
        self._said.discard("")
        nodes = {node.id: node for node in nodes_of(listed)}
        for gone in self._nodes.keys() - nodes.keys():
            self._leave(self._nodes[gone])
        self._nodes = nodes
        slots = set(wanted(tuple(nodes.values()), self._order.gpu, self._order.cpu, self._taken, free))
        if not self._joined:
            self._joined = True
            gpus = sum(node.gpus for node in nodes.values())
            self._conn.send(ClusterJoined(len(nodes), gpus, len(slots)))
        for opened in [each for each in self._places.values() if each.slot not in slots]:
            self._close(opened, "not wanted there any more")
        for slot in slots - self._taken:
            self._taken.add(slot)
            self._start(self._open(slot))
        for opened in self._places.values():
            if opened.place.node not in self._probing:
                self._probing[opened.place.node] = self._start(self._probe(opened))

    def _leave(self, node: Node) -> None:
        for opened in [each for each in self._places.values() if each.slot.node.id == node.id]:
            self._close(opened, f"{node.name} has left the cluster")
        self._taken = {slot for slot in self._taken if slot.node.id != node.id}
        self._said.discard(node.name)
        self._conn.send(NodeLeft(node.name))

    async def _open(self, slot: Slot) -> None:
        """Start an agent, and offer the place where it is to the daemon."""
        node = slot.node
        agent = rays.start(node.id, slot.device)
        try:
            about = await agent.call("about", limit_s=START_S)
            _check(node.name, about)
        except Lost as error:
            trouble = ClusterTrouble(f"no engine can be started on {node.name}: {error}", rays.NODE_HINT)
            await self._again(slot, agent, trouble)
            return
        except Unavailable as error:
            await self._again(slot, agent, ClusterTrouble(error.message, error.hint))
            return
        if slot not in self._taken:
            agent.end()
            return
        index = about["gpu"] if slot.device == "cuda" else ""
        name = f"{node.name}/{slot.device}" + (f":{index or slot.number}" if index or slot.number else "")
        opened = _Open(Place(next(self._numbers), node.name, slot.device, name), slot, agent)
        self._places[opened.place.number] = opened
        self._conn.send(opened.place)

    async def _again(self, slot: Slot, agent: rays.Agent, trouble: ClusterTrouble) -> None:
        """Try a place again after a while, and tell of it where that is not because its machine is gone."""
        agent.end()
        await asyncio.sleep(AGAIN_S)
        if slot in self._taken:
            self._say(slot.node.name, trouble)
        self._taken.discard(slot)

    def _close(self, opened: _Open, why: str) -> None:
        """Take a place back; what its engines were doing, the daemon does elsewhere."""
        if self._places.pop(opened.place.number, None) is None:
            return
        self._taken.discard(opened.slot)
        for tunnel in opened.tunnels:
            tunnel.cancel(why)
        opened.agent.end()
        self._conn.send(PlaceGone(opened.place.number, why))

    async def _probe(self, opened: _Open) -> None:
        """Tell of the GPUs of a machine as long as its agent does."""
        node = opened.place.node
        try:
            while True:
                probe = await opened.agent.call("gpus", self._order.probe_s, limit_s=self._order.probe_s + SILENT_S)
                self._conn.send(NodeGpus(node, probe))
                await asyncio.sleep(self._order.gpus_every_s)
        except Lost:
            pass
        finally:
            self._probing.pop(node, None)

    # -- engines ---------------------------------------------------------------------------------------------

    def _hear(self) -> None:
        """Take what the daemon says: that it is done, or that an engine is to be started."""
        try:
            order = self._conn.recv()
        except (EOFError, OSError):
            self._closed.set()
            return
        assert isinstance(order, Attach)
        end = socket.socket(fileno=recv_handle(self._conn))
        opened = self._places.get(order.place)
        if opened is None:
            end.close()
            return
        task = self._start(self._serve(opened, end))
        opened.tunnels.add(task)
        task.add_done_callback(opened.tunnels.discard)

    async def _serve(self, opened: _Open, end: socket.socket) -> None:
        """Start an engine, and pass messages on until it or the connection ends."""
        line = Line(end)
        session, node = next(self._numbers), opened.place.node
        tunnel = Tunnel(opened.agent, session, line)
        try:
            if (first := await line.read()) is None:
                return
            order: LoadModel = Unpickler(*first).load()
            order = await self._models.prepared(order, opened.agent, node)
            await opened.agent.call("begin", session, limit_s=SILENT_S)
            await opened.agent.call("send", session, *packed(order), limit_s=SILENT_S)
            await tunnel.run()
        except Unavailable as error:
            await tunnel.say(Unready(error.message, error.hint))
        except Lost as error:
            # The place first: the daemon would have another engine started there.
            opened.tunnels.discard(asyncio.current_task())
            self._close(opened, str(error))
            await tunnel.say(EngineEnded(f"{node}: {error}", by_itself=False))
        except asyncio.CancelledError as error:
            await tunnel.say(EngineEnded(str(error), by_itself=False))
        finally:
            line.close()
            if opened.place.number in self._places:
                with suppress(Lost):
                    await opened.agent.call("end", session, limit_s=SILENT_S)

    # -- common ----------------------------------------------------------------------------------------------

    def _say(self, about: str, trouble: ClusterTrouble) -> None:
        """Tell of a trouble once, until it is over."""
        if about not in self._said:
            self._said.add(about)
            self._conn.send(trouble)

    def _start(self, work: Any) -> asyncio.Task[Any]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        """Forget a task; one that has failed as nobody expected ends the link, and the daemon starts another one."""
        self._tasks.discard(task)
        if not task.cancelled() and (failure := task.exception()) is not None:
            self._failure = failure
            self._closed.set()


def _check(node: str, about: Mapping[str, str]) -> None:
    """Compare a machine with this one.

    Raises:
        Unavailable: it would not understand the daemon, or not be understood.
    """
    for what, ours in same_everywhere().items():
        if about[what] != ours:
            raise Unavailable(
                f"{node} runs {_called(what)} {about[what]}, and the daemon {ours}",
                "install the same version of transcribed on both",
            )


def _called(what: str) -> str:
    return {"messages": "transcribed with messages of the form", "python": "Python"}.get(what, what)
