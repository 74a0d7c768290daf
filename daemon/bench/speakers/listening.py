"""Tells who speaks when in a file, in this process, with what the decoder child uses: the part that the model has."""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from daemon.chunk import Chunk, Options
from daemon.decode.diarization import diarize
from daemon.decode.opened import OpenRecording
from daemon.decode.voices import SpeakerModel, voices
from daemon.processes.protocol import Open
from daemon.voice import Turn, Voice

CHANNEL = "channel "


@dataclass(frozen=True, slots=True)
class Found:
    """Who was found to speak when, and what that took."""

    turns: tuple[Turn, ...]
    windows: int = 0
    cpu_s: dict[str, float] = field(default_factory=dict)
    """Processor seconds of each step."""


def listen(path: Path, model: SpeakerModel, speakers: str) -> Found:
    """Tell who speaks when: by channel where the channels carry different speech, else by voice.

    Args:
        path: The recording.
        model: What tells voices apart.
        speakers: As `Options.speakers`.
    """
    began = time.process_time()
    chunks = _chunks(path)
    decoded = time.process_time()
    if len({chunk.channel for chunk in chunks}) > 1:
        turns = [
            Turn(start_s, end_s, f"{CHANNEL}{chunk.channel}") for chunk in chunks for start_s, end_s in chunk.spoken
        ]
        return Found(tuple(sorted(turns, key=lambda turn: turn.start_s)), 0, {"decoding": decoded - began})
    heard = _voices(chunks, model)
    embedded = time.process_time()
    found, _ = diarize(heard, speakers)
    steps = {
        "decoding": decoded - began,
        "embeddings": embedded - decoded,
        "clustering": time.process_time() - embedded,
    }
    return Found(tuple(found), len(heard), steps)


def voice_of(path: Path, model: SpeakerModel) -> NDArray[np.float32] | None:
    """Return the direction of the voice of a recording in which one person speaks, shape (dimensions,).

    None if nobody is heard.
    """
    return diarize(_voices(_chunks(path), model), "1")[1].get("S1")


def _voices(chunks: Sequence[Chunk], model: SpeakerModel) -> list[Voice]:
    heard: list[Voice] = []
    for chunk in chunks:
        heard += voices(model, chunk.spans, np.frombuffer(chunk.audio, "<i2"), chunk.spoken)
    return heard


def _chunks(path: Path) -> list[Chunk]:
    """Return the chunks of a recording, as the decoder cuts them."""
    recording = OpenRecording(Open(0, 0, Options(), path.stat().st_size, "auto"), os.open(path, os.O_RDONLY))
    try:
        chunks: list[Chunk] = []
        last = False
        while not last:
            window = recording.next_window()
            chunks += window.chunks
            last = window.last
        return chunks
    finally:
        recording.close()
