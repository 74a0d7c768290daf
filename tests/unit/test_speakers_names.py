"""The table of `bench speakers --names`."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from daemon.bench.report import Report
from daemon.bench.speakers import names
from daemon.bench.speakers.conversation import MARGIN
from daemon.bench.speakers.people import Clip, Person, Sound
from daemon.chunk import SAMPLE_RATE
from daemon.errors import Unavailable


def clip(*phrases_s: float) -> Clip:
    """A clip with phrases of so many seconds, a second of silence before each."""
    at, phrases = 0, []
    for seconds in phrases_s:
        start = at + SAMPLE_RATE
        at = start + round(seconds * SAMPLE_RATE)
        phrases.append((start, at))
    return Clip(np.full(at, 0.1, dtype=np.float32), tuple(phrases))


def person(name: str, *clips: Clip) -> Person:
    return Person(name, clips or (clip(20.0, 20.0),))


def seconds(phrases: Sequence[Sound]) -> float:
    return sum(map(len, phrases)) / SAMPLE_RATE


def test_no_clip_is_in_both_halves() -> None:
    sample, recording = names.halves(person("ada", clip(3.0), clip(9.0), clip(5.0), clip(2.0)))
    margins = 2 * MARGIN / SAMPLE_RATE
    assert sorted(len(each) / SAMPLE_RATE - margins for each in sample + recording) == [2, 3, 5, 9]
    assert abs(seconds(sample) - seconds(recording)) < 1.5


def test_one_clip_is_cut_between_two_phrases() -> None:
    sample, recording = names.halves(person("ada", clip(4.0, 4.0, 4.0, 4.0)))
    assert (len(sample), len(recording)) == (2, 2)


@pytest.mark.parametrize(("most_s", "expected_s"), [(3.0, 3.0), (8.0, 8.0), (60.0, 10.2)])
def test_no_more_is_heard_than_is_wanted(most_s: float, expected_s: float) -> None:
    sample, _ = names.halves(person("ada", clip(5.0, 5.0), clip(5.0, 5.0)))
    joined = names._joined(sample, most_s)
    assert np.count_nonzero(joined) / SAMPLE_RATE == pytest.approx(expected_s, abs=0.3)


@pytest.fixture
def ears(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[float]]:
    """What is heard of each file, by the person's name, or by name and part."""
    heard: dict[str, list[float]] = {}

    def voice_of(path: Path, _model: object) -> names.Direction:
        who, part, _line = path.stem.split("-")
        direction = np.array(heard.get(f"{who}-{part}") or heard[who], dtype=np.float32)
        return direction / np.linalg.norm(direction)

    monkeypatch.setattr(names, "voice_of", voice_of)
    monkeypatch.setattr(names, "SpeakerModel", lambda _file: None)
    return heard


def study(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, people: Sequence[Person], lines: Sequence[str]) -> Report:
    monkeypatch.setattr(names, "of_folder", lambda _folder: (people, []))
    return names.names(tmp_path, lines, Path("cam.onnx"), tmp_path, lambda _: None)


def test_rights_and_wrongs_are_counted(
    ears: dict[str, list[float]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cyd's recording sounds like bob, who then gets no name where both are known: two are near."""
    ears.update({"ada": [1, 0, 0], "bob": [0, 1, 0], "cyd": [0, 0, 1], "cyd-8": [0, 1, 0]})
    people = [person(name) for name in ("ada", "bob", "cyd")]
    report = study(monkeypatch, tmp_path, [*people, person("dan", clip(9.0))], ["clean", "telephone"])
    assert report.columns == [*names.COLUMNS, "false %, 1 known", "false %, 2 known"]
    assert [(row["sample and recording"], row["up to s"]) for row in report.rows] == [
        (pair, heard_s) for pair in names.PAIRS for heard_s in names.RECORDINGS_S
    ]
    short, long = report.rows[:2]
    assert (short["right %"], short["another's %"], short["false %, 2 known"]) == (66.7, 33.3, 33.3)
    assert 0 < short["false %, 1 known"] < 33.3
    assert (long["right %"], long["another's %"], long["false %, 2 known"]) == (100, 0, 0)
    assert {row["people"] for row in report.rows} == {3}


def test_without_a_telephone_there_are_no_rows_of_it(
    ears: dict[str, list[float]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ears.update({"ada": [1, 0, 0], "bob": [0, 1, 0]})
    report = study(monkeypatch, tmp_path, [person("ada"), person("bob")], ["opus"])
    assert [row["sample and recording"] for row in report.rows] == ["no telephone"] * 2
    assert report.rows[0]["false %, 1 known"] == 0


def test_who_is_not_heard_gets_no_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "voice_of", lambda *_: None)
    monkeypatch.setattr(names, "SpeakerModel", lambda _file: None)
    report = study(monkeypatch, tmp_path, [person("ada"), person("bob")], ["clean"])
    assert (report.rows[0]["right %"], report.rows[0]["another's %"]) == (0, 0)


@pytest.mark.usefixtures("ears")
def test_too_few_people_are_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Unavailable, match="only 1 of 2 people have 16 s of speech"):
        study(monkeypatch, tmp_path, [person("ada"), person("bob", clip(9.0))], ["clean"])
