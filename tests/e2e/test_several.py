"""A daemon sends its chunks to another one, several a request: the texts are those of a local engine."""

import json
import shutil
import socket
from pathlib import Path
from typing import Any

import pytest

from daemon.clips import CLIPS
from tests.support import Daemon, wait_until

pytestmark = [pytest.mark.model, pytest.mark.timeout(400)]

RECORDINGS = tuple(f"memo-{number}.opus" for number in (1, 3, 5, 11, 13))


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


def box_in(folder: Path, port: int, **tables: Any) -> Daemon:
    """A daemon with an engine and a page, whose own folder is watched, too."""
    folder.mkdir()
    return Daemon(folder, web=f'listen = "127.0.0.1:{port}"', patch="pass", **tables)


def documents(daemon: Daemon) -> dict[str, Any]:
    return {name: json.loads((daemon.inbox / name).with_suffix(".json").read_text()) for name in RECORDINGS}


def segments(daemon: Daemon) -> list[tuple[Any, ...]]:
    """Every line, with all that is known of it."""
    return daemon.query(
        "SELECT path, segments.start_s, segments.end_s, text, avg_logprob, no_speech_prob, compression_ratio, temperature,"
        " segments.language FROM segments JOIN jobs ON jobs.id = job_id ORDER BY path, segments.start_s"
    )


def test_the_texts_are_those_of_a_local_engine_and_batches_are_of_several_recordings(tmp_path: Path) -> None:
    port = free_port()
    model = "word_timestamps = true\nworkers = 1\ncpu_threads = 2\nbatch_size = 4"
    box = box_in(tmp_path / "box", port, model=model)
    (tmp_path / "nas").mkdir()
    tables: dict[str, Any] = {
        "[engines]": f'url = "http://127.0.0.1:{port}/v1"\nwindow = 1',
        "model": 'device = "none"\nword_timestamps = true',
    }
    nas = Daemon(tmp_path / "nas", patch="pass", **tables)
    for name in RECORDINGS:
        shutil.copy(CLIPS / name, nas.inbox)
    box.start().ready()
    try:
        assert nas.once() == 0
        guests = box.query("SELECT size, recordings, audio_s FROM batches")
        assert box.query("SELECT count(*) FROM jobs") == [(0,)] and not list(box.inbox.iterdir())
        for name in RECORDINGS:
            shutil.copy(CLIPS / name, box.inbox)
        box.wait_for(dict.fromkeys(RECORDINGS, "done"))
    finally:
        box.stop()
    assert segments(nas) == segments(box)
    there, here = documents(nas), documents(box)
    for name in RECORDINGS:
        assert there[name]["segments"] == here[name]["segments"], name
        assert there[name]["provenance"]["model"] == "elsewhere:tiny.en"
        assert there[name]["provenance"]["device"] == f"127.0.0.1:{port}"
    assert max(recordings for _, recordings, _ in guests) > 1, guests
    assert max(nas.query("SELECT size FROM batches")) > (1,)


@pytest.mark.faults
def test_a_box_that_is_killed_in_the_middle_loses_nothing_and_nobody_pays(tmp_path: Path) -> None:
    box = box_in(tmp_path / "box", port := free_port(), model="workers = 1\ncpu_threads = 1\nbatch_size = 1")
    tables: dict[str, Any] = {"jobs": "attempts = 1", "[engines]": f'url = "http://127.0.0.1:{port}/v1"\nwindow = 2'}
    (tmp_path / "nas").mkdir()
    nas = Daemon(tmp_path / "nas", patch="pass", model='device = "none"', **tables)
    for name in RECORDINGS:
        shutil.copy(CLIPS / name, nas.inbox)
    box.start().ready()
    nas.start()
    try:
        wait_until(lambda: box.query("SELECT count(*) > 1 FROM batches") == [(1,)], 60, "the clip and a chunk")
        box.kill()
        box.start()
        nas.wait_for(dict.fromkeys(RECORDINGS, "done"), 120)
    finally:
        nas.stop()
        box.stop()
    assert nas.query("SELECT DISTINCT attempts FROM jobs") == [(1,)]
    assert nas.query("SELECT count(DISTINCT job_id) FROM segments") == [(len(RECORDINGS),)]
