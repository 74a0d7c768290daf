"""Checks what TOML says against its table, and reports every error at once, by key and reason."""

from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from daemon.config.table import Table

SHOWN_MAX = 200
"""Characters of a wrong value that are repeated."""
SECRET = frozenset({"notify", "webhook_url", "engines"})
"""Keys whose values are not repeated: they may hold passwords, or a key that is in the wrong place."""

Kind = TypeVar("Kind", bound=Table)


def validate(kind: type[Kind], raw: dict[str, Any], base: Path) -> tuple[Kind, dict[str, str]]:
    """Return what TOML says, with defaults for the keys that are wrong, and key -> reason of those.

    Args:
        kind: The table that it is to be.
        raw: What was read; keys that are wrong are taken out of it.
        base: What relative paths of other files are relative to.
    """
    wrong: dict[str, str] = {}
    while True:
        try:
            return kind.model_validate(raw, context={"base": base}), wrong
        except ValidationError as error:
            items = error.errors()
        for item in items:
            key, reason = _key(item["loc"]), _reason(item, kind.known)
            wrong[key] = f"{wrong[key]}; {reason}" if key in wrong else reason
        for owner, name in [_place(raw, item["loc"]) for item in items]:
            owner.pop(name, None)


def _place(raw: dict[str, Any], location: tuple[int | str, ...]) -> tuple[dict[str, Any], str]:
    """Return the innermost table of a wrong value, and its key there.

    A list counts as one value: removing an element would shift the places of the others.
    """
    owner, name = raw, str(location[0])
    at: Any = raw
    for part in location:
        if isinstance(at, dict) and part in at:
            owner, name = at, str(part)
            at = at[part]
        elif isinstance(at, list) and isinstance(part, int):
            at = at[part]
        else:
            break
    return owner, name


def _key(location: tuple[int | str, ...]) -> str:
    """Return a key as in `watch[0].formats[1]`, without the names of union branches, which pydantic adds."""
    key = ""
    for part in location:
        if isinstance(part, int):
            key += f"[{part}]"
        elif part.isidentifier() and part not in ("int", "constrained"):
            key += f".{part}" if key else part
    return key or "(the whole file)"


def _reason(item: Any, known: str) -> str:
    if item["type"] == "extra_forbidden":
        return f"unknown key; {known}"
    if not SECRET.isdisjoint(item["loc"]):
        return str(item["msg"].removeprefix("Value error, "))
    return f"{item['msg'].removeprefix('Value error, ')}, not {_shown(item['input'])}" if item["loc"] else item["msg"]


def _shown(value: Any) -> str:
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # a number of thousands of digits; tables within tables within tables
        return "this"
    return text if len(text) <= SHOWN_MAX else f"{text[:SHOWN_MAX]}…"
