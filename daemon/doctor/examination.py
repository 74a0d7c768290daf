"""All checks, each in a process of its own: one that raises, hangs or dies is a line of the report and no more."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from daemon.doctor.case import NAMED_FOLDERS, Facts
from daemon.doctor.findings import Finding
from daemon.doctor.plan import CONFIGURATION, Step, configuration, plan
from daemon.processes.environment import environment

AT_ONCE = 4
"""Most checks wait for something; the last ones compute."""
GRACE_S = 1.0
"""How long a process may take to end after SIGKILL; one that hangs in the kernel is left behind."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a check has found; `facts` only that of the configuration has."""

    findings: tuple[Finding, ...]
    facts: Facts | None = None
    hangs: bool = False


Tell = Callable[[str], object]
"""Is told what is being waited for."""


def examine(config: Path | None, tell: Tell = lambda _subject: None) -> Iterator[Finding]:
    """Make all checks, and yield what they find, always in the same order.

    Args:
        config: The configuration file; None to look for it.
        tell: Called with the subject of the check whose answer comes next.
    """
    with closing(Examiners()) as examiners, ThreadPoolExecutor(AT_ONCE) as pool:
        try:
            tell(CONFIGURATION)
            first = examiners.examine(configuration(config))
            yield from first.findings
            facts = first.facts or _facts_without(examiners, config, hangs=first.hangs)
            examiners.variables = facts.variables
            steps = plan(facts)
            answers = [pool.submit(examiners.examine, step) for step in steps]
            for step, answer in zip(steps, answers, strict=True):
                tell(step.subject)
                yield from answer.result().findings
        finally:
            examiners.close()
            pool.shutdown(cancel_futures=True)


def _facts_without(examiners: "Examiners", config: Path | None, *, hangs: bool) -> Facts:
    """Return what is known where reading the configuration came to no end: the folders, one of which may be why."""
    named = examiners.examine(configuration(config, NAMED_FOLDERS)) if hangs else Result(())
    return named.facts or Facts(None, is_usable=False, folders=(), models=(), uid=os.geteuid())


class Examiners:
    """Processes that check; closing ends those that still do."""

    def __init__(self) -> None:
        self.variables: Mapping[str, str] = {}
        """The daemon's environment, which they have, too."""
        self._running: set[subprocess.Popen[bytes]] = set()
        self._closed = False

    def examine(self, step: Step) -> Result:
        """Make a check in a process of its own."""
        with TemporaryFile() as answer, TemporaryFile() as errors:
            if self._closed:
                return Result(())
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "daemon.doctor.examiner", json.dumps(asdict(step.order))],
                stdin=subprocess.DEVNULL,
                stdout=answer,
                stderr=errors,
                env=self._environment(),
                # Ctrl-C is for the doctor, which then ends them; and with one, all that it has started.
                start_new_session=True,
            )
            self._running.add(process)
            hangs = False
            try:
                process.wait(step.order.limit_s)
            except subprocess.TimeoutExpired:
                hangs = True
                _kill(process)
            self._running.discard(process)
            result = _result(answer)
            if hangs:
                why = f"nothing for {step.order.limit_s:g} s"
            elif process.returncode == 0:
                return result
            else:
                why = _how_it_ended(process.returncode, errors)
            return replace(result, findings=(*result.findings, step.no_answer(why)), hangs=hangs)

    def _environment(self) -> dict[str, str]:
        ours = environment()
        paths = [ours["PYTHONPATH"], self.variables.get("PYTHONPATH", "")]
        return {**ours, **self.variables, "PYTHONPATH": os.pathsep.join(filter(None, paths))}

    def close(self) -> None:
        """End all of them."""
        self._closed = True
        for process in list(self._running):
            _kill(process)


def _kill(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    with suppress(subprocess.TimeoutExpired):
        process.wait(GRACE_S)


def _result(answer: IO[bytes]) -> Result:
    """Return what an examiner has printed; a line that it did not finish is left out."""
    answer.seek(0)
    findings: list[Finding] = []
    facts = None
    for line in answer.read().splitlines():
        with suppress(ValueError):
            kind, values = json.loads(line)
            if kind == Finding.__name__:
                findings.append(Finding(**values))
            else:
                facts = Facts(**values | {name: tuple(values[name]) for name in ("folders", "models")})
    return Result(tuple(findings), facts)


def _how_it_ended(code: int, errors: IO[bytes]) -> str:
    errors.seek(0)
    lines = [line for line in errors.read().decode("utf-8", "replace").splitlines() if line.strip()]
    how = f"signal {-code}" if code < 0 else f"exit {code}"
    return f"{how}: {lines[-1].strip()}" if lines else how
