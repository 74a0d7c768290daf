"""Reads config.toml into frozen settings and reports every error at once, with file and key."""

import os
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from daemon.chunk import BESIDE
from daemon.config.check import KnownAddress, check
from daemon.config.cluster import Cluster
from daemon.config.elsewhere import EngineElsewhere
from daemon.config.paths import expanded, located
from daemon.config.settings import SQLITE_PREFIX, Hooks, Model, Settings, SpeakerModel, Watch
from daemon.config.speaker_models import SUFFIX
from daemon.config.table import Table
from daemon.config.validation import validate
from daemon.config.variables import Variable, overlay, variables
from daemon.config.web import Web
from daemon.errors import BadConfig
from daemon.permissions import denied

AnyTable = TypeVar("AnyTable", bound=Table)

PLACES = (Path("config.toml"), Path("~/.config/transcribed/config.toml"), Path("/etc/transcribed/config.toml"))


def find(option: Path | None) -> Path:
    """Find the configuration file: `--config`, $TRANSCRIBED_CONFIG, or the first of `PLACES` where one is.

    Raises:
        BadConfig: There is none.
    """
    named = option or (Path(env) if (env := os.environ.get("TRANSCRIBED_CONFIG")) else None)
    if named is not None:
        return named
    for place in map(_at_home, PLACES):
        if os.path.isfile(place):  # false, too, where this user may not look: in the folder where sudo was called
            return place
    raise BadConfig(
        "no configuration found at " + " or ".join(map(str, PLACES)),
        "pass --config FILE, or write one: transcribed check --default > config.toml",
    )


def _at_home(place: Path) -> Path:
    """Return a place with `~` replaced; a place of the user's that has no home is as it is, and nothing is there."""
    try:
        return expanded(place)
    except ValueError:
        return place


def load(file: Path, known_address: KnownAddress | None = None) -> Settings:
    """Read and check a configuration file, and the environment variables that set keys of it.

    Args:
        file: relative paths in it are relative to its folder.
        known_address: checks the addresses for messages; None where none will be sent.

    Raises:
        BadConfig: The file cannot be read, or some keys are wrong; the message lists them all with the reasons.
    """
    try:
        raw = tomllib.loads(file.read_text("utf-8-sig"))  # some editors begin a file with a byte order mark
    except PermissionError as error:
        raise BadConfig(*(denied(file) or (f"{file}: cannot be read: {error.strerror}",))) from error
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not UTF-8"
        raise BadConfig(f"{file}: cannot be read: {reason}") from error
    except tomllib.TOMLDecodeError as error:
        raise BadConfig(f"{file}: is not TOML: {error}") from error
    base = file.absolute().parent
    overlay(raw, given := variables(Settings.model_fields))
    settings, wrong = validate(Settings, raw, base)
    settings = _absolute(settings, base)
    # What a wrong key stands for is its default here, which no other key may be blamed for.
    problems = [each for each in check(settings, known_address) if not any(map(each.depends_on, wrong))]
    if errors := [*wrong.items(), *((problem.key, problem.reason) for problem in problems)]:
        raise BadConfig("\n".join(f"{_origin(key, given) or file}: {key}: {reason}" for key, reason in errors))
    return settings


def _origin(key: str, given: Sequence[Variable]) -> str:
    """Return the variable that sets a key, or that made a section which is unknown; "" if none did."""
    for each in given:
        if f"{key}.".startswith((f"{each.key}.", f"{each.key}[")):
            return each.name
        if each.path[0] == key and key not in Settings.model_fields:
            return each.name
    return ""


def default_text() -> str:
    """Return the shipped configuration file, which explains every key and has its default."""
    package = Path(__file__).parent.parent
    inside = package / "config.toml"
    return (inside if inside.exists() else package.parent / "config.toml").read_text("utf-8")


def _located(table: AnyTable, key: str, base: Path) -> AnyTable:
    """Return a table with the model that it names as an absolute path, if that is a folder.

    Otherwise as it is: a key that is only a default must not count as set.
    """
    name = getattr(table, key)
    found = located(name, base)
    return table if found == name else table.model_copy(update={key: found})


def _with_secret_file(hooks: Hooks, base: Path) -> Hooks:
    """Return the table with its secret file, if it names one, as an absolute path."""
    if not hooks.webhook_secret_file:
        return hooks
    return hooks.model_copy(update={"webhook_secret_file": str(base / hooks.webhook_secret_file)})


def _model(model: Model, base: Path) -> Model:
    found = tuple(located(name, base) for name in model.others)
    return model if found == model.others else model.model_copy(update={"others": found})


def _watch(watch: Watch, base: Path) -> Watch:
    found: dict[str, Any] = {"path": (base / watch.path).resolve()}
    if watch.model:
        found["model"] = located(watch.model, base)
    if watch.output != BESIDE:
        found["output"] = str((base / watch.output).resolve())
    return watch.model_copy(update=found)


def _engine(engine: EngineElsewhere, base: Path) -> EngineElsewhere:
    files = {"api_key_file": engine.api_key_file, "ca_file": engine.ca_file}
    return engine.model_copy(update={key: str(base / name) for key, name in files.items() if name})


def _cluster(cluster: Cluster, base: Path) -> Cluster:
    if not cluster.token_file:
        return cluster
    return cluster.model_copy(update={"token_file": str(base / cluster.token_file)})


def _speaker_model(speakers: SpeakerModel, base: Path) -> SpeakerModel:
    """Return the table with its model as an absolute path, if that is a file."""
    if not speakers.model.endswith(SUFFIX):
        return speakers
    return speakers.model_copy(update={"model": str(base / speakers.model)})


def _web(web: Web, base: Path) -> Web:
    users = {
        name: user.model_copy(update={"folders": tuple((base / folder).resolve() for folder in user.folders)})
        for name, user in web.users.items()
    }
    users_file = str(base / web.users_file) if web.users_file else ""
    found: dict[str, Any] = {"users_file": users_file, "users": users}
    if web.api_folder:
        found["api_folder"] = str((base / web.api_folder).resolve())
    return web.model_copy(update=found)


def _absolute(settings: Settings, base: Path) -> Settings:
    """Resolve paths relative to the configuration file, and links in a watched folder's own path."""
    return settings.model_copy(
        update={
            "watch": tuple(_watch(watch, base) for watch in settings.watch),
            "database": settings.database.model_copy(
                update={"url": SQLITE_PREFIX + str(base / settings.database_path)}
            ),
            "model": _model(_located(settings.model, "name", base), base),
            "engines": tuple(_engine(engine, base) for engine in settings.engines),
            "cluster": _cluster(settings.cluster, base),
            "speakers": _speaker_model(settings.speakers, base),
            "languages": {code: _located(language, "model", base) for code, language in settings.languages.items()},
            "monitor": settings.monitor.model_copy(update={"log_file": base / settings.monitor.log_file}),
            "hooks": _with_secret_file(settings.hooks, base),
            "web": _web(settings.web, base),
        }
    )
