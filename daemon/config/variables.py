"""Keys of config.toml that environment variables set, as in containers: `TRANSCRIBED_MODEL__NAME` for `model.name`."""

import json
import os
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

PREFIX = "TRANSCRIBED_"
SEPARATOR = "__"
TABLES_IN_A_LIST = ("watch", "engines")
NUMBER = re.compile(r"\d{1,3}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable, and the key that it sets."""

    name: str
    path: tuple[str | int, ...]
    """The tables and the key, such as ("watch", 0, "language")."""
    value: Any

    @property
    def key(self) -> str:
        """The key as in messages: `watch[0].language`."""
        return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in self.path).removeprefix(".")


def variables(sections: Collection[str], environ: Mapping[str, str] | None = None) -> list[Variable]:
    """Return the variables that set keys, general ones first.

    A value is read as JSON, and is a text where it is not JSON.

    Args:
        sections: The tables of config.toml; a variable for a whole one has no separator in its name.
        environ: The environment; None for that of the process.
    """
    found = []
    environ = os.environ if environ is None else environ
    for name in sorted(environ):
        parts = name.removeprefix(PREFIX).lower().split(SEPARATOR)
        if not name.startswith(PREFIX) or not all(parts) or (len(parts) == 1 and parts[0] not in sections):
            continue
        path: list[str | int] = list(parts)
        if parts[0] in TABLES_IN_A_LIST and len(parts) > 1:
            numbered = NUMBER.fullmatch(parts[1]) and len(parts) > 2
            path[1:2] = [int(parts[1])] if numbered else [0, parts[1]]
        found.append(Variable(name, tuple(path), _value(environ[name])))
    return found


def overlay(raw: dict[str, Any], given: Iterable[Variable]) -> None:
    """Set the keys in what was read from config.toml."""
    for variable in given:
        table, path = raw, list(variable.path)
        if len(path) > 2 and isinstance(path[1], int):
            section, number, *path = path
            table = _of_list(raw, str(section), int(number))
        *tables, key = map(str, path)
        for name in tables:
            if not isinstance(table.get(name), dict):
                table[name] = {}
            table = table[name]
        table[key] = variable.value


def _of_list(raw: dict[str, Any], section: str, number: int) -> dict[str, Any]:
    """Return one of the tables of a section that repeats, made where it is not there."""
    there = raw.get(section)
    tables: list[Any] = list(there) if isinstance(there, list) else []
    tables += [{} for _ in range(number + 1 - len(tables))]
    if not isinstance(tables[number], dict):
        tables[number] = {}
    raw[section] = tables
    table: dict[str, Any] = tables[number]
    return table


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
