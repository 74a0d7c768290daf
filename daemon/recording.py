"""The file of a job, opened only if it is still the version that was queued."""

import errno
import os

from daemon.errors import FailedRecording, RecordingChanged, RecordingGone, TranscribedError, Unavailable
from daemon.filesystem import away, file_of, fingerprint, open_beneath
from daemon.store.records import Job


def current_file(job: Job) -> int:
    """Open the recording of a job as the version that was queued, and return its descriptor.

    Raises:
        RecordingGone: The file no longer exists.
        RecordingChanged: The file is another version now.
        Unavailable: Its folder or file system is missing, not just the file.
        FailedRecording: The file may not be read.
    """
    fd = _opened(job)
    if fingerprint(os.fstat(fd)) != job.fingerprint:
        os.close(fd)
        raise RecordingChanged("the file has changed since it was queued")
    return fd


def growing_file(job: Job) -> int:
    """Open the recording of a job while it is still being written, and return its descriptor.

    Raises:
        RecordingGone, Unavailable, FailedRecording: As for `current_file`.
        RecordingChanged: Another file has taken its place.
    """
    fd = _opened(job)
    if file_of(fingerprint(os.fstat(fd))) != file_of(job.fingerprint):
        os.close(fd)
        raise RecordingChanged("another file has taken its place")
    return fd


def _opened(job: Job) -> int:
    try:
        return open_beneath(job.root, job.path_bytes)
    except OSError as error:
        raise unreadable(job, error) from error


def unreadable(job: Job, error: OSError) -> TranscribedError:
    """Return what a failure to open a recording or its folder means for the job."""
    if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EINVAL, errno.ENXIO):
        if not os.path.isdir(job.root):
            return Unavailable(f"the watched folder {job.root} is missing", "mount it or create it again")
        if away(job.root, job.path_bytes, job.fingerprint):
            return Unavailable("its file system is not mounted", "mount the drive again")
        return RecordingGone("the file is gone, or something else has taken its name")
    if error.errno in (errno.EACCES, errno.EPERM):
        return FailedRecording("the daemon may not read the file", "give the daemon's user read permission")
    return Unavailable(f"the file cannot be opened: {error.strerror}", "check the disk or the network drive")
