from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.chunk import Chunk
from daemon.transcribe.batcher import HEAD_START, PASSES_MAX, Batcher
from tests import builders


def chunk(job_id: int, idx: int, temperature: float = 0.0, alone: bool = False) -> Chunk:
    return builders.chunk(job_id, idx, 2 / 16_000, temperature=temperature, alone=alone)


chunks = st.builds(
    chunk,
    st.integers(1, 5),
    st.integers(0, 5) | st.integers(0, 10_000),
    st.sampled_from([0.0, 0.2]),
    st.sampled_from([False] * 4 + [True]),
)


@given(st.lists(chunks, unique_by=lambda each: (each.job_id, each.idx)), st.integers(1, 9))
def test_every_chunk_is_taken_exactly_once_in_batches_of_one_bucket(submitted: list[Chunk], size: int) -> None:
    batcher = Batcher()
    for each in submitted:
        batcher.submit(each)
    taken: list[Chunk] = []
    while batch := batcher.take(size):
        assert len(batch) <= size
        assert len({each.bucket for each in batch}) == 1
        assert len(batch) == 1 or not any(each.alone for each in batch)
        taken += batch
    assert Counter(map(id, taken)) == Counter(map(id, submitted))
    assert len(batcher) == 0


@given(st.lists(chunks, unique_by=lambda each: (each.job_id, each.idx)), st.integers(1, 9), st.booleans())
def test_full_promises_what_take_gives(submitted: list[Chunk], size: int, apart: bool) -> None:
    batcher = Batcher()
    for each in submitted:
        batcher.submit(each)
    if batcher.full(size, new_apart=apart):
        assert len(batcher.take(size, new_apart=apart)) == size


@given(st.lists(chunks, unique_by=lambda each: (each.job_id, each.idx)), st.integers(1, 9), st.data())
def test_no_chunk_waits_for_ever_while_its_job_is_served(
    submitted: list[Chunk], size: int, data: st.DataObject
) -> None:
    batcher = Batcher()
    for each in submitted:
        batcher.submit(each)
    odd = data.draw(st.sampled_from(range(1, 6)))
    batcher.submit(chunk(odd, 99_999, temperature=0.6), first=True)
    rounds = 0
    while 99_999 not in [each.idx for each in batcher.take(size)]:
        # What a chunk of the job was taken for, another one of its own is put in the queue.
        for idx in range(size):
            batcher.submit(chunk(odd, 100_000 + rounds * size + idx))
        rounds += 1
        assert rounds <= len(submitted) + 6 * (PASSES_MAX + 1)


@given(st.dictionaries(st.integers(1, 6), st.integers(1, 20), min_size=2))
def test_jobs_take_turns(counts: dict[int, int]) -> None:
    batcher = Batcher()
    for job_id, count in counts.items():
        for idx in range(count):
            batcher.submit(chunk(job_id, idx))
    left, served = dict(counts), Counter[int]()
    while batch := batcher.take(1):
        job_id = batch[0].job_id
        served[job_id] += 1
        left[job_id] -= 1
        # No job is two rounds ahead of another that still waits.
        assert all(served[job_id] - served[other] <= 1 for other, waiting in left.items() if waiting)


def test_the_chunks_of_a_job_keep_their_order() -> None:
    batcher = Batcher()
    for idx in range(5):
        batcher.submit(chunk(1, idx))
    assert [each.idx for each in batcher.take(5)] == [0, 1, 2, 3, 4]


def test_a_memo_behind_a_meeting_is_in_the_next_batch() -> None:
    batcher = Batcher()
    for idx in range(100):
        batcher.submit(chunk(1, idx))
    batcher.take(4)
    batcher.submit(chunk(2, 0))
    assert 2 in [each.job_id for each in batcher.take(4)]


def test_a_memo_that_is_new_goes_before_a_meeting_that_is_under_way() -> None:
    batcher = Batcher()
    for idx in range(100):
        batcher.submit(chunk(1, idx))
    batcher.take(4)
    batcher.take(4)
    batcher.submit(chunk(2, 0, temperature=0.2))  # of another length, say: it shares no batch with the meeting
    assert [each.job_id for each in batcher.take(4)] == [2]
    assert [each.job_id for each in batcher.take(4)] == [1] * 4


def test_a_memo_is_not_made_to_wait_for_the_meetings_share_of_its_batch() -> None:
    batcher = Batcher()
    for idx in range(100):
        batcher.submit(chunk(1, idx))
    batcher.take(4)
    for job_id in (2, 3):
        batcher.submit(chunk(job_id, 0))
    assert not batcher.full(4, new_apart=True) and batcher.full(4)
    assert [each.job_id for each in batcher.take(4, new_apart=True)] == [2, 3]
    assert [each.job_id for each in batcher.take(4, new_apart=True)] == [1] * 4
    batcher.submit(chunk(4, 0))
    assert [each.job_id for each in batcher.take(4)] == [4, 1, 1, 1], "where a full batch takes no longer"


def test_memos_in_their_turn_come_in_the_order_of_their_arrival() -> None:
    batcher = Batcher()
    for job_id in (3, 1, 2):
        batcher.submit(chunk(job_id, 0))
        batcher.submit(chunk(job_id, 1))
    assert [each.job_id for each in batcher.take(6)] == [3, 1, 2, 3, 1, 2]


def test_a_stream_of_memos_does_not_stop_a_meeting() -> None:
    batcher = Batcher()
    for idx in range(100):
        batcher.submit(chunk(1, idx))
    batcher.take(4)
    for memo in range(2, 2 + HEAD_START):
        batcher.submit(chunk(memo, 0, temperature=0.2))
        if batcher.take(1)[0].job_id == 1:
            break
    assert HEAD_START / 4 < memo < HEAD_START


@pytest.mark.parametrize("more", [chunk(2, 0, temperature=0.4), chunk(2, 1)])
def test_what_is_begun_of_a_memo_is_not_held_up_by_those_that_come_after_it(more: Chunk) -> None:
    batcher = Batcher()
    for idx in range(100):
        batcher.submit(chunk(1, idx))
    for _ in range(3):
        batcher.take(4)
    batcher.submit(chunk(2, 0, temperature=0.2))
    assert [each.job_id for each in batcher.take(4)] == [2]
    batcher.submit(more, first=more.idx == 0)
    batcher.submit(chunk(3, 0, temperature=0.2))
    assert [each.job_id for each in batcher.take(1)] == [2]


def test_a_meeting_whose_next_window_comes_late_is_not_new() -> None:
    batcher = Batcher()
    batcher.submit(chunk(1, 7))
    batcher.take(1)
    batcher.submit(chunk(2, 7))
    batcher.submit(chunk(1, 8))
    assert [each.job_id for each in batcher.take(1)] == [2]


def test_priority_goes_first_and_the_rest_fills_the_batch() -> None:
    batcher = Batcher()
    batcher.submit(chunk(1, 0), priority=0)
    batcher.submit(chunk(2, 0), priority=5)
    batcher.submit(chunk(2, 1), priority=5)
    assert [each.job_id for each in batcher.take(3)] == [2, 2, 1]


def test_a_repetition_goes_before_the_rest_of_its_job() -> None:
    batcher = Batcher()
    batcher.submit(chunk(1, 1))
    batcher.submit(chunk(1, 0, temperature=0.2), first=True)
    assert [each.idx for each in batcher.take(4)] == [0]
    assert [each.idx for each in batcher.take(4)] == [1]


def test_one_job_whose_chunks_alternate_between_buckets_fills_batches() -> None:
    batcher = Batcher()
    for idx in range(8):
        batcher.submit(chunk(1, idx, temperature=0.2 * (idx % 2)))
    assert batcher.full(4)
    assert [each.idx for each in batcher.take(4)] == [0, 2, 4, 6]
    assert [each.idx for each in batcher.take(4)] == [1, 3, 5, 7]


def test_odd_chunks_of_a_job_wait_for_more_of_their_kind_while_others_fill_batches() -> None:
    batcher = Batcher()
    for idx in range(8):
        batcher.submit(chunk(1, idx))
    batcher.submit(chunk(1, 20, temperature=0.2), first=True)
    assert [each.idx for each in batcher.take(4)] == [0, 1, 2, 3]
    batcher.submit(chunk(1, 21, temperature=0.2), first=True)
    assert [each.idx for each in batcher.take(4)] == [4, 5, 6, 7]
    assert [each.idx for each in batcher.take(4)] == [21, 20]


def test_the_only_chunk_of_a_job_does_not_wait_for_the_full_batches_of_others() -> None:
    batcher = Batcher()
    batcher.submit(chunk(1, 0, temperature=0.2))
    for idx in range(8):
        batcher.submit(chunk(2, idx))
    assert [each.job_id for each in batcher.take(4)] == [1]


def test_a_dropped_job_leaves_nothing() -> None:
    batcher = Batcher()
    batcher.submit(chunk(1, 0))
    batcher.submit(chunk(1, 1))
    batcher.submit(chunk(2, 0))
    assert [each.idx for each in batcher.drop(1)] == [0, 1]
    assert batcher.drop(1) == []
    assert [each.job_id for each in batcher.take(9)] == [2]


def test_a_chunk_that_must_run_alone_says_so() -> None:
    batcher = Batcher()
    assert not batcher.next_is_alone(4)
    batcher.submit(chunk(1, 0, alone=True))
    batcher.submit(chunk(2, 0))
    assert batcher.next_is_alone(4)
    assert len(batcher.take(4)) == 1
    assert not batcher.next_is_alone(4)


def test_what_was_lost_goes_before_all_of_its_priority_and_the_rest_of_its_job_does_not() -> None:
    batcher = Batcher()
    for job_id in (1, 2):
        batcher.submit(chunk(job_id, 0))
    batcher.submit(chunk(3, 0), priority=1)
    batcher.submit(chunk(4, 2))
    for idx in (1, 0):
        batcher.submit(chunk(4, idx), at_once=True)
    taken = [(each.job_id, each.idx) for _ in range(6) for each in batcher.take(1)]
    assert taken[:3] == [(3, 0), (4, 0), (4, 1)]
    assert taken.index((4, 2)) == 5
