"""What is read back of a transcript."""

import pytest

from daemon.store.queries import Queries
from daemon.store.store import Store
from tests.builders import result, segment
from tests.support import queue


@pytest.mark.parametrize(
    ("channels", "expected"), [((0, 0), ["first", "second", "third"]), ((1, 2), ["third", "first", "second"])]
)
def test_lines_are_in_the_order_of_chunks_or_of_time_where_the_channels_are_apart(
    store: Store, queries: Queries, channels: tuple[int, int], expected: list[str]
) -> None:
    queue(store, "a.wav")
    (job,) = store.claim(1)
    lines = (segment("first", 5.0), segment("second", 7.0))
    third = (segment("third", 1.0),)
    store.save([result(job.id, 0, channel=channels[0], segments=lines, translation=lines)])
    store.save([result(job.id, 1, channel=channels[1], segments=third, translation=third)])
    assert [line.text for line in store.transcript(job.id)] == expected
    assert [line.text for line in store.translation(job.id)] == expected
    detail = queries.job(job.id)
    assert detail is not None and [line["text"] for line in detail["segments"]] == expected
