"""Every metric, declared once: samples, `transcribed metrics`, the plot and Prometheus use this table.

To add a metric, add an entry here, its row in docs/monitoring.md, and the figure itself to `daemon.monitor.sample` if
nothing reads it yet. A metric without a column of its own is kept in `detail`, so the database stays as it is.
"""

from dataclasses import asdict
from typing import Any

from daemon.monitor.metric import (
    Kept,
    Metric,
    Panel,
    file_systems,
    free,
    of_gpus,
    of_processes,
    of_work,
    one,
)
from daemon.monitor.sample import Sample

COLUMN, LISTED = Kept.COLUMN, Kept.LISTED

GPU = (
    Metric(
        "gpu_temperature_c", of_gpus(lambda gpu: gpu.temperature_c), "Temperature of the GPU.", "°C",
        title="GPU temperature", prometheus="gpu_temperature_celsius", labels=("gpu",),
        kept=COLUMN, panel=Panel.TEMPERATURE,
    ),
    Metric(
        "gpu_load_percent", of_gpus(lambda gpu: gpu.load_percent), "Load of the GPU.", "%",
        title="GPU load", prometheus="gpu_load_ratio", labels=("gpu",), kept=COLUMN,
    ),
    Metric(
        "gpu_memory_percent", of_gpus(lambda gpu: gpu.memory_percent), "Share of the GPU's memory in use.", "%",
        title="GPU memory", labels=("gpu",), kept=COLUMN, panel=Panel.USE,
    ),
    Metric(
        "gpu_memory_used_mb", of_gpus(lambda gpu: gpu.memory_used_mb), "Memory of the GPU in use.", "MiB",
        prometheus="gpu_memory_used_bytes", labels=("gpu",), kept=LISTED,
    ),
    Metric(
        "gpu_memory_total_mb", of_gpus(lambda gpu: gpu.memory_total_mb), "Memory of the GPU.", "MiB",
        prometheus="gpu_memory_total_bytes", labels=("gpu",), kept=LISTED,
    ),
    Metric(
        "gpu_power_w", of_gpus(lambda gpu: gpu.power_w), "Power drawn by the GPU.", "W",
        prometheus="gpu_power_watts", labels=("gpu",), kept=LISTED,
    ),
    Metric(
        "gpu_throttled", of_gpus(lambda gpu: float(bool(gpu.throttle))), "1 while the GPU is slowed down.",
        prometheus="gpu_throttled", labels=("gpu",), kept=LISTED,
    ),
    Metric(
        "gpu_probe_ok", one(lambda sample: float(sample.probe.error is None)), "Whether nvidia-smi answers.",
        prometheus="gpu_probe_ok", kept=LISTED,
    ),
)  # fmt: skip

MACHINE = (
    Metric(
        "cpu_percent", one(lambda sample: sample.host.cpu_percent), "Use of the machine's CPUs.", "%",
        title="CPU", prometheus="cpu_ratio", kept=COLUMN, panel=Panel.USE,
    ),
    Metric(
        "memory_percent", one(lambda sample: sample.host.memory_percent), "Use of the machine's memory.", "%",
        title="memory", prometheus="memory_ratio", kept=COLUMN, panel=Panel.USE,
    ),
    Metric(
        "cpu_temperature_c", lambda sample: [((sensor.chip,), sensor.temperature_c) for sensor in sample.host.sensors],
        "Temperature of the CPU where it is hottest.", "°C", title="CPU temperature",
        prometheus="cpu_temperature_celsius", labels=("sensor",), panel=Panel.TEMPERATURE,
        limits=lambda sample: {sensor.chip: sensor.limit_c for sensor in sample.host.sensors},
    ),
    Metric("memory_used_mb", one(lambda sample: sample.host.memory_used_mb), "Memory of the machine in use.", "MB"),
    Metric(
        "swap_percent", one(lambda sample: sample.host.swap_percent), "Use of the machine's swap.", "%",
        title="swap", prometheus="swap_ratio", kept=COLUMN,
    ),
    Metric(
        "load_1m", one(lambda sample: sample.host.load_1m), "Load average over a minute.",
        prometheus="load1", kept=COLUMN,
    ),
    Metric(
        "rss_mb", of_processes(lambda child: child.rss_mb), "Memory of the daemon and its children.", "MB",
        title="daemon and children", prometheus="process_resident_bytes", labels=("kind", "pid"),
        fold=sum, kept=COLUMN, otherwise=0.0,
    ),
    Metric(
        "process_cpu_percent", of_processes(lambda child: child.cpu_percent),
        "CPU use of the daemon and its children; 1 is one core.", "%",
        prometheus="process_cpu_ratio", labels=("kind", "pid"), kept=LISTED,
    ),
    Metric(
        "disk_free_mb", lambda sample: free(sample.host.disks), "Free space where the daemon writes.", "MB",
        title="disk free", prometheus="disk_free_bytes", labels=("path",), fold=min, kept=COLUMN, judged=file_systems,
    ),
)  # fmt: skip

SERVICE = (
    Metric(
        "engines_ready", one(lambda sample: sample.engines_ready), "Engines that are ready, here and elsewhere.",
        prometheus="engines_ready", kept=Kept.DETAIL,
    ),
    Metric(
        "queue_files", of_work("queue_files"), "Recordings that wait.", "files",
        title="waiting", prometheus="queue_files", kept=COLUMN, otherwise=0, panel=Panel.QUEUE,
    ),
    Metric(
        "queue_audio_s", of_work("queue_audio_s"), "Audio that waits.", "s",
        prometheus="queue_audio_seconds", kept=COLUMN,
    ),
    Metric(
        "eta_s", of_work("eta_s"), "Until the backlog is done at the present speed.", "s",
        prometheus="queue_eta_seconds", kept=COLUMN,
    ),
    Metric(
        "oldest_waiting_s", of_work("oldest_waiting_s"), "How long the oldest recording has waited.", "s",
        title="oldest waiting", prometheus="oldest_waiting_seconds", kept=COLUMN, otherwise=0.0,
    ),
    Metric("stalled_s", of_work("stalled_s"), "How long nothing has been finished although work is waiting.", "s"),
    Metric(
        "files_per_hour", of_work("files_per_hour"), "Recordings done, over the last hour.",
        title="files an hour", prometheus="files_per_hour", kept=COLUMN, otherwise=0.0,
    ),
    Metric(
        "audio_hours_per_hour", of_work("audio_hours_per_hour"), "Hours of audio done per hour.",
        title="audio hours an hour", prometheus="audio_hours_per_hour",
        kept=COLUMN, otherwise=0.0, panel=Panel.THROUGHPUT,
    ),
    Metric(
        "real_time_factor_mean", of_work("real_time_factor_mean"), "Device seconds per second of audio.",
        title="real-time factor", prometheus="real_time_factor_mean", kept=COLUMN,
    ),
    Metric(
        "real_time_factor_p95", of_work("real_time_factor_p95"), "The real-time factor of the slowest twentieth.",
        title="its 95th percentile", prometheus="real_time_factor_p95", kept=COLUMN,
    ),
    Metric(
        "batch_fill_percent", of_work("batch_fill_percent"), "How full the batches were.", "%",
        title="batch fill", prometheus="batch_fill_ratio", kept=COLUMN,
    ),
    Metric(
        "error_rate_percent", of_work("error_rate_percent"), "Share of the jobs of the last hour that failed.", "%",
        title="errors", prometheus="error_ratio", kept=COLUMN, otherwise=0.0, panel=Panel.ERRORS,
    ),
    Metric(
        "success_rate_percent", of_work("success_rate_percent"), "Share of the jobs of the last hour that did not.",
        "%", kept=COLUMN, otherwise=100.0,
    ),
    Metric("done", of_work("done"), "Jobs done since the start.", "files", kept=COLUMN, otherwise=0),
    Metric("failed", of_work("failed"), "Jobs dead or rejected since the start.", "files", kept=COLUMN, otherwise=0),
    Metric(
        "suspect", of_work("suspect"), "Jobs done with warnings since the start.", "files",
        prometheus="suspect_jobs", otherwise=0,
    ),
    Metric("audio_s", of_work("audio_s"), "Audio done since the start.", "s", kept=COLUMN, otherwise=0.0),
    Metric("processing_s", of_work("processing_s"), "Device time that this audio took.", "s", otherwise=0.0),
    Metric(
        "accuracy_percent", one(lambda sample: sample.accuracy_percent),
        "What the model keeps of float32's accuracy, as last verified.", "%", prometheus="accuracy_ratio",
    ),
    Metric(
        "model_cache_mb", one(lambda sample: sample.model_cache_mb), "Size of the models on the disk.", "MB",
        prometheus="model_cache_bytes",
    ),
    Metric(
        "paused", one(lambda sample: float(sample.paused is not None)), "1 while work is paused.",
        prometheus="paused", kept=LISTED,
    ),
    Metric(
        "unlistable_folders", lambda sample: [((root,), count) for root, count in sample.unlistable_folders.items()],
        "Sub-folders of a watched folder that cannot be listed.", prometheus="unlistable_folders", labels=("path",),
        fold=sum,
    ),
    Metric(
        "restarts", lambda sample: [((kind,), count) for kind, count in sample.restarts.items()],
        "Restarts of children and watchers since the start.",
        prometheus="restarts", labels=("kind",), kept=LISTED, counter=True,
    ),
)  # fmt: skip

METRICS = (*GPU, *MACHINE, *SERVICE)
BY_NAME = {metric.name: metric for metric in METRICS}


def row(sample: Sample) -> dict[str, Any]:
    """Return a sample as a row of the table `samples`, and for JSON.

    Returns:
        A key for every metric with a column, `sampled_at`, `paused`, and all the others in `detail`.
    """
    found = {metric.name: metric.folded(sample) for metric in METRICS if metric.kept is not LISTED}
    detail = {
        "gpus": [{**asdict(gpu), "memory_percent": gpu.memory_percent} for gpu in sample.probe.gpus],
        "probe_error": sample.probe.error,
        "sensors": [asdict(sensor) for sensor in sample.host.sensors],
        "disks": [asdict(disk) for disk in sample.host.disks],
        "children": [asdict(child) for child in sample.host.children],
        "restarts": dict(sample.restarts),
        "missing_roots": [root for root, missing in sample.missing_roots.items() if missing],
        **{name: value for name, value in found.items() if BY_NAME[name].kept is Kept.DETAIL},
    }
    columns = {name: value for name, value in found.items() if BY_NAME[name].kept is COLUMN}
    whole = {"sampled_at": sample.sampled_at, **columns, "paused": sample.paused, "detail": detail}
    return {name: _rounded(value) for name, value in whole.items()}


def _rounded(value: Any) -> Any:
    """Round floats to three decimals, in lists and dictionaries, too."""
    match value:
        case float():
            return round(value, 3)
        case dict():
            return {name: _rounded(each) for name, each in value.items()}
        case list():
            return [_rounded(each) for each in value]
    return value
