"""The programs that the daemon is compared with."""

import json
from pathlib import Path

import pytest

from daemon.bench import peers
from daemon.engine.loader import Placement


def test_a_peer_computes_where_and_how_the_daemon_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import ctranslate2

    def ordered(peer: object, device: str = "auto", compute_type: str = "auto") -> None:
        order = {"peer": "x", "model": "tiny.en", "device": device, "compute_type": compute_type, "files": ["a"],
                 "out": str(tmp_path / "texts.json")}  # fmt: skip
        monkeypatch.setattr(peers, "PEERS", {"x": peer})
        monkeypatch.setattr("sys.argv", ["peers", json.dumps(order)])
        peers.main()

    seen = []

    def peer(_model: str, at: Placement, files: list[str]) -> list[str]:
        seen.append((at.name, at.compute_type))
        return files

    def lacking(*_: object) -> list[str]:
        raise ModuleNotFoundError("No module named 'torch'", name="torch")

    monkeypatch.setattr(ctranslate2, "get_cuda_device_count", lambda: 0)
    ordered(peer)
    with pytest.raises(SystemExit, match=r"torch: pip install 'transcribed\[peers\]'"):
        ordered(lacking)
    with pytest.raises(SystemExit, match="'cuda' is not there"):
        ordered(peer, "cuda")
    monkeypatch.setattr(ctranslate2, "get_cuda_device_count", lambda: 2)
    monkeypatch.setattr(ctranslate2, "get_supported_compute_types", lambda *_: {"float16", "int8_float16", "int8"})
    ordered(peer)
    ordered(peer, "cuda:1", "float16")
    assert seen == [("cpu", "int8"), ("cuda:0", "int8_float16"), ("cuda:1", "float16")]


def test_who_needs_other_files_has_them_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def write(folder: Path, into: Path) -> None:
        assert (folder / "model.bin").exists()
        (into / "weights").write_text("all")

    def lacking(*_: object) -> None:
        raise ModuleNotFoundError("No module named 'openvino'", name="openvino")

    monkeypatch.setattr(peers, "CONVERSIONS", {"x": write, "y": lacking})
    for name in ("x", "y"):
        monkeypatch.setattr(
            "sys.argv", ["peers", json.dumps({"peer": name, "model": "tiny.en", "into": str(tmp_path)})]
        )
        if name == "x":
            peers.main()
        else:
            with pytest.raises(SystemExit, match=r"openvino: pip install 'transcribed\[schemes\]'"):
                peers.main()
    assert (tmp_path / "weights").read_text() == "all"
    assert peers.folder_of("z", tmp_path) is None and peers.folder_of("x", tmp_path) == tmp_path / "write"


def test_all_that_is_converted_is_there_to_be_run() -> None:
    assert set(peers.CONVERSIONS) <= {*peers.PEERS, *peers.SCHEMES}
