"""The clock: whether its time is possible, whether it was set back, and whether anything keeps it right."""

import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from daemon.doctor.case import Case
from daemon.doctor.findings import Finding, failed, ok, warning
from daemon.doctor.unit import answer
from daemon.errors import Unavailable
from daemon.store.records import timestamp
from daemon.store.soundness import Times, times

SUBJECT = "clock"
EARLIEST = "2026-01-01T00:00:00.000Z"
"""Before this there was no transcribed; a machine without a clock of its own starts in 1970 or 2000."""
AHEAD_S = 60.0
"""How far stored times may lie in the future before the clock was certainly set back."""
RECENT_S = 86_400.0
"""For how long it is worth saying that the clock was set back."""
SET = "sudo timedatectl set-ntp true, or set it by hand: sudo timedatectl set-time …"


@dataclass(frozen=True, slots=True)
class Clock:
    """What there is to know of the clock; times as `timestamp` writes them."""

    now: str
    stored: Times
    synchronized: bool | None
    """Whether systemd says that it is; None where nobody says."""


def examine(case: Case) -> Iterator[Finding]:
    """Check the clock."""
    return findings(look(None if case.given is None else case.given.database_path))


def look(database: Path | None) -> Clock:
    """Read the clock, the times in the database, if there is one, and whether anything keeps the clock right."""
    stored = Times(None, None)
    with suppress(OSError, Unavailable):  # the check of the database says what is wrong with it
        if database is not None and database.is_file():
            stored = times(database, RECENT_S)
    return Clock(timestamp(), stored, _synchronized())


def _synchronized() -> bool | None:
    if shutil.which("timedatectl") is None:
        return None
    said = answer(["timedatectl", "show", "--property=NTPSynchronized", "--value"]).strip()
    return {"yes": True, "no": False}.get(said)


def findings(clock: Clock) -> Iterator[Finding]:
    """Judge the clock."""
    now = datetime.fromisoformat(clock.now)
    local = f"{now.astimezone():%Y-%m-%d %H:%M:%S %Z}"
    if clock.now < EARLIEST:
        yield failed(SUBJECT, f"it says {local}, which is past", SET)
        return
    wrong = []
    if clock.stored.newest is not None:
        ahead_s = (datetime.fromisoformat(clock.stored.newest) - now).total_seconds()
        if ahead_s > AHEAD_S:
            told = f"it says {local}, but the database has times up to {ahead_s / 60:.0f} minutes later"
            wrong.append(warning(SUBJECT, f"{told}: it was set back", SET))
    if clock.stored.set_back is not None:
        when = f"{datetime.fromisoformat(clock.stored.set_back).astimezone():%Y-%m-%d %H:%M}"
        wrong.append(
            warning(SUBJECT, f"it was set back around {when}: times in the database are out of order", "keep it by NTP")
        )
    if clock.synchronized is False:
        wrong.append(warning(SUBJECT, f"it says {local}, and is not synchronized", SET))
    kept = {True: ", synchronized", False: "", None: " (whether it is synchronized is not known here)"}
    yield from wrong or [ok(SUBJECT, local + kept[clock.synchronized])]
