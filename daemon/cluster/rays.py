"""The part of Ray that the link uses: join a cluster, list its machines, start agents and call them."""

import asyncio
import re
import signal
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, cast

import ray
from ray._private.state import available_resources_per_node
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from daemon.cluster import agent
from daemon.cluster.reach import HEAD_HINT, NODE_HERE_HINT
from daemon.cluster.tunnel import Lost
from daemon.config.engines import LOCAL
from daemon.errors import Unavailable

LOOPBACK = "127.0.0.1"
QUIET: dict[str, Any] = {"configure_logging": False, "log_to_driver": False}
"""Nothing of what the processes of the cluster log: that is in their own files."""
OBJECT_STORE_BYTES = 256 << 20
"""The shared memory of a cluster that the daemon starts for itself: chunks on their way to some dozens of engines."""
THREADS = 16
"""Calls that an agent answers at once: each engine that runs or ends has one waiting, others are short."""
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
CAUSE = re.compile(r"(\w+\.)*\w+(Error|Exception): \S")
NODE_HINT = "transcribed[cluster] must be installed there; `ray status` shows what is free, and its logs what failed"


def join(address: str, ip: str | None) -> None:
    """Become a driver of a cluster, or start one.

    Args:
        address: Of the cluster.
        ip: Of the node on this machine, if that is known: it may have been told another one than Ray would find.

    Raises:
        Unavailable
    """
    hint = HEAD_HINT if ip is None else NODE_HERE_HINT
    try:
        if address == LOCAL:
            ray.init(
                LOCAL,
                object_store_memory=OBJECT_STORE_BYTES,
                include_dashboard=False,
                _node_ip_address=LOOPBACK,
                **QUIET,
            )
        else:
            ray.init(address, **({"_node_ip_address": ip} if ip else {}), **QUIET)
        # Ray prints its stack on SIGTERM; the daemon says that it is over by closing the connection as well.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    except (RayError, ConnectionError, RuntimeError, ValueError, TimeoutError, OSError) as error:
        raise Unavailable(f"cannot join the cluster {address}: {_line(error)}", hint) from error


def nodes() -> Sequence[dict[str, Any]]:
    """Return the machines that are or were part of the cluster.

    Raises:
        Unavailable: its head does not answer.
    """
    try:
        listed: list[dict[str, Any]] = ray.nodes()
    except Exception as error:  # Ray's own, gRPC's, or of the client
        raise Unavailable(f"{type(error).__name__}: {error}", HEAD_HINT) from error
    return listed


def free() -> dict[str, dict[str, float]] | None:
    """Return what nobody has taken, by the id of the machine; None where that cannot be known, as by a client's way."""
    try:
        return cast("dict[str, dict[str, float]]", available_resources_per_node())
    except Exception:  # it is only for choosing among several machines
        return None


class Agent:
    """An agent on another machine, through Ray.

    Args:
        handle: Ray's.
    """

    def __init__(self, handle: Any) -> None:
        self._handle = handle

    async def call(self, method: str, *args: Any, limit_s: float) -> Any:
        """Call a method of the agent.

        Raises:
            Lost: it has not answered in time, or it has failed. Whether it has done what it should is not known.
        """
        try:
            return await asyncio.wait_for(getattr(self._handle, method).remote(*args), limit_s)
        except TimeoutError as error:
            raise Lost(f"no answer within {limit_s:g} s") from error
        except RayError as error:
            raise Lost(_line(error)) from error

    def end(self) -> None:
        """End it, and its engines with it, as soon as the head can be told so."""
        # On a thread: where the head is gone, it waits for it, and the other engines have work to be given.
        asyncio.get_running_loop().run_in_executor(None, self._end)

    def _end(self) -> None:
        with suppress(Exception):  # a cluster that is gone has ended it
            ray.kill(self._handle)


def start(node: str, device: str) -> Agent:
    """Have an agent started on a machine; its first answer says that it is there."""
    needs = {"num_gpus": 1, "num_cpus": 0} if device == "cuda" else {"num_gpus": 0, "num_cpus": 1}
    made = ray.remote(agent.AGENT).options(
        **needs,
        scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False),
        max_concurrency=THREADS,
        max_restarts=0,
        max_task_retries=0,
    )
    return Agent(made.remote())


def _line(error: BaseException) -> str:
    """Return the line of what Ray says that says something: the last that names an error of Python's, or the first."""
    lines = [line.strip() for line in COLOUR.sub("", str(error)).splitlines() if line.strip()]
    causes = [line for line in lines if CAUSE.match(line)]
    return next(iter([*reversed(causes), *lines]), type(error).__name__)
