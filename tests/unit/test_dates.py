"""When a recording was made, from the tags of its container."""

import pytest

from daemon.decode.dates import recorded_at
from daemon.sound import RecordedAt

WRITTEN_S = 1_700_000_000.0
OF_FILE = RecordedAt("2023-11-14T22:13:20Z", "file")


@pytest.mark.parametrize(
    ("tags", "time"),
    [
        ({"creation_time": "2024-05-01T10:20:30.000000Z"}, "2024-05-01T10:20:30Z"),
        ({"creation_time": "2024-05-01 10:20:30"}, "2024-05-01T10:20:30"),
        (
            {"com.apple.quicktime.creationdate": "2024-05-01T12:20:30+0200", "creation_time": "2024-05-02T00:00:00Z"},
            "2024-05-01T10:20:30Z",
        ),
        ({"date": "2024-05-01", "creation_time": "10:20:30"}, "2024-05-01T10:20:30"),
        ({"date": "2024:05:01", "creation_time": "10-20-30"}, "2024-05-01T10:20:30"),
        ({"DATE": "2024"}, "2024"),
        ({"date": "2024", "creation_time": "10:20:30"}, "2024"),
        ({"date": "2024-05"}, "2024-05"),
        ({"date": "20240501"}, "2024-05-01"),
        ({"date": "2024-05-01 10:20"}, "2024-05-01T10:20:00"),
        ({"creation_time": "2024-05-01 10:20:30 UTC"}, "2024-05-01T10:20:30Z"),
        ({"creation_time": "1904-01-01T00:00:00Z", "date": "2019"}, "2019"),
        ({"creation_time": "2024-02-30T00:00:00Z", "date": "1999-12-31"}, "1999-12-31"),
        ({"creation_time": "0001-01-01T00:00:00+05:00", "date": "2001"}, "2001"),
        ({"creation_time": "1903-12-31T16:00:00-08:00", "date": "2001"}, "2001"),
        ({"creation_time": " 2024-05-01T10:20:30,123+02 "}, "2024-05-01T08:20:30Z"),
        ({"creation_time": "20240501T102030Z"}, "2024-05-01T10:20:30Z"),
    ],
)
def test_what_the_container_says(tags: dict[str, str], time: str) -> None:
    assert recorded_at((tags,), WRITTEN_S) == RecordedAt(time, "container")


@pytest.mark.parametrize(
    "tags",
    [
        {},
        {"creation_time": "1970-01-01T00:00:00.000000Z"},
        {"creation_time": "10:20:30"},
        {"date": "yesterday"},
        {"date": "0000-00-00"},
        {"date": "202"},
        {"date": "2024-13-01"},
        {"date": "9" * 100_000},
        {"date": "2024-05-01T10:20:30" + " " * 200_000 + "q"},
        {"date": "1904"},
    ],
)
def test_what_is_no_date_leaves_that_of_the_file(tags: dict[str, str]) -> None:
    assert recorded_at((tags,), WRITTEN_S) == OF_FILE


def test_the_track_is_asked_after_the_container() -> None:
    dated = {"creation_time": "2024-05-01T10:20:30Z"}
    assert recorded_at(({"title": "x"}, dated), WRITTEN_S).time == "2024-05-01T10:20:30Z"
    assert recorded_at(({"date": "2020"}, dated), WRITTEN_S).time == "2020"


def test_a_file_from_beyond_the_calendar_has_no_date() -> None:
    assert recorded_at((), 1e18) == RecordedAt()
