"""An engine of somebody else's, with few abilities: `engine = "tests.plain_engine"`.

It knows two languages, no times of words and no cut context, and its results are accepted as they are. The text of a
chunk says what it was asked.
"""

import os
from collections.abc import Sequence

from daemon.chunk import Chunk, Decoded, Segment
from daemon.processes.protocol import LoadModel, Ready

UNSURE = -5.0
"""A mean log-probability with which Whisper would decode again at every temperature."""


class PlainModel:
    """Says what each chunk asked for."""

    def run(self, chunks: Sequence[Chunk]) -> tuple[Decoded, ...]:
        return tuple(map(_decoded, chunks))


def _decoded(chunk: Chunk) -> Decoded:
    language = "de" if chunk.language == "auto" else chunk.language
    text = f"context {chunk.context_s:g} words {chunk.word_timestamps} temperature {chunk.temperature:g}"
    line = Segment(chunk.start_s, chunk.end_s, text, UNSURE, 0.0, 9.9, chunk.temperature, language)
    return Decoded((line,), UNSURE, 0.0, 9.9, chunk.temperature, language, 1.0, chunk.duration_s)


def load(order: LoadModel) -> tuple[PlainModel, Ready]:
    """Load nothing; PLAIN_ENGINE in the environment says what is wrong with this engine."""
    wrong = os.environ.get("PLAIN_ENGINE")
    if wrong == "raises":
        raise KeyError("weights")
    return PlainModel(), Ready(
        model=order.name, device="here", compute_type="none", workers=1, cpu_threads=1, batch_size=2, devices=1,
        languages=() if wrong == "no language" else ("en", "de"), tasks=("transcribe",), word_times=False, cut_context=False,
        policy="hope" if wrong == "policy" else "accept", load_s=0.0, canary="the words of a clip",
        word_fault="times of words cannot be computed here" if wrong == "words" else "",
    )  # fmt: skip
