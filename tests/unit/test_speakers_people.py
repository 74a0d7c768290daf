"""Whose clips there are."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from daemon.bench.speakers.people import LEVEL_DB, of_folder, shipped
from daemon.clips import CLIPS, voices
from daemon.errors import Unavailable


def test_the_voices_that_ship() -> None:
    people = shipped()
    assert [person.name for person in people] == sorted(set(voices().values())) == ["awb", "rms", "slt"]
    assert sum(len(person.clips) for person in people) == len(voices())
    assert all(person.speech_s > 10 for person in people)
    for clip in (clip for person in people for clip in person.clips):
        speech = np.concatenate([clip.sound[start:end] for start, end in clip.phrases])
        assert 10 * np.log10(np.mean(np.square(speech))) == pytest.approx(LEVEL_DB, abs=0.3)
        pauses = [after[0] - before[1] for before, after in zip(clip.phrases, clip.phrases[1:], strict=False)]
        assert all(pause >= 0.25 * 16_000 for pause in pauses)


def test_a_folder_for_each_or_a_name_before_the_dash(tmp_path: Path) -> None:
    (tmp_path / "ada" / "more").mkdir(parents=True)
    for name in ("ada/first.opus", "ada/more/second.opus", "bob-1.opus", "bob-2.opus"):
        shutil.copy(CLIPS / "memo-12.opus", tmp_path / name)
    shutil.copy(CLIPS / "memo-11.opus", tmp_path / "guest-1.opus")
    (tmp_path / "ada" / "notes.txt").write_text("no recording")
    people, few = of_folder(tmp_path)
    assert [(person.name, len(person.clips)) for person in people] == [("ada", 2), ("bob", 2)]
    assert len(few) == 1 and few[0].startswith("guest (")


def test_a_folder_without_speech_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no recording")
    with pytest.raises(Unavailable, match=r"nobody in .* speaks for 5 s") as refused:
        of_folder(tmp_path)
    assert "sub-folder" in refused.value.hint
