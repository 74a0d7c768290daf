"""Tells people through Apprise what has ended; what has ended meanwhile goes into one message."""

from collections.abc import Sequence
from typing import Any

from daemon.hooks.answers import Answer, Delivered, Later
from daemon.hooks.orders import FAILURE, SUCCESS
from daemon.monitor.notifications import Recipient
from daemon.store.outbox import Letter

GROUP = 500
"""How many jobs one message may be about."""
LISTED = 20
"""How many of them it names."""


class Messages:
    """Delivers letters as messages to one address."""

    def __init__(self, recipient: Recipient) -> None:
        self._recipient = recipient

    def __call__(self, letters: Sequence[Letter]) -> Answer:
        """Send one message about some letters."""
        failed = any(letter.event == FAILURE for letter in letters)
        title, body = message([letter.payload for letter in letters])
        if self._recipient.told(title, body, "warning" if failed else "success"):
            return Delivered()
        return Later(f"{self._recipient.name} did not accept a message", concerns_all=True)


def message(payloads: Sequence[dict[str, Any]]) -> tuple[str, str]:
    """Return title and text of a message about some jobs."""
    if len(payloads) == 1:
        (one,) = payloads
        return f"transcribed: {one['event']}: {one['path']}", _line(one, alone=True)
    counts = {event: sum(each["event"] == event for each in payloads) for event in (SUCCESS, FAILURE)}
    title = ", ".join(f"{count} {event}" for event, count in counts.items() if count)
    # What has failed comes first: somebody may have to do something about it.
    lines = [_line(each) for each in sorted(payloads, key=lambda each: each["event"] == SUCCESS)]
    more = [f"and {len(lines) - LISTED} more"] if len(lines) > LISTED else []
    return f"transcribed: {title}", "\n".join([*lines[:LISTED], *more])


def _line(payload: dict[str, Any], *, alone: bool = False) -> str:
    seconds = payload["duration_s"]
    length = "" if seconds is None else f"{seconds / 60:.1f} min" if seconds >= 60 else f"{seconds:.0f} s"
    details = [each for each in (length, payload["language"], payload["reason"]) if each]
    if alone:
        details += [file["path"] for file in payload["transcripts"]]
        return "\n".join([f"job {payload['job']} in {payload['root']}", *map(str, details)])
    return f"{payload['event']}: {payload['path']}" + (f" ({', '.join(map(str, details))})" if details else "")
