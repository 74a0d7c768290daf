"""`transcribed retranscribe`: transcripts that were made with less are made once more."""

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import typer

from daemon.cli.common import (
    ConfigOption,
    JsonOption,
    load_settings,
    moment_of,
    option_groups,
    print_json,
    when_done,
    wrong,
)
from daemon.cli.naming import RecordingOptions
from daemon.cli.progress import busy, through
from daemon.cli.show import length
from daemon.config.values import PRIORITY_MAX
from daemon.filesystem import exists
from daemon.store.quality_queries import Made, Transcribed
from daemon.store.queries import Queries
from daemon.store.requests import retranscribe_command

BEHIND = -10
"""The priority, unless told: what is dropped meanwhile goes first."""


@dataclass(frozen=True, slots=True)
class MadeOptions(RecordingOptions):
    """The options that choose transcripts by how they were made."""

    made_with: Annotated[str | None, typer.Option(metavar="MODEL", help="Only what this model transcribed.")] = None
    before: Annotated[
        str | None, typer.Option(metavar="DATE", help="Only what was transcribed before: 2026-03-31, 90d (ago) ...")
    ] = None
    below_quality: Annotated[
        float | None,
        typer.Option(min=0, max=1, metavar="X", help="Only where the mean probability of the text is below X, 0 to 1."),
    ] = None

    @property
    def made(self) -> Made:
        """The same for the queries."""
        before = None if self.before is None else moment_of("--before", self.before)
        return Made(self.chosen, self.made_with, before, self.below_quality)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be transcribed once more."""

    found: Sequence[Transcribed]
    gone: int
    """Transcripts that are left alone, because their recording is gone."""
    speed: float | None
    """Seconds of audio per second."""

    @property
    def audio_s(self) -> float:
        """The length of all recordings."""
        return sum(each.duration_s for each in self.found)

    @property
    def eta_s(self) -> float | None:
        """How long it takes."""
        return self.audio_s / self.speed if self.speed else None

    @property
    def models(self) -> Counter[str]:
        """How many were made with which model."""
        return Counter(each.model for each in self.found)


@option_groups
def retranscribe(
    filters: MadeOptions,
    to: Annotated[
        int,
        typer.Option("--priority", min=-PRIORITY_MAX, max=PRIORITY_MAX, help="Their priority; new recordings have 0."),
    ] = BEHIND,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Queue them without asking.")] = False,
    config_file: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Transcribe once more what was made with less: show how much it is, ask, and queue it.

    With the options that apply now. Transcripts that nobody has edited are replaced, edited ones are kept.
    """
    made = filters.made
    if made == Made():
        wrong("say which: --made-with, --before, --below-quality, --root, --path or --suspect")
    with Queries(load_settings(config_file).database_path) as queries:
        plan = _plan(queries, made, shown=not as_json)
        if not as_json:
            _show(plan)
        queued = bool(plan.found) and (yes or (not as_json and _agreed()))
        if queued:
            queries.request(retranscribe_command(to), [each.job_id for each in plan.found])
        running = queries.pid is not None
    if as_json:
        print_json(
            {
                "recordings": len(plan.found),
                "audio_s": round(plan.audio_s, 1),
                "eta_s": None if plan.eta_s is None else round(plan.eta_s, 1),
                "made_with": plan.models,
                "gone": plan.gone,
                "jobs": [each.job_id for each in plan.found],
                "queued": queued,
                "daemon_running": running,
            }
        )
    elif queued:
        print(f"queued with priority {to}; {when_done(running=running)}")


def _plan(queries: Queries, made: Made, *, shown: bool) -> Plan:
    with busy("looking for transcripts", wanted=shown):
        found = queries.made(made)
    recordings = through(found, "looking for their recordings", wanted=shown)
    here = [each for each in recordings if exists(each.root, each.path_bytes)]
    return Plan(here, len(found) - len(here), queries.busy_speed())


def _show(plan: Plan) -> None:
    if plan.found:
        took = f", about {length(plan.eta_s)} at the speed of the last batches" if plan.eta_s is not None else ""
        print(f"{len(plan.found)} recordings, {length(plan.audio_s)} of audio{took}")
        print("  made with " + ", ".join(f"{model} ({count})" for model, count in plan.models.most_common()))
    else:
        print("no transcripts match")
    if plan.gone:
        print(f"  left alone, because the recording is gone: {plan.gone}")


def _agreed() -> bool:
    """Ask whether to go on; nobody to be asked means no."""
    if not sys.stdin.isatty():
        print("  nothing is queued without --yes")
        return False
    return typer.confirm("transcribe them once more?")
