"""When a recording was made: what its container says, or else the date of the file. Pure.

The names of the tags are those that FFmpeg gives them: `creation_time` in MP4, Matroska and ASF, QuickTime's own date
with its time zone, `date` in ID3, Vorbis comments and RIFF's INFO. Of the bext chunk of a broadcast WAV, it calls the
day `date`, unless RIFF's INFO has one, and the time of day `creation_time`.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from daemon.sound import RecordedAt

TAGS = ("com.apple.quicktime.creationdate", "creation_time", "date")
"""Those that say when it was recorded, the most exact first."""

DAY = r"(?P<day>[12]\d{3}(?:[-/.:_]\d{2}(?:[-/.:_]\d{2})?)?|[12]\d{7})"
CLOCK = r"(?P<clock>\d{2}[-:._ ]\d{2}(?:[-:._ ]\d{2})?|\d{6})"
MOMENT = re.compile(rf"{DAY}(?:[T _]+{CLOCK}(?:[.,]\d+)? ?(?P<zone>Z|UTC|[+-]\d{{2}}(?::?\d{{2}})?)?)?")
ONLY_CLOCK = re.compile(CLOCK)
LONGEST = 64
"""Characters of a moment: what is longer is none, and is not looked at."""

NEVER = ("1601", "1904", "1970")
"""The years in which the clocks of ASF, QuickTime and Unix begin: their first day, and the year alone, is what a
recorder writes whose clock was never set."""


def recorded_at(tags: Sequence[Mapping[str, str]], mtime_s: float) -> RecordedAt:
    """Return when a recording was made.

    Args:
        tags: Those of the container, then those of the track, by FFmpeg's names.
        mtime_s: When the file was last written to, in seconds since 1970.
    """
    for found in tags:
        named = {name.lower(): value.strip() for name, value in found.items() if len(value) <= LONGEST}
        values = [named.get(tag, "") for tag in TAGS]
        if ONLY_CLOCK.fullmatch(named.get("creation_time", "")):
            values = [f"{named.get('date', '')} {named['creation_time']}"]
        for value in values:
            if moment := _iso(value):
                return RecordedAt(moment, "container")
    try:
        written = datetime.fromtimestamp(mtime_s, UTC)
    except (OverflowError, ValueError, OSError):
        return RecordedAt()
    return RecordedAt(_utc(written), "file")


def _iso(text: str) -> str:
    """Return a moment as ISO 8601 with the precision that it has, in UTC where its zone is known, or nothing."""
    match = MOMENT.fullmatch(text)
    if match is None:
        return ""
    digits = re.sub(r"\D", "", match["day"])
    day = "-".join(filter(None, (digits[:4], digits[4:6], digits[6:])))
    clock = ":".join(re.findall(r"\d{2}", match["clock"] or ""))
    zone = (match["zone"] or "").replace("UTC", "Z")
    try:
        moment = datetime.fromisoformat(f"{day}{'-01-01'[len(day) - 4 :]}T{clock or '00:00'}{zone}")
    except ValueError:
        return ""
    if zone:
        moment = moment.astimezone(UTC)
    if f"{moment:%Y}" in NEVER and (moment.month, moment.day) == (1, 1):
        return ""
    if not clock or len(day) < len("2024-05-01"):
        return day
    return _utc(moment) if zone else moment.isoformat(timespec="seconds")


def _utc(moment: datetime) -> str:
    return moment.replace(tzinfo=None).isoformat(timespec="seconds") + "Z"
