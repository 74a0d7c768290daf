"""Other programs that tell who speaks when."""

import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from daemon.bench import measure
from daemon.bench.speakers import peers
from daemon.bench.speakers.listening import Found
from daemon.clips import CLIPS
from daemon.errors import Unavailable
from daemon.voice import Turn


def test_what_is_not_installed_says_so(tmp_path: Path) -> None:
    """In a process of its own, where a package of that name cannot be imported."""
    (tmp_path / "resemblyzer.py").write_text("raise ModuleNotFoundError('gone', name='resemblyzer')")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", f"{tmp_path}:{Path(peers.__file__).parents[3]}")
        with pytest.raises(Unavailable, match="not installed: the package resemblyzer"):
            peers.run("resemblyzer", [CLIPS / "memo-1.opus"])


def test_what_a_peer_finds_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    found = Found((Turn(0.0, 1.5, "S1"), Turn(1.5, 2.0, "S2")), 4, {"embeddings": 1.0})

    def run(command: list[str], folder: Path, _environment: Any) -> Any:
        monkeypatch.setattr(sys, "argv", command[2:])
        monkeypatch.setitem(peers.PEERS, "fake", lambda files: iter([found for _ in files]))
        peers.main()
        assert list(folder.iterdir()), "what it found"
        return types.SimpleNamespace(exit_code=0, errors="")

    monkeypatch.setattr(measure, "run", run)
    assert peers.run("fake", [Path("a.wav"), Path("b.wav")]) == [found, found]


def test_resemblyzers_windows_become_turns_where_there_is_speech(monkeypatch: pytest.MonkeyPatch) -> None:
    class Encoder:
        def __init__(self, *_: Any, **__: Any) -> None:
            pass

        def embed_utterance(self, sound: Any, **_: Any) -> Any:
            slices = [slice(at, at + 25_600) for at in range(0, len(sound), 8000)]
            return None, np.zeros((len(slices), 4)), slices

    class Clusterer:
        max_clusters = None

        def predict(self, windows: Any) -> Any:
            return np.arange(len(windows)) >= len(windows) // 2

    clusterer = Clusterer()
    fake = types.SimpleNamespace(VoiceEncoder=Encoder, sampling_rate=16_000)
    monkeypatch.setitem(sys.modules, "resemblyzer", fake)
    configs = types.SimpleNamespace(icassp2018_clusterer=clusterer)
    monkeypatch.setitem(sys.modules, "spectralcluster", types.SimpleNamespace(configs=configs))
    (found,) = peers.PEERS["resemblyzer"]([CLIPS / "memo-12.opus"])
    assert clusterer.max_clusters == peers.MOST and set(found.cpu_s) == {"embeddings", "clustering"}
    names = [turn.speaker for turn in found.turns]
    assert names == sorted(names) and set(names) == {"S1", "S2"}
    assert all(before.end_s <= after.start_s for before, after in zip(found.turns, found.turns[1:], strict=False))
    assert 8 < sum(turn.end_s - turn.start_s for turn in found.turns) < 14
