"""What the commands show to people, as Rich renderables."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from daemon.store.rows import Backlog, DeliveryRow, GpuRow, JobDetail, JobRow, LayoutRow, SegmentRow, StageRow, Status
from daemon.voice import TURNS

HIDDEN = ("outputs", "stages", "segments", "deliveries", "path_bytes", "sound", "warnings")
"""What of a job is shown in another form, or not at all."""
COLOURS = {"done": "green", "running": "cyan", "failed": "yellow", "dead": "red", "rejected": "red"}


def status(data: Status) -> RenderableType:
    """Render `transcribed status`."""
    daemon = data["daemon"]
    head = Text(f"daemon: running, pid {daemon['pid']}" if daemon["running"] else "daemon: not running")
    paused = [Text(f"paused: {row['reason']} (since {clock(row['since'])})", style="yellow") for row in data["pauses"]]
    counts = Text("jobs: ")
    counts.append(", ".join(f"{count} {state}" for state, count in data["counts"].items() if count) or "none seen yet")
    if data["suspect"]:
        counts.append(f"; {data['suspect']} with warnings (transcribed jobs list --suspect)")
    parts: list[RenderableType] = [head, *paused, counts]
    if data["running"]:
        table = Table("job", "recording", "progress", "speed", box=None, pad_edge=False)
        for row in data["running"]:
            progress = f"{row['chunks_done']}/{row['chunks_total'] or '?'} chunks"
            if row["progress_percent"] is not None:
                progress += f", {row['progress_percent']:.0f} %"
            for stage in row["stages"]:
                if stage["result"] is None:
                    progress += f", {stage['name']} {stage['chunks_done']}/{row['chunks_total']}"
            table.add_row(str(row["id"]), Text(row["path"]), progress, f"{row['times_real_time'] or 0:.1f} x real time")
        parts.append(table)
    parts.append(Text(_backlog(data["backlog"])))
    if data["batch_fill"] is not None:
        parts.append(Text(f"batches: {data['batch_fill'] * 100:.0f} % full on average"))
    parts.extend(Text(_layout(row)) for row in data["layouts"])
    parts.extend(Text(_gpu(row)) for row in data["gpus"])
    parts.extend(Text(f"alert {row['state']}: {row['text'] or row['rule']}", style="red") for row in data["alerts"])
    return Group(*parts)


def _gpu(row: GpuRow) -> str:
    called = f"{row['name']} #{row['index']}"
    figures = (("temperature_c", "°C"), ("load_percent", "% load"), ("memory_percent", "% of its memory in use"))
    known = [f"{row[name]:.0f} {unit}" for name, unit in figures if row[name] is not None]  # type: ignore[literal-required]
    return f"GPU {row['node'] and row['node'] + ': '}{called}: {', '.join(known) or 'nothing is known'}"


def jobs(rows: Sequence[JobRow]) -> RenderableType:
    """Render `transcribed jobs list`."""
    table = Table("id", "state", "recording", "length", "language", "reason", box=None, pad_edge=False)
    for row in rows:
        table.add_row(
            str(row["id"]),
            Text(row["state"], style=COLOURS.get(row["state"], "")),
            Text(row["path"]),
            "" if row["duration_s"] is None else length(row["duration_s"]),
            row["language"] or "",
            Text(row["reason"] or ""),
        )
    return table if rows else Text("no jobs")


def job(row: JobDetail) -> RenderableType:
    """Render `transcribed jobs show`."""
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column()
    table.add_column(overflow="fold")
    for key, value in row.items():
        if value is not None and key not in HIDDEN:
            table.add_row(Text(key, style="bold"), Text(str(value)))
    for track in _tracks(row["sound"]):
        table.add_row(Text("audio track", style="bold"), Text(track))
    for warning in json.loads(row["warnings"] or "[]"):
        table.add_row(Text("warning", style="bold yellow"), Text(warning))
    for stage in row["stages"]:
        table.add_row(Text(stage["name"], style="bold"), Text(_stage(stage, row["chunks_total"])))
    for file in row["outputs"]:
        table.add_row(Text(f"{file['format']} file", style="bold"), Text(file["path"]))
    for delivery in row["deliveries"]:
        table.add_row(Text(delivery["kind"], style="bold"), Text(_delivery(delivery)))
    lines = [Text(f"[{length(line['start_s'])}] {_channel(line)}{line['text']}") for line in row["segments"]]
    return Group(table, *lines)


def _channel(line: SegmentRow) -> str:
    return f"channel {line['channel']}: " if line["channel"] else ""


def length(seconds: float) -> str:
    """Return a length as 1:02:03 or 2:03."""
    text = str(timedelta(seconds=round(seconds)))
    return text.removeprefix("0:").removeprefix("0") if seconds < 3600 else text


def clock(moment: str | None) -> str:
    """Return a timestamp of the database in local time, or "" for None."""
    return "" if moment is None else f"{datetime.fromisoformat(moment).astimezone():%Y-%m-%d %H:%M:%S}"


def _tracks(sound: str | None) -> list[str]:
    """Return each audio track of a recording as a line, and whether it was transcribed."""
    found = json.loads(sound or "{}")
    return [
        f"{track['number']}: {track['codec'] or 'unknown format'}, {track['channels']} channels"
        + "".join(f", {track[name]}" for name in ("language", "title") if track[name])
        + ("" if track["number"] in found["taken"] else " (not transcribed)")
        for track in found.get("tracks", ())
    ]


def _stage(stage: StageRow, chunks_total: int | None) -> str:
    """What a stage has found, one thing to a line; while it goes on, how far it is."""
    if stage["result"] is None:
        return f"{stage['chunks_done']}/{chunks_total} chunks"
    if stage["name"] == TURNS:
        return str(len(stage["result"]))
    found = stage["result"] if isinstance(stage["result"], list) else [stage["result"]]
    lines = [
        ", ".join(f"{key} {value}" for key, value in each.items()) if isinstance(each, dict) else str(each)
        for each in found
    ]
    return "\n".join(lines) or "none"


def _layout(row: LayoutRow) -> str:
    return (
        f"layout: {row['model']} on {row['device']}, {row['compute_type']}: {row['workers']} workers x "
        f"{row['cpu_threads']} threads, batches of {row['batch_size']} (measured {row['measured_at'][:10]})"
    )


def _delivery(row: DeliveryRow) -> str:
    """What has come of something that was to be done after a job: `hooks.notify[0], after done: failed`."""
    address = f"{row['address']}, " if row["address"] else ""
    event = f"after {row['event']}" if row["event"] in COLOURS else row["event"]
    reason = f", {row['reason']}" if row["reason"] else ""
    due = f", due {clock(row['due_at'])}" if row["state"] == "waiting" else ""
    return f"{address}{event}: {row['state']}{reason}{due}"


def _backlog(backlog: Backlog) -> str:
    if not backlog["files"]:
        return "backlog: nothing waiting"
    text = f"backlog: {backlog['files']} recordings, {backlog['bytes'] / 1e6:.1f} MB"
    if backlog["audio_s"] is not None:
        text += f", {length(backlog['audio_s'])} of audio"
    return text + (f", done in about {length(backlog['eta_s'])}" if backlog["eta_s"] is not None else "")
