"""What an engine is told to load."""

from collections.abc import Mapping
from typing import Any

from daemon.config.engines import qualified
from daemon.config.options import preset_values
from daemon.config.parallelism import Parallelism, Setup, machine_name
from daemon.config.settings import Language, Model
from daemon.processes.protocol import LoadModel


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


def setup_of(model: Model) -> Setup | None:
    """Return what a parallelism is measured for, or None if all of it is configured."""
    order = load_order(model)
    if order.workers and order.batch_size and (order.cpu_threads or order.device.startswith("cuda")):
        return None
    return Setup(machine_name(), qualified(order.name, order.engine), order.device, order.compute_type)
