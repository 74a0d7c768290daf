"""`transcribed engine head` and `join` up to where Ray starts: options, tokens, GPUs, models."""

import logging
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from daemon.cli import engine
from daemon.cli.app import main
from daemon.cluster import checks, look, object_store, roundtrip, running
from daemon.cluster.node import Plan
from daemon.cluster.object_store import Store
from daemon.errors import Unavailable
from daemon.monitor import gpu
from daemon.monitor.sample import Gpu, Probe
from daemon.processes import asking
from daemon.processes.protocol import FindModel, FoundModel, Unready

HEAD = look.Head("", "", (look.Node("10.0.0.1", True, 1, 2, {}),))
Started = tuple[Plan, Mapping[str, str]]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Started]:
    """What Ray would be started with, on a machine with two GPUs and enough shared memory; no port is tried."""
    found: list[Started] = []

    def run(plan: Plan, variables: Mapping[str, str], when_up: Callable[[], None]) -> None:
        found.append((plan, variables))
        when_up()

    monkeypatch.setattr(running, "run", run)
    monkeypatch.setattr(look, "look", lambda _address, _variables: HEAD)
    monkeypatch.setattr(roundtrip, "try_back", lambda *_arguments: "")
    for name in ("check_ports_here", "check_head_is_there", "check_ports_there", "check_folder"):
        monkeypatch.setattr(checks, name, lambda *_arguments: None)
    monkeypatch.setattr(object_store, "free", lambda: 10**10)
    monkeypatch.setattr(gpu.GpuProbe, "__call__", lambda _probe: Probe((_gpu(0), _gpu(1))))
    monkeypatch.setattr(engine, "log_to_stderr", lambda _level: None)
    for name in ("CUDA_VISIBLE_DEVICES", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return found


class Looks:
    """Gives these answers, one after another."""

    def __init__(self, *answers: look.Head | Unavailable) -> None:
        self._answers = iter(answers)

    def __call__(self, _address: str, _variables: Mapping[str, str]) -> look.Head:
        answer = next(self._answers)
        if isinstance(answer, Unavailable):
            raise answer
        return answer


def _gpu(index: int) -> Gpu:
    return Gpu(index, f"GPU-{index}", "a card", None, None, None, None)


@pytest.fixture
def token(tmp_path: Path) -> str:
    file = tmp_path / "token"
    file.write_text("a" * 64)
    file.chmod(0o600)
    return f"--token-file={file}"


def transcribed(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run a command; its exit code."""
    monkeypatch.setattr(sys, "argv", ["transcribed", "engine", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def test_a_head_makes_its_token_and_says_how_to_join(
    started: list[Started], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    assert transcribed(monkeypatch, "head", "--port=7000", "--ip=10.0.0.1") == 0
    ((plan, variables),) = started
    assert (plan.joins, plan.port, plan.ports.first, plan.cpus, plan.gpus) == (None, 7000, 20_700, 0, 2)
    assert (plan.ip, plan.store, plan.folder) == ("10.0.0.1", Store(1_000, None), tmp_path / ".cache/transcribed/ray")
    token = tmp_path / "config" / "transcribed" / "cluster.token"
    assert variables["RAY_AUTH_TOKEN_PATH"] == str(token)
    assert "a new token is in" in caplog.messages[0] and str(token) in caplog.messages[0]
    assert "transcribed engine join 10.0.0.1:7000" in caplog.messages[1]


def test_a_node_offers_its_gpus(
    started: list[Started], monkeypatch: pytest.MonkeyPatch, token: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    assert transcribed(monkeypatch, "join", "127.0.0.1:7000", token, "--ports=30000", "--store-mb=300") == 0
    ((plan, variables),) = started
    assert (plan.joins, plan.ports.first, plan.cpus, plan.gpus) == ("127.0.0.1:7000", 30_000, 0, 2)
    assert plan.store == Store(300, None)
    assert variables["RAY_AUTH_MODE"] == "token" and "OPENBLAS_NUM_THREADS" in variables
    assert caplog.messages == ["joined 127.0.0.1:7000: 2 GPUs"]


@pytest.mark.parametrize(
    ("options", "variable", "offered"),
    [
        (["--gpus=0"], None, "1 engine on the CPU"),
        (["--cpus=3"], None, "2 GPUs and 3 engines on the CPU"),
        ([], "1", "1 GPU"),
        ([], "", "1 engine on the CPU"),
        (["--gpus=0", "--cpus=0"], None, "nothing, for it has no GPU and --cpus is 0"),
    ],
)
def test_what_is_offered_can_be_said(
    started: list[Started], monkeypatch: pytest.MonkeyPatch, token: str, caplog: pytest.LogCaptureFixture,
    options: list[str], variable: str | None, offered: str,
) -> None:  # fmt: skip
    caplog.set_level(logging.INFO)
    if variable is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", variable)
    assert transcribed(monkeypatch, "join", "127.0.0.1", token, *options) == 0
    assert caplog.messages == [f"joined 127.0.0.1: {offered}"]
    assert started


def test_little_shared_memory_is_said(
    started: list[Started], monkeypatch: pytest.MonkeyPatch, token: str, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(object_store, "free", lambda: 64_000_000)
    assert transcribed(monkeypatch, "join", "127.0.0.1", token) == 0
    ((plan, _),) = started
    assert plan.store == Store(200, plan.folder / "r")
    (said,) = caplog.messages
    assert "(/dev/shm) has 64 MB free, too little for 200 MB" in said and "--shm-size" in said


def test_gpus_that_cannot_be_counted_are_no_guess(
    started: list[Started], monkeypatch: pytest.MonkeyPatch, token: str, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(gpu.GpuProbe, "__call__", lambda _probe: Probe(error="nvidia-smi hangs"))
    assert transcribed(monkeypatch, "join", "127.0.0.1", token) == 4
    assert "the GPUs cannot be counted: nvidia-smi hangs" in capsys.readouterr().err
    assert transcribed(monkeypatch, "join", "127.0.0.1", token, "--gpus=1") == 0
    assert len(started) == 1


@pytest.mark.usefixtures("started")
def test_what_could_not_be_tried_is_a_warning(
    monkeypatch: pytest.MonkeyPatch, token: str, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(roundtrip, "try_back", lambda *_arguments: "a task has not come back")
    assert transcribed(monkeypatch, "join", "127.0.0.1", token) == 0
    monkeypatch.setattr(look, "look", Looks(HEAD, Unavailable("the head is very busy")))
    assert transcribed(monkeypatch, "join", "127.0.0.1", token) == 0
    told = "nobody knows whether the head reaches this machine"
    assert caplog.messages == [f"{told}: a task has not come back", f"{told}: the head is very busy"]


@pytest.mark.usefixtures("started")
def test_a_head_that_is_too_busy_to_say_its_address_is_one_all_the_same(
    monkeypatch: pytest.MonkeyPatch, token: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(look, "look", Looks(Unavailable("the head is very busy")))
    assert transcribed(monkeypatch, "head", token) == 0
    assert "transcribed engine join HOST:6379" in caplog.messages[0]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (FoundModel("/m", 5, "ab12", "ab12"), "the model base is in /m, SHA-256 ab12"),
        (FoundModel("/m", 5, "ab12", None), "the model base is in /m, SHA-256 ab12"),
        (FoundModel("/m", 5, "ab12", "cd34"), "has SHA-256 ab12, and should have cd34: it is damaged"),
        (FoundModel(None, 0, "", None), "the model base is not on this machine: the daemon sends it"),
        (Unready("no such model", "look"), "no such model; look"),
        (asking.NoAnswer("it died (signal 6)"), "the model base cannot be looked for: it died (signal 6)"),
    ],
)
def test_a_model_is_looked_for_and_never_an_error(
    started: list[Started], monkeypatch: pytest.MonkeyPatch, token: str, caplog: pytest.LogCaptureFixture,
    answer: Any, said: str,
) -> None:  # fmt: skip
    caplog.set_level(logging.INFO)
    asked: list[object] = []

    def ask(_module: str, order: object, _limit_s: float) -> object:
        asked.append(order)
        return answer

    monkeypatch.setattr(asking, "ask", ask)
    assert transcribed(monkeypatch, "join", "127.0.0.1", token, "--model=base") == 0
    assert asked == [FindModel("base")]
    assert said in caplog.messages[0]
    assert started


def test_without_its_token_a_node_does_not_start(
    started: list[Started], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert transcribed(monkeypatch, "join", "127.0.0.1", f"--token-file={tmp_path / 'none'}") == 2
    assert f"there is no token at {tmp_path / 'none'}" in capsys.readouterr().err
    assert started == []


def test_rays_client_needs_what_it_is_served_with(
    started: list[Started], monkeypatch: pytest.MonkeyPatch, token: str, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(engine, "find_spec", lambda _name: None)
    assert transcribed(monkeypatch, "head", token, "--client-port=10001") == 4
    assert "pip install 'ray[client]'" in capsys.readouterr().err
    monkeypatch.setattr(engine, "find_spec", lambda _name: object())
    assert transcribed(monkeypatch, "head", token, "--client-port=10001") == 0
    assert started[0][0].client_port == 10_001
