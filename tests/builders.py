"""Values with many fields, as most tests want them: each builder takes the fields that matter and fills in the rest."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from daemon.chunk import BYTES_PER_SECOND, Chunk, Decoded, Options, Segment
from daemon.config import reader
from daemon.config.settings import Settings
from daemon.monitor.sample import Host, Probe, Sample, Work
from daemon.processes.protocol import LoadModel, Ready
from daemon.publish.transcript import Transcript
from daemon.store.records import Job, Result, Seen

VERSION = "1:2:3:4:5"
MOMENT = "2026-01-01T00:00:00.000Z"

_JOB = Job(
    id=7, root="/r", path="a.wav", path_bytes=b"a.wav", fingerprint=VERSION, size_bytes=1, options=Options(),
    priority=0, attempts=1, content_hash=None, language=None, language_probability=None, model=None,
    compute_type=None, device=None, duration_s=None, speech_s=None, damaged=0, processing_s=0.0,
    retried=False,
)  # fmt: skip
_SEGMENT = Segment(
    start_s=0.0, end_s=10.0, text="a text", avg_logprob=-0.2, no_speech_prob=0.0, compression_ratio=1.0,
    temperature=0.0, language="en",
)  # fmt: skip
_HOST = Host(
    cpu_percent=1.0, memory_percent=10.0, memory_used_mb=100.0, swap_percent=0.0, load_1m=0.1, disks=(), children=(),
)  # fmt: skip


def job(**fields: Any) -> Job:
    """Return a job that has just been claimed for the first time."""
    return replace(_JOB, **fields)


def chunk(job_id: int = 7, idx: int = 0, seconds: float = 10.0, **fields: Any) -> Chunk:
    """Return a chunk of silence; those of one length follow each other by their `idx`."""
    return Chunk(
        **{
            "job_id": job_id,
            "idx": idx,
            "spans": ((idx * seconds, (idx + 1) * seconds),),
            "audio": bytes(round(seconds * BYTES_PER_SECOND)),
            **fields,
        }
    )


def segment(text: str = "a text", start_s: float = 0.0, end_s: float = 10.0, **fields: Any) -> Segment:
    """Return a line that the model is sure of."""
    return replace(_SEGMENT, text=text, start_s=start_s, end_s=end_s, **fields)


def decoded(*texts: str, covered_s: float = 10.0, language: str = "en", **fields: Any) -> Decoded:
    """Return a result that is accepted, with a segment for each text; there may be none."""
    segments = tuple(segment(text, language=language) for text in texts)
    values = {
        "segments": segments, "avg_logprob": -0.2, "no_speech_prob": 0.0, "compression_ratio": 1.0, "temperature": 0.0,
        "language_probability": 0.97,
    }  # fmt: skip
    return Decoded(**{**values, "language": language, "covered_s": covered_s, **fields})


def heard(of: Chunk, text: str = "good morning everybody, this is what was said in ten seconds") -> Decoded:
    """Return what an engine gives for a chunk of which it has understood every word."""
    line = segment(text, of.start_s, of.end_s, temperature=of.temperature)
    return replace(decoded(covered_s=of.duration_s, temperature=of.temperature), segments=(line,))


def transcript(*texts: str, **fields: Any) -> Transcript:
    """Return the transcript of a job, with a line for each text; `fields` are those of the job."""
    return Transcript(job(**fields), [segment(text) for text in texts], ())


def load_model(**fields: Any) -> LoadModel:
    """Return the order to load tiny.en on the CPU, with two workers and batches of four."""
    values = {
        "name": "tiny.en", "device": "cpu", "compute_type": "int8", "workers": 2, "cpu_threads": 1, "batch_size": 4,
    }  # fmt: skip
    return LoadModel(**{**values, **fields})


def ready(**fields: Any) -> Ready:
    """Return what an engine with `load_model()` says once it has loaded."""
    values = {
        "model": "tiny.en", "device": "cpu", "compute_type": "int8", "workers": 2, "cpu_threads": 1, "batch_size": 4,
        "devices": 1, "languages": ("en",), "tasks": ("transcribe", "translate"), "word_times": True, "cut_context": True, "policy": "whisper", "load_s": 0.1, "canary": "the words of a clip",
    }  # fmt: skip
    return Ready(**{**values, **fields})


def seen(name: str | bytes = "a.wav", version: str = VERSION, *, root: str = "/root", size: int = 10) -> Seen:
    """Return a recording as the scanner looked at it."""
    return Seen(root, name if isinstance(name, bytes) else name.encode(), version, size)


def result(job_id: int, idx: int = 0, text: str = "hello", **fields: Any) -> Result:
    """Return a finished chunk of ten seconds with one segment."""
    values = {
        "start_s": idx * 10.0, "end_s": idx * 10.0 + 10, "attempts": 1, "guards": 0, "fallbacks": 0, "rests": 0,
        "segments": (segment(text, 0.0, 1.0),), "suppressed": (), "run_s": 0.5,
    }  # fmt: skip
    return Result(job_id, idx, **{**values, **fields})


def host(**fields: Any) -> Host:
    """Return a machine with nothing to do, no disks and no sensors."""
    return replace(_HOST, **fields)


def sample(work: Work | None = None, **fields: Any) -> Sample:
    """Return a look at an idle machine without a GPU."""
    values: dict[str, Any] = {"sampled_at": MOMENT, "probe": Probe(), "host": host()}
    return Sample(**{**values, "work": work or Work(), **fields})


def settings(folder: Path, text: str = "", *, inboxes: Sequence[str] = ("inbox",)) -> Settings:
    """Write a configuration into a folder, make its watched folders, and return it as the daemon reads it."""
    for name in inboxes:
        (folder / name).mkdir(exist_ok=True)
    file = folder / "config.toml"
    file.write_text(text)
    return reader.load(file)
