"""The commands of `transcribed jobs`."""

import json
from pathlib import Path
from typing import Any

import pytest

from daemon.store.rows import JobRow
from daemon.store.store import Store
from tests.support import Daemon, MakeDaemon, queue, wait_until, write_wav


def paths(rows: list[JobRow]) -> list[str]:
    return [row["path"] for row in rows]


def test_the_command_lists_filters_and_pages(make_daemon: MakeDaemon, store: Store, tmp_path: Path) -> None:
    daemon: Daemon = make_daemon()
    inbox = str(daemon.inbox)
    queue(store, "a.wav", "sub/b.wav", b"\xe9.wav", root=inbox)
    queue(store, "a.wav", root="/elsewhere")

    def listed(*arguments: str) -> Any:
        done = daemon.run("jobs", "list", "--json", *arguments)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    everything = listed()
    assert isinstance(everything, list) and list(everything[0]) == list(JobRow.__annotations__)
    assert paths(everything) == ["a.wav", r"\xe9.wav", "sub/b.wav", "a.wav"]
    (tmp_path / "link").symlink_to(daemon.inbox)
    assert paths(listed("--root", "link", "--offset", "1")) == ["sub/b.wav", "a.wav"]
    assert paths(listed("--path", f"{inbox}/*.wav", "--limit", "2")) == [r"\xe9.wav", "sub/b.wav"]
    assert paths(listed("--path", "\udce9.wav")) == [r"\xe9.wav"]
    page = listed("--cursor", "START", "--limit", "3")
    assert list(page) == ["jobs", "next"] and len(page["jobs"]) == 3
    assert listed("--cursor", page["next"]) == {"jobs": everything[3:], "next": None}
    shown = daemon.run("jobs", "list", "--path", "sub/*").stdout
    assert "sub/b.wav" in shown and "a.wav" not in shown.replace("sub/b.wav", "")


@pytest.mark.parametrize(
    "arguments", [("--cursor", "START"), ("--json", "--cursor", "x"), ("--json", "--cursor", "START", "--offset", "1")]
)
@pytest.mark.usefixtures("store")
def test_a_cursor_that_cannot_be_is_bad_usage(make_daemon: MakeDaemon, arguments: tuple[str, ...]) -> None:
    done = make_daemon().run("jobs", "list", *arguments)
    assert (done.returncode, done.stdout) == (2, "") and "cursor" in done.stderr


def test_what_is_asked_soon_after_another_request_counts(make_daemon: MakeDaemon, store: Store) -> None:
    daemon: Daemon = make_daemon(fake={})
    queue(store, *(f"{number}.wav" for number in range(30)), root=str(daemon.inbox))
    for command in ("pause", "resume", "cancel", "retry"):
        done = json.loads(daemon.run("jobs", command, "1", "--json").stdout)
        assert (done["requested"], done["left_alone"]) == ([1], []), command
    assert store.take_requests() == [(command, 1) for command in ("pause", "resume", "cancel", "retry")]
    idle = daemon.run("jobs", "resume", "--root", str(daemon.inbox)).stdout
    assert idle == f"left alone, because queued: {', '.join(map(str, range(1, 21)))} and 10 more\n"


def test_jobs_are_named_by_path_pattern_or_filter_and_get_priorities_and_new_options(fake_daemon: Daemon) -> None:
    fake_daemon.start().ready()
    fake_daemon.run("pause")
    wait_until(lambda: fake_daemon.query("SELECT * FROM pauses"), 10, "the pause")
    for seed, name in enumerate("abc"):
        write_wav(fake_daemon.inbox / f"{name}.wav", seed=seed)
    fake_daemon.wait_for({"a.wav": "queued", "b.wav": "queued", "c.wav": "queued"})
    raised = fake_daemon.run("jobs", "priority", "--to", "-7", "a.wav", str(fake_daemon.inbox / "b.wav"), "nothing.wav")
    assert raised.returncode == 1 and "there is no job nothing.wav" in raised.stderr
    cancelled = json.loads(fake_daemon.run("jobs", "cancel", "b.*", "--json").stdout)
    assert cancelled["missing"] == [] and len(cancelled["requested"]) == 1
    (fake_daemon.inbox / ".transcribed.toml").write_text('formats = ["md"]\npriority = 3')
    fake_daemon.run("jobs", "retry", "--path", "c.*", "--refresh-options")
    priorities = "SELECT path, priority FROM jobs ORDER BY path"
    expected = [("a.wav", -7), ("b.wav", -7), ("c.wav", 3)]
    wait_until(lambda: fake_daemon.query(priorities) == expected, 10, "the requests")
    fake_daemon.run("resume")
    fake_daemon.wait_for({"a.wav": "done", "b.wav": "cancelled", "c.wav": "done"})
    assert fake_daemon.query("SELECT path FROM jobs WHERE state = 'done' ORDER BY finished_at") == [
        ("c.wav",),
        ("a.wav",),
    ]
    assert (fake_daemon.inbox / "c.md").exists() and not (fake_daemon.inbox / "c.txt").exists()
    assert (fake_daemon.inbox / "a.txt").exists() and not (fake_daemon.inbox / "a.md").exists()
    fake_daemon.run("jobs", "retry", "--state", "cancelled")
    fake_daemon.wait_for({"b.wav": "done"})
    assert "no jobs match" in fake_daemon.run("jobs", "retry", "--state", "dead").stdout
    for nothing_or_both in ((), ("1", "--state", "done")):
        refused = fake_daemon.run("jobs", "cancel", *nothing_or_both)
        assert refused.returncode == 2 and "name jobs by id, path or pattern, or choose them" in refused.stderr
    assert fake_daemon.stop() == 0


def test_a_path_stands_for_the_job_of_the_file_that_is_there(fake_daemon: Daemon) -> None:
    write_wav(fake_daemon.inbox / "a.wav")
    assert fake_daemon.once() == 0
    write_wav(fake_daemon.inbox / "b.wav", seed=2)
    assert fake_daemon.once() == 0
    for path in fake_daemon.inbox.glob("b.*"):
        path.unlink()
    (fake_daemon.inbox / "a.wav").rename(fake_daemon.inbox / "b.wav")
    assert fake_daemon.once() == 0
    assert fake_daemon.query("SELECT id, path FROM jobs ORDER BY id") == [(1, "b.wav"), (2, "b.wav")]
    asked = json.loads(fake_daemon.run("jobs", "retry", "b.wav", "--json").stdout)
    assert asked["requested"] == [1]
    assert fake_daemon.once() == 0
    assert fake_daemon.query("SELECT id, state, retried FROM jobs ORDER BY id") == [(1, "done", 1), (2, "done", 0)]


def test_names_that_nobody_could_mean_are_no_traceback(fake_daemon: Daemon) -> None:
    assert fake_daemon.once() == 0
    for name in ("²", "9" * 20, "\udcff.wav", ""):
        done = fake_daemon.run("jobs", "cancel", name, "--json")
        assert done.returncode == 1 and json.loads(done.stdout)["requested"] == [], done.stderr
    refused = fake_daemon.run("jobs", "priority", "1", "--to", "9" * 20)
    assert refused.returncode == 2 and "--to" in refused.stderr
