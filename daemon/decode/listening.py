"""Listens to who speaks, where that is asked for; trouble with that never costs a recording (in the decoder child)."""

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from daemon.chunk import Chunk
from daemon.decode.diarization import diarize
from daemon.decode.recognition import recognize
from daemon.decode.voices import SpeakerModel, voices
from daemon.errors import Unavailable
from daemon.processes.protocol import Heard, TellApart, ToldApart, Window
from daemon.voice import Voice

log = logging.getLogger(__name__)

EXTRA = "{} is not installed: pip install 'transcribed[speakers]'"
UNTOLD = "its voices cannot be told apart: {}"


class Listener:
    """Holds the speaker model, which is loaded when it is first needed."""

    def __init__(self) -> None:
        self._models: dict[str, SpeakerModel] = {}

    def heard(self, window: Window, file: str, voiced: int) -> Iterator[Heard]:
        """Yield how people sound in the chunks of a window; always something, and nothing more after trouble.

        Args:
            window: What the decoder has cut.
            file: The speaker model.
            voiced: Up to which chunk, not included, the voices are known. Those of channels are told by the channel.
        """
        chunks = [chunk for chunk in window.chunks if chunk.idx >= voiced and not chunk.channel]
        for nth, chunk in enumerate(chunks, start=1):
            found, trouble = self._voices(file, chunk)
            yield Heard(window.job_id, window.run, chunk.idx, found, nth < len(chunks) and not trouble, trouble)
            if trouble:
                return
        if not chunks:
            yield Heard(window.job_id, window.run, -1, (), more=False)

    def _voices(self, file: str, chunk: Chunk) -> tuple[tuple[Voice, ...], str]:
        """Return the voices of a chunk, or why there are none."""
        try:
            if file not in self._models:
                self._models[file] = SpeakerModel(Path(file))
            samples = np.frombuffer(chunk.audio, "<i2")
            return tuple(voices(self._models[file], chunk.spans, samples, chunk.spoken)), ""
        except ImportError as error:
            return (), EXTRA.format(error.name)
        except Unavailable as error:
            return (), str(error)
        except Exception as error:  # whatever it is, there is a transcript without speakers
            log.exception("listening to chunk %d of job %d", chunk.idx, chunk.job_id)
            return (), UNTOLD.format(error)


def told_apart(order: TellApart) -> ToldApart:
    """Return who speaks when in a recording, or why that cannot be told."""
    try:
        turns, means = diarize(order.voices, order.speakers)
        recognized = recognize(means, order.known)
    except ImportError as error:
        return ToldApart(order.job_id, order.run, (), {}, EXTRA.format(error.name))
    except Exception as error:
        log.exception("telling the voices of job %d apart", order.job_id)
        return ToldApart(order.job_id, order.run, (), {}, UNTOLD.format(error))
    packed = {label: mean.astype("<f2").tobytes() for label, mean in means.items()}
    return ToldApart(order.job_id, order.run, tuple(turns), packed, recognized=recognized)
