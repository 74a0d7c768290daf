"""Jobs of recordings that are still being recorded, in the database."""

from typing import Any

import pytest

from daemon.chunk import Options
from daemon.config.formats import LIVE
from daemon.store.queries import Queries
from daemon.store.records import ChunkDone, MadeWith, Output
from daemon.store.store import Store
from tests.builders import result, seen

GROWN = "1:2:9:9:9"
TINY = MadeWith("tiny.en", "int8", "cpu")


def recording(store: Store, **options: Any) -> int:
    """A recording that grows, with one chunk that is done."""
    store.settle([seen("a.wav")])
    store.record(seen("a.wav"), Options(**options), 3)
    (job,) = store.recordings()
    store.begin(job.id, content_hash=None, duration_s=None, made_with=TINY, language="en")
    store.save([result(job.id, digest="d0")])
    return job.id


def row(queries: Queries, job_id: int) -> dict[str, object]:
    found = queries.job(job_id)
    assert found is not None
    return dict(found)


def test_it_stays_one_job_while_its_file_becomes_another_version_and_keeps_what_is_done(
    store: Store, queries: Queries
) -> None:
    job_id = recording(store, language="en", beam_size=2)
    store.heard(job_id, 61.2345)
    store.settle([seen("a.wav", GROWN, size=99)])
    now = row(queries, job_id)
    assert (now["state"], now["size_bytes"], now["duration_s"], now["priority"]) == ("recording", 99, 61.234, 3)
    assert not store.nothing_left() and "still being recorded" in (store.unsettled() or "")

    # What was said in the folder's settings since then does not concern what is half done.
    store.queue([(seen("a.wav", "1:2:8:8:8"), Options(language="de"), 0)])
    assert [row["id"] for row in queries.jobs(limit=9)] == [job_id] and store.recordings() == []
    (job,) = store.claim(1)
    assert (job.fingerprint, job.options.language, job.options.beam_size) == ("1:2:8:8:8", "en", 2)
    store.begin(job_id, content_hash="ab", duration_s=70.0, made_with=TINY, language="en")
    assert store.chunks_done(job_id) == {0: ChunkDone(0.0, 10.0, "d0")}


def test_another_model_or_a_retry_starts_over(store: Store) -> None:
    job_id = recording(store)
    store.begin(job_id, content_hash=None, duration_s=None, made_with=MadeWith("base", "int8", "cpu"), language=None)
    assert store.chunks_done(job_id) == {}
    store.save([result(job_id, digest="d0")])
    store.cancel(job_id)
    store.retry(job_id)
    store.claim(1)
    store.begin(job_id, content_hash="ab", duration_s=None, made_with=MadeWith("base", "int8", "cpu"), language=None)
    assert store.chunks_done(job_id) == {}


def test_what_cannot_be_read_before_it_is_complete_settles_as_others_do(store: Store, queries: Queries) -> None:
    store.settle([seen("film.mp4")])
    store.record(seen("film.mp4"), Options(), 0)
    (film,) = store.recordings()
    store.left_growing(film.id, "not before it is complete")
    assert (row(queries, film.id)["state"], row(queries, film.id)["reason"]) == (
        "settling",
        "not before it is complete",
    )
    # Where something has been done, the options stay, and so the state.
    job_id = recording(store)
    store.left_growing(job_id, "its decoder died")
    assert (row(queries, job_id)["state"], row(queries, job_id)["reason"]) == ("recording", "its decoder died")
    store.record(seen("b.wav"), Options(), 0)
    assert len(store.recordings()) == 1, "nobody has seen b.wav"


def test_what_is_to_be_claimed_at_once_and_what_not_at_all(store: Store) -> None:
    first = recording(store)
    store.settle([seen("b.wav", "1:3:3:4:5")])
    store.record(seen("b.wav", "1:3:3:4:5"), Options(), 0)
    second = next(job.id for job in store.recordings() if job.id != first)
    assert store.ended([first, second, 99]) == [99] and store.ended([]) == [] and store.claim_these([]) == []
    store.queue([(seen("a.wav", GROWN), Options(), 0)])
    assert store.claim(9, without=[first]) == []
    assert [job.id for job in store.claim_these([first, second])] == [first]
    store.vanish([second], "the file is gone")
    assert store.ended([first, second]) == [second]


def test_what_is_cancelled_while_it_grows_stays_so(store: Store, queries: Queries) -> None:
    job_id = recording(store)
    store.cancel(job_id)
    store.settle([seen("a.wav", GROWN)])
    store.queue([(seen("a.wav", "1:2:8:8:8"), Options(), 0)])
    assert [(row["id"], row["state"]) for row in queries.jobs(limit=9)] == [(job_id, "cancelled")]
    # Another file of this name, and one that was cancelled after it was complete and has then been written anew, are new.
    store.queue([(seen("a.wav", "1:7:8:8:8"), Options(), 0)])
    (job,) = store.claim(1)
    store.cancel(job.id)
    store.settle([seen("a.wav", "1:7:9:9:9")])
    assert [row["state"] for row in queries.jobs(limit=9)] == ["settling", "cancelled", "cancelled"]


def test_the_file_with_the_text_so_far(store: Store) -> None:
    job_id = recording(store)
    assert store.live_file(job_id) is None
    files = [Output(form, f"/root/a.{form}".encode(), "00", 1) for form in (LIVE, "txt")]
    store.plan_outputs(job_id, files)
    assert store.live_file(job_id) == files[0]
    store.forget_live_file(job_id)
    assert store.live_file(job_id) is None and store.output_formats(job_id) == ["txt"]


def test_a_recording_that_came_with_a_transcript_is_left_alone(store: Store, queries: Queries) -> None:
    job_id = recording(store)
    store.leave_alone([(seen("a.wav", GROWN), Options(), 0)], "has a transcript already")
    assert [(row["id"], row["state"]) for row in queries.jobs(limit=9)] == [(job_id, "done")]


def test_what_has_failed_counts_as_going_on_where_that_is_asked_for(store: Store) -> None:
    job_id = recording(store)
    store.plan_outputs(job_id, [Output(LIVE, b"/root/a.live.txt", "00", 1), Output("txt", b"/root/a.txt", "00", 1)])
    assert store.with_live_file() == {job_id}
    store.queue([(seen("a.wav", GROWN), Options(), 0)])
    store.claim(1)
    store.fail(job_id, "FailedRecording", "no", None)
    assert store.ended({job_id}) == [job_id] and store.ended({job_id}, but_for=("dead",)) == []


@pytest.mark.guarantee(17)
def test_what_overwrites_a_recording_that_was_cancelled_while_it_grew_is_new(store: Store, queries: Queries) -> None:
    recording(store)
    store.cancel(1)
    store.settle([seen("a.wav", GROWN, size=50)])
    store.queue([(seen("a.wav", "1:2:8:8:8", size=60), Options(), 0)])
    store.settle([seen("a.wav", "1:2:99:9:9", size=99)])
    assert [row["state"] for row in queries.jobs(limit=9)] == ["settling", "cancelled"]


def test_what_is_smaller_than_a_recording_that_was_cancelled_is_new(store: Store, queries: Queries) -> None:
    recording(store)
    store.cancel(1)
    store.settle([seen("a.wav", GROWN, size=50)])
    store.settle([seen("a.wav", "1:2:8:8:8", size=40)])
    assert [row["state"] for row in queries.jobs(limit=9)] == ["settling", "cancelled"]
