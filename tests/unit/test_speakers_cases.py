"""Which conversations are built, and which are there already."""

import shutil
from pathlib import Path

import pytest

from daemon.bench.speakers import rttm
from daemon.bench.speakers.cases import AS_RECORDED, Plan, cases, recorded, talks, target_percent
from daemon.bench.speakers.conversation import Case
from daemon.clips import CLIPS
from daemon.errors import Unavailable
from daemon.voice import Turn
from tests.talking import everybody


def test_all_kinds_are_built_unless_some_are_chosen() -> None:
    kinds = {kind: (case, lines) for kind, case, lines in cases(Plan())}
    assert [case.voices for case, lines in kinds.values() if len(lines) == 4] == [1, 2, 3, 4, 6, 10]
    assert kinds["2 voices by channel"][0].by_channel and kinds["1 voice, 60 min"][0].minutes == 60
    assert all(lines == ["clean", "telephone"][: len(lines)] for _, lines in kinds.values() if len(lines) < 4)
    chosen = list(cases(Plan(voices=[3], lines=["noise"], minutes=[1.0, 5.0], overlap_percent=30)))
    assert [(kind, case.overlap_percent, lines) for kind, case, lines in chosen] == [
        ("3 voices, 1 min", 30, ["noise"]),
        ("3 voices, 5 min", 30, ["noise"]),
    ]


def test_conversations_are_written_with_their_references(tmp_path: Path) -> None:
    plan = Plan(voices=[2, 4], lines=["clean", "telephone"], minutes=[0.5], conversations=2)
    made, short = talks(everybody(3), plan, tmp_path)
    assert short == ["4 voices, 0.5 min: not built, for clips of only 3 people are there"]
    assert [(talk.kind, talk.line) for talk in made] == 2 * [
        ("2 voices, 0.5 min", "clean"),
        ("2 voices, 0.5 min", "telephone"),
    ]
    assert made[0].turns == made[1].turns != made[2].turns, "the same conversation over each line"
    for talk in made:
        assert talk.path.is_file() and talk.voices == 2
        assert [turn.speaker for turn in rttm.read(talk.path.with_suffix(".rttm"))] == [
            turn.speaker for turn in talk.turns
        ]
    assert len({talk.path.stem for talk in made}) == 4, "references of their own"


def test_recordings_with_references(tmp_path: Path) -> None:
    shutil.copy(CLIPS / "memo-1.opus", tmp_path / "talk.opus")
    shutil.copy(CLIPS / "memo-2.opus", tmp_path / "without.opus")
    with pytest.raises(Unavailable, match="no recording in"):
        recorded(tmp_path)
    rttm.write(tmp_path / "talk.rttm", [Turn(0.5, 2.0, "ada"), Turn(2.0, 3.0, "bob")])
    (talk,) = recorded(tmp_path)
    assert (talk.kind, talk.line, talk.voices, talk.target_percent) == ("talk.opus", AS_RECORDED, 2, None)
    assert 3 < talk.duration_s < 6


@pytest.mark.parametrize(
    ("case", "line", "wanted"),
    [
        (Case(2, 2), "clean", 4),
        (Case(2, 2), "noise", 6),
        (Case(3, 2), "clean", 6),
        (Case(4, 2), "telephone", 8),
        (Case(6, 2), "clean", 8),
        (Case(6, 2), "opus", 10),
        (Case(10, 2), "clean", None),
        (Case(1, 60), "clean", None),
        (Case(2, 2, by_channel=True), "telephone", 3),
        (Case(2, 2, overlap_percent=20), "clean", None),
        (Case(2, 2, turn_s=(0.5, 3.0)), "clean", None),
    ],
)
def test_targets(case: Case, line: str, wanted: float | None) -> None:
    assert target_percent(case, line) == wanted
