"""A real daemon with engines on the nodes of a real Ray cluster, which die, join, and lose their head."""

import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from daemon.clips import CLIPS
from daemon.engine.fake import text_of
from daemon.engine.model_files import PACKAGES, installed
from tests.ray_cluster import ray_cluster
from tests.support import Daemon, MakeDaemon, children_of, wait_until, write_wav

OWN = "own/tiny.en"


def model_of_ones_own(hub: Path, more: bytes = b"") -> Path:
    """A cache of the hub with tiny.en under another name; `more` is added to its weights."""
    packaged = installed("tiny.en")
    assert packaged is not None
    snapshot = hub / "models--own--tiny.en" / "snapshots" / "1"
    shutil.copytree(packaged, snapshot)
    with (snapshot / "model.bin").open("ab") as weights:
        weights.write(more)
    (hub / "models--own--tiny.en" / "refs").mkdir()
    (hub / "models--own--tiny.en" / "refs" / "main").write_text("1")
    return hub


def done(daemon: Daemon) -> int:
    return int(daemon.query("SELECT count(*) FROM jobs WHERE state = 'done'")[0][0])


def rooms(daemon: Daemon) -> int:
    """How often a place for an engine was found."""
    return daemon.log_text().count("room for an engine")


def devices(daemon: Daemon) -> set[str]:
    """Where batches have run."""
    return {device for (device,) in daemon.query("SELECT DISTINCT device FROM batches")}


def engines_here(daemon: Daemon) -> list[int]:
    assert daemon.process is not None
    found = []
    for pid in children_of(daemon.process.pid):
        with suppress(OSError):  # it has just ended
            found += [pid] if "daemon.engine" in Path(f"/proc/{pid}/cmdline").read_text() else []
    return found


@pytest.mark.guarantee(32)
def test_nodes_die_and_join_the_head_goes_and_comes_back_and_nobody_pays(make_daemon: MakeDaemon) -> None:
    with ray_cluster({"delay_s": 0.2, "workers": 1, "batch_size": 1}) as cluster:
        first, tables = cluster.join(), cluster.tables
        daemon = make_daemon(
            fake={"delay_s": 0.2}, model=tables["model"], cluster=f'{tables["cluster"]}\nfallback = "local"',
            jobs="attempts = 1",
        )  # fmt: skip
        recordings = [write_wav(daemon.inbox / f"{number:03}.wav", 1, seed=number) for number in range(120)]
        daemon.start().ready()
        wait_until(lambda: done(daemon) >= 5, 60, "some recordings")
        second = cluster.join()
        wait_until(lambda: len(devices(daemon)) == 2, 30, "work for the second node")
        first.kill()
        before = done(daemon)
        wait_until(lambda: done(daemon) >= before + 10, 30, "work that goes on")
        second.kill()
        cluster.head.kill()
        wait_until(lambda: "fake" in devices(daemon), 90, "the engine of this machine")
        wait_until(lambda: done(daemon) == len(recordings), 60, "all recordings")
        found = rooms(daemon)
        cluster.head = cluster.start_head()
        cluster.join()
        wait_until(lambda: rooms(daemon) > found, 60, "the new cluster")
        wait_until(lambda: not engines_here(daemon), 30, "the end of the engine here")
        recordings.append(write_wav(daemon.inbox / "last.wav", 1, seed=999))
        wait_until(lambda: done(daemon) == len(recordings), 60, "a recording on the new cluster")
        assert len(devices(daemon)) == 4
        assert daemon.query("SELECT count(*), max(attempts) FROM jobs") == [(len(recordings), 1)]
        for recording in recordings:
            assert recording.with_suffix(".txt").read_text().split() == text_of(recording.read_bytes()[44:]).split()
        assert daemon.stop() == 0


@pytest.mark.model
def test_a_node_is_sent_the_model_another_one_has_another_and_the_texts_are_those_of_an_engine_here(
    tmp_path: Path,
) -> None:
    clips = sorted(CLIPS.glob("memo-?.opus"))
    hub = model_of_ones_own(tmp_path / "hub")
    other = model_of_ones_own(tmp_path / "other-hub", more=b"\0")

    def texts(name: str, refused: str, **tables: Any) -> tuple[Daemon, list[str]]:
        (tmp_path / name).mkdir()
        model = f'name = "{OWN}"\n{tables.pop("model", "")}'
        daemon = Daemon(tmp_path / name, model=model, **tables)
        for clip in clips:
            shutil.copy(clip, daemon.inbox)
        try:
            daemon.start(HF_HUB_CACHE=str(hub), HF_HUB_OFFLINE="1").ready()
            wait_until(lambda: done(daemon) == len(clips), 60, "all clips")
            wait_until(lambda: refused in daemon.log_text(), 30, "the node with another model")
            assert daemon.stop() == 0
        finally:
            daemon.kill()
        return daemon, [(daemon.inbox / clip.name).with_suffix(".srt").read_text() for clip in clips]

    with ray_cluster() as cluster:
        for name, cache in (("lacking", tmp_path / "empty"), ("other", other)):
            cluster.join(HF_HUB_CACHE=str(cache), HF_HUB_OFFLINE="1", XDG_CACHE_HOME=str(tmp_path / name))
        daemon, there = texts("there", "has another version of the model", **cluster.tables)
    _, here = texts("here", "")
    assert there == here
    assert len(devices(daemon)) == 1
    assert daemon.query("SELECT DISTINCT model, device FROM jobs") == [(OWN, "cluster")]
    (sent,) = (tmp_path / "lacking" / "transcribed" / "models" / "sent").iterdir()
    assert sent.name == PACKAGES["tiny.en"].sha256
