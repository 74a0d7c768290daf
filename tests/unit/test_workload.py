"""What is transcribed in a benchmark."""

from pathlib import Path

import pytest

from daemon.bench import workload
from daemon.bench.report import score
from daemon.errors import Unavailable
from tests.support import write_wav


def test_a_workload_is_the_same_each_time_and_knows_what_is_said(tmp_path: Path) -> None:
    made = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        made.append(workload.meeting(tmp_path / name, 20.0))
    assert made[0].sha256 == made[1].sha256
    assert made[0].audio_s >= 20.0 and made[0].items[0].text
    (tmp_path / "c").mkdir()
    memos = workload.memos(tmp_path / "c", 17)
    assert len(memos.items) == 17 and memos.has_references
    assert memos.items[0].text == memos.items[15].text


def test_the_users_recordings_are_copied_and_references_found(tmp_path: Path) -> None:
    source, copies = tmp_path / "mine", tmp_path / "copies"
    source.mkdir()
    copies.mkdir()
    write_wav(source / "a.wav")
    (source / "a.ref.txt").write_text("what is said")
    write_wav(source / "b.wav", seed=1)
    (source / "notes.txt").write_text("no recording")
    (source / "broken.mp3").write_text("no recording either")
    load = workload.of_user(source, copies)
    assert [item.text for item in load.items] == ["what is said", None]
    assert not load.has_references and score(load, ["x", "y"]) is None
    assert all(item.path.parent == copies for item in load.items)
    (tmp_path / "empty").mkdir()
    with pytest.raises(Unavailable, match="no recording below"):
        workload.of_user(tmp_path / "empty", copies)
