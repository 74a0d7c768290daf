"""What somebody may choose who drops recordings onto the page."""

from dataclasses import dataclass

from daemon.config.extensions import changed
from daemon.config.languages import LANGUAGES
from daemon.config.settings import Settings
from daemon.web.inbox import folders_for
from daemon.web.people import Person
from daemon.web.translation import Message

TASKS = {
    "transcribe": Message("what is said"),
    "translate": Message("what is said, in English"),
    "both": Message("both"),
}
"""Each task, and the text that it gives."""


@dataclass(frozen=True, slots=True)
class DropZone:
    """Where recordings may go, and how they may be transcribed."""

    folders: tuple[str, ...]
    """None for who may only read."""
    extensions: tuple[str, ...]
    """Those of recordings, with their dots."""
    sniff: bool
    """Whether files without an extension are taken, too."""
    max_bytes: int
    languages: tuple[str, ...]
    tasks: dict[str, Message]


def drop_zone(settings: Settings, person: Person) -> DropZone:
    """Return what somebody may choose."""
    return DropZone(
        folders=tuple(map(str, folders_for(settings, person))),
        extensions=tuple(sorted(changed(settings.watching.extensions))),
        sniff=settings.watching.sniff,
        max_bytes=settings.web.upload_max_bytes,
        languages=tuple(sorted(LANGUAGES)),
        tasks=TASKS,
    )
