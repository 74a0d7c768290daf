"""Whether it can be told who speaks, where that is asked for, and whether voices are kept that nobody asks for."""

import shlex
from collections.abc import Iterator
from contextlib import suppress
from importlib.util import find_spec

from daemon.chunk import OFF
from daemon.config.speaker_models import FOR_8_BITS, USUAL, in_8_bits, speaker_model, to_install
from daemon.doctor.case import Case
from daemon.doctor.findings import Finding, ok, warning
from daemon.errors import Unavailable
from daemon.processes.environment import has
from daemon.store.queries import Queries

SUBJECT = "speakers"
LIBRARIES = ("fastcluster", "kaldi_native_fbank", "onnxruntime")


def examine(case: Case) -> Iterator[Finding]:
    """Look for what telling voices apart needs, if a folder asks for it, and for voices that were kept once."""
    yield from _kept_for_nothing(case)
    asking = [str(watch.path) for watch in case.settings.watch if watch.speakers != OFF]
    if not asking:
        return
    without = f"transcripts of {', '.join(asking)} are made without speakers, unless their channels tell who speaks"
    if missing := [name for name in LIBRARIES if find_spec(name) is None]:
        yield warning(
            SUBJECT, f"{', '.join(missing)} cannot be found: {without}", "pip install 'transcribed[speakers]'"
        )
    name = case.settings.speakers.model
    if not (file := speaker_model(name)).is_file():
        yield warning(SUBJECT, f"there is no {file}: {without}", f"as the daemon's user: {to_install(name)}")
    elif name == USUAL and has(FOR_8_BITS) and not in_8_bits(file).is_file():
        slow = "on this processor, telling voices apart takes half the time with a model in 8 bits"
        yield warning(SUBJECT, f"there is no {in_8_bits(file)}: {slow}", f"as the daemon's user: {to_install(name)}")
    else:
        yield ok(SUBJECT, f"the model that tells voices apart is {file}")


def _kept_for_nothing(case: Case) -> Iterator[Finding]:
    known: list[str] = []
    with suppress(Unavailable):  # that the database cannot be read, or is not there yet, its own check says
        if not case.settings.speakers.keeps:
            with Queries(case.settings.database_path) as queries:
                known = [row["name"] for row in queries.known_names()]
    if known:
        yield warning(
            SUBJECT,
            f'voices are kept that nobody is recognized by any more, as speakers.voices is "off": {", ".join(known)}',
            f'transcribed speakers forget {shlex.quote(known[0])}, or set speakers.voices to "keep" again',
        )
