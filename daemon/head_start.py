"""The children's head start: they load their libraries and the model while the daemon loads its own."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass

from daemon.config.parallelism import Parallelism, Setup
from daemon.config.settings import Settings
from daemon.processes.decoder_pool import DecoderPool
from daemon.processes.limits import check_limits
from daemon.processes.load_order import load_order, order_on_cluster, orders_elsewhere, setup_of
from daemon.processes.model_pools import ModelPools
from daemon.store import database
from daemon.store.measurements import known_parallelism
from daemon.store.records import timestamp
from daemon.transcribe.places import decoders


@dataclass(frozen=True, slots=True)
class HeadStart:
    """Children under way, and what they were started for."""

    settings: Settings
    engines: ModelPools
    decoders: DecoderPool
    setup: Setup | None
    """What the parallelism is kept for; None where the configuration has settled all of it."""
    known: Parallelism | None
    """The parallelism that was found for it."""
    began: str
    """When, as the database writes times: what failed since has failed in this run."""


@contextmanager
def head_start(settings: Settings) -> Iterator[HeadStart]:
    """Take hold of the database and start the children; end them afterwards.

    Args:
        settings: As `reader.load` gives them, with addresses checked.

    Raises:
        AlreadyRunning: Another daemon holds the database.
        Unavailable: The database cannot be used, or the limits of this process are too low.
    """
    check_limits()
    path, began = settings.database_path, timestamp()
    with ExitStack() as parts:
        parts.enter_context(database.lock(path))
        setup = setup_of(settings.model)
        known = None if setup is None else known_parallelism(path, setup)
        engines = parts.enter_context(closing(_engines(settings, known)))
        pool = parts.enter_context(closing(DecoderPool(decoders(len(os.sched_getaffinity(0))))))
        engines.keep_alive()
        pool.warm_up()
        yield HeadStart(settings, engines, pool, setup, known, began)


def _engines(settings: Settings, known: Parallelism | None) -> ModelPools:
    order = load_order(settings.model, known, settings.languages)
    return ModelPools(
        order,
        settings.folder_models,
        settings.model.unload_seconds,
        orders_elsewhere(settings),
        order_on_cluster(settings),
    )
