"""One daemon uses another one's model, through the API that it serves: the texts are those of an engine of its own."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from daemon.clips import CLIPS
from tests.support import Daemon, wait_until
from tests.webs import Web

pytestmark = [pytest.mark.model, pytest.mark.timeout(400)]

RECORDINGS = ("memo-11.opus", "memo-13.opus")


def documents(daemon: Daemon) -> Mapping[str, dict]:
    return {name: json.loads((daemon.inbox / name).with_suffix(".json").read_text()) for name in RECORDINGS}


def test_the_texts_are_those_of_a_local_engine(tmp_path: Path) -> None:
    for name in ("box", "nas"):
        (tmp_path / name).mkdir()
    (tmp_path / "box" / "chunks").mkdir()
    folders = 'path = "inbox"\n[[watch]]\npath = "chunks"\nafter_success = "delete"\nafter_success_days = 0.00001'
    words = "word_timestamps = true"
    tables: dict[str, Any] = {"[watch]": folders, "web": 'api_folder = "chunks"', "model": words}
    box = Daemon(tmp_path / "box", **tables)
    for name in RECORDINGS:
        shutil.copy(CLIPS / name, box.inbox)
    box.start().ready()
    try:
        with Web(box) as web:
            tables = {"[engines]": f'url = "{web.address}/v1"', "model": f'device = "none"\n{words}'}
            nas = Daemon(tmp_path / "nas", patch="pass", **tables)  # a start that loads no engine ahead
            for name in RECORDINGS:
                shutil.copy(CLIPS / name, nas.inbox)
            assert nas.once() == 0
        wait_until(lambda: all((box.inbox / name).with_suffix(".json").exists() for name in RECORDINGS), 60, "the box")
        here, there = documents(box), documents(nas)
        for name in RECORDINGS:
            assert there[name]["text"] == here[name]["text"], name
            assert there[name]["language"] == here[name]["language"] == "en"
            line, same = there[name]["segments"][0], here[name]["segments"][0]
            for measure in ("avg_logprob", "compression_ratio"):
                assert line[measure] == pytest.approx(same[measure], abs=0.3), (name, measure)
            said = [word["word"].strip() for word in same["words"]]
            assert [word["word"].strip() for word in line["words"]] == said
            assert abs(line["words"][-1]["end_s"] - same["words"][-1]["end_s"]) < 0.5, name
            assert there[name]["provenance"]["model"] == "elsewhere:tiny.en"
            assert there[name]["provenance"]["device"] == web.address.removeprefix("http://")
        wait_until(lambda: not any((tmp_path / "box" / "chunks").glob("*.wav")), 30, "the chunks being deleted")
    finally:
        box.stop()
