"""A real daemon with engines on the nodes of a real Ray cluster, which die, join, and lose their head."""

from tests.ray_cluster import ray_cluster
from tests.support import Daemon, MakeDaemon, wait_until, write_wav


def done(daemon: Daemon) -> int:
    return daemon.query("SELECT count(*) FROM jobs WHERE state = 'done'")[0][0]


def test_nodes_die_and_join_and_the_head_goes_and_nobody_pays(make_daemon: MakeDaemon) -> None:
    with ray_cluster({"delay_s": 0.2, "workers": 1, "batch_size": 1}) as cluster:
        first = cluster.join()
        tables = cluster.tables
        daemon = make_daemon(
            fake={"delay_s": 0.2}, model=tables["model"], cluster=f'{tables["cluster"]}\nfallback = "local"',
            jobs="attempts = 1",
        )  # fmt: skip
        recordings = [write_wav(daemon.inbox / f"{number:02}.wav", 1, seed=number) for number in range(150)]
        try:
            daemon.start().ready()
            wait_until(lambda: done(daemon) >= 5, 60, "some recordings")
            second = cluster.join()
            wait_until(lambda: daemon.log_text().count("room for an engine") == 2, 10, "the second node")
            first.kill()
            before = done(daemon)
            wait_until(lambda: done(daemon) >= before + 10, 20, "more recordings")
            cluster.head.kill()
            wait_until(lambda: "ready: fake:tiny.en on fake" in daemon.log_text(), 60, "the engine here")
            wait_until(lambda: done(daemon) == len(recordings), 60, "all recordings")
        finally:
            print(daemon.log_text())
