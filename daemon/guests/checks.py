"""Reads JSON of somebody else: each value is of its type and within its limits, or all of it is refused. Pure."""

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

from daemon.config.languages import LANGUAGES

SECONDS_MAX = 1e7
"""No recording is so long."""

Check = Callable[[Any], Any]
"""Returns a value as the daemon has it.

Raises:
    Malformed: It is none.
"""


class Malformed(ValueError):
    """It is not what was agreed on."""


def document(body: bytes) -> Any:
    """Return what JSON says, of which nothing is checked yet.

    Raises:
        Malformed: It is none.
    """
    try:
        return json.loads(body, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise Malformed("it is not JSON") from error


def _no_number(name: str) -> float:
    raise ValueError(name)


def fields(item: Any, checks: Mapping[str, Check]) -> dict[str, Any]:
    """Return the values of an object that has all of these fields and no others.

    Raises:
        Malformed: One is missing, is one too many, or has a value that it cannot have.
    """
    if not isinstance(item, dict) or item.keys() != checks.keys():
        raise Malformed(f"it is not an object with exactly {', '.join(checks)}")
    found = {}
    for name, check in checks.items():
        try:
            found[name] = check(item[name])
        except Malformed as error:
            raise Malformed(f"{name}: {error}") from error
    return found


def number(least: float, most: float) -> Check:
    """Return the check of a number."""

    def check(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            raise Malformed(f"it is not a number from {least:g} to {most:g}")
        return float(value)

    return check


def number_or(instead: float, least: float, most: float) -> Check:
    """Return the check of a number that may be null, which then is `instead`."""
    checked = number(least, most)
    return lambda value: instead if value is None else checked(value)


def whole(least: int, most: int) -> Check:
    """Return the check of a whole number."""

    def check(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise Malformed(f"it is not a whole number from {least} to {most}")
        return value

    return check


def text(most: int) -> Check:
    """Return the check of a text of so many characters at most."""

    def check(value: Any) -> str:
        if not isinstance(value, str) or len(value) > most:
            raise Malformed(f"it is not a text of up to {most} characters")
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise Malformed("it has halves of characters") from error
        return value

    return check


def one_of(*names: str) -> Check:
    """Return the check of a text that is one of some."""

    def check(value: Any) -> str:
        if not isinstance(value, str) or value not in names:
            raise Malformed(f"it is none of {', '.join(names)}")
        return value

    return check


def language(*others: str) -> Check:
    """Return the check of a language's code; `others` may stand instead of one."""

    def check(value: Any) -> str:
        if not isinstance(value, str) or (value not in LANGUAGES and value not in others):
            raise Malformed("it is no known language")
        return value

    return check


def flag(value: Any) -> bool:
    """Return whether it is true or false.

    Raises:
        Malformed: It is neither.
    """
    if not isinstance(value, bool):
        raise Malformed("it is neither true nor false")
    return value


def several(check: Check, most: int, least: int = 0) -> Check:
    """Return the check of a list, each of whose items passes a check."""

    def check_all(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list) or not least <= len(value) <= most:
            raise Malformed(f"it is not a list of {least} to {most}")
        return tuple(map(check, value))

    return check_all


def maybe(check: Check) -> Check:
    """Return the check of a value that may be null."""
    return lambda value: None if value is None else check(value)


def or_null(value: float) -> float | None:
    """Return a number as JSON can have it: null for one that is none, or infinite."""
    return value if math.isfinite(value) else None
