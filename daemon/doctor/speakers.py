"""Whether it can be told who speaks, where that is asked for."""

from collections.abc import Iterator
from importlib.util import find_spec

from daemon.chunk import OFF
from daemon.config.speaker_models import speaker_model, to_install
from daemon.doctor.case import Case
from daemon.doctor.findings import Finding, ok, warning

SUBJECT = "speakers"
LIBRARIES = ("kaldi_native_fbank", "onnxruntime", "scipy")


def examine(case: Case) -> Iterator[Finding]:
    """Look for what telling voices apart needs, if a folder asks for it."""
    asking = [str(watch.path) for watch in case.settings.watch if watch.speakers != OFF]
    if not asking:
        return
    without = f"transcripts of {', '.join(asking)} are made without speakers, unless their channels tell who speaks"
    if missing := [name for name in LIBRARIES if find_spec(name) is None]:
        yield warning(
            SUBJECT, f"{', '.join(missing)} cannot be found: {without}", "pip install 'transcribed[speakers]'"
        )
    name = case.settings.speakers.model
    if (file := speaker_model(name)).is_file():
        yield ok(SUBJECT, f"the model that tells voices apart is {file}")
    else:
        yield warning(SUBJECT, f"there is no {file}: {without}", f"as the daemon's user: {to_install(name)}")
