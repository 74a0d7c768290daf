"""Who says what in the jobs that are to tell: voices come from the decoders, and at the end they are told apart."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from daemon.chunk import OFF, Chunk
from daemon.config.settings import Settings
from daemon.config.speaker_models import known_as, speaker_model, to_install
from daemon.processes.decoder_pool import DecoderPool
from daemon.processes.protocol import Heard, TellApart, ToldApart
from daemon.speakers.assignment import assign, by_channel, cut_at_replies, of_channels
from daemon.speakers.timeline import Timeline, of_others, of_stretches
from daemon.store.records import Job
from daemon.store.store import Store
from daemon.store.voices import ChunkLines
from daemon.transcribe.active_job import ActiveJob
from daemon.voice import Turn, Voice

INSTALL = "there is no speaker model {}: {}"
FAILED_BEFORE = "its voices were not listened to because earlier attempts have failed"


class Speakers:
    """Keeps what the decoders hear, and gives the lines of a job that is complete their speakers.

    Whatever goes wrong is told with the transcript, which is then published without speakers.

    Args:
        store: Where voices and lines are.
        decoders: Who tell voices apart.
        settings: Which model listens, whether voices are recognized, and how often a job is tried: the last time nobody
            listens, in case the voices are to blame.
    """

    def __init__(self, store: Store, decoders: DecoderPool, settings: Settings) -> None:
        self._store = store
        self._decoders = decoders
        self._attempts = settings.jobs.attempts
        self._settings = settings.speakers
        self._model = speaker_model(settings.speakers.model)
        self._fresh: list[tuple[int, int, Sequence[Voice]]] = []
        """What `save` is to save."""
        self._voiced: dict[int, int] = {}
        self._asked: set[int] = set()
        self._told: set[int] = set()
        """Jobs of which there is nothing left to find out."""
        self._troubles: dict[int, str] = {}

    def model_for(self, job: Job) -> str:
        """Return the file of the model that a decoder is to tell voices apart with, or "" if it need not."""
        if job.options.speakers == OFF:
            return ""
        if not self._model.is_file():
            self._troubles[job.id] = INSTALL.format(self._model, to_install(self._settings.model))
        elif 1 < self._attempts <= job.attempts:
            self._troubles[job.id] = FAILED_BEFORE
        else:
            return str(self._model)
        return ""

    def voiced(self, job: Job) -> int:
        """Return up to which chunk, not included, the voices of a running job are known; 0 where nobody listens."""
        if job.options.speakers == OFF:
            return 0
        if job.id not in self._voiced:
            self._voiced[job.id] = self._store.voiced(job.id)
        return self._voiced[job.id]

    def cut(self, job: Job, chunks: Sequence[Chunk]) -> None:
        """Take when somebody speaks in the chunks of channels."""
        if job.options.speakers != OFF:
            self._fresh += [
                (job.id, chunk.idx, [Voice(start_s, end_s, b"") for start_s, end_s in chunk.spoken])
                for chunk in chunks
                if chunk.channel
            ]

    def hear(self, heard: Heard) -> None:
        """Take how people sound in a chunk."""
        if heard.trouble:
            self._troubles[heard.job_id] = heard.trouble
        if heard.voices:
            self._fresh.append((heard.job_id, heard.chunk, heard.voices))
            self._voiced[heard.job_id] = heard.chunk + 1

    def save(self) -> None:
        """Save the voices that have come since the last time, in one commit."""
        fresh, self._fresh = self._fresh, []
        self._store.keep_voices(fresh)

    def are_told(self, running: ActiveJob) -> bool:
        """Return whether the lines of a job that is complete have their speakers; if not, find out."""
        job_id, wanted = running.job.id, running.job.options.speakers
        if wanted == OFF or job_id in self._told:
            return True
        if job_id in self._asked:
            return job_id in self._troubles
        said = self._store.chunk_lines(job_id)
        if on_channels := [line for _, lines in said for line in lines if line.channel]:
            self._troubles.pop(job_id, None)  # nobody needs to listen
            # Those of a job that was taken over from another one have theirs, and perhaps names.
            if not all(line.speaker for line in on_channels):
                self._tell_channels(job_id, said)
        elif job_id not in self._troubles and (voices := self._store.voices(job_id)):
            self._asked.add(job_id)
            known = tuple(self._store.known_voices(self._heard_with())) if self._settings.keeps else ()
            self._decoders.tell_apart(TellApart(job_id, running.run, wanted, tuple(voices), known))
            return False
        self._told.add(job_id)
        return True

    def take(self, answer: ToldApart) -> None:
        """Take who speaks when, and give the lines their speakers."""
        job_id = answer.job_id
        if answer.trouble:
            self._troubles[job_id] = answer.trouble
            return
        turns = Timeline(answer.turns)
        said, english = (
            [(chunk, assign(lines, turns)) for chunk, lines in self._store.chunk_lines(job_id, english=english)]
            for english in (False, True)
        )
        # Of those who were told apart, somebody may have no word.
        heard = dict.fromkeys(line.speaker for _, lines in said for line in lines if line.speaker)
        labels = {label: f"S{number}" for number, label in enumerate(heard, start=1)}
        who = {labels[label]: mean for label, mean in answer.means.items() if label in labels}
        # A voice that was only recognized is not added to those that are known: a mistake would feed on itself.
        names = {labels[label]: each for label, each in answer.recognized.items() if label in labels}
        told = [replace(turn, speaker=labels[turn.speaker]) for turn in answer.turns if turn.speaker in labels]
        self._store.tell_speakers(
            job_id, _labelled(said, labels), _labelled(english, labels), who, self._heard_with(), names, _rounded(told)
        )
        self._told.add(job_id)

    def lost(self, job_id: int, how: str) -> bool:
        """Note that a decoder has died; return whether that was over telling the voices of this job apart."""
        if job_id not in self._asked:
            return False
        self._troubles[job_id] = f"its voices cannot be told apart: the decoder died of it ({how})"
        return True

    def trouble(self, job_id: int) -> str:
        """Return why it is not known who speaks in a job, or "" if it is, or nobody has asked."""
        return self._troubles.get(job_id, "")

    def drop(self, job_id: int) -> None:
        """Forget a job that runs no longer."""
        self._fresh = [each for each in self._fresh if each[0] != job_id]
        self._voiced.pop(job_id, None)
        self._troubles.pop(job_id, None)
        self._asked.discard(job_id)
        self._told.discard(job_id)

    def _heard_with(self) -> str:
        """Return which model the voices were heard with; "" if its file is gone meanwhile."""
        try:
            return known_as(self._model)
        except OSError:
            return ""

    def _tell_channels(self, job_id: int, heard: Sequence[ChunkLines]) -> None:
        """Give the lines of a job whose channels carry different speech a speaker for each channel."""
        labels = of_channels(line for _, lines in heard for line in lines)
        said, english = (
            [(chunk, by_channel(lines, labels)) for chunk, lines in each]
            for each in (heard, self._store.chunk_lines(job_id, english=True))
        )
        turns = of_stretches(self._store.on_channels(job_id), dict(said))
        others = of_others(turns, [*labels.values(), ""])
        said, english = ([(chunk, cut_at_replies(lines, others)) for chunk, lines in each] for each in (said, english))
        self._store.tell_speakers(job_id, said, english, dict.fromkeys(labels.values()), turns=_rounded(turns))


def _rounded(turns: Iterable[Turn]) -> list[Turn]:
    return [Turn(round(turn.start_s, 3), round(turn.end_s, 3), turn.speaker) for turn in turns]


def _labelled(chunks: Sequence[ChunkLines], labels: Mapping[str, str]) -> list[ChunkLines]:
    return [(chunk, [replace(line, speaker=labels.get(line.speaker, "")) for line in lines]) for chunk, lines in chunks]
