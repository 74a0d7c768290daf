"""Renders the transcript of a job from what is stored and publishes it, at once or later."""

import hashlib
import logging
import os
import sys
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache

from daemon.chunk import Segment
from daemon.config.formats import LIVE
from daemon.errors import RecordingGone, Unavailable
from daemon.filesystem import open_beneath
from daemon.publish.files import Owner, Planned, content_hash, plan, publish
from daemon.publish.formats import render, rendered
from daemon.publish.readers import Access, access
from daemon.publish.stored import stored_transcript
from daemon.publish.target import Target
from daemon.recording import current_file, growing_file, unreadable
from daemon.store.records import Job, Output, StageProgress
from daemon.store.store import Store

log = logging.getLogger(__name__)

FOLDERS_TOLD = 1000
RACES_MAX = 5
"""How often other programs may take a name between plan and publication before the job is postponed."""


def publish_job(store: Store, job: Job, stages: Sequence[StageProgress] = ()) -> str | None:
    """Publish the transcript of a job whose segments are all stored.

    Args:
        store: Where the segments are.
        job: The job.
        stages: Its finished stages; they are stored before their results are published.

    Returns:
        A warning if the usual name was taken.

    Raises:
        RecordingGone: The recording no longer exists.
        RecordingChanged: The recording is not the version that was transcribed.
        Unavailable: The folder, or that for output, cannot be written now.
    """
    readers = _readers(job)
    # What was exported earlier is ours as well, and is to say the same as the rest.
    written = set(store.output_formats(job.id))
    formats = {*job.options.formats, *written - {LIVE}}
    warning = _publish(store, job, _rendered(store, job, formats, stages), readers, stages)
    if LIVE in written:
        withdraw_so_far(store, job.id)
    return warning


def publish_so_far(store: Store, job: Job) -> None:
    """Write the text so far of a recording that still goes on, up to the first chunk that is not done.

    Args:
        store: Where the segments are.
        job: The job.

    Raises:
        RecordingGone, RecordingChanged: The recording is not there any more.
        Unavailable: The folder, or that for output, cannot be written now.
    """
    found = store.stored_chunks(job.id, 0, sys.maxsize)
    lines = [line for nth, chunk in enumerate(found) if chunk.idx == nth for line in chunk.segments]
    content = _so_far(job, lines)
    if (before := store.live_file(job.id)) is not None:
        before = _recognized(store, job.id, before, content)
    fd = growing_file(job)
    try:
        _publish(store, job, {LIVE: content}, access(fd), instead_of=before)
    finally:
        os.close(fd)


def withdraw_so_far(store: Store, job_id: int) -> bool:
    """Remove the file with the text so far, if there is one and it is as the daemon wrote it.

    Returns:
        Whether there is nothing left to do; otherwise its folder is missing or cannot be written now.
    """
    if (file := store.live_file(job_id)) is None:
        return True
    if not _remove(_recognized(store, job_id, file, _so_far(store.job(job_id), store.transcript(job_id)))):
        return False
    store.forget_live_file(job_id)
    return True


def _so_far(job: Job, lines: Sequence[Segment]) -> bytes:
    """Return what the file with the text so far holds; who speaks is not known before the end."""
    form = LIVE.rpartition(".")[2]
    return render(job, [replace(line, speaker="") for line in lines], formats=(form,))[form]


def _recognized(store: Store, job_id: int, file: Output, text: bytes) -> Output:
    """Return the file with the text so far as it is: a kill may have left it as it was before what is recorded of it.

    Args:
        store: Where it is recorded.
        job_id: The job.
        file: As it is recorded.
        text: What there is to say by now: the file is the beginning of that, and empty where nothing was said yet.
    """
    with suppress(OSError):
        there = _beginning(file, len(text) + 1)
        if text.startswith(there):
            file = Output(LIVE, file.path_bytes, hashlib.sha256(there).hexdigest(), len(there))
            store.plan_outputs(job_id, [file])
    return file


def _beginning(file: Output, size: int) -> bytes:
    """Return the first bytes of a file, whatever may lie there by now."""
    where, name = os.path.split(file.path_bytes)
    with os.fdopen(open_beneath(os.fsdecode(where), name), "rb") as there:
        return there.read(size)


def _remove(file: Output) -> bool:
    """Remove a file unless it is not as the daemon wrote it; return False if that cannot be done now."""
    where, name = os.path.split(file.path_bytes)
    try:
        folder = os.open(where, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            if content_hash(folder, name) == file.sha256:
                os.unlink(name, dir_fd=folder)
        finally:
            os.close(folder)
    except OSError:
        return False
    return True


def export_job(store: Store, job: Job, formats: Collection[str]) -> str | None:
    """Publish a finished job in further formats, from what is stored; the recording itself may be gone by now.

    Args:
        store: Where the segments are.
        job: The job, which is done.
        formats: The formats; files that are there already, as they were written, stay as they are.

    Returns:
        A warning if the usual name was taken.

    Raises:
        RecordingGone: The recording's folder no longer exists.
        RecordingChanged: The recording is not the version that was transcribed.
        Unavailable: The folder, or that for output, cannot be written now.
    """
    readers = None
    with suppress(RecordingGone):
        readers = _readers(job)
    return _publish(store, job, _rendered(store, job, formats), readers)


def _rendered(
    store: Store, job: Job, formats: Collection[str], finished: Sequence[StageProgress] = ()
) -> dict[str, bytes]:
    """Render a transcript with what its stages have found: as it is stored, and of those that have just finished."""
    results = {stage.name: stage.result for stage in (*store.stages(job.id).values(), *finished)}
    return rendered(stored_transcript(store, job, results), formats)


def _readers(job: Job) -> Access:
    """Return who may read a recording, which is the version that was transcribed."""
    fd = current_file(job)
    try:
        return access(fd)
    finally:
        os.close(fd)


def _publish(
    store: Store,
    job: Job,
    files: dict[str, bytes],
    readers: Access | None,
    stages: Sequence[StageProgress] = (),
    instead_of: Output | None = None,
) -> str | None:
    """Put files where they belong, under names that are free, and record them as the daemon's own before that.

    What there is `instead_of` them under another name goes first, while it is still known.
    """
    target = Target(job.root, job.path_bytes, job.options.output)
    where, recording = target.folder, os.path.basename(job.path_bytes)
    try:
        folder = target.open()
    except OSError as error:
        raise unreadable(job, error) from error
    try:
        for _ in range(RACES_MAX):
            planned, warning = plan(folder, recording, files, job.options.naming, _owner(store, job, where))
            outputs = [_output(where, file) for file in planned]
            if instead_of is not None and all(file.path_bytes != instead_of.path_bytes for file in outputs):
                _remove(instead_of)
            store.plan_outputs(job.id, outputs, stages)
            try:
                exactly = publish(folder, planned, f"transcribed-{job.id}", readers)
            except FileExistsError:
                continue
            if not exactly:
                _tell_of_fewer_readers(where)
            return warning
    finally:
        os.close(folder)
    raise Unavailable("other programs keep taking the transcript's names", "find out what writes into this folder")


@lru_cache(maxsize=FOLDERS_TOLD)
def _tell_of_fewer_readers(where: bytes) -> None:
    """Say once for each folder that its transcripts cannot have all readers of the recordings."""
    log.warning(
        "%s: transcripts have fewer readers than their recordings, because the daemon may not give them the same "
        "owner or group; make the folder setgid, or see docs/service.md",
        os.fsdecode(where),
    )


def _owner(store: Store, job: Job, where: bytes) -> Owner:
    def owner(name: bytes) -> tuple[bool, str] | None:
        written = store.owner(os.path.join(where, name))
        if written is None:
            return None
        mine = (written.root, written.path_bytes) == (job.root, job.path_bytes)
        # What people have corrected stays, even when their recording is replaced by another one.
        return mine and (written.job_id == job.id or not written.is_corrected), written.sha256

    return owner


def _output(where: bytes, file: Planned) -> Output:
    return Output(file.format, os.path.join(where, file.name), file.sha256, len(file.content))
