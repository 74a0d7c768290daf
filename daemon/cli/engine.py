"""`transcribed engine`: this machine as the head of a cluster of engines, or as a node of one."""

import logging
import os
import platform
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from daemon import __version__
from daemon.cli.common import option_groups
from daemon.cli.logs import log_to_stderr
from daemon.config.engines import ONNX, WHISPER
from daemon.config.onnx_models import known
from daemon.config.paths import expanded
from daemon.errors import BadConfig, Unavailable

if TYPE_CHECKING:  # the other commands need none of it, and start sooner without
    from daemon.cluster.node import Plan

engine_app = typer.Typer(help="Engines on other machines: a cluster of Ray.", no_args_is_help=True)

log = logging.getLogger(__name__)

PROBE_S = 10.0
CPUS_MAX = 32
"""Each engine takes a port of a worker, and so does each daemon."""
FIRST_MIN, FIRST_MAX = 1024, 65_000


@dataclass(frozen=True, slots=True)
class Machine:
    """The options of both commands."""

    token_file: Annotated[
        Path | None,
        typer.Option(help="What the machines know each other by; else cluster.token in ~/.config/transcribed/."),
    ] = None
    cpus: Annotated[
        int | None,
        typer.Option(
            min=0, max=CPUS_MAX, help="How many engines may run on the CPU (1 on a node without GPU, else 0)."
        ),
    ] = None
    gpus: Annotated[
        int | None, typer.Option(min=0, help="How many GPUs to use, an engine on each (those that nvidia-smi lists).")
    ] = None
    ports: Annotated[
        int | None,
        typer.Option(min=FIRST_MIN, max=FIRST_MAX, metavar="FIRST", help="First of 64 ports for this machine (20700)."),
    ] = None
    ip: Annotated[
        str | None, typer.Option("--ip", metavar="ADDRESS", help="How the other machines reach this one.")
    ] = None
    store_mb: Annotated[
        int | None,
        typer.Option("--store-mb", min=80, help="Memory for what travels between machines (at most 1000)."),
    ] = None
    folder: Annotated[
        Path | None, typer.Option(help="For Ray's sockets and logs (ray in ~/.cache/transcribed/); a short path.")
    ] = None
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log what Ray prints, too.")] = False


@engine_app.command("head")
@option_groups
def engine_head(
    machine: Machine,
    port: Annotated[int | None, typer.Option(min=FIRST_MIN, max=65_535, help="Where nodes join (6379).")] = None,
    client_port: Annotated[
        int | None,
        typer.Option(min=FIRST_MIN, max=65_535, help="Serve Ray's own client, too, for addresses ray://; else not."),
    ] = None,
) -> None:
    """Be the head of a cluster, beside the daemon, until SIGTERM or Ctrl+C."""
    _log(machine)
    from daemon.cluster import checks, tokens
    from daemon.cluster.environment import environment
    from daemon.cluster.look import look
    from daemon.cluster.ports import HEAD
    from daemon.cluster.running import run
    from daemon.processes.environment import environment as of_children

    if client_port is not None and find_spec("grpc") is None:
        raise Unavailable("--client-port needs grpcio, which is not installed here", "pip install 'ray[client]'")
    token = _token(machine)
    if tokens.make(token):
        log.info("a new token is in %s; each node needs a copy of it, for its user alone (chmod 600)", token)
    tokens.check(token)
    plan = replace(_plan(machine, None), port=port or HEAD, client_port=client_port)
    checks.check_ports_here(plan.ports, plan.port)
    variables = {**of_children(), **environment(token)}

    def up() -> None:
        ip = plan.ip
        with suppress(Unavailable):  # on a machine that is very busy it does not answer in time
            node = look(f"127.0.0.1:{plan.port}", variables).node
            ip = node.ip if node else ip
        at = f"{ip or 'HOST'}:{plan.port}"
        log.info("the head is up; on each node: transcribed engine join %s --token-file COPY", at)

    run(plan, variables, up)


@engine_app.command("join")
@option_groups
def engine_join(
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="Of the head: HOST or HOST:PORT.")],
    machine: Machine,
    model: Annotated[
        list[str] | None, typer.Option(help="A model that is to be on this machine already; may be repeated.")
    ] = None,
) -> None:
    """Offer this machine's GPUs, or its CPU, to the daemon of a cluster, until SIGTERM or Ctrl+C."""
    _log(machine)
    from daemon.cluster import checks, tokens
    from daemon.cluster.environment import environment
    from daemon.cluster.look import look, ray_version
    from daemon.cluster.roundtrip import try_back
    from daemon.cluster.running import run
    from daemon.processes.environment import environment as of_children

    host, port = checks.address_of(address)
    token = _token(machine)
    tokens.check(token)
    mine = checks.Versions(ray_version(), platform.python_version(), __version__)
    ip = checks.resolved(host)
    at = f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"
    plan = _plan(machine, at)
    checks.check_ports_here(plan.ports, None)
    checks.check_head_is_there(host, port)
    variables = {**of_children(), **environment(token)}
    head = look(at, variables)
    checks.check_versions(head, mine)
    checks.check_ports_there(head)
    for name in model or ():
        _tell_of(name)

    def up() -> None:
        try:
            now = look(at, variables)
        except Unavailable as error:
            unknown = error.message
        else:
            unknown = try_back(at, now, plan.ports, variables)
        if unknown:
            log.warning("nobody knows whether the head reaches this machine: %s", unknown)
        log.info("joined %s: %s", address, _offered(plan))

    run(plan, variables, up)


def _log(machine: Machine) -> None:
    log_to_stderr(logging.DEBUG if machine.verbose else logging.INFO)


def _token(machine: Machine) -> Path:
    home = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    return _path(machine.token_file or Path(home) / "transcribed" / "cluster.token")


def _path(path: Path) -> Path:
    try:
        return expanded(path).absolute()
    except ValueError as error:
        raise BadConfig(str(error)) from error


def _plan(machine: Machine, joins: str | None) -> "Plan":
    """Return what this machine is to be.

    Raises:
        BadConfig: The folder cannot be used.
        Unavailable: The GPUs cannot be counted, or Ray is missing.
    """
    from daemon.cluster import checks
    from daemon.cluster.look import ray_version
    from daemon.cluster.node import Plan, slots
    from daemon.cluster.object_store import free, store
    from daemon.cluster.ports import FIRST, HEAD, Ports

    ray_version()
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    folder = _path(machine.folder or Path(cache) / "transcribed" / "ray")
    checks.check_folder(folder)
    room = store(free(), folder / checks.INNER, machine.store_mb)
    if room.folder is not None:
        log.warning(
            "shared memory (/dev/shm) has %d MB free, too little for %d MB: what travels between machines goes through "
            "files in %s, which is slower; in a container, give it more (docker run --shm-size=1g)",
            free() / 1e6, room.size_mb, room.folder,
        )  # fmt: skip
    gpus = _gpus() if machine.gpus is None else machine.gpus
    return Plan(
        joins=joins,
        port=HEAD,
        ports=Ports(machine.ports or FIRST),
        folder=folder,
        store=room,
        cpus=slots(machine.cpus, gpus, is_head=joins is None),
        gpus=gpus,
        version=__version__,
        ip=machine.ip,
    )


def _gpus() -> int:
    """Return how many GPUs there are for engines.

    Raises:
        Unavailable: nvidia-smi does not say.
    """
    from daemon.cluster.node import visible
    from daemon.monitor.gpu import GpuProbe

    seen = GpuProbe(PROBE_S)()
    if seen.error is not None:
        raise Unavailable(f"the GPUs cannot be counted: {seen.error}", "run nvidia-smi by hand, or say --gpus NUMBER")
    return visible(len(seen.gpus), os.environ.get("CUDA_VISIBLE_DEVICES"))


def _offered(plan: "Plan") -> str:
    gpus = f"{plan.gpus} GPU{'' if plan.gpus == 1 else 's'}" if plan.gpus else ""
    cpus = f"{plan.cpus} engine{'' if plan.cpus == 1 else 's'} on the CPU" if plan.cpus else ""
    return " and ".join(filter(None, (gpus, cpus))) or "nothing, for it has no GPU and --cpus is 0"


def _tell_of(model: str) -> None:
    """Say whether a model is on this machine, and what it is."""
    from daemon.doctor.weights import HASHING_S
    from daemon.processes.asking import SURVEY, NoAnswer, ask
    from daemon.processes.protocol import FindModel, FoundModel, Unready

    engine = ONNX if known(model) else WHISPER
    match ask(SURVEY, FindModel(model, engine=engine), HASHING_S):
        case FoundModel(folder=None):
            log.warning("the model %s is not on this machine: the daemon sends it when it is needed", model)
        case FoundModel() as found if found.expected not in (None, found.sha256):
            log.warning(
                "the model %s in %s has SHA-256 %s, and should have %s: it is damaged; remove that folder",
                model, found.folder, found.sha256, found.expected,
            )  # fmt: skip
        case FoundModel() as found:
            log.info("the model %s is in %s, SHA-256 %s", model, found.folder, found.sha256)
        case Unready() as no:
            log.warning("%s; %s", no.message, no.hint)
        case NoAnswer(why=why):
            log.warning("the model %s cannot be looked for: %s", model, why)
