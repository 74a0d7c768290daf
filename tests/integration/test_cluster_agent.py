"""The agent of a machine of the cluster, without Ray: a real engine process, a model in parts, the GPUs of a fake driver."""

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.cluster.agent import Agent, Answers, same_everywhere, sent_folder
from daemon.engine.fake import POISON, text_of
from daemon.engine.model_files import PACKAGES, installed
from daemon.processes.protocol import BatchDone, Ready, RunBatch
from daemon.processes.safe_pickle import message
from daemon.processes.wire import packed
from tests.builders import chunk, load_model
from tests.support import children_of, wait_until


@pytest.fixture
def agent() -> Iterator[Agent]:
    made = Agent()
    yield made
    for session in (1, 2):
        made.end(session)


def said(agent: Agent, session: int) -> object:
    """The next message of an engine."""
    (only,) = wait_until(lambda: agent.receive(session).messages, 30, "an answer")
    return message(*only)


def test_an_engine_runs_batches_and_how_it_dies_is_told(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRANSCRIBED_FAKE", json.dumps({"poison": "segv"}))
    agent.begin(1)
    agent.send(1, *packed(load_model(engine="fake")))
    assert isinstance(said(agent, 1), Ready)
    batch, poison = RunBatch(5, (chunk(1),)), RunBatch(6, (chunk(2, audio=POISON + bytes(32_000)),))
    agent.send(1, *packed(batch))
    answer = said(agent, 1)
    assert isinstance(answer, BatchDone)
    assert answer.results[0].segments[0].text == text_of(batch.chunks[0].audio)
    agent.send(1, *packed(poison))
    assert wait_until(lambda: agent.receive(1).ended, 20, "the end of the engine") == "signal 11"
    assert agent.receive(1) == Answers((), "ended by the daemon"), "nothing is left of it"
    agent.send(1, *packed(batch))


def test_an_engine_that_is_not_wanted_any_more_is_ended(agent: Agent) -> None:
    before = set(children_of(os.getpid()))
    agent.begin(2)
    assert set(children_of(os.getpid())) - before
    agent.end(2)
    wait_until(lambda: not set(children_of(os.getpid())) - before, 10, "its end")
    agent.end(2)


@pytest.mark.model
def test_a_model_arrives_in_parts_and_is_checked(agent: Agent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    packaged, sha256 = installed("tiny.en"), PACKAGES["tiny.en"].sha256
    assert packaged is not None
    assert agent.find("own/model.en", "whisper", sha256) == ("", "")
    assert agent.find("tiny.en", "whisper", "") == (str(packaged), sha256)
    wrong = hashlib.sha256(b"other").hexdigest()
    for expected in (wrong, sha256):
        for file in (each for each in packaged.iterdir() if each.is_file()):
            content = file.read_bytes()
            half = len(content) // 2
            agent.store(expected, file.name, 0, content[:half])
            agent.store(expected, file.name, half, content[half:])
    assert agent.keep(wrong, "whisper") == ""
    assert agent.keep(sha256, "whisper") == str(sent_folder(sha256))
    assert agent.find("own/model.en", "whisper", sha256) == (str(sent_folder(sha256)), sha256)
    assert (sent_folder(sha256) / "model.bin").read_bytes() == (packaged / "model.bin").read_bytes()


def test_a_file_is_kept_in_its_folder_whatever_it_is_called(
    agent: Agent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    agent.store("0" * 64, "../../../../escaped", 0, b"x")
    assert [each.name for each in tmp_path.iterdir()] == ["cache"]


def test_what_does_not_fit_on_the_disk_is_told_and_nothing_of_it_stays(
    agent: Agent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemon.cluster.agent.packaged", lambda: tmp_path)
    assert agent.store("0" * 64, "config.json", 0, b"{}") == ""
    (received,) = (tmp_path / "sent").iterdir()
    (received / "model.bin").symlink_to("/dev/full")
    assert agent.store("0" * 64, "model.bin", 0, bytes(100_000)) == f"{tmp_path / 'sent'}: No space left on device"
    assert agent.keep("0" * 64, "whisper") == ""
    assert list((tmp_path / "sent").iterdir()) == []


def test_what_was_not_sent_to_its_end_is_removed_once_its_agent_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemon.cluster.agent.packaged", lambda: tmp_path)
    left, under_way, whole = (tmp_path / "sent" / name for name in (".00ff-4194305", f".00ff-{os.getpid()}", "00ff"))
    for folder in (left, under_way, whole):
        folder.mkdir(parents=True)
    Agent()
    assert (left.exists(), under_way.exists(), whole.exists()) == (False, True, True)


def test_what_must_be_the_same_everywhere_is_told(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    assert agent.about() == {**same_everywhere(), "gpu": "3"}
    assert set(same_everywhere()) == {"transcribed", "messages", "python"}
