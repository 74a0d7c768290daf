"""What an engine is told to load."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from daemon.config.cluster import EngineCounts
from daemon.config.engines import ELSEWHERE, NO_DEVICE, qualified
from daemon.config.options import preset_values
from daemon.config.parallelism import Parallelism, Setup, machine_name
from daemon.config.settings import Language, Model, Settings
from daemon.processes.cluster_protocol import JoinCluster
from daemon.processes.protocol import LoadModel, Server


def load_order(
    model: Model, layout: Parallelism | None = None, languages: Mapping[str, Language] | None = None
) -> LoadModel:
    """Return what an engine is told to load.

    Each value is the configured one, else the preset's, else the measured one, else None: the engine then decides.
    """
    preset = preset_values(model)

    def value(name: str) -> Any:
        configured = getattr(model, name)
        if configured != "auto":
            return configured
        return preset.get(name) or getattr(layout, name, None)

    return LoadModel(
        name=model.name,
        device=value("device") or "auto",
        compute_type=value("compute_type") or "auto",
        workers=value("workers"),
        cpu_threads=value("cpu_threads"),
        batch_size=value("batch_size"),
        engine=model.engine,
        decoder=model.decoder,
        languages=tuple(
            (code, each.model) for code, each in sorted((languages or {}).items()) if each.model not in ("", model.name)
        ),
    )


def orders_elsewhere(settings: Settings) -> tuple[LoadModel, ...]:
    """Return what the engines elsewhere are told.

    Beside engines of ours they are asked for its model, unless another one is named; else for their own.
    """
    usual = settings.model.name if settings.has_own_engine else ""
    return tuple(
        LoadModel(
            name=engine.model or usual,
            device=place_of(engine.url),
            compute_type="auto",
            workers=engine.window,
            cpu_threads=1,
            batch_size=1,
            engine=ELSEWHERE,
            server=Server(f"engines[{number}]", engine.url, engine.api_key_file, engine.ca_file),
        )
        for number, engine in enumerate(settings.engines)
    )


def order_on_cluster(settings: Settings) -> LoadModel:
    """Return what an engine on a machine of a cluster is told, but for its device; nothing that was measured here."""
    return load_order(settings.model, languages=settings.languages)


def join_order(settings: Settings) -> JoinCluster:
    """Return what the link to the cluster is told."""
    cluster = settings.cluster
    counts = cluster.engines if isinstance(cluster.engines, EngineCounts) else None
    return JoinCluster(
        address=cluster.address,
        token_file=cluster.token_file,
        gpu=counts.gpu if counts else None,
        cpu=counts.cpu if counts else None,
        gpus_every_s=settings.monitor.interval_seconds,
        probe_s=settings.monitor.probe_timeout_seconds,
    )


def place_of(url: str) -> str:
    """Return how the engine at an address is called: its host and port, and the path if that is not the usual one."""
    parts = urlsplit(url)
    path = "" if parts.path == "/v1" else parts.path
    return f"{parts.netloc}{path}"


def setup_of(model: Model) -> Setup | None:
    """Return what a parallelism is measured for, or None if all of it is configured."""
    order = load_order(model)
    if order.device == NO_DEVICE:
        return None
    if order.workers and order.batch_size and (order.cpu_threads or order.device.startswith("cuda")):
        return None
    return Setup(machine_name(), qualified(order.name, order.engine), order.device, order.compute_type)
