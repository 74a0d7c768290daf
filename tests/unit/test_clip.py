"""Every engine hears the same clip once it is loaded."""

from collections.abc import Sequence

from daemon.chunk import Chunk, Decoded
from daemon.clips import CANARY
from daemon.decode.media import samples
from daemon.engine.clip import hear_clip
from tests.builders import decoded


class Model:
    """Hears two lines, and keeps what it was given."""

    def run(self, chunks: Sequence[Chunk]) -> tuple[Decoded, ...]:
        """Keep the chunk."""
        (self.heard,) = chunks
        return (decoded("Good morning.", "How are you?"),)


def test_the_clip_is_heard_whole_and_as_it_is_asked_for() -> None:
    model = Model()
    assert hear_clip(model, language="de", word_timestamps=True) == "Good morning. How are you?"
    assert model.heard.audio == samples(CANARY) and model.heard.end_s == model.heard.duration_s
    assert (model.heard.language, model.heard.word_timestamps) == ("de", True)
