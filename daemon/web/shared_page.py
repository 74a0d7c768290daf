"""What somebody sees who opens a link to a transcript: that alone, and nothing else of the house."""

import os
from dataclasses import dataclass, replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException
from starlette.responses import FileResponse, Response

from daemon.chunk import BESIDE, Options
from daemon.publish.transcript import Transcript
from daemon.store.rows import JobDetail
from daemon.store.schema import DONE
from daemon.store.shares import ShareRow
from daemon.web import playback, taking
from daemon.web.guard import SHARED
from daemon.web.house import HouseOf, Reads
from daemon.web.pages import DOCX, TAKEN, UNSURE, page
from daemon.web.sharing import opened
from daemon.web.speaking import speaking

ASKED = ["GET", "HEAD"]
router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Opened:
    """A link that works, and where it leads."""

    link: ShareRow
    job: JobDetail


def _opened(token: str, house: HouseOf, queries: Reads) -> Opened:
    found = opened(house, queries, token)
    if found is None:
        raise HTTPException(404)
    return Opened(*found)


def _with_recording(found: "OpenedBy") -> Opened:
    if not found.link["with_recording"]:
        raise HTTPException(404)
    return found


OpenedBy = Annotated[Opened, Depends(_opened)]
"""The link with the token in the address; whatever is wrong with it, the answer is the same."""
OpenedToHear = Annotated[Opened, Depends(_with_recording)]
"""Likewise, if it is one by which the recording can be heard."""


@router.api_route("/shared/{token}", methods=ASKED)
def shared(token: str, found: OpenedBy, queries: Reads) -> Response:
    """A transcript, with the player if the recording can be heard, too."""
    job, plays = found.job, found.link["with_recording"]
    name = os.path.basename(job["path"])
    values = {
        "name": name,
        "stem": os.path.splitext(name)[0],
        "at": f"{SHARED}{token}",
        "job": job,
        "plays": plays,
        "can_edit": False,
        "expires_at": found.link["expires_at"],
        "is_done": job["state"] == DONE,
        "suppressed": (),
        "unsure": UNSURE,
        **(_said(taking.transcript_of_job(job, queries)) if job["state"] == DONE else {}),
    }
    return page("shared.html", None, values)


@router.api_route("/shared/{token}/recording", methods=ASKED, response_class=FileResponse)
def recording(found: OpenedToHear) -> Response:
    """The recording; ranges of it are sent, too."""
    return playback.recording(found.job)


@router.api_route("/shared/{token}/waveform", methods=ASKED)
def waveform(found: OpenedToHear, queries: Reads) -> Response:
    """How loud the recording is, from moment to moment."""
    return playback.waveform(found.job, queries)


@router.api_route("/shared/{token}/transcript.{form}", methods=ASKED)
def transcript(form: str, found: OpenedBy, queries: Reads) -> Response:
    """The transcript in any format."""
    if form not in TAKEN:
        raise HTTPException(404)
    whole = public(taking.transcript_of_job(found.job, queries))
    return taking.as_document(whole) if form == DOCX else taking.as_file(whole, form)


def refusal(status: int) -> Response:
    """Return an answer to somebody who cannot be shown anything; what is wrong inside is no concern of theirs."""
    return page("shared_refusal.html", None, {"status": status}, status)


def public(whole: Transcript) -> Transcript:
    """Return a transcript without what is of the house alone.

    That is: where the recording lies, what was left out and why, how words were spelled before, who has corrected it,
    whose voices are known, and which words somebody has told the model or had replaced. What remains of the options is
    how the text is laid out.
    """
    job, options = whole.job, whole.job.options
    return replace(
        whole,
        job=replace(
            job,
            root="",
            path=os.path.basename(job.path),
            path_bytes=os.path.basename(job.path_bytes),
            model=None if job.model is None else _without_folder(job.model),
            content_hash=None,
            options=_public(options),
        ),
        suppressed=(),
        heard=[line.text for line in whole.segments],
        recognized={},
        version=None if whole.version is None else replace(whole.version, author=""),
    )


def _public(options: Options) -> Options:
    return replace(
        options, output=BESIDE, model=_without_folder(options.model), initial_prompt="", hotwords=(), suppress_words=(),
        replace={}, languages={},
    )  # fmt: skip


def _without_folder(model: str) -> str:
    """Return the name of a model; one that is a folder of this machine has a path."""
    return os.path.basename(model.rstrip("/")) if model.startswith(("/", ".", "~")) else model


def _said(whole: Transcript) -> dict[str, Any]:
    shown = public(whole)
    return speaking(shown, shown.translation or ())
