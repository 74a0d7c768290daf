"""Tells who speaks when in a file, in this process, with what the decoder child uses: the part that the model has."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from daemon.chunk import Options, Turn, Voice
from daemon.decode.channels import Mixer, Streams
from daemon.decode.chunker import Chunker, Cut
from daemon.decode.diarization import diarize
from daemon.decode.media import Media, as_int16
from daemon.decode.parts import Part
from daemon.decode.voices import SpeakerModel, voices

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
    streams = _cuts(path)
    decoded = time.process_time()
    speaking = {number: cuts for number, cuts in streams.items() if cuts}
    if len(speaking) > 1:
        turns = [
            Turn(start_s, end_s, f"{CHANNEL}{number}")
            for number, cuts in speaking.items()
            for spans, *_ in cuts
            for start_s, end_s in spans
        ]
        return Found(tuple(sorted(turns, key=lambda turn: turn.start_s)), 0, {"decoding": decoded - began})
    heard: list[Voice] = []
    for cuts in speaking.values():
        for spans, audio, *_ in cuts:
            heard += voices(model, spans, np.frombuffer(audio, "<i2"))
    embedded = time.process_time()
    found, _ = diarize(heard, speakers)
    steps = {
        "decoding": decoded - began,
        "embeddings": embedded - decoded,
        "clustering": time.process_time() - embedded,
    }
    return Found(tuple(found), len(heard), steps)


def _cuts(path: Path) -> dict[int, list[Cut]]:
    """Return the chunks of each stream of a recording, as the decoder cuts them."""
    chunkers: dict[int, Chunker] = {}
    cuts: dict[int, list[Cut]] = {}
    position = 0
    for streams in _streams(path):
        length = len(next(iter(streams.values())))
        for number in streams.keys() - chunkers.keys():
            chunkers[number], cuts[number] = Chunker(Options(), position), []
        for number, chunker in chunkers.items():
            heard = streams.get(number)
            cuts[number] += chunker.feed(np.zeros(length, np.int16) if heard is None else as_int16(heard))
        position += length
    for number, chunker in chunkers.items():
        cuts[number] += chunker.finish()
    return cuts


def _streams(path: Path) -> Iterator[Streams]:
    """Yield what is to be heard of a recording, by channel where the channels carry different speech."""
    mixer = Mixer("auto")
    with path.open("rb") as file:
        media = Media(file.fileno(), Part(0, path.stat().st_size))
        try:
            for block in media.samples():
                yield from mixer.feed(block)
            yield from mixer.finish()
        finally:
            media.close()
