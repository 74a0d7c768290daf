"""The steps of `tools.gpu.check` that run the daemon as a user would, and those that look at the card as it does."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tools.gpu.order import REAL, Lacking, Order, Row
from tools.gpu.watch import Watch, first_gpu, nvml_figures


def daemon(order: Order) -> Iterator[Row]:
    """Run the daemon as a user would, on memos, a long recording and both; the time to load the model counts."""
    from daemon.bench import workload as workloads

    folder = Path(order.work) / "daemon"
    folder.mkdir(exist_ok=True)
    if order.small:
        made = [workloads.memos(folder, 2)]
    else:
        made = [workloads.memos(folder, 240), workloads.meeting(folder, 3600.0), workloads.mixed(folder)]
    for kind in order.types[:2]:
        for load in made:
            yield {"compute_type": kind, **_daemon_row(load, _model_table(order, compute_type=kind))}


def presets(order: Order) -> Iterator[Row]:
    """Run the daemon with each preset of this device, beside what the advice says of its memory."""
    from daemon.bench import workload as workloads
    from daemon.config.presets import PRESETS, advice

    folder = Path(order.work) / "presets"
    folder.mkdir(exist_ok=True)
    load = workloads.memos(folder, 2 if order.small else 240)
    size = (order.folder / "model.bin").stat().st_size
    for name, preset in PRESETS.items():
        if preset.device != order.device:
            continue
        told = advice(size, preset.compute_type, preset.workers or 2, preset.batch_size, 1000 * (preset.memory_gb or 8))
        yield {"preset": name, "advice": told, **_daemon_row(load, _model_table(order, preset=name))}


def _model_table(order: Order, **keys: Any) -> Row:
    """Return the keys of [model]; a preset sets the device itself."""
    device = {} if "preset" in keys else {"device": order.device}
    engine = {} if order.argument == REAL else {"engine": "tools.gpu.engine"}
    return {"name": str(order.folder), **engine, **device, **keys}


def _daemon_row(load: Any, model: Row) -> Row:
    from daemon.bench.contenders import daemon
    from daemon.bench.report import score

    with Watch() as watch:
        run = daemon(load, model)
    usage, facts = run.usage, run.facts
    if "engine" not in model:
        facts = {**facts, "wer_percent": score(load, run.texts)}
    return {
        "contender": "transcribed", "workload": load.name, "exit_code": usage.exit_code,
        "audio_s": round(load.audio_s, 1), "wall_s": round(usage.wall_s, 2),
        "x_real_time": round(load.audio_s / usage.wall_s, 1), "cpu_s": round(usage.cpu_s, 1),
        "peak_mb": round(usage.peak_mb), **watch.figures, **facts,
        "memory_ran_out": usage.errors.count("out of memory on"),
    }  # fmt: skip


def memory(order: Order) -> Iterator[Row]:
    """Take nearly all of the card's memory, and see whether the daemon makes its batches smaller and goes on."""
    if not order.cuda:
        raise Lacking("it needs CUDA: memory of a card that can run out")
    import torch

    from daemon.bench import workload as workloads
    from daemon.config.presets import needed_mb

    folder = Path(order.work) / "memory"
    folder.mkdir(exist_ok=True)
    size = (order.folder / "model.bin").stat().st_size
    left_mb = needed_mb(size, "float16", 1, 8)
    free, _ = torch.cuda.mem_get_info()
    taken = torch.empty(max(0, int(free - left_mb * 1e6)), dtype=torch.uint8, device="cuda")
    model = _model_table(order, compute_type="float16", workers=1, batch_size=64)
    yield {
        "left_mb": round(left_mb),
        "taken_mb": taken.numel() >> 20,
        **_daemon_row(workloads.memos(folder, 240), model),
    }


def probe(order: Order) -> Iterator[Row]:
    """Compare what the daemon's probe says of the card with NVML, while nothing runs and while something does."""
    if not order.cuda:
        raise Lacking("it needs CUDA: a card to look at")
    import torch

    from daemon.monitor.gpu import GpuProbe

    first_gpu()
    side = torch.randn(8192, 8192, dtype=torch.float16, device="cuda")
    for works in (False, True):
        until = time.monotonic() + 4
        while works and time.monotonic() < until:
            side = (side @ side).clamp(-1, 1)
            torch.cuda.synchronize()
            if time.monotonic() > until - 2:
                break
        for _ in range(200 if works else 0):
            side = (side @ side).clamp(-1, 1)  # queued: the card works while it is looked at
        looked, nvml = GpuProbe(10.0)(), nvml_figures()
        torch.cuda.synchronize()
        (gpu, *_) = looked.gpus or (None,)
        figures = None if gpu is None else {key: getattr(gpu, key) for key in nvml}
        yield {"works": works, "error": looked.error, "probe": figures, "nvml": nvml}
