"""Hostile files among good ones: the good are done, the others end with a reason, nothing is read that was not dropped."""

import os
import random
import time
from multiprocessing.connection import wait
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from daemon.chunk import Options
from daemon.clips import CLIPS
from daemon.processes.child import Child, ChildDied
from daemon.processes.protocol import Close, DecoderReady, Next, Open, Opened, Refused, Window
from tests.faults import hostile
from tests.support import ENDED, SHARED_AUDIO, Daemon, MakeDaemon, check_text, fake_texts, wait_until, write_wav

SEED = int(os.environ.get("FAULT_SEED", "20261124"))


def corpus() -> list[Path]:
    """Recordings of many kinds; the real ones too where they are."""
    files = [*sorted(CLIPS.glob("*.opus"))[:2], CLIPS / "demo.flac"]
    if SHARED_AUDIO.is_dir():
        by_kind = {path.suffix: path for path in sorted(SHARED_AUDIO.rglob("*")) if path.suffix in hostile_kinds()}
        files += by_kind.values()
    return files


def hostile_kinds() -> set[str]:
    return {".wav", ".mp3", ".m4a", ".ogg", ".webm", ".mkv", ".mp4", ".opus", ".aac", ".wma", ".amr", ".aiff"}


@pytest.mark.guarantee(12, 13, 14, 15, 17)
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("good", "large"), [(10, False), pytest.param(100, True, marks=pytest.mark.faults)])
def test_hostile_files_among_good_ones(
    make_daemon: MakeDaemon, canary: tuple[str, list[str]], good: int, large: bool
) -> None:
    print(f"seed {SEED}")
    url, asked = canary
    daemon: Daemon = make_daemon(fake={}, jobs="attempts = 2\nretry_backoff_seconds = 0.1")
    secret = write_wav(daemon.folder / "secret.wav", 1.0, seed=4711)
    neighbour = daemon.inbox / ".secret.wav"
    neighbour.write_bytes(secret.read_bytes())
    recordings = [write_wav(daemon.inbox / f"good-{number:03}.wav", 0.5, seed=number) for number in range(good)]
    strange = hostile.names(daemon.inbox)
    bad = hostile.pointers(daemon.inbox, url, neighbour)
    bad += hostile.pointers_outside(daemon.inbox, secret) + hostile.specials(daemon.inbox, secret)
    bad += hostile.bombs(daemon.inbox, large=large)
    bad += hostile.fuzzed_headers(daemon.inbox, corpus(), random.Random(SEED))
    before = set(daemon.inbox.iterdir())
    daemon.start().ready()
    expected = good + len(strange) + len(bad) + 1  # the hidden neighbour is ignored, and has a row for that
    daemon.wait_idle(expected, 60 if not large else 400)
    assert daemon.stop() == 0
    states = dict(daemon.query("SELECT path_bytes, state FROM jobs ORDER BY id"))
    reasons = dict(daemon.query("SELECT path_bytes, coalesce(error, reason, '') FROM jobs ORDER BY id"))
    assert {states[os.fsencode(path.name)] for path in recordings} == {"done"}
    assert {name: states[name] for name in strange if states[name] != "done"} == {}
    for name in bad:
        assert states[name] in ENDED, f"{name!r} is {states.get(name)}"
        assert states[name] == "done" or reasons[name], f"{name!r} ended without a reason"
    assert asked == [], "something was fetched from the network"
    for job_id, name in daemon.query("SELECT id, path FROM jobs WHERE state = 'done' AND path LIKE 'good-%'"):
        check_text(daemon, job_id, daemon.inbox / name)
    nothing_secret(daemon, secret)
    outputs = {Path(os.fsdecode(path)) for (path,) in daemon.query("SELECT path_bytes FROM outputs WHERE published")}
    assert set(daemon.inbox.iterdir()) - before == outputs, "something was left behind"
    ended: dict[str, int] = {}
    for name in bad:
        ended[states[name]] = ended.get(states[name], 0) + 1
    print(f"{len(strange)} names and {len(bad)} hostile files among {good}: {ended}; 0 requests")


def nothing_secret(daemon: Daemon, secret: Path) -> None:
    """Neither in a table nor in a file."""
    for text in fake_texts(secret):
        assert not daemon.query("SELECT 1 FROM segments WHERE text = ?", text), "the secret was transcribed"
        for path in daemon.inbox.rglob("*"):
            if path.suffix in (".txt", ".srt", ".json") and path.is_file():
                assert text not in path.read_text(), f"the secret is in {path.name}"


@pytest.mark.guarantee(12)
@pytest.mark.timeout(180)
@pytest.mark.parametrize("seconds", [3, pytest.param(60, marks=pytest.mark.faults)])
def test_files_and_folders_that_are_swapped_for_links(make_daemon: MakeDaemon, seconds: int) -> None:
    print(f"seed {SEED}")
    rng = random.Random(SEED)
    daemon: Daemon = make_daemon(
        fake={}, watching="settle_seconds = 0.05\nrescan_seconds = 0.3", jobs="retry_backoff_seconds = 0.1"
    )
    outside = daemon.folder / "outside"
    outside.mkdir()
    secret = write_wav(outside / "x.wav", 1.0, seed=4711)
    harmless = write_wav(daemon.folder / "harmless.wav", 0.3).read_bytes()
    daemon.start().ready()
    until, swaps = time.monotonic() + seconds, 0
    scratch = daemon.folder / "scratch"
    scratch.mkdir()
    (scratch / "folder").mkdir()
    (scratch / "folder" / "x.wav").write_bytes(harmless)
    os.symlink(outside, scratch / "link")
    while time.monotonic() < until:
        for name in ("a.wav", "b.wav"):
            new = scratch / name
            if rng.random() < 0.5:
                new.symlink_to(secret)
            else:
                new.write_bytes(harmless[:-4] + swaps.to_bytes(4, "little"))
            new.replace(daemon.inbox / name)
        kind = rng.choice(("folder", "link"))
        (scratch / kind).rename(daemon.inbox / "sub")
        time.sleep(rng.choice((0.0, 0.002, 0.01, 0.05, 0.2)))
        (daemon.inbox / "sub").rename(scratch / kind)
        swaps += 1
    wait_until(lambda: all(state in ENDED for (state,) in daemon.query("SELECT state FROM jobs")), 60)
    assert not daemon.ended and daemon.stop() == 0
    nothing_secret(daemon, secret)
    assert sorted(path.name for path in outside.iterdir()) == ["x.wav"], "a file was written outside of the folder"
    done = daemon.query("SELECT count(*) FROM jobs WHERE state = 'done'")[0][0]
    print(f"{3 * swaps} swaps, {done} recordings done meanwhile")
    assert done > 0


class Decoding:
    """A decoder child that is replaced when a file has brought it down."""

    def __init__(self) -> None:
        self.child = self._start()
        self.ended: dict[str, int] = {}

    @staticmethod
    def _start() -> Child:
        child = Child("daemon.decode.worker")
        assert isinstance(child.receive(), DecoderReady)
        return child

    def decode(self, path: Path, job_id: int) -> None:
        """Send a file through; every end but a mistake of our own code is a legal one."""
        fd = os.open(path, os.O_RDONLY)
        try:
            answer = self._ask(Open(job_id, 1, Options(), path.stat().st_size, "auto"), fd)
            while not (isinstance(answer, Refused) or (isinstance(answer, Window) and answer.last)):
                assert isinstance(answer, Opened | Window)
                answer = self._ask(Next(job_id))
            end = "refused" if isinstance(answer, Refused) else "decoded"
            self.child.send(Close(job_id))
        except ChildDied:
            end = self.child.end()
            assert end != "exit 1", "an exception that the decoder does not expect"
            self.child = self._start()
        finally:
            os.close(fd)
        self.ended[end] = self.ended.get(end, 0) + 1

    def _ask(self, message: object, fd: int | None = None) -> object:
        self.child.send(message, fd)
        assert wait([self.child.fileno()], 120), "a window took longer than its deadline"
        answer: object = self.child.receive()
        return answer


@pytest.mark.guarantee(14, 15, 20)
@pytest.mark.timeout(1500)
@pytest.mark.parametrize("seconds", [4, pytest.param(1200, marks=pytest.mark.faults)])
def test_a_fuzzer_over_the_decoder(tmp_path: Path, seconds: int) -> None:
    """Real recordings, mutated. Whatever happens, happens in the child; and never is it an exception of our own."""
    sources = [path.read_bytes()[:300_000] for path in corpus()]
    decoding = Decoding()
    until = time.monotonic() + seconds
    counter = 0

    @settings(
        max_examples=50, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
    )
    @given(
        st.sampled_from(range(len(sources))),
        st.lists(st.sampled_from(hostile.MUTATIONS), min_size=1, max_size=4),
        st.integers(0, 2**32),
    )
    def one(source: int, mutations: list[hostile.Mutation], number: int) -> None:
        nonlocal counter
        if time.monotonic() > until:
            return
        counter += 1
        content, rng = bytearray(sources[source]), random.Random(number)
        for mutate in mutations:
            if content:
                mutate(content, rng)
        path = tmp_path / "fuzzed"
        path.write_bytes(content)
        decoding.decode(path, counter)

    round_ = SEED
    while time.monotonic() < until:
        seed(round_)(one)()
        round_ += 1
    decoding.child.end()
    print(f"seeds {SEED} to {round_ - 1}: {counter} mutated recordings: {decoding.ended}")
    assert decoding.ended.get("decoded", 0) > 5 and decoding.ended.get("refused", 0) > 0
