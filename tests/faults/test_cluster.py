"""Nodes of a real Ray cluster that die, fall silent, or are poisoned: their batches go elsewhere, and nobody else pays."""

import json
import re
import signal
import time
from functools import partial
from pathlib import Path

import pytest

from daemon.engine.fake import POISON
from tests.faults.clusters import (
    TRACED,
    all_once,
    done,
    done_at_least,
    engines_of,
    is_lost_since,
    join,
    lost_batches,
    ready,
    ready_at_least,
    traces,
    waits_s,
)
from tests.ray_cluster import ray_cluster
from tests.support import MakeDaemon, reconcile, wait_until, write_wav

pytestmark = pytest.mark.faults


@pytest.mark.guarantee(19, 32)
@pytest.mark.timeout(600)
def test_ten_nodes_are_killed_in_two_hundred_recordings(make_daemon: MakeDaemon) -> None:
    """What was in flight there goes out again within 3 s of the loss being known, and the loss is known soon.

    A node that joins meanwhile works within 5 s.
    """
    with ray_cluster({"delay_s": 0.7, "workers": 2, "batch_size": 2}) as cluster:
        nodes = [cluster.join(), cluster.join()]
        daemon = make_daemon(fake={}, jobs="attempts = 1\ndrain_seconds = 5", patch=TRACED, **cluster.tables)
        daemon.start().ready()
        wait_until(partial(ready_at_least, daemon, 2), 60, "both nodes")
        recordings: list[Path] = []
        known_s, joined_s = [], []
        for kill in range(10):
            # As much as one node can do in 3 s, and more: what is lost has to wait until the other one has room.
            recordings += [
                write_wav(daemon.inbox / f"{number:03}.wav", 1 if number % 10 else 65, seed=number)
                for number in range(20 * kill, 20 * kill + 20)
            ]
            wait_until(partial(done_at_least, daemon, 20 * kill + 2), 60, f"recordings before kill {kill}")
            losses = lost_batches(daemon)
            nodes.pop(0).kill()
            killed = time.monotonic()
            wait_until(partial(is_lost_since, daemon, losses), 20, "the loss")
            known_s.append(time.monotonic() - killed)
            nodes.append(cluster.join())
            joined = time.monotonic()
            wait_until(partial(ready_at_least, daemon, kill + 3), 60, "the new node")
            joined_s.append(time.monotonic() - joined)
        wait_until(partial(done_at_least, daemon, len(recordings)), 120, "all recordings")
        assert daemon.stop() == 0
    all_once(daemon, recordings)
    waits = waits_s(traces(daemon))
    print(f"{len(waits)} chunks were lost, at most {max(waits):.2f} s; known after {max(known_s):.1f} s at most")
    print(f"nodes that joined were ready after {min(joined_s):.1f} to {max(joined_s):.1f} s")
    assert len(recordings) == 200
    assert len(waits) >= 10
    assert max(waits) < 3 and max(joined_s) < 5


@pytest.mark.guarantee(19, 22, 32)
@pytest.mark.timeout(300)
def test_a_node_is_silent_for_half_a_minute(make_daemon: MakeDaemon) -> None:
    """Its batches go elsewhere once it is given up, its late answers are dropped, and it works again afterwards."""
    with ray_cluster({"delay_s": 1.0, "workers": 2, "batch_size": 2}) as cluster:
        silent = cluster.join()
        daemon = make_daemon(fake={}, jobs="attempts = 1\ndrain_seconds = 5", patch=TRACED, **cluster.tables)
        recordings = [write_wav(daemon.inbox / f"{number:03}.wav", 1, seed=number) for number in range(20)]
        daemon.start().ready()
        cluster.join()
        wait_until(lambda: ready(daemon) == 2, 60, "both nodes")
        recordings += [write_wav(daemon.inbox / f"{number:03}.wav", 1, seed=number) for number in range(20, 100)]
        wait_until(lambda: done(daemon) >= 25, 60, "some recordings")
        silent.send(signal.SIGSTOP)
        stopped = time.monotonic()
        wait_until(lambda: any(each.is_loss for each in traces(daemon)), 25, "the node being given up")
        given_up_s = time.monotonic() - stopped
        time.sleep(max(0.0, 30 - given_up_s))
        silent.send(signal.SIGCONT)
        # What Ray has given up ends when it hears of it; the unit of a node starts it again.
        wait_until(lambda: silent.process.poll() is not None, 60, "the end of the node that was given up")
        wait_until(lambda: not engines_of(cluster, without=cluster.nodes[-1]), 20, "the end of its engine")
        cluster.join()
        wait_until(lambda: ready(daemon) == 3, 60, "the node again")
        recordings += [write_wav(daemon.inbox / f"{number:03}.wav", 1, seed=number) for number in range(100, 120)]
        wait_until(lambda: done(daemon) == len(recordings), 90, "all recordings")
        assert daemon.stop() == 0
    all_once(daemon, recordings)
    traced = traces(daemon)
    print(f"given up after {given_up_s:.1f} s; chunks waited {max(waits_s(traced)):.2f} s at most")
    assert given_up_s < 15
    assert waits_s(traced) and max(waits_s(traced)) < 3
    last = next(number for number in reversed(range(len(traced))) if traced[number].is_loss)
    assert len({each.engine for each in traced[last:] if not each.is_loss}) == 2, "it has not worked again"


COSTS_AT_MOST = 1.15
"""What a slow node may add to the time of a folder."""


@pytest.mark.timeout(400)
def test_a_node_that_is_five_times_slower_costs_next_to_nothing(make_daemon: MakeDaemon) -> None:
    pace = {"delay_s": 0.5, "chunk_s": 0.4, "workers": 1, "batch_size": 4}
    slow = json.dumps(pace | {"delay_s": 2.5, "chunk_s": 2.0})
    recordings: list[Path] = []
    took_s = []
    with ray_cluster(pace) as cluster:
        for _ in range(3):
            cluster.join()
        daemon = make_daemon(fake={}, jobs="attempts = 1", patch=TRACED, **cluster.tables)
        daemon.start().ready()
        for nodes in (3, 4):
            if nodes == 4:
                cluster.join(TRANSCRIBED_FAKE=slow)
            wait_until(partial(ready_at_least, daemon, nodes), 90, f"{nodes} engines")
            began, earlier = time.monotonic(), len(traces(daemon))
            recordings += [
                write_wav(daemon.inbox / f"{nodes}-{at:02}.wav", 400 if at % 8 == 5 else 10 + at, seed=100 * nodes + at)
                for at in range(48)
            ]
            wait_until(partial(done_at_least, daemon, len(recordings)), 180, "all recordings")
            took_s.append(time.monotonic() - began)
            assert len({each.engine for each in traces(daemon)[earlier:] if not each.is_loss}) == nodes
        assert daemon.stop() == 0
    all_once(daemon, recordings)
    print(f"{took_s[0]:.1f} s with three, {took_s[1]:.1f} s with the slow one: {took_s[1] / took_s[0]:.2f}")
    assert took_s[1] <= COSTS_AT_MOST * took_s[0]


POISONS = ["kill", "segv", "hang", "raise", "memory", "sticky", "malformed", "flood", "short"]


@pytest.mark.guarantee(18, 20, 22, 32)
@pytest.mark.timeout(240)
@pytest.mark.parametrize("poison", POISONS)
def test_on_a_node_too_only_the_poisonous_recordings_pay(make_daemon: MakeDaemon, poison: str) -> None:
    gpu = ["--num-gpus=1"] if poison == "sticky" else []
    with ray_cluster({"poison": poison, "workers": 2, "batch_size": 4, "delay_s": 0.1}) as cluster:
        join(cluster, *gpu)
        short = "e.BATCH_DEADLINE_S, e.BATCH_DEADLINE_PER_AUDIO_S = 2.0, 0.5" if poison == "hang" else ""
        daemon = make_daemon(
            fake={}, jobs="attempts = 2\nretry_backoff_seconds = 0.1", patch=f"{TRACED}\n{short}", **cluster.tables
        )
        recordings = [
            write_wav(daemon.inbox / f"{number:02}.wav", seed=number, start=POISON if number in (4, 11) else b"")
            for number in range(30)
        ]
        daemon.start().ready()
        daemon.wait_idle(len(recordings), 120)
        assert daemon.stop() == 0
        wait_until(lambda: not engines_of(cluster), 10, "the end of all engines")
    reconcile(daemon, recordings)
    assert [path for path, state in daemon.states().items() if state == "dead"] == ["04.wav", "11.wav"]
    assert sorted(daemon.query("SELECT state, attempts, count(*) FROM jobs GROUP BY 1, 2")) == [
        ("dead", 2, 2), ("done", 1, 28),
    ], "a neighbour was charged"  # fmt: skip


@pytest.mark.guarantee(21, 32)
@pytest.mark.timeout(240)
def test_a_node_that_runs_out_of_memory_has_smaller_batches_and_the_others_have_not(make_daemon: MakeDaemon) -> None:
    fits_s, batch = 30.0, 70
    plan = {"workers": 1, "batch_size": batch, "delay_s": 0.5}
    with ray_cluster(plan) as cluster:
        cluster.join(TRANSCRIBED_FAKE=json.dumps({**plan, "memory_chunks": 5}))
        daemon = make_daemon(fake={}, jobs="attempts = 1", **cluster.tables).start().ready()
        cluster.join()
        wait_until(partial(ready_at_least, daemon, 2), 60, "both nodes")
        names = re.findall(r"room for an engine on (\S+)", daemon.log_text())
        recordings = [write_wav(daemon.inbox / "long.wav", fits_s * batch * 3, seed=1)]
        recordings += [write_wav(daemon.inbox / f"{number:02}.wav", 1, seed=number) for number in range(10, 40)]
        wait_until(partial(done_at_least, daemon, len(recordings)), 120, "all recordings")
        assert daemon.stop() == 0
    all_once(daemon, recordings)
    largest = dict(daemon.query("SELECT device, max(size) FROM batches GROUP BY 1"))
    print(largest, names, daemon.log_text().count("out of memory on"))
    assert f"out of memory on {names[0]}" in daemon.log_text()
    assert f"out of memory on {names[1]}" not in daemon.log_text()
    assert largest[names[0]] <= 5
    assert largest[names[1]] > 5
