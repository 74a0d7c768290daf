"""What a cluster may be besides healthy: nodes of other versions or with other packages, daemons that share it."""

import shutil
from functools import partial
from pathlib import Path

import pytest

from tests.faults.clusters import all_once, done_at_least, engines_of, ready, ready_at_least
from tests.ray_cluster import ray_cluster
from tests.support import ROOT, Daemon, MakeDaemon, wait_until, write_wav

pytestmark = pytest.mark.faults


def said(daemon: Daemon, *words: str) -> bool:
    return any(all(word in line for word in words) for line in daemon.log_text().splitlines())


@pytest.mark.guarantee(17, 19, 32)
@pytest.mark.timeout(300)
def test_a_node_that_would_not_understand_is_refused_and_the_others_work(
    make_daemon: MakeDaemon, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(ROOT / "daemon", other / "daemon", ignore=shutil.ignore_patterns("__pycache__"))
    protocol = other / "daemon" / "processes" / "protocol.py"
    protocol.write_text(protocol.read_text() + "\n# Of another version.\n")
    ray_only = tmp_path / "ray"
    ray_only.mkdir()
    (ray_only / "sitecustomize.py").write_text(HIDDEN)
    with ray_cluster({"delay_s": 0.1}) as cluster:
        newer = cluster.join(PYTHONPATH=str(other))
        bare = cluster.join(PYTHONPATH=str(ray_only))
        daemon = make_daemon(fake={}, jobs="attempts = 1", **cluster.tables).start()
        wait_until(partial(said, daemon, "messages of the form"), 60, "the other version being refused")
        wait_until(partial(said, daemon, "no engine can be started", "transcribed"), 60, "the bare node being refused")
        assert ready(daemon) == 0
        cluster.join()
        recordings = [write_wav(daemon.inbox / f"{number:02}.wav", 1, seed=number) for number in range(20)]
        wait_until(partial(done_at_least, daemon, len(recordings)), 60, "all recordings")
        newer.kill()
        bare.kill()
        assert daemon.stop() == 0
    all_once(daemon, recordings)
    print(*(line for line in daemon.log_text().splitlines() if "ERROR" in line), sep="\n")


HIDDEN = """
import sys
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name == "daemon" or name.startswith("daemon."):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Hidden())
"""
"""For a Python that has Ray, and not transcribed."""


@pytest.mark.guarantee(6, 19, 32)
@pytest.mark.timeout(400)
def test_two_daemons_share_a_cluster(tmp_path: Path) -> None:
    """With one engine each on two nodes, both work at once; with all of them, the second waits for the first."""
    with ray_cluster({"delay_s": 0.2}) as cluster:
        cluster.join()
        cluster.join()
        tables = cluster.tables
        daemons = []
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
            counted = f"{tables['cluster']}\nengines = {{ cpu = 1 }}"
            daemons.append(
                Daemon(tmp_path / name, fake={}, model=tables["model"], cluster=counted, jobs="attempts = 1")
            )
        try:
            one, two = daemons
            one.start().ready()
            wait_until(partial(ready_at_least, one, 1), 30, "the first")
            two.start().ready()
            wait_until(partial(ready_at_least, two, 1), 30, "the second beside the first")
            both = [write_wav(each.inbox / "a.wav", 1, seed=1) for each in daemons]
            for daemon, recording in zip(daemons, both, strict=True):
                wait_until(partial(done_at_least, daemon, 1), 30, "a recording")
                assert daemon.stop() == 0
                all_once(daemon, [recording])
            for daemon in daemons:
                daemon.config.write_text(daemon.config.read_text().replace("engines = { cpu = 1 }", 'engines = "all"'))
            one.start().ready()
            wait_until(partial(ready_at_least, one, 3), 30, "the first on both nodes")
            two.start()
            write_wav(two.inbox / "b.wav", 1, seed=2)
            with pytest.raises(AssertionError):
                wait_until(partial(done_at_least, two, 2), 10)
            assert one.stop() == 0
            wait_until(partial(done_at_least, two, 2), 30, "the second taking over")
            assert two.stop() == 0
            wait_until(lambda: not engines_of(cluster), 20, "the end of all engines")
        finally:
            for daemon in daemons:
                daemon.kill()
                print(daemon.log_text())
