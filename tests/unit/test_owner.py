"""Jobs and guests, found by their numbers."""

from daemon.transcribe.active_job import ActiveJob
from daemon.transcribe.guests import Guest
from daemon.transcribe.owner import Owner, both
from tests.builders import job


def test_jobs_and_guests_are_found_as_they_come_and_go() -> None:
    jobs, guests = dict[int, ActiveJob](), dict[int, Owner]()
    everybody = both(jobs, guests)
    jobs[7] = ActiveJob(job(priority=3), detects=False)
    guests[-1] = Guest(-1, ("ada", 1), "tiny.en", lambda *_: None)
    assert [everybody[number].priority for number in (7, -1)] == [3, 0]
    del jobs[7]
    assert everybody.get(7) is None and everybody.get(-1) is guests[-1]
