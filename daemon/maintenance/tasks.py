"""What is done now and then: old rows, leftover temporary files, backups, the model's accuracy.

Every task runs on a thread of the scheduler's and may take its time; none raises.
"""

import importlib.util
import logging
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from daemon.chunk import BESIDE
from daemon.config.formats import FORMATS, LIVE, TRANSLATED
from daemon.config.paths import hugging_face, packaged
from daemon.config.settings import Settings
from daemon.errors import Unavailable
from daemon.filesystem import exists, fingerprint
from daemon.processes.environment import environment
from daemon.store import database
from daemon.store.backup import backup_path
from daemon.store.monitoring import History
from daemon.store.retention import Retention

log = logging.getLogger(__name__)

ORPHAN_S = 3600.0
"""A publication takes less than a second; a temporary file that is older than this was left by a kill."""
ORPHAN = re.compile(
    rf"\.transcribed-\d+-(({re.escape(TRANSLATED)})?({'|'.join(FORMATS)})|{re.escape(LIVE)})\.tmp".encode()
)
VERIFY_POLL_S, VERIFY_GRACE_S = 1.0, 10.0
MB = 1_000_000


class Work(Protocol):
    """What the daemon does besides."""

    @property
    def idle(self) -> bool:
        """Whether there is nothing to do just now."""


class Maintenance:
    """The tasks.

    Args:
        config_file: for `transcribed verify`; None where the settings come from no file, which is then not run.
        work: what the daemon does besides.
    """

    def __init__(
        self,
        settings: Settings,
        config_file: Path | None,
        history: History,
        work: Work,
    ) -> None:
        self._settings = settings
        self._config_file = config_file
        self._history = history
        self._work = work
        self._ending = threading.Event()
        self._told = False
        self.model_cache_mb: float | None = None
        """Size of the models on the disk, when `tidy` last looked."""

    def close(self) -> None:
        """Give up a verification that runs."""
        self._ending.set()

    def tidy(self) -> None:
        """Forget what is old, remove what was left behind, and measure the models' cache."""
        retention = Retention(self._settings.database_path, lambda _reason: not self._ending.is_set())
        try:
            if days := self._settings.monitor.keep_samples_days:
                _say(retention.forget_samples(days), "samples, batches and alerts of the past forgotten")
            if days := self._settings.jobs.keep_days:
                _say(retention.forget_jobs(days, _is_gone), "ended jobs whose recording is gone forgotten")
            _say(retention.forget_shares(), "links that had expired removed")
            retention.optimise()
        finally:
            retention.close()
        outputs = (Path(watch.output) for watch in self._settings.watch if watch.output != BESIDE)
        for folder in dict.fromkeys((*(watch.path for watch in self._settings.watch), *outputs)):
            _say(_remove_orphans(folder), f"temporary files left behind removed in {folder}")
        caches = (packaged(), hugging_face())
        self.model_cache_mb = sum(map(_size, caches)) / MB
        log.info("the models take %.0f MB in %s", self.model_cache_mb, " and ".join(map(str, caches)))

    def back_up(self) -> None:
        """Copy the database if the newest copy is old enough, and drop the oldest copies."""
        hours, keep = self._settings.database.backup_hours, self._settings.database.backups
        path = self._settings.database_path
        folder = path.parent / "backups"
        copies = sorted(folder.glob(f"{path.stem}-*.db"))
        age_s = time.time() - copies[-1].stat().st_mtime if copies else float("inf")
        # A copy from the future (the clock was set back) counts as none.
        if not hours or 0 <= age_s < 3600 * hours:
            return
        target = backup_path(path)
        try:
            folder.mkdir(exist_ok=True)
            database.backup(path, target)
        except (OSError, Unavailable) as error:
            log.error("no backup of the database: %s", error)
            return
        log.info("database copied to %s", target)
        for old in [*copies, target][:-keep]:
            old.unlink(missing_ok=True)

    def verify(self) -> None:
        """Run `transcribed verify` if it is due and there is nothing else to do; given up when there is."""
        if self._config_file is None or not self._settings.has_engine_here:
            return
        if not self._work.idle or not self._verification_is_due():
            return
        if missing := [name for name in ("jiwer", "whisper_normalizer") if importlib.util.find_spec(name) is None]:
            if not self._told:
                log.warning("monitor.verify_days: %s is missing: pip install 'transcribed[bench]'", missing[0])
            self._told = True
            return
        log.info("nothing to do: verifying %s against float32", self._settings.model.name)
        command = [sys.executable, "-P", "-m", "daemon", "verify", "--config", str(self._config_file)]
        with subprocess.Popen(
            ["nice", "-n", "19", *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment(),
            text=True,
            start_new_session=True,
        ) as process:
            while (code := process.poll()) is None:
                if self._ending.wait(VERIFY_POLL_S) or not self._work.idle:
                    log.info("verification given up: there is work")
                    # The daemons that it runs are of its group, and their children end with them.
                    os.killpg(process.pid, signal.SIGINT)
                    with suppress(subprocess.TimeoutExpired):
                        process.wait(VERIFY_GRACE_S)
                    with suppress(ProcessLookupError):
                        os.killpg(process.pid, signal.SIGKILL)
                    return
            assert process.stdout is not None
            lines = process.stdout.read().strip().splitlines()
        log.log(logging.INFO if code == 0 else logging.WARNING, "verification: %s", lines[-1] if lines else code)

    def _verification_is_due(self) -> bool:
        """Tell whether `verify_days` have passed since the last one; before there is one, since the first sample."""
        days = self._settings.monitor.verify_days
        if not days:
            return False
        since = self._history.verified_at(self._settings.model.name)
        if since is None:
            since = self._history.first_sampled_at()
            # The oldest sample never gets older than this by more than a day, and would put it off for ever.
            days = min(days, self._settings.monitor.keep_samples_days or days)
        return since is not None and datetime.now(UTC) - datetime.fromisoformat(since) >= timedelta(days=days)


def _is_gone(root: str, path: bytes, version: str) -> bool:
    """Tell whether this version of a recording no longer exists while its folder does."""
    if not os.path.isdir(root):
        return False
    if not exists(root, path):
        return True
    with suppress(OSError):
        return fingerprint(os.lstat(os.path.join(os.fsencode(root), path))) != version
    return False


def _remove_orphans(root: Path) -> int:
    """Remove temporary files that no publication will rename any more, and return how many."""
    before = time.time() - ORPHAN_S
    removed = 0
    for name, folder in _files(os.fsencode(root)):
        if ORPHAN.fullmatch(name):
            with suppress(OSError):
                if os.stat(name, dir_fd=folder, follow_symlinks=False).st_mtime < before:
                    os.unlink(name, dir_fd=folder)
                    removed += 1
    return removed


def _size(folder: Path) -> int:
    """Return the bytes of the files below a folder; links, of which the Hugging Face cache is full, count nothing."""
    total = 0
    for name, fd in _files(os.fsencode(folder)):
        with suppress(OSError):
            total += os.stat(name, dir_fd=fd, follow_symlinks=False).st_blocks * 512
    return total


def _files(top: bytes) -> Iterator[tuple[bytes, int]]:
    """Yield (name, descriptor of its folder) of the files below a folder, if that exists. No link is followed."""
    with suppress(OSError):
        for _, _, names, folder in os.fwalk(top, follow_symlinks=False):
            for name in names:
                yield name, folder


def _say(count: int, what: str) -> None:
    if count:
        log.info("%d %s", count, what)
