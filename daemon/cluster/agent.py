"""What runs on a machine of the cluster: starts an engine there, and passes messages on to it and back.

Ray makes an actor of it, and calls its methods on threads. It does not read the messages: the daemon and the engine say
to each other what they would say on one machine. An engine is a process of its own here, too, so that how it dies says
whether its machine is to blame.
"""

import hashlib
import json
import os
import platform
import shutil
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from importlib.util import find_spec
from multiprocessing.connection import wait
from pathlib import Path

from daemon.config.paths import packaged
from daemon.monitor.gpu import GpuProbe
from daemon.processes.asking import ENGINE, SURVEY, ask
from daemon.processes.child import Child, ChildDied, Peer
from daemon.processes.protocol import FindModel, FoundModel
from daemon.processes.safe_pickle import MODULES

POLL_S = 3.0
"""An answer comes at least this often, even if the engine has nothing to say: silence means that the way is cut."""
SURVEY_S = 600.0
"""How long the weights of a model may take to be read and hashed."""
WITH_THE_MACHINE = ("signal 9", "signal 15")
SETTLE_S = 2.0
"""An engine that was killed from outside may have died with its machine: after so long, it has not."""
VISIBLE = "CUDA_VISIBLE_DEVICES"
SENT = "sent"
"""The folder of models that the daemon has sent, beside those from packages; each is named for its hash."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What an engine has said since it was last asked."""

    messages: tuple[tuple[bytes, list[bytes]], ...]
    """Each as a pickle, and what goes beside it."""
    ended: str | None = None
    """How its process ended, once it has."""


@dataclass(slots=True)
class _Session:
    """An engine from its start to its end."""

    child: Peer
    sending: threading.Lock = field(default_factory=threading.Lock)


class Agent:
    """Engines on one machine, one after another."""

    def __init__(self) -> None:
        self._sessions: dict[int, _Session] = {}
        self._probe: GpuProbe | None = None
        # Ray sets it for its own workers; an engine has threads as it is told.
        os.environ.pop("OMP_NUM_THREADS", None)
        _forget_what_was_not_sent()

    def about(self) -> dict[str, str]:
        """Return what must be the same on all machines, and which GPU this place has."""
        return {**same_everywhere(), "gpu": os.environ.get(VISIBLE, "")}

    def find(self, name: str, engine: str, sha256: str) -> tuple[str, str]:
        """Return where a model is on this machine, and the SHA-256 of its weights; ("", "") where it is not.

        Args:
            name: Of the model.
            engine: Whose model it is.
            sha256: That of the model that is wanted, if it is known: it may have been sent here before.
        """
        sent = sent_folder(sha256)
        if sha256 and sent.is_dir():
            return str(sent), sha256
        found = find_model(name, engine)
        return ("", "") if found is None or found.folder is None else (found.folder, found.sha256)

    def store(self, sha256: str, file: str, offset: int, content: bytes) -> str:
        """Keep a part of a file of a model that the daemon sends; `keep` puts them in their place.

        Returns:
            Why it cannot be kept, after which nothing of the model is; "" if it can.
        """
        folder = _receiving(sha256)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with (folder / Path(file).name).open("r+b" if offset else "wb") as opened:
                opened.seek(offset)
                opened.write(content)
        except OSError as error:
            shutil.rmtree(folder, ignore_errors=True)
            return f"{folder.parent}: {error.strerror or error}"
        return ""

    def keep(self, sha256: str, engine: str) -> str:
        """Check a model that has been sent, and return its folder; "" if it is not what it should be."""
        received, sent = _receiving(sha256), sent_folder(sha256)
        found = find_model(f"{received}/", engine)
        try:
            if found is None or found.sha256 != sha256:
                return ""
            with suppress(OSError):  # another engine of this machine was sent it, too
                received.rename(sent)
        finally:
            shutil.rmtree(received, ignore_errors=True)
        return str(sent)

    def begin(self, session: int) -> None:
        """Start an engine's process, which then waits for its order."""
        self._sessions[session] = _Session(self.started())

    def started(self) -> Peer:
        """Start an engine's process; a benchmark has one that is none."""
        return Child(ENGINE)

    def send(self, session: int, pickled: bytes, beside: list[bytes]) -> None:
        """Pass a message on to an engine; one that has died says so when it is asked."""
        found = self._sessions.get(session)
        if found is not None:
            with found.sending, suppress(ChildDied):
                found.child.pass_on(pickled, beside)

    def receive(self, session: int) -> Answers:
        """Return what an engine says, as soon as it says something; nothing after a while."""
        found = self._sessions.get(session)
        if found is None:
            return Answers((), "ended by the daemon")
        messages = []
        timeout_s = POLL_S
        while wait([found.child.fileno()], timeout_s):
            try:
                messages.append(found.child.receive_packed())
            except ChildDied:
                del self._sessions[session]
                how = found.child.end()
                if how in WITH_THE_MACHINE:
                    time.sleep(SETTLE_S)
                return Answers(tuple(messages), how)
            timeout_s = 0.0
        return Answers(tuple(messages))

    def end(self, session: int) -> None:
        """End an engine."""
        found = self._sessions.pop(session, None)
        if found is not None:
            found.child.end()

    def gpus(self, timeout_s: float) -> str:
        """Return the GPUs of this machine, as JSON; see `NodeGpus`."""
        if self._probe is None:
            self._probe = GpuProbe(timeout_s)
        probe = self._probe()
        return json.dumps({"gpus": [asdict(gpu) for gpu in probe.gpus], "error": probe.error})


AGENT: type[Agent] = Agent
"""What Ray makes actors of."""


def same_everywhere() -> dict[str, str]:
    """Return what must be the same for the daemon and a machine to understand each other."""
    code = hashlib.blake2b(digest_size=8)
    for module in MODULES:
        spec = find_spec(module)
        assert spec is not None and spec.origin is not None
        code.update(Path(spec.origin).read_bytes())
    return {
        "transcribed": version("transcribed"),
        "messages": code.hexdigest(),
        "python": ".".join(platform.python_version_tuple()[:2]),
    }


def find_model(name: str, engine: str) -> FoundModel | None:
    """Look for a model on this machine, and hash its weights; None where it cannot have it."""
    answer = ask(SURVEY, FindModel(name, engine=engine), SURVEY_S)
    return answer if isinstance(answer, FoundModel) else None


def sent_folder(sha256: str) -> Path:
    """Return where a model is kept that the daemon has sent."""
    return packaged() / SENT / sha256


def _receiving(sha256: str) -> Path:
    return packaged() / SENT / f".{sha256}-{os.getpid()}"


def _forget_what_was_not_sent() -> None:
    """Make room that models have whose sending has ended with an agent's process."""
    for folder in (packaged() / SENT).glob(".*-*"):
        if not Path(f"/proc/{folder.name.rpartition('-')[2]}").exists():
            shutil.rmtree(folder, ignore_errors=True)
