"""Is a result from another machine good enough? Pure rules, for what comes through OpenAI's API.

Such a server may leave out any measure. What is missing is NaN, which is above no limit and below none: the rules that
need it then do nothing. Without `avg_logprob` an unlikely text is kept, without `no_speech_prob` words that are often
made up are kept, without both silence is what no text comes for. `compression_ratio` is never missing: it is one of the
text. Where nobody was found to speak at first, only a server that says that somebody does is believed.
"""

from collections.abc import Sequence
from dataclasses import replace
from math import isnan

from daemon.chunk import Chunk, Decoded
from daemon.transcribe.quality import Verdict, judge, silent


def elsewhere(chunk: Chunk, result: Decoded, earlier: Sequence[Decoded]) -> Verdict:
    """Decide about a result as about one of Whisper's, which heard all of its context: nobody can cut that there."""
    if chunk.doubtful and isnan(result.no_speech_prob):
        return silent(chunk, result)
    return judge(replace(chunk, full_context=True), result, earlier)
