"""What a check has found: one line for people, with a cure where something is wrong."""

from dataclasses import dataclass

OK, WARNING, FAILED = "ok", "warning", "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """A line of the report."""

    level: str
    """`ok`, `warning` (it works, but not as well as it could, or not for long) or `failed` (it does not work)."""
    subject: str
    """What was looked at, in a word or two."""
    text: str
    cure: str = ""
    """What to do about it; empty where nothing needs to be done."""


def ok(subject: str, text: str) -> Finding:
    """Return a line that says that all is well."""
    return Finding(OK, subject, text)


def warning(subject: str, text: str, cure: str) -> Finding:
    """Return a line about what works, but not as well as it could, or not for long."""
    return Finding(WARNING, subject, text, cure)


def failed(subject: str, text: str, cure: str) -> Finding:
    """Return a line about what does not work."""
    return Finding(FAILED, subject, text, cure)
