"""The steps of `tools.gpu.check`, each a process of its own that writes rows of JSON.

A row is written as soon as it is known, so that a step which runs out of time or dies has not worked in vain.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from tools.gpu.check import CUT, LACKING
from tools.gpu.order import Lacking, Order, Row
from tools.gpu.service import daemon, memory, presets, probe
from tools.gpu.speed import matrix, turns


def environment(order: Order) -> Iterator[Row]:
    """Say what machine this is, and whether CTranslate2 can use its GPU."""
    import ctranslate2

    from daemon.bench.report import machine, versions

    yield {"machine": machine(), "versions": versions(), "python": sys.version}
    count = ctranslate2.get_cuda_device_count()
    types = sorted(ctranslate2.get_supported_compute_types(order.device)) if count or not order.cuda else []
    yield {"cuda_devices": count, "compute_types": types}
    from daemon.config.settings import Model, Settings
    from daemon.doctor.graphics import findings, look

    found = findings(look(Settings(model=Model(device=order.device))), hot_c=85)
    yield {"doctor": [f"{each.level}: {each.subject}: {each.text}" for each in found]}


def trust(order: Order) -> Iterator[Row]:
    """Have the engine hear its clip in each compute type, with the times of words."""
    from daemon.engine.loader import load
    from daemon.errors import Unavailable
    from daemon.processes.protocol import LoadModel

    for kind in order.types:
        try:
            _, ready = load(LoadModel(order.model, order.device, kind, None, None, None))
        except Unavailable as error:
            yield {"compute_type": kind, "works": False, "why": str(error)}
            continue
        told = {"hears": ready.canary, "word_fault": ready.word_fault, "load_s": ready.load_s}
        yield {"compute_type": kind, "works": bool(ready.canary.strip()), **told}


def models(order: Order) -> Iterator[Row]:
    """Make the models with random weights."""
    from tools.gpu.models import make

    for name in ("small-shape",) if order.small else ("turbo", "large-v3"):
        began = time.monotonic()
        made = make(name, Path(order.tokenizer), Path(order.work), order.device)
        yield {**made, "seconds": round(time.monotonic() - began, 1)}


STEPS: dict[str, Callable[[Order], Iterator[Row]]] = {
    each.__name__: each for each in (environment, trust, models, turns, matrix, daemon, presets, memory, probe)
}


def main() -> None:
    """Carry out an order; end with LACKING where the machine lacks what it takes, with CUT when time is used up."""
    order = Order(**json.loads(sys.argv[1]))
    try:
        with Path(order.rows).open("a", encoding="utf-8") as rows:
            code = _carry_out(order, rows)
    except Lacking as error:
        print(error, file=sys.stderr)
        code = LACKING
    except ModuleNotFoundError as error:
        print(f"it needs the package {error.name}", file=sys.stderr)
        code = LACKING
    sys.stderr.flush()
    # What is loaded is not taken apart one by one: that takes long, and libraries for GPUs have hung in it.
    os._exit(code)


def _carry_out(order: Order, rows: IO[str]) -> int:
    until = time.monotonic() + order.seconds
    for row in STEPS[order.step](order):
        rows.write(json.dumps(row, ensure_ascii=False, default=str) + "\n")
        rows.flush()
        if time.monotonic() > until:
            print("what is left was not tried", file=sys.stderr)
            return CUT
    return 0


if __name__ == "__main__":
    main()
