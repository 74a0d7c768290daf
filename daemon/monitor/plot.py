"""Plots what the monitor has seen: one time axis, a panel for each kind of figure, alerts marked."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import cycle, pairwise
from pathlib import Path
from typing import Any

from daemon.config import alert_rules
from daemon.errors import Unavailable
from daemon.monitor.metric import Metric, Panel
from daemon.monitor.metrics import BY_NAME, METRICS
from daemon.store.rows import AlertRow

PANELS = tuple((panel, [metric for metric in METRICS if metric.panel is panel]) for panel in Panel)
COLOURS = ("#1b6ca8", "#d1802b", "#5b8c3e", "#7a4fa3", "#2a9d8f")
ALERT, PAUSED = "#c0392b", "#9aa5b1"
GAP_FACTOR = 3.0
"""Samples this many times further apart than usual have a gap between them, in which the daemon was not running."""


def plot(rows: Sequence[dict[str, Any]], alerts: Sequence[AlertRow], path: Path) -> None:
    """Write a PNG, or the format that the file's extension names.

    Args:
        rows: Rows of the table `samples`, oldest first, at least one.
        alerts: Rows of the table `alerts` that fired.
        path: The file.

    Raises:
        Unavailable: matplotlib is not installed, or the file cannot be written.
    """
    try:
        from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
        from matplotlib.figure import Figure
    except ImportError as error:
        raise Unavailable("plots need the package matplotlib", "pip install 'transcribed[bench]'") from error
    times = [_local(row["sampled_at"]) for row in rows]
    broken = _gaps(times)
    panels = [(panel, lines) for panel, lines in PANELS if any(_known(rows, metric) for metric in lines)]
    figure = Figure(figsize=(10, 1.0 + 1.7 * len(panels)), layout="constrained")
    axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    for axis, (panel, lines) in zip(axes, panels, strict=True):
        for metric, colour in zip(lines, cycle(COLOURS), strict=False):
            if _known(rows, metric):
                values = [_value(row, metric, gap=at in broken) for at, row in enumerate(rows)]
                marker = "." if len(rows) < 3 else None
                axis.plot(times, values, color=colour, linewidth=1.3, label=metric.title, marker=marker)
        axis.set_ylabel(panel.value, fontsize=9)
        axis.legend(loc="upper left", fontsize=8, frameon=False, ncols=3, bbox_to_anchor=(0, 1.18))
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(axis="y", alpha=0.25)
        axis.tick_params(labelsize=8)
        if panel is not Panel.TEMPERATURE:
            axis.set_ylim(bottom=0)
        for first, last in _paused(times, rows):
            axis.axvspan(first, last, color=PAUSED, alpha=0.25, linewidth=0)
        mine = [alert for alert in alerts if _panel_of(alert["rule"], [each for each, _ in panels]) is panel]
        _mark(axis, mine, times)
    axes[-1].xaxis.set_major_locator(locator := AutoDateLocator())  # type: ignore[no-untyped-call]
    axes[-1].xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=times[0].tzinfo))  # type: ignore[no-untyped-call]
    axes[-1].set_xlim(times[0], max(times[-1], times[0] + timedelta(seconds=1)))
    figure.align_ylabels(axes)
    figure.suptitle("transcribed: red, an alert fires; grey, paused", fontsize=10, x=0.01, ha="left")
    try:
        figure.savefig(path, dpi=130)
    except (OSError, ValueError) as error:
        raise Unavailable(f"{path} cannot be written: {error}", "name another file, ending in .png") from error


def _known(rows: Sequence[dict[str, Any]], metric: Metric) -> bool:
    return any(metric.of_row(row) is not None for row in rows)


def _value(row: dict[str, Any], metric: Metric, *, gap: bool) -> float:
    value = metric.of_row(row)
    return float("nan") if gap or value is None else value


def _panel_of(name: str, drawn: Sequence[Panel]) -> Panel:
    """Return the panel that alerts of a rule are marked in: its metric's, or the last one if that is not drawn."""
    rule = alert_rules.BY_NAME.get(name)
    metric = BY_NAME.get(rule.plotted_with or rule.metric) if rule else None
    return next((panel for panel in drawn if metric is not None and panel is metric.panel), drawn[-1])


def _mark(axis: Any, alerts: Sequence[AlertRow], times: Sequence[datetime]) -> None:
    """Shade the time of alerts, and write their names."""
    height = 0.93
    for alert in alerts:
        first = max(_local(alert["fired_at"] or alert["since"]), times[0])
        last = times[-1] if alert["resolved_at"] is None else _local(alert["resolved_at"])
        axis.axvspan(first, max(first, last), color=ALERT, alpha=0.15, linewidth=0)
        axis.axvline(first, color=ALERT, linewidth=1)
        late = first > times[0] + 0.8 * (times[-1] - times[0])
        axis.annotate(
            alert["rule"], (first, height), xycoords=("data", "axes fraction"), fontsize=7, color=ALERT,
            va="top", ha="right" if late else "left", xytext=(-3 if late else 3, 0), textcoords="offset points",
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 1},
        )  # fmt: skip
        height = height - 0.16 if height > 0.3 else 0.93


def _gaps(times: Sequence[datetime]) -> set[int]:
    """Return the indexes of samples that come after a gap, where the line is interrupted."""
    steps = sorted(after - before for before, after in pairwise(times))
    if not steps:
        return set()
    usual = steps[len(steps) // 2]
    return {at + 1 for at, (one, two) in enumerate(pairwise(times)) if two - one > GAP_FACTOR * usual}


def _paused(times: Sequence[datetime], rows: Sequence[dict[str, Any]]) -> list[tuple[datetime, datetime]]:
    """Return (start, end) of the stretches of samples that were taken during a pause."""
    spans: list[tuple[datetime, datetime]] = []
    began: datetime | None = None
    for time, row in zip(times, rows, strict=True):
        if row["paused"] and began is None:
            began = time
        elif not row["paused"] and began is not None:
            spans.append((began, time))
            began = None
    return [*spans, (began, times[-1])] if began is not None else spans


def _local(moment: str) -> datetime:
    return datetime.fromisoformat(moment).astimezone()
