"""One metric: its figures, what is kept of them, and their units."""

from daemon.monitor.metric import Kept, Metric, file_systems, of_work, one
from daemon.monitor.sample import Disk, Work
from tests.builders import host, sample


def figures(*values: float | None) -> Metric:
    return Metric("m", lambda _: [((str(at),), value) for at, value in enumerate(values)], "Help.", otherwise=-1.0)


def test_the_worst_of_the_known_figures_is_kept() -> None:
    assert figures(1.0, None, 3.0, 2.0).folded(sample()) == 3.0
    assert figures(None, None).folded(sample()) == figures().folded(sample()) == -1.0


def test_nothing_is_known_of_work_while_the_database_cannot_be_read() -> None:
    assert of_work("done")(sample(Work(done=3))) == [((), 3)]
    assert of_work("done")(sample(Work(done=3, known=False))) == [((), None)]


def test_a_file_system_with_several_folders_is_one() -> None:
    disks = (Disk("/a", 9.0, 1), Disk("/b", 9.0, 1), Disk("/c", 7.0, 2), Disk("/gone", None), Disk("/gone too", None))
    assert file_systems(sample(host=host(disks=disks))) == [
        (("/a",), 9.0), (("/c",), 7.0), (("/gone",), None), (("/gone too",), None),
    ]  # fmt: skip


def test_base_units() -> None:
    read = one(lambda _: 1.0)
    for unit, value, base in (
        ("%", 50.0, 0.5),
        ("MB", 2.0, 2e6),
        ("MiB", 1.0, 1048576.0),
        ("s", 3.0, 3.0),
        ("", 4.0, 4.0),
    ):
        assert Metric("m", read, "Help.", unit).in_base_unit(value) == base


def test_a_row_has_it_in_a_column_or_in_its_detail() -> None:
    row = {"m": 1.0, "detail": {"m": 2.0}}
    read = one(lambda _: None)
    assert Metric("m", read, "Help.", kept=Kept.COLUMN).of_row(row) == 1.0
    assert Metric("m", read, "Help.").of_row(row) == 2.0
