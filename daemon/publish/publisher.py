"""Renders the transcript of a job from what is stored and publishes it beside the recording."""

import logging
import os
from collections.abc import Sequence

from daemon.errors import (
    Unavailable,
)
from daemon.filesystem import open_folder
from daemon.publish.files import Owner, Planned, plan, publish
from daemon.publish.formats import render
from daemon.recording import current_file, unreadable
from daemon.store.records import Job, Output, StageProgress
from daemon.store.store import Store

log = logging.getLogger(__name__)

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
        Unavailable: The folder cannot be written now.
    """
    os.close(current_file(job))
    results = {stage.name: stage.result for stage in stages}
    files = render(job, store.transcript(job.id), store.suppressed(job.id), results)
    full = os.path.join(os.fsencode(job.root), job.path_bytes)
    where, recording = os.path.split(full)
    try:
        folder = open_folder(job.root, job.path_bytes)
    except OSError as error:
        raise unreadable(job, error) from error
    try:
        for _ in range(RACES_MAX):
            planned, warning = plan(folder, recording, files, job.options.naming, _owner(store, job, where))
            store.plan_outputs(job.id, [_output(where, file) for file in planned], stages)
            try:
                publish(folder, planned, f"transcribed-{job.id}")
            except FileExistsError:
                continue
            return warning
    finally:
        os.close(folder)
    raise Unavailable("other programs keep taking the transcript's names", "find out what writes into this folder")


def _owner(store: Store, job: Job, where: bytes) -> Owner:
    def owner(name: bytes) -> tuple[bool, str] | None:
        written = store.owner(os.path.join(where, name))
        if written is None:
            return None
        sha256, root, path = written
        return (root, path) == (job.root, job.path_bytes), sha256

    return owner


def _output(where: bytes, file: Planned) -> Output:
    return Output(file.format, os.path.join(where, file.name), file.sha256, len(file.content))
