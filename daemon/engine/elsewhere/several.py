"""A model of a daemon like this one: a batch is one request, and its chunks join those of others there."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from daemon.chunk import Chunk, Decoded
from daemon.engine.elsewhere.client import Client
from daemon.engine.elsewhere.failures import broken, printable
from daemon.engine.elsewhere.model import ANSWER_PER_AUDIO_S, ANSWER_S, whose_fault
from daemon.engine.registry import FailedElsewhere
from daemon.guests import abilities, answer, request
from daemon.guests.abilities import Abilities
from daemon.guests.checks import Malformed
from daemon.guests.request import ADDRESS, CHUNKS_MAX, MEDIA_TYPE, Request
from daemon.processes.protocol import LoadModel, Ready

ABILITIES_S = 30.0
"""How long it may take to say what there is."""
NOT_THERE = (404, 405, 501)
"""How a server answers that takes no chunks in this way, or none any more."""


@dataclass(frozen=True, slots=True)
class SeveralModel:
    """One model on one server; several calls of `run` may be in progress at once.

    Args:
        client: Speaks with the server.
        abilities: What it says of its engine.
        is_well: Tells whether the server hears its clip, as it did; None while that is found out.
    """

    client: Client
    abilities: Abilities
    is_well: Callable[[], bool] | None = None

    def run(self, chunks: Sequence[Chunk]) -> tuple[Decoded, ...]:
        """Transcribe chunks together.

        Raises:
            FailedElsewhere: The server, or the way to it, gives nothing that can be used for one of them.
        """
        with whose_fault(self.is_well):
            return self._heard(chunks)

    def ready(self, order: LoadModel) -> Ready:
        """Return what the server can do, as an engine says it."""
        can = self.abilities
        return Ready(
            model=can.model,
            device=order.device,
            compute_type=can.compute_type,
            workers=order.workers or 1,
            cpu_threads=1,
            batch_size=min(can.batch_size, CHUNKS_MAX),
            devices=1,
            languages=can.languages,
            tasks=can.tasks,
            word_times=can.word_times,
            cut_context=can.cut_context,
            policy=can.policy,
            load_s=0.0,
            canary="",
            detects=can.detects,
            prompts=can.prompts,
            decoder=can.decoder,
            word_fault=can.word_fault,
        )

    def _heard(self, chunks: Sequence[Chunk]) -> tuple[Decoded, ...]:
        body = request.packed(Request(self.abilities.model, tuple(chunks)))
        audio_s = sum(chunk.duration_s for chunk in chunks)
        came = self.client.post(ADDRESS, (body, MEDIA_TYPE), ANSWER_S + ANSWER_PER_AUDIO_S * audio_s)
        host = self.client.host
        if came.status in NOT_THERE:
            raise FailedElsewhere(f"{host} takes no chunks for {self.abilities.model} any more", is_away=True)
        if came.status != 200:
            raise self.client.refused(came)
        try:
            results = answer.unpacked(came.body, chunks)
        except Malformed as error:
            raise broken(host, str(error)) from error
        heard = [each for each in results if isinstance(each, Decoded)]
        if len(heard) < len(chunks):
            why = next(each for each in results if isinstance(each, str))
            raise FailedElsewhere(self.client.hidden(f"{host}: {printable(why)}"))
        return tuple(heard)


def abilities_of(client: Client, name: str) -> Abilities | None:
    """Return what a server says of its engine; None if it takes no chunks of this model, or speaks another protocol.

    Raises:
        FailedElsewhere: It cannot be asked now.
    """
    came = client.get(ADDRESS, ABILITIES_S)
    if came.status in NOT_THERE:
        return None
    if came.status != 200:
        raise client.refused(came)
    try:
        found = abilities.unpacked(came.body)
    except Malformed as error:
        raise broken(client.host, str(error)) from error
    return found if found is not None and found.name == name else None
