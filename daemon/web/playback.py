"""The recording of a job, for the player."""

import mimetypes
import os

from fastapi import APIRouter, HTTPException
from starlette.responses import FileResponse, Response
from starlette.types import Receive, Scope, Send

from daemon.filesystem import fingerprint, inode_of, open_beneath
from daemon.store.rows import JobDetail
from daemon.web.house import JobOf, Reads

PLAYED = ("audio/", "video/")
OTHERWISE = "application/octet-stream"
TYPES = {
    ".opus": "audio/ogg",
    ".oga": "audio/ogg",
    ".mka": "audio/x-matroska",
    ".m4b": "audio/mp4",
    ".m4r": "audio/mp4",
}
"""What Python's table does not know."""

router = APIRouter()


class RecordingResponse(FileResponse):
    """A file that is open already, or any parts of it that are asked for; it is closed at the end."""

    def __init__(self, fd: int, media_type: str) -> None:
        # By its descriptor: whatever takes its name meanwhile, and whichever links there are, this very file is read.
        super().__init__(f"/proc/self/fd/{fd}", media_type=media_type, stat_result=os.fstat(fd))
        self._fd = fd

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            os.close(self._fd)


def media_type(path: str) -> str:
    """Return the type of a recording by its name; never one that a browser would run."""
    found = TYPES.get(os.path.splitext(path)[1].lower()) or mimetypes.guess_type(path)[0] or OTHERWISE
    return found if found.startswith(PLAYED) else OTHERWISE


def is_video(path: str) -> bool:
    """Return whether there may be a picture."""
    return media_type(path).startswith("video/")


@router.get("/api/jobs/{job_id}/recording", response_class=FileResponse, tags=["jobs"])
def recording(job: JobOf) -> RecordingResponse:
    """The recording itself; ranges of it are sent, too."""
    return RecordingResponse(_opened(job), media_type(job["path"]))


@router.get("/api/jobs/{job_id}/waveform", response_class=Response, tags=["jobs"])
def waveform(job: JobOf, queries: Reads) -> Response:
    """The peak of every twentieth of a second, a byte for each, 255 at full scale; empty where it is not known."""
    return Response(queries.waveform(job["id"]), media_type=OTHERWISE)


def _opened(job: JobDetail) -> int:
    """Open the recording of a job, if it is the version that was transcribed."""
    try:
        fd = open_beneath(job["root"], bytes.fromhex(job["path_bytes"]))
    except OSError as error:
        raise HTTPException(404, f"the recording cannot be opened: {error.strerror}") from error
    if inode_of(fingerprint(os.fstat(fd))) != inode_of(job["fingerprint"]):
        os.close(fd)
        raise HTTPException(404, "another file has taken the place of the recording")
    return fd
