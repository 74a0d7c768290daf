"""Is a result of a model without temperatures and prompts good enough? Pure rules, for what onnx-asr runs."""

from collections.abc import Sequence

from daemon.chunk import Chunk, Decoded
from daemon.transcribe.quality import COMPRESSION_RATIO_MAX, Verdict, rest_of, silent

DOUBTFUL_LOGPROB_MIN = -0.5
"""Where no speech was found at first, a less likely text is none. Such models say nothing of most noise, and where they
do say something, they are unsure; how unsure was not measured, as their weights were not at hand."""


def greedy(chunk: Chunk, result: Decoded, _earlier: Sequence[Decoded]) -> Verdict:
    """Decide about a result: the same audio would give the same once more, but shorter audio may not.

    What goes round in circles is heard again in halves, as each time that it was really said then has audio of its own.
    """
    if result.pause_s is not None and result.compression_ratio > COMPRESSION_RATIO_MAX:
        return Verdict(again=chunk.head(result.pause_s), guarded=True)
    if chunk.doubtful and result.avg_logprob < DOUBTFUL_LOGPROB_MIN:
        return silent(chunk, result)
    return Verdict(accepted=result, rest=rest_of(chunk, result))
