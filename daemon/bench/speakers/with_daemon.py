"""Has a daemon tell who speaks when, as users do: `transcribed run --once` on a folder, and what it publishes."""

import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from daemon.bench import measure
from daemon.bench.contenders import config_text, last_message
from daemon.bench.measure import Usage
from daemon.bench.speakers import rttm
from daemon.bench.speakers.error_rate import Heard
from daemon.chunk import OFF
from daemon.errors import Unavailable
from daemon.voice import Turn


@dataclass(frozen=True, slots=True)
class Published:
    """What a daemon made of a folder, and what that took."""

    usage: Usage
    turns: dict[Path, list[Turn]]
    """Of each recording; none if it was not to tell, or could not."""
    heard: dict[Path, list[Heard]]
    missing: tuple[Path, ...] = ()
    """Those without a transcript."""


def run(recordings: Sequence[Path], model: dict[str, Any], speakers: str) -> Published:
    """Transcribe recordings; the time to load the models counts.

    Args:
        recordings: Of different names.
        model: Keys of the table [model].
        speakers: As the key of [[watch]]; without it, as `off`.

    Raises:
        Unavailable: The daemon exits with 2 or 4; the message is the daemon's own.
    """
    with tempfile.TemporaryDirectory(prefix="transcribed-bench-") as name:
        folder = Path(name)
        inbox = folder / "inbox"
        inbox.mkdir()
        for path in recordings:
            _put(path, inbox / path.name)
        watch: dict[str, Any] = {"formats": ["json"]}
        if speakers != OFF:
            watch = {"formats": ["rttm", "json"], "speakers": speakers}
        (folder / "config.toml").write_text(config_text(folder, model, watch=watch))
        usage = measure.run([sys.executable, "-m", "daemon", "run", "--once", "-c", "config.toml"], folder)
        if usage.exit_code in (2, 4):
            raise Unavailable(last_message(usage.errors))
        missing = tuple(path for path in recordings if not (inbox / f"{path.name}.json").exists())
        turns = {path: _turns(inbox / f"{path.name}.rttm") for path in recordings}
        heard = {path: words_of(inbox / f"{path.name}.json") for path in recordings}
        return Published(usage, turns, heard, missing)


def _put(path: Path, into: Path) -> None:
    """Have a file at another place as well; links that are not hard ones, the daemon does not follow."""
    try:
        into.hardlink_to(path)
    except OSError:
        shutil.copy(path, into)


def words_of(transcript: Path) -> list[Heard]:
    """Return the words of a transcript in JSON, those of a line at one moment if it does not say when each was said."""
    if not transcript.exists():
        return []
    heard: list[Heard] = []
    for line in json.loads(transcript.read_text("utf-8"))["segments"]:
        speaker = line.get("speaker") or ""
        words = line.get("words") or [line]
        heard += [
            Heard((word["start_s"] + word["end_s"]) / 2, len(word.get("word", line["text"]).split()), speaker)
            for word in words
        ]
    return heard


def _turns(path: Path) -> list[Turn]:
    return rttm.read(path) if path.exists() else []
