"""Programs that transcribe a folder: how they are started, and what is read from what they leave."""

import json
import sqlite3
import sys
import tomllib
from pathlib import Path

import pytest

from daemon.bench import contenders, measure
from daemon.bench.contenders import READY, config_text, peer
from daemon.bench.measure import Usage
from daemon.bench.workload import Item, Workload
from daemon.config import reader
from daemon.errors import Unavailable
from daemon.store.migrate import migrate
from tests.builders import load_model


@pytest.fixture
def workload(tmp_path: Path) -> Workload:
    (tmp_path / "talk.wav").write_bytes(b"samples")
    return Workload("one", (Item(tmp_path / "talk.wav", "hello", 1.0),), "sha")


def usage(code: int = 0, errors: str = "") -> Usage:
    return Usage(code, 1.0, 1.0, 1.0, None, None, errors)


def test_the_configuration_is_one_whatever_the_folder_is_called(tmp_path: Path) -> None:
    folder = tmp_path / 'a "quoted" \\ folder'
    (folder / "inbox").mkdir(parents=True)
    (folder / "config.toml").write_text(config_text(folder, {"name": "tiny.en", "workers": 2}, 1.5, "en"))
    settings = reader.load(folder / "config.toml")
    assert settings.watch[0].path == folder / "inbox" and settings.watch[0].language == "en"
    assert (settings.model.name, settings.model.workers, settings.watching.settle_seconds) == ("tiny.en", 2, 1.5)
    assert tomllib.loads((folder / "config.toml").read_text())["database"]["url"].endswith("jobs.db")


def test_the_daemon_is_given_links_and_its_texts_are_read(workload: Workload, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(command: list[str], folder: Path) -> Usage:
        assert command[0] == sys.executable and (folder / "inbox" / "talk.wav").samefile(workload.items[0].path)
        (folder / "inbox" / "talk.wav.txt").write_text("hello")
        migrate(folder / "jobs.db")
        with sqlite3.connect(folder / "jobs.db") as db:
            db.execute("INSERT INTO batches VALUES (NULL, 'x', 'cpu', 3, 4, 1, 9.0, 0.5)")
        return usage(errors=f"12:00 INFO {READY}tiny.en on cpu\n")

    monkeypatch.setattr(measure, "run", run)
    done = contenders.daemon(workload, {"name": "tiny.en"})
    assert done.texts == ("hello",)
    assert (done.facts["batches"], done.facts["fill"], done.facts["layout"]) == (1, 0.75, "tiny.en on cpu")


@pytest.mark.parametrize("code", [2, 4])
@pytest.mark.parametrize(
    ("errors", "said"),
    [
        ("12:00 INFO x\ntranscribed: no such model\n  try another\n", "no such model"),
        ("oops\n\n", "oops"),
        ("", "it said nothing"),
    ],
)
def test_what_cannot_run_says_why(
    workload: Workload, monkeypatch: pytest.MonkeyPatch, code: int, errors: str, said: str
) -> None:
    monkeypatch.setattr(measure, "run", lambda *_: usage(code, errors))
    with pytest.raises(Unavailable) as caught:
        contenders.daemon(workload, {"name": "tiny.en"})
    assert caught.value.message == said
    with pytest.raises(Unavailable) as caught:
        peer("x", workload, load_model())
    assert caught.value.message == said


def test_a_peer_is_not_run_beside_another_engine(workload: Workload, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "run", lambda *_: pytest.fail("it was started"))
    with pytest.raises(Unavailable, match=r"needs a Whisper model, and model\.engine is 'my\.engine'"):
        peer("x", workload, load_model(engine="my.engine"))


def test_a_peer_is_told_of_one_device(workload: Workload, monkeypatch: pytest.MonkeyPatch) -> None:
    orders = []

    def run(command: list[str], folder: Path, _environment: object) -> Usage:
        orders.append(command[-1])
        (folder / "texts.json").write_text('["hello"]')
        return usage()

    monkeypatch.setattr(measure, "run", run)
    assert peer("x", workload, load_model(device="cuda:1,2")).texts == ("hello",)
    assert '"device": "cuda:1"' in orders[0]


def test_files_of_a_peers_own_are_written_once_and_only_count_when_complete(
    workload: Workload, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    orders: list[dict[str, str]] = []
    failing = [True]

    def run(command: list[str], folder: Path, variables: dict[str, str]) -> Usage:
        assert variables["ORT_DISABLE_TELEMETRY"] == variables["NNCF_CI"] == "1"
        order = json.loads(command[-1])
        orders.append(order)
        if "into" in order:
            (Path(order["into"]) / "weights").write_text("half")
            return usage(1, "no room") if failing else usage()
        assert (Path(order["model"]) / "weights").exists()
        (folder / "texts.json").write_text('["hello"]')
        return Usage(0, 7.0, 1.0, 1.0, None, None, "")

    monkeypatch.setattr(measure, "run", run)
    converted = tmp_path / "converted" / "x"
    with pytest.raises(Unavailable, match="no room"):
        peer("x", workload, load_model(), converted)
    assert not converted.exists()
    failing.clear()
    done = [peer("x", workload, load_model(), converted) for _ in range(2)]
    assert [each.usage.wall_s for each in done] == [7.0, 7.0]
    assert ["into" in order for order in orders] == [True, True, False, False]
    assert [order["model"] for order in orders] == [load_model().name] * 2 + [str(converted)] * 2
