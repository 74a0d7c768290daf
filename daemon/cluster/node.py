"""The head of a cluster, or a node of it: what Ray is started with, and what it means when it ends."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from daemon.cluster.checks import FIREWALL, INNER, labels
from daemon.cluster.look import INSTALL
from daemon.cluster.object_store import Store
from daemon.cluster.ports import Ports
from daemon.errors import TranscribedError, Unavailable

STARTED = "Ray runtime started"
NO_MONITOR = "--no-monitor"
"""Ray's autoscaler, which starts machines in a cloud; it would listen at a port of its own, whoever asks."""
LAST_LINES = 5
STAMP = re.compile(r"^\[?\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d+[^\]]*?(?:\]|-- )\s*")
"""What stands before each line of Ray."""
NODE_ENDS = (
    (
        "InvalidAuthToken|AuthenticationError",
        "the head refuses the token of this machine",
        "copy it from the head again",
    ),
    ("Version mismatch", "the head has another version of Ray or Python", INSTALL),
    ("marked dead|health check", "the head has given this machine up", f"can the head reach it? {FIREWALL}"),
)
"""What Ray says on a node at its end -> what has happened, and the way out; the first one counts."""
BOTH_ENDS = (
    ("[Aa]ddress already in use|Failed to bind", "a port was taken meanwhile", "--ports chooses others"),
    ("timed out during startup", "Ray has not started in time", "this machine or the head is very busy: try again"),
)


@dataclass(frozen=True, slots=True)
class Plan:
    """What this machine is to be in a cluster."""

    joins: str | None
    """HOST:PORT of the head; None for the head itself."""
    port: int
    """Where the head is asked."""
    ports: Ports
    folder: Path
    """For this user alone: a lock, and in INNER what is Ray's: sockets, logs and what does not fit into memory."""
    store: Store
    cpus: int
    """How many engines may run on the CPU."""
    gpus: int
    version: str
    ip: str | None = None
    """How the other machines reach this one; None: as Ray finds out."""
    client_port: int | None = None
    """Where the head also serves Ray's own client; None: nowhere."""


def arguments(plan: Plan) -> list[str]:
    """Return the command line after `ray`."""
    role = [f"--address={plan.joins}"]
    if plan.joins is None:
        role = ["--head", f"--port={plan.port}", "--include-dashboard=false", NO_MONITOR]
        role += [f"--ray-client-server-port={plan.client_port}"] if plan.client_port is not None else []
    said = ",".join(f"{name}={value}" for name, value in labels(plan.version, plan.ports).items())
    return [
        "start",
        "--block",
        *role,
        *plan.ports.options(),
        *plan.store.options(),
        f"--num-cpus={plan.cpus}",
        f"--num-gpus={plan.gpus}",
        f"--temp-dir={plan.folder.absolute() / INNER}",
        f"--labels={said}",
        "--disable-usage-stats",
        *([f"--node-ip-address={plan.ip}"] if plan.ip is not None else []),
    ]


def slots(cpus: int | None, gpus: int, *, is_head: bool) -> int:
    """Return how many engines may run on the CPU of a machine: none on a head or beside a GPU, else one.

    Args:
        cpus: What somebody has said, or None.
        gpus: How many there are.
        is_head: Whether the machine is the head.
    """
    if cpus is not None:
        return cpus
    return 0 if is_head or gpus else 1


def visible(gpus: int, variable: str | None) -> int:
    """Return how many of the GPUs of a machine CUDA may use.

    Args:
        gpus: How many nvidia-smi lists.
        variable: CUDA_VISIBLE_DEVICES, or None where it is not set.
    """
    if variable is None:
        return gpus
    # As CUDA reads it: the first entry that is none ends the list.
    named = [each.strip() for each in variable.split(",")]
    until = next((at for at, each in enumerate(named) if not each or each.startswith("-")), len(named))
    return min(gpus, until)


def why(lines: Sequence[str], plan: Plan, *, head_is_there: bool) -> TranscribedError:
    """Return what it means that Ray has ended by itself.

    Args:
        lines: The last that it has printed.
        plan: What it was started with.
        head_is_there: Whether something listens where a node has joined.
    """
    if plan.joins is not None and not head_is_there:
        return Unavailable(f"the head at {plan.joins} is gone", "once it runs again, join it again")
    text = "\n".join(lines)
    for pattern, happened, way_out in (*(NODE_ENDS if plan.joins else ()), *BOTH_ENDS):
        if re.search(pattern, text):
            return Unavailable(happened, way_out)
    last = [STAMP.sub("", line) for line in lines if line.strip()][-LAST_LINES:]
    said = " / ".join(last) or "it says nothing"
    return Unavailable(f"Ray has ended: {said}", f"its logs are in {plan.folder / INNER}/session_latest/logs")
