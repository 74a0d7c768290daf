"""Heads, links and daemons of a real Ray cluster that are killed: the work goes on, and nothing stays behind."""

import os
import signal
import time
from contextlib import suppress
from functools import partial

import psutil
import pytest

from tests.faults.clusters import all_once, done, done_at_least, engines_of, link_of, ready, ready_at_least, ready_there
from tests.ray_cluster import ray_cluster
from tests.support import Daemon, MakeDaemon, alive, wait_until, write_wav

pytestmark = pytest.mark.faults


def runs(daemon: Daemon) -> bool:
    return "running" in daemon.states().values()


def is_gone(pid: int) -> bool:
    return not alive(pid)


SLOW = {"delay_s": 0.5, "workers": 1, "batch_size": 2}


@pytest.mark.guarantee(19, 32)
@pytest.mark.timeout(400)
@pytest.mark.parametrize("fallback", ["wait", "local"])
def test_the_head_is_killed_and_comes_back(make_daemon: MakeDaemon, fallback: str) -> None:
    with ray_cluster(SLOW) as cluster:
        nodes = [cluster.join(), cluster.join()]
        tables = cluster.tables
        cluster_table = f'{tables["cluster"]}\nfallback = "{fallback}"'
        daemon = make_daemon(
            fake={"delay_s": 2.0, "workers": 1, "batch_size": 1}, model=tables["model"], cluster=cluster_table,
            jobs="attempts = 1\ndrain_seconds = 5",
        )  # fmt: skip
        recordings = [write_wav(daemon.inbox / f"{number:03}.wav", 1, seed=number) for number in range(400)]
        daemon.start().ready()
        wait_until(lambda: ready_there(daemon) == 2 and done(daemon) >= 10, 60, "both nodes")
        # More than these two where the nodes were slow to begin, and the engine here has stood in.
        earlier = ready(daemon)
        cluster.head.kill()
        killed = time.monotonic()
        wait_until(lambda: "does not answer" in daemon.log_text(), 20, "the daemon saying that the head is away")
        said_s = time.monotonic() - killed
        wait_until(lambda: all(node.process.poll() is not None for node in nodes), 60, "the end of the nodes")
        wait_until(lambda: not engines_of(cluster), 20, "the end of the engines")
        wait_until(lambda: link_of(daemon) is not None, 60, "another link")
        if fallback == "local":
            wait_until(lambda: ready(daemon) > earlier, 60, "the engine here")
        before = done(daemon)
        time.sleep(8)
        assert done(daemon) - before >= 2 if fallback == "local" else done(daemon) == before
        status = daemon.run("status").stdout
        cluster.start_head()
        cluster.join()
        cluster.join()
        wait_until(lambda: ready_there(daemon) == 4, 90, "the cluster again")
        wait_until(lambda: done(daemon) == len(recordings), 150, "all recordings")
        assert daemon.stop() == 0
    all_once(daemon, recordings)
    print(f"said after {said_s:.1f} s\n{status}")
    assert said_s < 15


@pytest.mark.guarantee(19, 32)
@pytest.mark.timeout(400)
def test_a_head_that_is_back_before_anybody_has_given_it_up(make_daemon: MakeDaemon) -> None:
    """It knows nothing of the nodes and the daemon that it had; what ends of it is started again, as by a unit."""
    with ray_cluster(SLOW) as cluster:
        nodes = [cluster.join(), cluster.join()]
        daemon = make_daemon(fake={}, jobs="attempts = 1\ndrain_seconds = 5", **cluster.tables)
        recordings = [write_wav(daemon.inbox / f"{number:03}.wav", 1, seed=number) for number in range(200)]
        daemon.start().ready()
        wait_until(lambda: ready(daemon) == 2 and done(daemon) >= 10, 60, "both nodes")
        cluster.head.kill()
        began = time.monotonic()
        while cluster.head.process.poll() is not None:
            # On one machine Ray starts none while nodes of the old one live.
            with suppress(AssertionError):
                cluster.head = cluster.start_head()
        while done(daemon) < len(recordings):
            assert time.monotonic() < began + 200, daemon.log_text()
            for node in [node for node in nodes if node.process.poll() is not None]:
                with suppress(AssertionError):  # it is tried again, too
                    nodes.append(cluster.join())
                    nodes.remove(node)
            time.sleep(0.5)
        assert cluster.head.process.poll() is None, cluster.head.log.read_text()
        assert daemon.stop() == 0
        wait_until(lambda: not engines_of(cluster), 20, "the end of all engines")
    all_once(daemon, recordings)


@pytest.mark.guarantee(7, 19, 32)
@pytest.mark.timeout(300)
def test_the_link_is_killed_ten_times(make_daemon: MakeDaemon) -> None:
    with ray_cluster(SLOW) as cluster:
        cluster.join(engines=1)
        cluster.join(engines=1)
        daemon = make_daemon(fake={}, jobs="attempts = 1\ndrain_seconds = 5", **cluster.tables)
        recordings = [write_wav(daemon.inbox / f"{number:03}.wav", 1, seed=number) for number in range(200)]
        daemon.start().ready()
        assert daemon.process is not None
        descriptors = []
        for kill in range(10):
            wait_until(partial(ready_at_least, daemon, 2 * kill + 2), 60, f"both nodes after {kill} kills")
            before = done(daemon)
            wait_until(partial(done_at_least, daemon, before + 2), 30, "work")
            descriptors.append(len(os.listdir(f"/proc/{daemon.process.pid}/fd")))
            link = link_of(daemon)
            assert link is not None
            os.kill(link, signal.SIGKILL)
        wait_until(partial(done_at_least, daemon, len(recordings)), 120, "all recordings")
        wait_until(lambda: len(engines_of(cluster)) <= 2, 20, "the end of the engines of dead links")
        assert daemon.stop() == 0
        wait_until(lambda: not engines_of(cluster), 20, "the end of all engines")
    all_once(daemon, recordings)
    print("descriptors", descriptors)
    assert max(descriptors[2:]) <= max(descriptors[:2]) + 3


@pytest.mark.guarantee(7, 24, 32)
@pytest.mark.timeout(300)
def test_daemons_are_killed_and_told_to_end_with_batches_on_the_nodes(make_daemon: MakeDaemon) -> None:
    """No engine of theirs stays on a node, and no recording pays."""
    with ray_cluster({"delay_s": 2.0, "workers": 2, "batch_size": 2}) as cluster:
        cluster.join()
        cluster.join()
        daemon = make_daemon(fake={}, jobs="attempts = 1\ndrain_seconds = 5", **cluster.tables)
        recordings = [write_wav(daemon.inbox / f"{number:03}.wav", 1, seed=number) for number in range(60)]
        for turn in range(6):
            daemon.start().ready()
            wait_until(partial(ready_at_least, daemon, 2 * turn + 2), 60, "both nodes")
            wait_until(partial(runs, daemon), 30, "work")
            time.sleep(turn * 0.3)
            began = time.monotonic()
            if turn % 2:
                before = done(daemon)
                assert daemon.stop() == 0
                assert done(daemon) > before, "what the engines had was lost"
                assert daemon.states() and "running" not in daemon.states().values()
            else:
                daemon.kill()
            wait_until(lambda: not engines_of(cluster), 15, "the end of the engines of a dead daemon")
            print(f"turn {turn}: {time.monotonic() - began:.1f} s until no engine was left")
        daemon.start().ready()
        wait_until(partial(done_at_least, daemon, len(recordings)), 90, "all recordings")
        assert daemon.process is not None
        daemon.process.send_signal(signal.SIGHUP)
        recordings.append(write_wav(daemon.inbox / "after.wav", 1, seed=1000))
        wait_until(partial(done_at_least, daemon, len(recordings)), 30, "one after SIGHUP")
        assert daemon.stop() == 0
    all_once(daemon, recordings)


@pytest.mark.guarantee(20, 23, 32)
@pytest.mark.timeout(300)
def test_engines_that_end_a_hundred_times_leave_nothing(make_daemon: MakeDaemon) -> None:
    """No descriptor, thread or process stays of an engine that has gone, neither in daemon and link nor on the node."""
    with ray_cluster({}) as cluster:
        node = cluster.join()
        daemon = make_daemon(fake={}, **cluster.tables).start().ready()
        assert daemon.process is not None
        link = link_of(daemon)
        assert link is not None
        had: dict[int, list[tuple[int, int]]] = {}
        for turn in range(100):
            (engine,) = wait_until(partial(engines_of, cluster), 20, "an engine")
            wait_until(partial(ready_at_least, daemon, turn + 1), 20, f"engine {turn}")
            if turn in (20, 99):
                agents = [each.pid for each in node.processes if "Agent" in " ".join(each.cmdline())]
                for pid in (daemon.process.pid, link, *agents):
                    process = psutil.Process(pid)
                    had.setdefault(pid, []).append((process.num_fds(), process.num_threads()))
            os.kill(engine, signal.SIGSEGV)
            wait_until(partial(is_gone, engine), 10, "its end")
        assert daemon.stop() == 0
    print(had)
    assert len(had) >= 3
    for before, after in had.values():
        assert after[0] <= before[0] + 3, "descriptors"
        assert after[1] <= before[1] + 3, "threads"
