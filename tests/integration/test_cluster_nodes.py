"""A real head and a real node of Ray on this machine: they find each other, and refuse who does not belong to them."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from daemon import __version__
from daemon.cli import engine
from daemon.cli.app import main
from daemon.cluster.environment import environment
from daemon.cluster.look import look
from daemon.cluster.ports import Ports, taken
from tests.support import ROOT, wait_until

pytestmark = pytest.mark.timeout(300)

START_S = 140.0
"""On two busy cores; alone, it takes 10 s."""
DRIVER = """
import json, sys, ray
ray.init(address=sys.argv[1], log_to_driver=False, configure_logging=False)
print(json.dumps([node for node in ray.nodes() if node["Alive"]]))
"""


class Cluster:
    """A head and a node, each in a session of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.token = folder / "t" / "token"
        # Workers that look for free ports at the same time look in other places.
        begin = 24_000 + 1_000 * int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
        blocks = (first for first in range(begin, begin + 1_000, 64) if not taken([*range(first, first + 65)]))
        self.head_ports, self.node_ports, self.port = next(blocks), next(blocks), next(blocks)
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def arguments(self, name: str, ports: int, *others: str) -> list[str]:
        at = f"--token-file={self.token}"
        return [*others, at, f"--folder={self.folder / name}", f"--ports={ports}", "--gpus=0"]

    def start(self, name: str, up: str, *arguments: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", "daemon", "engine", *arguments],
                stderr=log,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                cwd=self.folder,
                start_new_session=True,
            )
        wait_until(lambda: up in self.log(name) or self.processes[name].poll() is not None, START_S, up)
        assert up in self.log(name), self.log(name)

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()

    def nodes(self) -> list[dict[str, Any]]:
        """What a driver sees."""
        done = subprocess.run(
            [sys.executable, "-c", DRIVER, f"127.0.0.1:{self.port}"],
            env={**os.environ, **environment(self.token)},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return list(json.loads(done.stdout))

    def left(self, name: str) -> list[str]:
        """The processes that know the folder of a node."""
        found = []
        for file in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):
                line = file.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
                found += [line] if f"{self.folder}/{name}" in line else []
        return found


Refused = Callable[..., str]


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    # Not below tmp_path: the sockets of Ray need a short path.
    with tempfile.TemporaryDirectory(prefix="tr-") as folder:
        made = Cluster(Path(folder))
        try:
            head = made.arguments("h", made.head_ports, "head", f"--port={made.port}")
            made.start("h", "the head is up", *head)
            made.start(
                "n", "joined", *made.arguments("n", made.node_ports, "join", f"127.0.0.1:{made.port}", "--cpus=2")
            )
            yield made
        finally:
            for process in made.processes.values():
                process.kill()
                process.wait()
            wait_until(lambda: not made.left(""), 30, "the end of Ray")


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Refused:
    """What `transcribed engine` says when it fails with an exit code."""

    def said(code: int, *arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["transcribed", "engine", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        found = capsys.readouterr().err
        assert ended.value.code == code, found
        return found

    return said


def join(cluster: Cluster, *others: str) -> list[str]:
    """A join that would work: a machine of its own, but for what the test changes (the last option counts)."""
    free = next(first for first in range(30_000, 32_000, 64) if not taken(Ports(first).needed()))
    return [*cluster.arguments("m", free, "join", f"127.0.0.1:{cluster.port}"), *others]


def a_driver_sees_both_with_what_they_offer(cluster: Cluster) -> None:
    said = {node["NodeManagerPort"]: (node["Resources"], node["Labels"]) for node in cluster.nodes()}
    (head, labels), (node, _) = said[cluster.head_ports], said[cluster.node_ports]
    assert ("CPU" in head, node["CPU"], "GPU" in node) == (False, 2.0, False)
    assert (labels["transcribed"], labels["transcribed.ports"]) == (__version__, str(cluster.head_ports))


def the_head_makes_a_token_and_says_where(cluster: Cluster) -> None:
    assert f"a new token is in {cluster.token}" in cluster.log("h")
    assert cluster.token.stat().st_mode & 0o777 == 0o600
    assert cluster.log("n").count("\n") == 1, "the node has something to complain of"


def nobody_else_gets_at_what_ray_leaves_open_to_all(cluster: Cluster) -> None:
    for name in ("h", "n"):
        assert (cluster.folder / name).stat().st_mode & 0o077 == 0
        assert any((cluster.folder / name).glob("r/session_latest/sockets/raylet*"))


def ray_listens_only_where_the_page_says(cluster: Cluster) -> None:
    both = [*range(cluster.head_ports, cluster.head_ports + 64), *range(cluster.node_ports, cluster.node_ports + 64)]
    pids = {int(file.parent.name) for file in Path("/proc").glob("[0-9]*/cmdline") if _knows(file, cluster.folder)}
    found = {port for pid in pids for port in _listening(pid)}
    assert found and found <= {cluster.port, *both}


def another_token_is_refused(cluster: Cluster, refused: Refused) -> None:
    other = cluster.folder / "other-token"
    other.write_text("0" * 64)
    other.chmod(0o600)
    said = refused(4, *join(cluster, f"--token-file={other}"))
    assert f"the head at 127.0.0.1:{cluster.port} refuses the token of this machine" in said


def another_version_is_refused(cluster: Cluster, refused: Refused) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "__version__", "9.9")
        said = refused(4, *join(cluster))
    assert f"the head has transcribed {__version__}, and this machine 9.9" in said


def a_shut_port_is_named(cluster: Cluster, refused: Refused) -> None:
    shut = cluster.port + 1
    arguments = cluster.arguments("m", cluster.port - 64, "join", f"127.0.0.1:{shut}")
    said = refused(4, *arguments, f"--ports={join(cluster)[-2].partition('=')[2]}")
    assert f"no head can be reached at 127.0.0.1 port {shut}: Connection refused" in said


def a_port_that_is_taken_here_is_named(cluster: Cluster, refused: Refused) -> None:
    said = refused(4, *join(cluster, f"--ports={cluster.node_ports}"))
    assert f"ports {cluster.node_ports}, {cluster.node_ports + 1}, " in said
    assert "--ports chooses another block" in said


def a_folder_holds_one_node(cluster: Cluster, refused: Refused) -> None:
    said = refused(4, *join(cluster, f"--folder={cluster.folder / 'n'}"))
    assert f"runs already in the folder {cluster.folder / 'n'}" in said


def told_to_stop_a_node_leaves_and_nothing_stays(cluster: Cluster) -> None:
    process = cluster.processes["n"]
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0, cluster.log("n")
    assert cluster.log("n").endswith("stopped\n")
    wait_until(lambda: not cluster.left("n"), 10, "the end of the node")
    head = look(f"127.0.0.1:{cluster.port}", {**os.environ, **environment(cluster.token)})
    assert [node.node_manager for node in head.nodes] == [cluster.head_ports]


def killed_a_head_leaves_nothing_behind(cluster: Cluster) -> None:
    assert cluster.left("h")
    cluster.processes["h"].kill()
    wait_until(lambda: not cluster.left("h"), 30, "the end of the head")


def test_a_head_and_a_node_from_their_start_to_their_end(cluster: Cluster, refused: Refused) -> None:
    """One test: to start them takes long, and what is seen in between changes nothing."""
    a_driver_sees_both_with_what_they_offer(cluster)
    the_head_makes_a_token_and_says_where(cluster)
    nobody_else_gets_at_what_ray_leaves_open_to_all(cluster)
    ray_listens_only_where_the_page_says(cluster)
    another_token_is_refused(cluster, refused)
    another_version_is_refused(cluster, refused)
    a_shut_port_is_named(cluster, refused)
    a_port_that_is_taken_here_is_named(cluster, refused)
    a_folder_holds_one_node(cluster, refused)
    told_to_stop_a_node_leaves_and_nothing_stays(cluster)
    killed_a_head_leaves_nothing_behind(cluster)


def _knows(cmdline: Path, folder: Path) -> bool:
    with suppress(OSError):
        return str(folder).encode() in cmdline.read_bytes()
    return False


def _listening(pid: int) -> set[int]:
    """The ports that a process listens at for other machines, as Linux lists them."""
    inodes = set()
    for descriptor in Path(f"/proc/{pid}/fd").glob("*"):
        with suppress(OSError):
            inodes.add(os.readlink(descriptor).removeprefix("socket:[").removesuffix("]"))
    found = set()
    for name in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{name}").read_text().splitlines()[1:]:
            fields = line.split()
            address, _, port = fields[1].rpartition(":")
            if fields[3] == "0A" and fields[9] in inodes and address != "0100007F":
                found.add(int(port, 16))
    return found
