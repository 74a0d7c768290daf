"""Options that the folders have of their own: `.transcribed.toml` for a folder and all below, `NAME.toml` for a file.

Both hold options by the names that `transcribed explain` shows. They are read whenever a recording is queued, so a
change counts at once. They may be written by whoever may drop recordings, so they can name no file, only models that
config.toml allows, and no command to be run, unless `hooks_in_folders` says so for the watched folder.
"""

import errno
import os
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, NoReturn

from pydantic import BeforeValidator, create_model

from daemon.config.languages import LANGUAGES
from daemon.config.options import MEANWHILE, QUEUE, RECORDING, Given, Resolved, locate, resolve
from daemon.config.settings import Model, Settings, Vad, Watch
from daemon.config.table import Table
from daemon.config.validation import validate
from daemon.config.variables import variables
from daemon.filesystem import fingerprint, folders_down, open_in

FOLDER_FILE = b".transcribed.toml"
RECORDING_SUFFIX = b".toml"
BYTES_MAX = 16_384
"""Of a file; what is longer by far than all options together is something else."""
FAR_TOO_DEEP = re.compile(r"(?:[\w\"'-]+[ \t]*\.[ \t]*){30}")
"""The time that the parser takes grows with the square of the parts of a key."""
ERRORS_MAX = 5
"""How many errors of a file are told one by one."""
REMEMBERED_MAX = 10_000
"""How many files are remembered, so that each is parsed once."""

TABLES: dict[str, type[Table]] = {"watch": Watch, "model": Model, "vad": Vad}
FILES = frozenset({"hotwords", "suppress_words"})
"""What may be the path of a file in config.toml."""
ELSEWHERE = frozenset({"context", "output"})
"""What stays in config.toml: how the model is loaded, and where files are written."""


def _listed(value: Any) -> Any:
    if isinstance(value, str):
        raise ValueError("must be a list here; only config.toml can name a file")
    return value


def _keys() -> Iterator[tuple[str, tuple[Any, Any]]]:
    for option, (table, key) in (RECORDING | QUEUE | MEANWHILE).items():
        if table in TABLES and option not in ELSEWHERE:
            field = copy(TABLES[table].model_fields[key])
            if option in FILES:
                field.metadata = [*field.metadata, BeforeValidator(_listed)]  # the last one is asked first
            yield option, (field.annotation, field)


def _refused(_value: Any) -> NoReturn:
    raise ValueError("is for config.toml alone, unless it says hooks_in_folders = true for the watched folder")


def _table(hooks: Mapping[str, tuple[Any, Any]]) -> type[Table]:
    keys = dict(_keys())
    made: type[Table] = create_model("OptionsTable", __base__=Table, **keys, **hooks)  # type: ignore[call-overload]
    made.known = f"the known ones here are {', '.join(keys)}"
    return made


HOOKS = ("on_done", "on_failed")
OPTIONS = _table({name: (Annotated[Any, BeforeValidator(_refused)], None) for name in HOOKS})
"""What one of these files may hold."""
OPTIONS_AND_HOOKS = _table({name: (tuple[str, ...], copy(Watch.model_fields[name])) for name in HOOKS})
"""What it may hold where the folders may have commands run."""


@dataclass(frozen=True, slots=True)
class Read:
    """What one version of a file says."""

    version: str
    values: Mapping[str, Any]
    """Those of the last version without errors."""
    errors: tuple[str, ...]
    """Without the name of the file."""


class FolderSettings:
    """Resolves the options of recordings with what their folders say; a broken file keeps its last good version.

    Args:
        settings: The whole configuration.
        file: The file that it was read from, to be named as a source.
        tell: Called with each error of a version of a file, once.
    """

    def __init__(
        self, settings: Settings, file: Path | None = None, tell: Callable[[str], object] = lambda _error: None
    ) -> None:
        self._settings = settings
        self._file = file
        self._tell = tell
        self._variables = {each.key: each.name for each in variables(Settings.model_fields)}
        self._models = (settings.model.name, *settings.folder_models)
        self._read: dict[str, Read] = {}

    def resolve(self, path: bytes) -> tuple[Resolved, tuple[str, ...]]:
        """Return the options of a recording, and what is wrong with the files that it was read from.

        Args:
            path: An absolute path, with no links above the watched folder.

        Raises:
            LookupError: The path is below no watched folder.
        """
        place = locate(self._settings, path)
        if place is None:
            raise LookupError(f"{os.fsdecode(path)} is below no watched folder")
        watch = self._settings.watch[place.folder]
        table = OPTIONS_AND_HOOKS if watch.hooks_in_folders else OPTIONS
        *folders, name = place.below.split(b"/")
        given: list[Given] = []
        errors: list[str] = []

        def take(folder: int, file: bytes, below: bytes, layer: str) -> None:
            full = watch.path / os.fsdecode(below)
            if (found := self._of(folder, file, str(full), table)) is not None:
                errors.extend(found.errors)
                given.append(Given(found.values, layer, full))

        with suppress(OSError), closing(folders_down(str(watch.path), folders)) as ways:
            for depth, folder in enumerate(ways):
                take(folder, FOLDER_FILE, b"/".join([*folders[:depth], FOLDER_FILE]), "folder")
                if depth == len(folders):
                    if watch.language_in_names and (code := language_in(name)):
                        given.append(Given({"language": code}, "name"))
                    take(folder, name + RECORDING_SUFFIX, place.below + RECORDING_SUFFIX, "recording")
        return resolve(self._settings, path, self._file, given, self._variables), tuple(errors)

    def _of(self, folder: int, name: bytes, path: str, table: type[Table]) -> Read | None:
        """Return what a file says, read again if it has changed; None if there is none."""
        before = self._read.pop(path, None)
        try:
            found = _read(folder, name, before, (table, self._models))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except Exception as error:  # Whoever may drop recordings may write anything here: it ends nothing.
            if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
                return None
            reason = error.strerror if isinstance(error, OSError) else f"{type(error).__name__}: {error}"
            found = Read("", before.values if before else {}, (f"cannot be read: {reason}",))
        while len(self._read) >= REMEMBERED_MAX:
            del self._read[next(iter(self._read))]
        self._read[path] = found
        found_here = replace(found, errors=tuple(f"{path}: {error}" for error in found.errors))
        if before is None or (found.version, found.errors) != (before.version, before.errors):
            for told in found_here.errors:
                self._tell(told)
        return found_here


def _read(folder: int, name: bytes, before: Read | None, allowed: tuple[type[Table], Sequence[str]]) -> Read:
    """Return what a file says; where it has errors, what it said before.

    Args:
        folder: Descriptor of its folder.
        name: Its name there.
        before: What it said when it was last read.
        allowed: What it may hold, and the models that it may name.

    Raises:
        OSError: The file is missing, no regular file, or cannot be read.
        RecursionError: It is nested far too deep.
    """
    with os.fdopen(open_in(folder, name), "rb") as file:
        version = fingerprint(os.fstat(file.fileno()))
        if before is not None and before.version == version:
            return before
        content = file.read(BYTES_MAX + 1)
    try:
        if len(content) > BYTES_MAX:
            raise ValueError(f"has more than {BYTES_MAX} bytes")
        text = content.decode("utf-8-sig")
        if FAR_TOO_DEEP.search(text):
            raise ValueError("has keys of far too many parts")
        kind, models = allowed
        table, wrong = validate(kind, tomllib.loads(text), Path())
        if "model" in table.model_fields_set and table.model not in models:  # type: ignore[attr-defined]
            wrong["model"] = f"must be one of {', '.join(models)}; config.toml can allow more with [model] others"
        if not wrong:
            return Read(version, {key: getattr(table, key) for key in table.model_fields_set}, ())
        errors = [f"{key}: {reason}" for key, reason in wrong.items()]
    except UnicodeDecodeError:
        errors = ["is not UTF-8"]
    except tomllib.TOMLDecodeError as error:
        errors = [f"is not TOML: {error}"]
    except ValueError as error:
        errors = [str(error)]
    more = [f"has {len(errors) - ERRORS_MAX} more errors"] if len(errors) > ERRORS_MAX else []
    return Read(version, before.values if before else {}, (*errors[:ERRORS_MAX], *more))


def language_in(name: bytes) -> str | None:
    """Return the language that a name says before its extension, as in `talk.de.mp3`; None if it says none."""
    parts = os.fsdecode(name).lower().split(".")
    return parts[-2] if len(parts) > 2 and parts[-2] in LANGUAGES else None
