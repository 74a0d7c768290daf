"""Pictures of studies."""

from pathlib import Path

from daemon.bench import plots
from daemon.bench.report import Report


def test_every_study_can_be_drawn(tmp_path: Path) -> None:
    for study, panels in plots.PANELS.items():
        labels = dict.fromkeys(plots.LABELS[study], "transcribed")
        row = {**labels, **dict.fromkeys(panels, 95.0), "workload": "60 memos"}
        plots.plot(Report(study, "tiny.en", [], rows=[row, row]), tmp_path / f"{study}.png")
        assert (tmp_path / f"{study}.png").stat().st_size > 5000
