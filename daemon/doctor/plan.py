"""Which checks are made, how long each may take, and what to say if it gives no answer."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from daemon.doctor.case import READABLE, Facts, Order
from daemon.doctor.findings import Finding, failed

ROOM, CONFIGURATION = "daemon.doctor", "configuration"
REPORT = "report this with the lines above to the makers of transcribed"
DISK = "look whether its disk answers: dmesg names those that do not"
DRIVER = "look whether the driver answers: nvidia-smi"
FOLDERS = "one of its folders may be on a drive that does not answer; the daemon cannot start either: see below"


@dataclass(frozen=True, slots=True)
class Step:
    """A check, and what to say if it gives no answer."""

    subject: str
    order: Order
    cure: str = REPORT
    """What to do if it hangs."""

    def no_answer(self, why: str) -> Finding:
        """Return the line for a check that came to no end."""
        of = f"{self.order.argument}: " if self.order.argument.startswith("/") else ""
        return failed(self.subject, f"{of}the check gave no answer: {why}", self.cure)


def configuration(file: Path | None, argument: str = "") -> Step:
    """Return the first check, of which the others know what to do."""
    name = None if file is None else str(file.absolute())
    order = Order(f"{ROOM}.configuration", name, argument, reads_settings=False, limit_s=60)
    return Step(CONFIGURATION, order, FOLDERS)


def plan(facts: Facts) -> list[Step]:
    """Return the checks that can be made, in the order of the report."""
    plain = Order("", facts.config, reads_settings=facts.is_usable, uid=facts.uid, pid=facts.pid)
    as_the_daemon = facts.is_usable and not facts.is_stranger
    steps = [
        *_steps(plain, "libraries", "versions"),
        *_steps(plain, "service", "unit", 60, cure="look whether systemd answers: systemctl status"),
        *_steps(plain, "clock", "clocks", 60),
    ]
    if as_the_daemon:
        steps += _what_the_daemon_uses(plain, facts)
    elif not facts.is_usable:
        steps += _folders(plain, facts.folders, facts.folders)
    if facts.may_run:
        steps += _steps(plain, "GPU", "graphics", 600, cure=DRIVER)
    if facts.may_run and as_the_daemon:
        steps += _steps(plain, "model", "weights", 300, facts.models, DISK)
        steps += _steps(plain, "speakers", "speakers")
        steps += _steps(plain, "cluster", "cluster", 120)
        steps += _steps(plain, "engine", "trials", 1_800, cure=DRIVER)
    return steps


def _what_the_daemon_uses(plain: Order, facts: Facts) -> Iterator[Step]:
    """Yield the checks of files and folders, which say something only with the daemon's rights."""
    if facts.changes_user:
        order = replace(plain, check=f"{ROOM}.configuration", argument=READABLE, reads_settings=False)
        yield Step(CONFIGURATION, order, DISK)
    yield from _steps(plain, "database", "integrity", 300, cure=DISK)
    yield from _steps(plain, "disk", "disks", cure=DISK)
    yield from _folders(plain, facts.folders, list(map(str, range(len(facts.folders)))))
    yield from _steps(plain, "inotify", "inotify", 120, cure="a very large folder: find PATH -type d counts it")


def _folders(plain: Order, paths: Sequence[str], arguments: Sequence[str]) -> Iterator[Step]:
    for path, argument in zip(paths, arguments, strict=True):
        cure = f"look whether its drive answers: ls {path}; sudo umount -l {path} takes a dead one away"
        yield from _steps(plain, "folder", "drop_folders", arguments=[argument], cure=cure)


def _steps(
    plain: Order, subject: str, check: str, limit_s: float = 30, arguments: Sequence[str] = ("",), cure: str = REPORT
) -> Iterator[Step]:
    """Yield a check for each argument."""
    for argument in arguments:
        order = replace(plain, check=f"{ROOM}.{check}", limit_s=limit_s, argument=argument)
        yield Step(subject, order, cure)
