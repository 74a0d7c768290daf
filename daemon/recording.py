"""The file of a job: opened only as the version that was queued."""

import errno
import os

from daemon.errors import FailedRecording, RecordingChanged, RecordingGone, TranscribedError, Unavailable
from daemon.filesystem import away, fingerprint, open_beneath
from daemon.store.records import Job


def current_file(job: Job) -> int:
    """A descriptor of the recording, which is still the version that was queued.

    Raises:
        RecordingGone, RecordingChanged: it is not.
        Unavailable: its folder or file system is gone, not the file alone.
        FailedRecording: it cannot be read.
    """
    try:
        fd = open_beneath(job.root, job.path_bytes)
    except OSError as error:
        raise unreadable(job, error) from error
    if fingerprint(os.fstat(fd)) != job.fingerprint:
        os.close(fd)
        raise RecordingChanged("the file has changed since it was queued")
    return fd


def unreadable(job: Job, error: OSError) -> TranscribedError:
    """What an error on opening a recording, or its folder, means for its job."""
    if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EINVAL, errno.ENXIO):
        if not os.path.isdir(job.root):
            return Unavailable(f"the watched folder {job.root} is missing", "mount it or make it again")
        if away(job.root, job.path_bytes, job.fingerprint):
            return Unavailable("its file system is not there", "mount the drive again")
        return RecordingGone("the file is gone, or something else has taken its name")
    if error.errno in (errno.EACCES, errno.EPERM):
        return FailedRecording("the file may not be read", "give the user of the daemon read permission")
    return Unavailable(f"the file cannot be opened: {error.strerror}", "check the disk or the network drive")
