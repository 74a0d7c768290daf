"""The ways to name a cluster: one that the daemon starts for itself, the one of this machine, and a client's."""

import os
import shutil
import socket
import subprocess
import time
from contextlib import suppress
from functools import partial
from pathlib import Path

import psutil
import pytest

from tests.faults.clusters import all_once, done_at_least, engines_of, link_of, ready_at_least
from tests.ray_cluster import Node, ray_cluster
from tests.support import Daemon, MakeDaemon, wait_until, write_wav

pytestmark = pytest.mark.faults


def below(pid: int) -> list[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).children(recursive=True)
    return []


ENDS_S = 90.0
"""Two helpers of Ray notice within a minute that what they help is gone."""


def is_left(process: psutil.Process) -> bool:
    """Whether it runs; one that has ended may have nobody who takes note of it."""
    with suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


@pytest.mark.guarantee(19, 32)
@pytest.mark.timeout(450)
def test_a_cluster_of_its_own_ends_with_its_link_and_with_its_daemon(make_daemon: MakeDaemon) -> None:
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'transcribed[cluster]'")
    daemon: Daemon = make_daemon(
        fake={"delay_s": 0.3}, model='device = "none"', cluster='address = "local"', jobs="attempts = 1"
    )
    recordings = [write_wav(daemon.inbox / f"{number:02}.wav", 1, seed=number) for number in range(40)]
    daemon.start().ready()
    assert daemon.process is not None
    wait_until(partial(done_at_least, daemon, 3), 60, "some recordings")
    link = link_of(daemon)
    assert link is not None
    own = below(link)
    psutil.Process(link).kill()
    wait_until(lambda: not any(map(is_left, own)), ENDS_S, "the end of the first cluster")
    wait_until(partial(ready_at_least, daemon, 2), 90, "the second cluster")
    own = below(daemon.process.pid)
    daemon.kill()
    wait_until(lambda: not any(map(is_left, own)), ENDS_S, "the end of the second cluster")
    daemon.start().ready()
    wait_until(partial(done_at_least, daemon, len(recordings)), 90, "all recordings")
    own = below(daemon.process.pid)
    assert daemon.stop() == 0
    wait_until(lambda: not any(map(is_left, own)), ENDS_S, "the end of the third cluster")
    all_once(daemon, recordings)


@pytest.mark.timeout(200)
def test_the_cluster_that_this_machine_is_part_of(make_daemon: MakeDaemon) -> None:
    with ray_cluster({}) as cluster:
        cluster.join()
        tables = cluster.tables
        table = f'address = "auto"\ntoken_file = "{cluster.token}"'
        daemon = make_daemon(fake={}, model=tables["model"], cluster=table, jobs="attempts = 1")
        recordings = [write_wav(daemon.inbox / f"{number:02}.wav", 1, seed=number) for number in range(10)]
        # Others may run here, too: which one it is, Ray is told as its own commands are.
        daemon.start(RAY_ADDRESS=cluster.address)
        wait_until(partial(done_at_least, daemon, len(recordings)), 90, "all recordings")
        assert daemon.stop() == 0
    all_once(daemon, recordings)


@pytest.mark.guarantee(19, 32)
@pytest.mark.timeout(300)
def test_by_a_client_s_way(make_daemon: MakeDaemon) -> None:
    pytest.importorskip("grpc", reason="a client of Ray needs grpcio")
    with ray_cluster({"delay_s": 0.3}) as cluster:
        cluster.head.kill()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        arguments = ["--head", f"--port={cluster.port}", "--num-cpus=0", "--include-dashboard=false"]
        cluster.head = Node(
            cluster, [*arguments, f"--temp-dir={cluster.folder}", f"--ray-client-server-port={port}"],
            PYTHONPATH=os.environ["PYTHONPATH"],
        )  # fmt: skip
        wait_until(lambda: b"runtime started" in cluster.head.log.read_bytes(), 60, "the head")
        first = cluster.join()
        tables = cluster.tables
        table = f'address = "ray://127.0.0.1:{port}"\ntoken_file = "{cluster.token}"'
        daemon = make_daemon(fake={}, model=tables["model"], cluster=table, jobs="attempts = 1")
        recordings = [write_wav(daemon.inbox / f"{number:02}.wav", 1, seed=number) for number in range(60)]
        began = time.monotonic()
        daemon.start(PYTHONPATH=os.environ["PYTHONPATH"])
        try:
            wait_until(partial(done_at_least, daemon, 3), 90, "some recordings")
            print(f"the first ones after {time.monotonic() - began:.1f} s")
            cluster.join()
            wait_until(partial(ready_at_least, daemon, 2), 60, "the second node")
            first.kill()
            wait_until(partial(done_at_least, daemon, len(recordings)), 90, "all recordings")
        finally:
            print(daemon.log_text())
        assert daemon.stop() == 0
        wait_until(lambda: not engines_of(cluster), 40, "the end of all engines")
    all_once(daemon, recordings)


def certificates(folder: Path) -> dict[str, str]:
    """The variables of Ray with a certificate of an authority of its own, for all addresses of this machine."""
    found = [each.address for of in psutil.net_if_addrs().values() for each in of if each.family == socket.AF_INET]
    (folder / "names").write_text(f"subjectAltName=DNS:localhost,{','.join(f'IP:{address}' for address in found)}\n")
    authority = ["-x509", "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=an authority of ours"]
    for arguments in (
        ["req", "-newkey", "rsa:2048", "-nodes", "-days", "2", *authority],
        ["req", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "asked", "-subj", "/CN=localhost"],
        ["x509", "-req", "-in", "asked", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
         "-extfile", "names", "-out", "cert.pem"],
    ):  # fmt: skip
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)
    files = {"SERVER_CERT": "cert.pem", "SERVER_KEY": "key.pem", "CA_CERT": "ca.pem"}
    return {"RAY_USE_TLS": "1"} | {f"RAY_TLS_{name}": str(folder / file) for name, file in files.items()}


@pytest.mark.guarantee(32)
@pytest.mark.timeout(300)
def test_over_tls(make_daemon: MakeDaemon, tmp_path: Path) -> None:
    """As docs/cluster.md has it: all of them with the variables, or else nobody gets in."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed here")
    (tmp_path / "tls").mkdir()
    variables = certificates(tmp_path / "tls")
    with ray_cluster({}, variables) as cluster:
        cluster.join()
        daemon = make_daemon(fake={}, jobs="attempts = 1", **cluster.tables)
        recordings = [write_wav(daemon.inbox / f"{number:02}.wav", 1, seed=number) for number in range(10)]
        daemon.start(**variables)
        wait_until(partial(done_at_least, daemon, len(recordings)), 90, "all recordings")
        assert daemon.stop() == 0
        recordings.append(write_wav(daemon.inbox / "plain.wav", 1, seed=99))
        daemon.start()
        wait_until(lambda: "ERROR cluster: " in daemon.log_text().rpartition("stopping")[2], 90, "why it cannot join")
        assert not done_at_least(daemon, len(recordings))
        print(daemon.log_text())
        daemon.kill()
        daemon.start(**variables)
        wait_until(partial(done_at_least, daemon, len(recordings)), 90, "the last one")
        assert daemon.stop() == 0
    all_once(daemon, recordings)
