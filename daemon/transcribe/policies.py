"""What is done when an engine's result is bad: each engine names its policy in `Ready`."""

from collections.abc import Callable, Sequence

from daemon.chunk import Chunk, Decoded
from daemon.transcribe.elsewhere import elsewhere
from daemon.transcribe.greedy import greedy
from daemon.transcribe.quality import Verdict, judge, rest_of

Policy = Callable[[Chunk, Decoded, Sequence[Decoded]], Verdict]
"""(the chunk as it was decoded, its newest result, earlier ones of the same part that were not good enough) -> what to
do. Pure."""


def accept(chunk: Chunk, result: Decoded, _earlier: Sequence[Decoded]) -> Verdict:
    """Take the result as it is, and go on with the speech that it left out."""
    return Verdict(accepted=result, rest=rest_of(chunk, result))


POLICIES: dict[str, Policy] = {"whisper": judge, "greedy": greedy, "elsewhere": elsewhere, "accept": accept}
"""By the names of `daemon.config.engines.POLICIES`."""
