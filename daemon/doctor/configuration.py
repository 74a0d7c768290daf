"""The configuration file, and what the other checks go by: the folders, the models, and who the daemon is."""

import os
import tomllib
from collections.abc import Iterator
from pathlib import Path

from daemon.config import reader
from daemon.config.settings import Settings
from daemon.doctor.case import NAMED_FOLDERS, READABLE, Case, Facts
from daemon.doctor.findings import Finding, failed, ok
from daemon.doctor.trials import models_of
from daemon.doctor.unit import Unit, look
from daemon.doctor.whom import finding, may_run, whom
from daemon.errors import BadConfig
from daemon.monitor.notifications import is_known
from daemon.processes.load_order import place_of
from daemon.store.database import running_pid

SUBJECT = "configuration"
CORRECT = "correct it; transcribed check --default prints the shipped file, which explains every key"


def examine(case: Case) -> Iterator[Finding | Facts]:
    """Read the configuration as the daemon does, with the daemon's environment if it runs."""
    if case.argument == READABLE:
        yield from _readable(case)
    elif case.argument == NAMED_FOLDERS:
        file = reader.find(case.config).absolute()
        yield Facts(str(file), is_usable=False, folders=_named_folders(file), models=(), uid=os.geteuid())
    else:
        yield from _read(case.config)


def _read(option: Path | None) -> Iterator[Finding | Facts]:
    installed = look()
    pid: int | None = None
    file: Path | None = None
    settings: Settings | None = None
    try:
        file = reader.find(option).absolute()
        pid = running_pid(reader.load(file, is_known).database_path)
        who = whom(pid, _of(installed, file))
        os.environ.update(who.variables)
        settings = reader.load(file, is_known)
    except BadConfig as error:
        who = whom(pid, _of(installed, file))
        for line in error.message.splitlines():
            yield failed(SUBJECT, line, error.hint or CORRECT)
    else:
        yield ok(SUBJECT, f"{file}: {_summary(settings)}")
    runs = may_run(who)
    yield finding(who, may_run=runs)
    yield Facts(
        config=None if file is None else str(file),
        is_usable=settings is not None,
        folders=() if settings is None else tuple(str(watch.path) for watch in settings.watch),
        models=() if settings is None else tuple(models_of(settings)),
        uid=who.uid,
        pid=who.pid,
        variables=dict(who.variables),
        may_run=runs,
        changes_user=os.geteuid() == 0 != who.uid,
        is_stranger=who.is_closed_to_us,
    )


def _of(installed: Unit | None, file: Path | None) -> Unit | None:
    """Return the unit, unless it runs with another configuration, and so perhaps as another user."""
    if installed is None or file is None or installed.config in (None, file):
        return installed
    return None


def _summary(settings: Settings) -> str:
    folders = "1 folder" if len(settings.watch) == 1 else f"{len(settings.watch)} folders"
    model = [f"model {settings.model.name}"] if settings.has_engine_here else []
    return ", ".join([folders, *model, *(f"engine at {place_of(engine.url)}" for engine in settings.engines)])


def _readable(case: Case) -> Iterator[Finding]:
    """Find out whether the daemon's user may read the file, where it was another one who did."""
    assert case.config is not None
    try:
        case.config.read_bytes()
    except OSError as error:
        told = f"{case.user}, the daemon's user, cannot read {case.config}: {(error.strerror or str(error)).lower()}"
        yield failed(SUBJECT, told, f"sudo chmod a+r {case.config}, or chgrp it to a group of {case.user}")


def _named_folders(file: Path) -> tuple[str, ...]:
    """Return the paths of the watched folders as they are written, looking at none of them."""
    tables = tomllib.loads(file.read_text("utf-8-sig")).get("watch", [])
    return tuple(str(file.parent / table["path"]) for table in tables if "path" in table)
