"""The commands of `transcribed jobs`."""

import json
from pathlib import Path
from typing import Any

import pytest

from daemon.store.rows import JobRow
from daemon.store.store import Store
from tests.support import Daemon, MakeDaemon, queue


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
