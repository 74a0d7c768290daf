"""The daemon's model on a machine of a cluster: used, refused or sent."""

import asyncio
import hashlib
from pathlib import Path
from typing import Any

import pytest

from daemon.cluster import models as room
from daemon.cluster.models import Models
from daemon.errors import Unavailable
from daemon.processes.protocol import FoundModel, LoadModel
from tests.builders import load_model

WEIGHTS = bytes(range(256)) * 5
SHA = hashlib.sha256(WEIGHTS).hexdigest()


class FakeMachine:
    """What an agent does, with a folder for what it is sent."""

    def __init__(self, folder: Path, has: tuple[str, str] = ("", "")) -> None:
        self.folder, self.has, self.loses, self.trouble = folder, has, False, ""

    async def call(self, method: str, *args: Any, limit_s: float) -> Any:
        assert limit_s > 0
        match method, args:
            case "find", (_name, _engine, sha256):
                return (str(self.folder), sha256) if self.folder.is_dir() else self.has
            case "store", (_sha256, file, offset, part):
                self.folder.mkdir(exist_ok=True)
                with (self.folder / file).open("r+b" if offset else "wb") as opened:
                    opened.seek(offset)
                    opened.write(part)
                return self.trouble
            case "keep", (sha256, _engine):
                stored = (self.folder / "model.bin").read_bytes()[: -1 if self.loses else None]
                return str(self.folder) if hashlib.sha256(stored).hexdigest() == sha256 else ""
        raise AssertionError(method)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The model on this machine."""
    folder = tmp_path / "here"
    folder.mkdir()
    (folder / "model.bin").write_bytes(WEIGHTS)
    (folder / "config.json").write_text("{}")
    (folder / "empty.txt").touch()
    monkeypatch.setattr(room, "find_model", lambda _name, _engine: FoundModel(str(folder), 1, SHA, None))
    monkeypatch.setattr(room, "PART_BYTES", 100)
    return folder


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine has no model."""
    monkeypatch.setattr(room, "find_model", lambda _name, _engine: None)


def prepared(models: Models, machine: FakeMachine, order: LoadModel | None = None) -> LoadModel:
    return asyncio.run(models.prepared(order or load_model(), machine, "box"))


@pytest.mark.usefixtures("here")
def test_the_same_model_is_used_where_it_is(tmp_path: Path) -> None:
    assert prepared(Models(), FakeMachine(tmp_path / "x", ("/there/tiny.en", SHA))) == load_model()


@pytest.mark.usefixtures("here")
def test_another_version_is_refused_with_both_hashes_and_a_way_out(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"box has another version of the model tiny\.en") as refused:
        prepared(Models(), FakeMachine(tmp_path / "x", ("/there/tiny.en", "0" * 64)))
    assert SHA[:12] in refused.value.message
    assert "delete it there (/there/tiny.en)" in refused.value.hint


def test_one_that_is_missing_is_sent_in_parts_once(here: Path, tmp_path: Path) -> None:
    models, machine = Models(), FakeMachine(tmp_path / SHA)
    order = load_model(languages=(("de", "other"),))
    assert prepared(models, machine, order) == load_model(
        name=str(machine.folder), languages=(("de", str(machine.folder)),)
    )
    assert {each.name: each.read_bytes() for each in machine.folder.iterdir()} == {
        each.name: each.read_bytes() for each in here.iterdir()
    }


@pytest.mark.usefixtures("here")
def test_one_that_arrives_broken_is_refused(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path / SHA)
    machine.has, machine.folder = ("", ""), tmp_path / "other"
    machine.loses = True
    with pytest.raises(Unavailable, match=r"did not receive the model tiny\.en as it was sent"):
        prepared(Models(), machine)


@pytest.mark.usefixtures("here")
def test_a_machine_without_room_says_so(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path / SHA)
    machine.trouble = "/cache/sent: No space left on device"
    with pytest.raises(Unavailable, match=r"box cannot keep the model tiny\.en: /cache/sent: No space left on device"):
        prepared(Models(), machine)


@pytest.mark.usefixtures("nowhere")
def test_where_this_machine_has_none_all_must_have_that_of_the_first(tmp_path: Path) -> None:
    models, lacking = Models(), FakeMachine(tmp_path / "x")
    assert prepared(models, lacking) == load_model()
    assert prepared(models, FakeMachine(tmp_path / "x", ("/there", SHA))) == load_model()
    with pytest.raises(Unavailable):
        prepared(models, FakeMachine(tmp_path / "x", ("/there", "0" * 64)))


def test_an_engine_without_files_is_left_to_itself(tmp_path: Path) -> None:
    order = load_model(engine="my_package.engine")
    assert prepared(Models(), FakeMachine(tmp_path / "x"), order) == order
