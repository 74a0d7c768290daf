"""A model: whether it is on this machine, and whether its weights are those of its makers."""

from collections.abc import Iterator

from daemon.config.engines import ONNX, WHISPER
from daemon.doctor.case import Case
from daemon.doctor.findings import Finding, failed, ok, warning
from daemon.processes.asking import SURVEY, NoAnswer, ask
from daemon.processes.protocol import FindModel, FoundModel, Unready

SUBJECT = "model"
HASHING_S = 240.0
"""A large model has 3 GB, which a slow disk reads in a minute."""
SHOWN = 12
"""Digits of a hash that are shown."""


def examine(case: Case) -> Iterator[Finding]:
    """Check the model that the argument names."""
    engine = case.settings.model.engine
    if engine not in (WHISPER, ONNX):
        return iter((ok(SUBJECT, f"{case.argument}: where it is, only the engine {engine} knows"),))
    return findings(case.argument, ask(SURVEY, FindModel(case.argument, engine=engine), HASHING_S))


def findings(name: str, answer: object) -> Iterator[Finding]:
    """Judge what the survey child says of a model."""
    match answer:
        case NoAnswer():
            cure = "pip install --force-reinstall the packages of transcribed; check the disk"
            yield failed(SUBJECT, f"{name} cannot be looked for: {answer.why}", cure)
        case Unready():
            yield failed(SUBJECT, answer.message, answer.hint)
        case FoundModel(folder=None):
            yield warning(
                SUBJECT,
                f"{name} is not on this machine; the next start downloads it",
                "start the daemon with a network, or copy the folder of the model here and set model.name to it",
            )
        case FoundModel():
            yield _weights(name, answer)


def _weights(name: str, found: FoundModel) -> Finding:
    told = f"{name}: {found.weights_bytes / 1e6:.0f} MB, SHA-256 {found.sha256[:SHOWN]}…"
    if found.expected is None:
        return ok(SUBJECT, f"{told}, which nobody vouches for; in {found.folder}")
    if found.expected != found.sha256:
        return failed(
            SUBJECT,
            f"{told}, but it should be {found.expected[:SHOWN]}…: damaged, in {found.folder}",
            "remove that folder, so that the model is fetched again, and check the disk",
        )
    return ok(SUBJECT, f"{told}, as published; in {found.folder}")
