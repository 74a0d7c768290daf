"""The dispatcher: one thread, one loop, owner of all running work.

Messages of children, their deaths, new work, deadlines and requests to stop all arrive at one `wait`. Other
threads only call `wake`. Nothing here decodes, computes or waits for the network.
"""

import logging
import time
from collections.abc import Callable

from daemon.errors import BadRecording, FailedRecording, TranscribedError
from daemon.filesystem import exists
from daemon.guests.line import Question
from daemon.monitor.counters import Counters
from daemon.processes.decoder_pool import LostRecordings
from daemon.processes.engine import BatchEnded, EngineReady, LostBatches
from daemon.processes.model_pools import RETRY_S, ModelUnavailable
from daemon.processes.protocol import Downloading, Heard, Next, Opened, Refused, ToldApart, Window
from daemon.signals import Wakeup
from daemon.store.records import MadeWith
from daemon.store.store import Store
from daemon.transcribe.active_job import ActiveJob
from daemon.transcribe.children import Children, Event
from daemon.transcribe.guests import Guests
from daemon.transcribe.inference import Inference
from daemon.transcribe.outcome import Outcomes
from daemon.transcribe.owner import Owner, both
from daemon.transcribe.pauses import Pauses
from daemon.transcribe.places import needs_window
from daemon.transcribe.queue import Queue
from daemon.transcribe.requested import STOPPING, Requested
from daemon.transcribe.speakers import Speakers
from daemon.transcribe.stages import StageRunner
from daemon.watch.resolver import Resolver

log = logging.getLogger(__name__)

TICK_S = 1.0
"""Requests from the command line are seen, and deadlines kept, within this time."""
REQUESTS_MAX = 20
"""Requests that are applied in one round."""


class Dispatcher:
    """Takes queued jobs through decoders, batcher and engines to their transcripts.

    Args:
        wakeup: ends the wait when other threads have something new.
        resolver: for the attempts and times of jobs, and the options of those that are refreshed.
    """

    def __init__(
        self, store: Store, children: Children, pauses: Pauses, wakeup: Wakeup, resolver: Resolver, counters: Counters
    ) -> None:
        self._store = store
        self._children = children
        self._engines, self._decoders, self._tuner = children.engines, children.decoders, children.tuner
        self._pauses = pauses
        self._wakeup = wakeup
        self._drain_s = resolver.settings.jobs.drain_seconds
        self._outcomes = Outcomes(store, resolver, counters)
        self._requested = Requested(store, pauses, self._outcomes, resolver)
        self._running: dict[int, ActiveJob] = {}
        guests: dict[int, Owner] = {}
        self._inference = Inference(store, self._engines, both(self._running, guests), counters)
        self._guests = Guests(guests, self._inference, self._engines, children.website, resolver.settings.model.name)
        self._speakers = Speakers(store, children.decoders, resolver.settings)
        self._queue = Queue(store, children, self._outcomes, self._running, self._inference, self._speakers)
        self._stages = StageRunner(store)
        self._moved_on: dict[int, None] = {}
        """Jobs that may be complete, as soon as what has come for them is saved."""
        self._requests_at = 0.0
        self.beat = time.monotonic()
        """When the loop last went round, on the monotonic clock."""

    @property
    def idle(self) -> bool:
        """Whether nothing runs."""
        return not self._running and not self._guests.held_s

    @property
    def only_follows(self) -> bool:
        """Whether nothing runs, what is still being recorded aside."""
        return all(running.growing for running in self._running.values())

    @property
    def ready(self) -> bool:
        """Whether an engine has loaded the model."""
        return self._engines.main.is_ready

    @property
    def trouble(self) -> str:
        """Why no engine is ready, if the engines elsewhere cannot be used."""
        return self._engines.main.trouble

    @property
    def download(self) -> Downloading | None:
        """How far the download of the model is, while there is one; for any thread."""
        return self._engines.main.download

    def run(self, stops: Callable[[], bool]) -> None:
        """Work until asked to stop.

        Args:
            stops: called in every round of the loop; True asks to stop.

        Raises:
            Unavailable: the model cannot be loaded at all.
        """
        while not stops():
            self._tick(claiming=True)

    def drain(self, hurry: Callable[[], bool]) -> None:
        """Stop in order: claim and hand out nothing more, then put every running job back in the queue.

        What the engines still work on is paid for: it is checkpointed first, within `drain_seconds` or until `hurry`.
        """
        until = time.monotonic() + self._drain_s
        while (self._inference.in_flight or self._stages.unfinished) and time.monotonic() < until and not hurry():
            self._tick(claiming=False)
        for job_id in list(self._running):
            self._drop(job_id)
            self._store.release(job_id, "released when the daemon stopped")
        self._guests.close()

    # -- the loop --------------------------------------------------------------------------------------------

    def _tick(self, *, claiming: bool) -> None:
        self.beat = time.monotonic()
        self._children.keep_alive({running.model for running in self._running.values()})
        unfinished = self._stages.unfinished
        for job_id in unfinished:
            self._publish_if_complete(job_id)
        self._inference.hold()
        self._guests.tick(self._pauses.reason, stops=not claiming)
        if claiming:
            self._apply_requests()
            if self._pauses.tick():
                self._engines.want(())
            else:
                for job_id in self._queue.claim():
                    self._drop(job_id)
                self._ask_for_windows()
                self._decoders.hand_out()
                self._inference.hand_out()
        is_idle = self.idle and not self._engines.in_flight
        self._tuner.tick(idle=claiming and is_idle and self.ready and self._pauses.reason is None)
        for event in self._children.events(self._wakeup, 0.0 if unfinished else TICK_S):
            self._apply(event)
        self._save()
        if self._wakeup.take():
            self._queue.look()

    def _save(self) -> None:
        """Save what has come in this round, in one commit, and then publish what is complete: nothing before."""
        moved_on, self._moved_on = self._moved_on | dict.fromkeys(self._inference.save()), {}
        self._speakers.save()
        for job_id in moved_on:
            self._publish_if_complete(job_id)

    def _apply(self, event: Event) -> None:
        """Do what follows from an event of a child; what is to be saved of it, `_save` saves."""
        match event:
            case EngineReady():
                self._queue.look()
            case ModelUnavailable():
                for job_id in [job_id for job_id, each in self._running.items() if each.model == event.model]:
                    self._stop(job_id, None)
                self._store.hold_up(event.model, RETRY_S, event.reason)
            case BatchEnded() | LostBatches():
                outcome = self._inference.receive(event)
                for job_id, error in outcome.failed:
                    self._stop(job_id, error)
                if outcome.shrunk is not None:
                    self._tuner.remember(outcome.shrunk)
            case LostRecordings():
                for job_id in event.innocent:
                    self._stop(job_id, None)
                if event.culprit is not None and self._speakers.lost(event.culprit, event.how):
                    self._moved_on[event.culprit] = None
                elif event.culprit is not None:
                    self._stop(event.culprit, FailedRecording(f"the decoder died of it ({event.how})"))
            case Opened() | Window() | Heard() | ToldApart() | Refused() if self._is_late(event):
                log.debug("too late: %s of an earlier run of job %d", type(event).__name__, event.job_id)
            case Opened():
                self._opened(event)
            case Window():
                self._window(event)
            case Heard():
                self._heard(event)
            case ToldApart():
                self._speakers.take(event)
                self._moved_on[event.job_id] = None
            case Question():
                self._guests.take(event)
            case Refused():
                self._stop(event.job_id, (FailedRecording if event.retry else BadRecording)(event.message))

    def _apply_requests(self) -> None:
        """Do what people asked for on the command line."""
        if time.monotonic() < self._requests_at:
            return
        taken = self._store.take_requests(REQUESTS_MAX)
        self._outcomes.publish_corrections()
        # The others come in the next rounds, so that the loop shows meanwhile that it is alive.
        self._requests_at = time.monotonic() + (0 if len(taken) == REQUESTS_MAX else TICK_S / 2)
        for command, job_id in taken:
            if command in STOPPING and job_id is not None:
                self._let_go(job_id)
            self._requested.apply(command, job_id)
            self._queue.look()

    # -- claiming and decoding -------------------------------------------------------------------------------

    def _ask_for_windows(self) -> None:
        """Decode on where little is left to do, while the daemon does not hold too much audio."""
        held_s = self._inference.held_s - self._guests.held_s  # what guests send keeps nobody here from being decoded
        for job_id, running in self._running.items():
            if running.asked or running.decoded:
                continue
            if needs_window(running.open_chunks, self._engines.main.capacity, held_s):
                running.ask()
                self._decoders.ask(Next(job_id, self._speakers.voiced(running.job)))

    def _is_late(self, answer: Opened | Window | Heard | ToldApart | Refused) -> bool:
        """Tell whether an answer is about an earlier claim of its job, not about the job as it runs now."""
        running = self._running.get(answer.job_id)
        return running is None or running.run != answer.run

    def _opened(self, opened: Opened) -> None:
        job_id = opened.job_id
        running = self._running[job_id]
        ready = self._engines.ready_of(running.model)
        if ready is None:
            self._stop(job_id, None)
            return
        content_hash = opened.content_hash
        if content_hash and (same := self._store.merge_touched(job_id, content_hash)) is not None:
            log.info("unchanged: %s has the content of job %d, which stays done", running.job.path, same)
            self._drop(job_id)
            return
        self._store.begin(
            job_id,
            content_hash=content_hash,
            duration_s=opened.header_s,
            made_with=MadeWith(ready.model, ready.compute_type, ready.device),
            language=ready.languages[0] if len(ready.languages) == 1 else None,
        )
        known = self._store.same_content(running.job, content_hash, ready.model) if content_hash else ()
        for source_id, root, path in known:
            if (root, path) == (running.job.root, running.job.path_bytes) or not exists(root, path):
                self._store.adopt(job_id, source_id)
                self._decoders.forget(job_id)
                running.adopted()
                self._moved_on[job_id] = None
                return
        done = self._store.chunks_done(job_id)
        if not done.keys() >= set(range(opened.given)):
            self._stop(job_id, None)
            return
        if opened.given:
            log.info("job %d goes on after %d chunks that were cut while it was recorded", job_id, opened.given)
        remembers = running.job.options.condition_on_previous_text and done
        before = self._store.stored_chunks(job_id, 0, len(done)) if remembers else ()
        running.opened(done, [line for chunk in before for line in chunk.segments], opened.given)

    def _window(self, window: Window) -> None:
        running = self._running[window.job_id]
        chunks = running.add(window.chunks, last=window.last)
        if chunks is None:
            self._moved_on |= dict.fromkeys(self._inference.save())
            self._store.restart(window.job_id)
            self._stop(window.job_id, FailedRecording("what was recorded has changed") if running.growing else None)
            return
        self._speakers.cut(running.job, window.chunks)
        self._inference.submit(running, chunks)
        running.listening = window.voices_follow
        if running.growing:
            self._store.heard(window.job_id, window.duration_s)
            return
        if window.last:
            if not running.listening:
                self._decoders.forget(window.job_id)
            self._store.decoded(
                window.job_id,
                chunks_total=running.chunks_total,
                duration_s=round(window.duration_s, 3),
                speech_s=round(window.speech_s, 3),
                damaged=window.damaged,
                sound=window.sound,
                waveform=window.waveform,
            )
        self._moved_on[window.job_id] = None

    def _heard(self, heard: Heard) -> None:
        running = self._running[heard.job_id]
        self._speakers.hear(heard)
        running.listening = heard.more
        if running.decoded and not heard.more:
            self._decoders.forget(heard.job_id)
        self._moved_on[heard.job_id] = None

    # -- ends ------------------------------------------------------------------------------------------------

    def _publish_if_complete(self, job_id: int) -> None:
        """Publish a job whose chunks and stages are all finished; a stage that is not goes one step on.

        Of what is still being recorded, the text so far is shown where that is asked for.
        """
        running = self._running.get(job_id)
        if running is not None and running.growing:
            self._outcomes.show_so_far(job_id)
            self._queue.look()
        elif running is not None and running.complete and self._speakers.are_told(running):
            stages = self._stages.advance(job_id)
            if stages is not None:
                trouble = self._speakers.trouble(job_id)
                self._drop(job_id)
                self._outcomes.publish(job_id, stages, trouble)

    def _stop(self, job_id: int, error: TranscribedError | None) -> None:
        """End a running job with an error, or put it back in the queue if it is not to blame."""
        if (running := self._running.get(job_id)) is None:
            return
        self._drop(job_id)
        if running.growing:
            self._queue.not_followed(running.job, error)
        elif error is None:
            self._store.release(job_id, "its decoder or engine died; it was not to blame")
        else:
            self._outcomes.fail(running.job, error)

    def _let_go(self, job_id: int) -> None:
        """Forget a job that somebody wants to stop; what is recorded may be followed again if it is not cancelled."""
        running = self._running.get(job_id)
        self._drop(job_id)
        if running is not None and running.growing:
            self._queue.not_followed(running.job, None)

    def _drop(self, job_id: int) -> None:
        """Forget a running job; results that still come for it are ignored."""
        self._running.pop(job_id, None)
        self._inference.drop(job_id)
        self._stages.drop(job_id)
        self._speakers.drop(job_id)
        self._decoders.forget(job_id)
        self._queue.look()
