"""A node of a real Ray cluster in a network namespace, whose cable is pulled at the switch."""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from functools import partial

import pytest

from tests.faults.clusters import (
    TRACED,
    all_once,
    done,
    done_at_least,
    engines_of,
    is_lost_since,
    join,
    ready_at_least,
    traces,
    waits_s,
)
from tests.ray_cluster import ray_cluster
from tests.support import MakeDaemon, wait_until, write_wav

pytestmark = pytest.mark.faults

SPACE, SWITCH = "trcluster", "trswitch"
HERE, THERE = "10.213.77.1", "10.213.77.2"
PULLED, PLUGGED = "link set trplug nomaster", f"link set trplug master {SWITCH}"
SETUP = (
    f"netns add {SPACE}",
    f"link add {SWITCH} type bridge",
    "link add trhere type veth peer name trport",
    "link add trplug type veth peer name trthere",
    f"link set trthere netns {SPACE}",
    f"link set trport master {SWITCH}",
    PLUGGED,
    *(f"link set {name} up" for name in (SWITCH, "trhere", "trport", "trplug")),
    f"address add {HERE}/24 dev trhere",
    f"-n {SPACE} address add {THERE}/24 dev trthere",
    f"-n {SPACE} link set trthere up",
    f"-n {SPACE} link set lo up",
    f"-n {SPACE} route add default via {HERE}",
)
TEARDOWN = ("link delete trhere", "link delete trplug", f"link delete {SWITCH}", f"netns delete {SPACE}")


def ip(arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["ip", *arguments.split()], capture_output=True, text=True, timeout=10)


@pytest.fixture
def switch() -> Iterator[None]:
    """A switch between this machine and a namespace, whose plug `trplug` can be pulled."""
    if shutil.which("ip") is None or os.geteuid() != 0:
        pytest.skip("network namespaces need root and iproute2")
    try:
        for command in SETUP:
            if (failed := ip(command)).returncode:
                pytest.skip(f"no network namespace with a switch can be made here: ip {command}: {failed.stderr}")
        yield
    finally:
        for command in TEARDOWN:
            ip(command)


@pytest.mark.guarantee(19, 22, 32)
@pytest.mark.timeout(400)
@pytest.mark.usefixtures("switch")
@pytest.mark.parametrize("pulled_s", [30.0])
def test_a_node_is_cut_off_for_half_a_minute(make_daemon: MakeDaemon, pulled_s: float) -> None:
    with ray_cluster({"delay_s": 1.0, "workers": 2, "batch_size": 2}) as cluster:
        found = re.search(r"Local node IP: (\S+)", cluster.head.log.read_text())
        assert found is not None
        cluster.address = f"{found[1]}:{cluster.port}"
        within = ("ip", "netns", "exec", SPACE)
        far = join(cluster, f"--node-ip-address={THERE}", within=within)
        daemon = make_daemon(fake={}, jobs="attempts = 1\ndrain_seconds = 5", patch=TRACED, **cluster.tables)
        recordings = [write_wav(daemon.inbox / f"{number:03}.wav", 1, seed=number) for number in range(10)]
        daemon.start().ready()
        near = cluster.join()
        wait_until(partial(ready_at_least, daemon, 2), 60, "both nodes")
        recordings += [write_wav(daemon.inbox / f"{number:03}.wav", 1, seed=number) for number in range(10, 100)]
        wait_until(partial(done_at_least, daemon, 20), 60, "some recordings")
        ip(PULLED)
        pulled = time.monotonic()
        wait_until(partial(is_lost_since, daemon, 0), 25, "the node being given up")
        given_up_s = time.monotonic() - pulled
        before = done(daemon)
        time.sleep(max(0.0, pulled_s - given_up_s))
        assert done(daemon) > before, "the others did not work on"
        ip(PLUGGED)
        # It has looked for the head in vain, or hears now that it was given up: its unit starts it again.
        wait_until(lambda: far.process.poll() is not None, 60, "the end of the node that was cut off")
        wait_until(lambda: len(engines_of(cluster, without=near)) == 0, 20, "the end of its engine")
        join(cluster, f"--node-ip-address={THERE}", within=within)
        wait_until(partial(ready_at_least, daemon, 3), 60, "the node again")
        recordings += [write_wav(daemon.inbox / f"{number:03}.wav", 1, seed=number) for number in range(100, 120)]
        wait_until(partial(done_at_least, daemon, len(recordings)), 90, "all recordings")
        assert daemon.stop() == 0
    all_once(daemon, recordings)
    traced = traces(daemon)
    waits = waits_s(traced)
    print(f"given up after {given_up_s:.1f} s; {len(waits)} chunks waited {max(waits):.2f} s at most")
    assert given_up_s < 15
    assert max(waits) < 3
    last = max(number for number, each in enumerate(traced) if each.is_loss)
    assert len({each.engine for each in traced[last:] if not each.is_loss}) == 2, "it has not worked again"
