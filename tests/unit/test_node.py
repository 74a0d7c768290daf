"""What Ray is started with, and what its end means."""

from dataclasses import replace
from pathlib import Path

import pytest

from daemon.cluster.node import Plan, arguments, slots, visible, why
from daemon.cluster.object_store import Store
from daemon.cluster.ports import Ports

NODE = Plan(
    joins="10.0.0.1:6379",
    port=6379,
    ports=Ports(),
    folder=Path("/f"),
    store=Store(200, None),
    cpus=1,
    gpus=2,
    version="0.3",
)
HEAD = replace(NODE, joins=None, port=7000)


def test_a_node_joins_with_what_it_has() -> None:
    said = arguments(NODE)
    assert said[:3] == ["start", "--block", "--address=10.0.0.1:6379"]
    for option in ("--num-cpus=1", "--num-gpus=2", "--disable-usage-stats", "--temp-dir=/f/r", *Ports().options()):
        assert option in said
    assert "--labels=transcribed=0.3,transcribed.ports=20700" in said
    assert not any(option.startswith(("--node-ip", "--head", "--ray-client", "--port")) for option in said)


def test_a_head_has_no_dashboard_no_client_and_no_autoscaler() -> None:
    said = arguments(HEAD)
    assert {"--head", "--port=7000", "--include-dashboard=false", "--no-monitor"} <= set(said)
    assert not any(option.startswith(("--ray-client", "--address")) for option in said)


def test_what_is_asked_for_is_there() -> None:
    said = arguments(replace(HEAD, client_port=10_001, ip="10.0.0.1"))
    assert "--ray-client-server-port=10001" in said and "--node-ip-address=10.0.0.1" in said


def test_ray_knows_every_option() -> None:
    from ray.scripts.scripts import start

    known = {name for parameter in start.params for name in parameter.opts}
    said = [*arguments(NODE), *arguments(replace(HEAD, client_port=1, ip="::1", store=Store(1, Path("/f"))))]
    assert {option.partition("=")[0] for option in said} - known == {"start"}


@pytest.mark.parametrize(
    ("cpus", "gpus", "is_head", "expected"),
    [(None, 0, False, 1), (None, 2, False, 0), (None, 0, True, 0), (3, 2, False, 3), (0, 0, False, 0), (2, 0, True, 2)],
)
def test_engines_on_the_cpu(cpus: int | None, gpus: int, is_head: bool, expected: int) -> None:
    assert slots(cpus, gpus, is_head=is_head) == expected


@pytest.mark.parametrize(
    ("variable", "expected"),
    [(None, 4), ("", 0), ("0", 1), ("0,2", 2), ("-1", 0), ("1,-1,2", 1), ("GPU-abc,GPU-def", 2), ("0,1,2,3,4", 4)],
)
def test_gpus_that_cuda_may_not_use_do_not_count(variable: str | None, expected: int) -> None:
    assert visible(4, variable) == expected


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("ray.exceptions.AuthenticationError: RPC error: InvalidAuthToken: ...", "refuses the token"),
        ("RuntimeError: Version mismatch: The cluster was started with:", "another version of Ray or Python"),
        ("This node has been marked dead by the GCS: failed health check", "has given this machine up"),
        ("bind: Address already in use", "a port was taken meanwhile"),
        ("Exception: The current node timed out during startup. This could", "Ray has not started in time"),
    ],
)
def test_the_end_of_a_node_is_told_by_what_ray_says(line: str, said: str) -> None:
    assert said in why(["before", line, "after"], NODE, head_is_there=True).message


def test_a_head_that_is_gone_is_the_reason_whatever_ray_says() -> None:
    error = why(["Failed to read a message from node: 000"], NODE, head_is_there=False)
    assert error.message == "the head at 10.0.0.1:6379 is gone"


def test_else_the_last_lines_are_shown_without_their_stamps() -> None:
    error = why(["2026-11-30 08:57:47,429\tINFO scripts.py:1043 -- Out of disk", ""], HEAD, head_is_there=False)
    assert error.message == "Ray has ended: Out of disk"
    assert error.hint == "its logs are in /f/r/session_latest/logs"
    assert why([], NODE, head_is_there=True).message == "Ray has ended: it says nothing"
