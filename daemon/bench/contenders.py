"""Programs that transcribe a folder: the daemon and its peers. Each run is a process of its own."""

import json
import sqlite3
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from daemon.bench import measure
from daemon.bench.measure import Usage
from daemon.bench.workload import Workload
from daemon.config.engines import WHISPER
from daemon.errors import Unavailable
from daemon.processes.environment import NO_TELEMETRY, environment
from daemon.processes.protocol import LoadModel

CONFIG = """\
[[watch]]
path = {inbox}
naming = "name"
language = {language}
{watch}[watching]
settle_seconds = {settle_s}
[database]
url = {url}
[model]
"""
ONLY_TEXT = {"formats": ["txt"]}

READY = "engine ready: "
"""What precedes an engine's layout and the load time of its model in the log."""

ENGINE_ALONE = "the engine alone"
SILENT = {**NO_TELEMETRY, "NNCF_CI": "1", "CI": "true"}
"""Has packages of peers report nothing to their makers: ONNX Runtime, NNCF and OpenVINO would."""


@dataclass(frozen=True, slots=True)
class Run:
    """One contender on one workload, once."""

    usage: Usage
    texts: tuple[str, ...]
    """The transcripts, in the order of the workload's items."""
    facts: dict[str, Any] = field(default_factory=dict)
    """What the program reports: compute type, layout, batch fill, repeated decodings, load time."""


def daemon(workload: Workload, model: dict[str, Any], language: str = "auto") -> Run:
    """Run `transcribed run --once` on the recordings, as a user would; the time to load the model counts.

    Args:
        workload: The recordings.
        model: Keys of the table [model].
        language: The language of all recordings; "auto" detects it.

    Raises:
        Unavailable: The daemon exits with 2 or 4; the message is the daemon's own.
    """
    with tempfile.TemporaryDirectory(prefix="transcribed-bench-") as name:
        folder = Path(name)
        inbox = folder / "inbox"
        inbox.mkdir()
        for item in workload.items:
            (inbox / item.path.name).hardlink_to(item.path)
        (folder / "config.toml").write_text(config_text(folder, model, language=language))
        usage = measure.run([sys.executable, "-m", "daemon", "run", "--once", "-c", "config.toml"], folder)
        if usage.exit_code in (2, 4):
            raise Unavailable(last_message(usage.errors))
        texts = tuple(_read(inbox / f"{item.path.name}.txt") for item in workload.items)
        return Run(usage, texts, _facts(folder / "jobs.db", usage.errors))


def config_text(
    folder: Path,
    model: dict[str, Any],
    settle_s: float = 0,
    language: str = "auto",
    watch: Mapping[str, Any] = ONLY_TEXT,
) -> str:
    """Write the configuration of a daemon whose inbox and database are in a folder.

    Args:
        folder: Where these are.
        model: Keys of [model].
        settle_s: How long recordings settle.
        language: What is spoken.
        watch: More keys of [[watch]].
    """
    inbox, url = _toml(str(folder / "inbox")), _toml(f"sqlite:///{folder / 'jobs.db'}")
    text = CONFIG.format(inbox=inbox, settle_s=settle_s, url=url, language=_toml(language), watch=_lines(watch))
    return text + _lines(model)


def _lines(keys: Mapping[str, Any]) -> str:
    return "".join(f"{key} = {_toml(value)}\n" for key, value in keys.items())


def peer(name: str, workload: Workload, ours: LoadModel, converted: Path | None = None) -> Run:
    """Run one of `daemon.bench.peers.PEERS` or `SCHEMES` on the recordings.

    Args:
        name: The peer.
        workload: The recordings.
        ours: What the daemon's engine is told to load; the peer gets the first of its devices.
        converted: Where the model is in files of the peer's own, if it needs them. They are written there first, unless
            the folder exists; that takes no part in the figures.

    Raises:
        Unavailable: The peer's package is not installed, it failed, or the daemon does not use Whisper.
    """
    if ours.engine != WHISPER:
        raise Unavailable(f"it needs a Whisper model, and model.engine is {ours.engine!r}")
    with tempfile.TemporaryDirectory(prefix="transcribed-bench-") as folder:
        texts = Path(folder) / "texts.json"
        order = {
            "peer": name,
            "model": ours.name if converted is None else str(converted),
            "device": ours.device.partition(",")[0],
            "compute_type": ours.compute_type,
            "files": [str(item.path) for item in workload.items],
            "out": str(texts),
        }
        if converted is not None and not converted.is_dir():
            _convert({**order, "model": ours.name}, converted)
        # Only the engine gets the daemon's environment; other programs run as their users start them, but silently.
        usage = _carried_out(order, Path(folder), environment() if name == ENGINE_ALONE else SILENT)
        return Run(usage, tuple(json.loads(texts.read_text("utf-8"))))


def _convert(order: dict[str, Any], folder: Path) -> None:
    """Have a peer write the model into a folder, which is there only once it is complete."""
    part = folder.with_suffix(".part")
    part.mkdir(parents=True, exist_ok=True)
    _carried_out({**order, "into": str(part)}, part, SILENT)
    part.rename(folder)


def _carried_out(order: dict[str, Any], folder: Path, variables: Mapping[str, str]) -> Usage:
    usage = measure.run([sys.executable, "-m", "daemon.bench.peers", json.dumps(order)], folder, variables)
    if usage.exit_code != 0:
        raise Unavailable(last_message(usage.errors))
    return usage


def _facts(database: Path, log: str) -> dict[str, Any]:
    connection = sqlite3.connect(database)
    try:
        batches = connection.execute("SELECT count(*), sum(size) * 1.0 / sum(capacity), sum(run_s) FROM batches")
        count, fill, run_s = batches.fetchone()
        names = ("chunks", "decodings", "guards", "fallbacks", "rests")
        decodings = connection.execute(
            "SELECT count(*), sum(attempts), sum(guards), sum(fallbacks), sum(rests) FROM chunks"
        )
        job = connection.execute("SELECT compute_type, device FROM jobs WHERE state = 'done' LIMIT 1").fetchone()
        done = connection.execute("SELECT count(*) FROM jobs WHERE state = 'done'").fetchone()[0]
        return {
            "done": done,
            "batches": count,
            "fill": fill and round(fill, 3),
            "run_s": run_s and round(run_s, 3),
            **dict(zip(names, decodings.fetchone(), strict=True)),
            "compute_type": job and job[0],
            "device": job and job[1],
            "layout": next((line.split(READY)[1] for line in log.splitlines() if READY in line), None),
        }
    finally:
        connection.close()


def _read(path: Path) -> str:
    return path.read_text("utf-8") if path.exists() else ""


def _toml(value: Any) -> str:
    return json.dumps(value)


def last_message(errors: str) -> str:
    """Return the last thing that a program said before it gave up."""
    lines = [line for line in errors.strip().splitlines() if line.strip()]
    told = [line for line in lines if line.startswith("transcribed: ")]
    return (told or lines or ["it said nothing"])[-1].removeprefix("transcribed: ")
