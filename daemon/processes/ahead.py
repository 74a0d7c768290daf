"""The first engine child, started while the daemon still loads its own libraries, on a core that is idle until then."""

from daemon.config.engines import WHISPER
from daemon.processes.child import Child

MODULE = "daemon.engine.whisper_worker"

_started: list[Child] = []


def start() -> None:
    """Start a child that loads Whisper's libraries; should this process end first, it ends, too."""
    _started.append(Child(MODULE))


def take(engine: str) -> Child | None:
    """Return the child that was started, once, if it is one of this engine; else end it."""
    child = _started.pop() if _started else None
    if child is not None and engine != WHISPER:
        child.end()
        return None
    return child
