"""Waiting for jobs."""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from pathlib import Path

import pytest

from daemon.chunk import Options
from daemon.config.settings import Settings
from daemon.errors import Unavailable
from daemon.store.database import lock
from daemon.store.records import Seen
from daemon.store.store import Store
from daemon.web import feed
from daemon.web.arrived import Arrived
from daemon.web.waiting import FORGOTTEN, NoDaemon, Waiting
from tests import builders

MANY = 50


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    (tmp_path / "inbox" / "ada").mkdir(parents=True)
    (tmp_path / "inbox" / "ada" / "talk.wav").write_bytes(b"sound")
    return tmp_path / "inbox" / "ada" / "talk.wav"


@pytest.fixture
def settings(tmp_path: Path, recording: Path) -> Settings:
    del recording
    return builders.settings(tmp_path)


def queue(store: Store, arrived: Arrived, **other: str) -> None:
    version = other.get("version", arrived.version)
    store.queue([(Seen(arrived.root, arrived.path, version, 5), Options(), 0)])


def job_of(store: Store, arrived: Arrived) -> int:
    queue(store, arrived)
    (job,) = store.claim(1)
    return job.id


def test_the_job_of_a_recording_is_found_when_the_daemon_has_seen_it(
    path: Path, store: Store, settings: Settings, recording: Path
) -> None:
    arrived = Arrived.at(settings, recording)
    assert (arrived.root, arrived.path) == (str(settings.watch[0].path), b"ada/talk.wav")

    async def wait() -> int | None:
        found = asyncio.create_task(Waiting(path).job(arrived))
        # An earlier file of this name does not count.
        await asyncio.to_thread(queue, store, arrived, version="1:2:3:4:5")
        assert not (await asyncio.wait([found], timeout=0.5))[0]
        await asyncio.to_thread(queue, store, arrived)
        return await asyncio.wait_for(found, 20)

    assert asyncio.run(wait()) == 2


def test_who_cannot_wait_for_long_is_told_that_there_is_no_job_yet(
    path: Path, settings: Settings, recording: Path
) -> None:
    assert asyncio.run(Waiting(path).job(Arrived.at(settings, recording), 0.3)) is None


def test_nobody_looks_for_a_job_that_nobody_wants_to_know(path: Path, settings: Settings, recording: Path) -> None:
    async def given_up() -> bool:
        return True

    waiting = Waiting(path).job(Arrived.at(settings, recording), given_up=given_up)
    assert asyncio.run(waiting) is None


def test_a_recording_that_is_not_there_has_not_arrived(settings: Settings, recording: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Arrived.at(settings, recording.with_name("other.wav"))
    with pytest.raises(LookupError, match="below no watched folder"):
        Arrived.at(settings, tmp_path / "talk.wav")


def test_one_look_serves_everybody_until_the_job_has_ended(
    path: Path, store: Store, settings: Settings, recording: Path
) -> None:
    job_id = job_of(store, Arrived.at(settings, recording))
    looks: list[Sequence[int]] = []

    class Counted(Waiting):
        def _read(self, job_ids: Sequence[int]) -> dict[int, str]:
            looks.append(job_ids)
            return super()._read(job_ids)

    followed: list[list[str]] = [[] for _ in range(MANY)]

    async def follow(waiting: Waiting, states: list[str]) -> None:
        async for state in waiting.states(job_id):
            states += [state]

    async def wait() -> None:
        waiting = Counted(path)
        tasks = [asyncio.create_task(follow(waiting, states)) for states in followed]
        while not all(followed):
            await asyncio.sleep(0.05)
        await asyncio.to_thread(store.finish, job_id)
        await asyncio.wait_for(asyncio.gather(*tasks), 20)

    asyncio.run(wait())
    assert {states[0] for states in followed} == {"running"} and {states[-1] for states in followed} == {"done"}
    assert len(looks) <= 5, "everybody has looked"


def test_a_job_that_is_not_there_any_more_is_forgotten(path: Path) -> None:
    async def wait() -> list[str]:
        return [state async for state in Waiting(path).states(7)]

    assert asyncio.run(wait()) == [FORGOTTEN]


def test_nobody_waits_for_a_daemon_that_does_not_run(
    path: Path, store: Store, settings: Settings, recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "SIGN_OF_LIFE_S", 0.1)
    job_id = job_of(store, Arrived.at(settings, recording))

    async def wait(most: int) -> int:
        seen = 0
        async for _ in Waiting(path).states(job_id):
            if (seen := seen + 1) == most:
                break
        return seen

    with pytest.raises(NoDaemon, match="no daemon is running that could transcribe; start it: transcribed run"):
        asyncio.run(wait(20))
    with lock(path):
        assert asyncio.run(wait(20)) == 20
        asyncio.run(Waiting(path).check())
    with pytest.raises(NoDaemon):
        asyncio.run(Waiting(path).check())


def test_without_a_database_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="there is no database"):
        asyncio.run(Waiting(tmp_path / "none.db").check())


def test_who_listens_is_told_of_each_change_and_that_the_server_is_there(
    path: Path, store: Store, settings: Settings, recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "SIGN_OF_LIFE_S", 0.1)
    arrived = Arrived.at(settings, recording)

    async def listen() -> list[bytes]:
        told = []
        async with aclosing(feed.Feed(path, 0.05).listen()) as listening:
            async for event in listening:
                told.append(event)
                if event == feed.STILL_HERE:
                    await asyncio.to_thread(queue, store, arrived)
                if told[-2:-1] == [feed.STILL_HERE] and event != feed.STILL_HERE:
                    return told
        raise AssertionError("the feed has ended")

    told = asyncio.run(asyncio.wait_for(listen(), 20))
    assert told[0].startswith(b"event: change\ndata: ") and told[-1].startswith(b"event: change\ndata: ")
    assert told[0] != told[-1], "another number after each change"
