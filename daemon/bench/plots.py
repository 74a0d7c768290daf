"""Plots a study: a panel for each figure, a bar for each row."""

from pathlib import Path
from typing import Any

from daemon.bench.report import Report, machine
from daemon.errors import Unavailable

PANELS = {
    "quantization": ("wall s", "peak MB", "accuracy kept %"),
    "schemes": ("seconds", "peak MB", "accuracy kept %"),
    "batching": ("audio h/h", "device use %", "speed-up"),
    "lengths": ("wall s", "real-time factor", "peak MB"),
    "peers": ("wall s", "peak MB", "WER %"),
    "folder": ("wall s", "peak MB"),
    "verify": ("wall s", "peak MB", "words as float32 %"),
}
LABELS = {
    "quantization": ("compute type",),
    "schemes": ("scheme",),
    "batching": ("batch", "workers"),
    "lengths": ("length s",),
    "peers": ("program",),
    "folder": ("settings",),
    "verify": ("model",),
}
OURS, OTHERS = "#1b6ca8", "#9aa5b1"
INCHES_PER_ROW, INCHES_PER_PANEL = 0.34, 3.6
PERCENT_FROM = 90.0
"""The axis starts here if all percentages are above it; otherwise nobody could tell the bars apart."""


def plot(report: Report, path: Path) -> None:
    """Write a PNG, or the format that the file's extension names.

    Raises:
        Unavailable: The extra `bench` is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise Unavailable("plots need the package matplotlib", "pip install 'transcribed[bench]'") from error
    panels = PANELS[report.study]
    groups = _groups(report)
    rows = sum(map(len, groups.values())) + len(groups)
    figure = Figure(figsize=(2.4 + INCHES_PER_PANEL * len(panels), 1.4 + INCHES_PER_ROW * rows), layout="constrained")
    heights = [len(group) + 1 for group in groups.values()]
    axes = figure.subplots(len(groups), len(panels), squeeze=False, height_ratios=heights)
    for line, (title, group) in zip(axes, groups.items(), strict=True):
        labels = [_label(report.study, row) for row in group]
        for axis, panel in zip(line, panels, strict=True):
            values = [float(row.get(panel) or 0.0) for row in group]
            colours = [_colour(report.study, row) for row in group]
            bars = axis.barh(labels, values, color=colours, height=0.7)
            axis.bar_label(bars, padding=3, fontsize=8, labels=[f"{value:g}" for value in values])
            axis.invert_yaxis()
            axis.set_title(f"{panel}{title}", fontsize=9, loc="left")
            low = PERCENT_FROM if "%" in panel and min(values) > PERCENT_FROM else 0.0
            axis.set_xlim(low, low + (max(values) - low) * 1.18 or 1.0)
            axis.spines[["top", "right"]].set_visible(False)
            axis.tick_params(labelsize=8)
            if axis is not line[0]:
                axis.set_yticklabels([])
    figure.suptitle(f"transcribed bench {report.study}: {report.model}, {machine()['processor']}", fontsize=10)
    figure.savefig(path, dpi=130)


def _groups(report: Report) -> dict[str, list[dict[str, Any]]]:
    """Group rows by workload, because their scales differ; leave out those of what could not run."""
    rows = [row for row in report.rows if row[PANELS[report.study][0]] is not None]
    if report.study != "peers":
        return {"": rows}
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault(f", {row['workload']}", []).append(row)
    return groups


def _colour(study: str, row: dict[str, Any]) -> str:
    """Return the colour of a bar: another one for what is not the daemon, in the studies that have such rows."""
    compared = study in ("peers", "schemes")
    return OTHERS if compared and row[LABELS[study][0]] != "transcribed" else OURS


def _label(study: str, row: dict[str, Any]) -> str:
    return ", ".join(f"{key} {row[key]}" if len(LABELS[study]) > 1 else str(row[key]) for key in LABELS[study])
