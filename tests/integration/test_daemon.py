"""The daemon as a user has it: commands, exit codes, bad input, names, failures, with the fake engine."""

import json
import os
import signal
import socket
import subprocess
import time
from functools import partial
from pathlib import Path

import pytest

from daemon.engine.fake import POISON
from tests.support import ROOT, Daemon, MakeDaemon, alive, children_of, fake_texts, reconcile, wait_until, write_wav


def test_once_ends_with_0_when_all_is_done_and_1_when_something_failed(fake_daemon: Daemon) -> None:
    write_wav(fake_daemon.inbox / "a.wav")
    assert fake_daemon.once() == 0
    reconcile(fake_daemon, [fake_daemon.inbox / "a.wav"])
    (fake_daemon.inbox / "bad.wav").write_text("no recording")
    assert fake_daemon.once() == 1
    assert fake_daemon.states() == {"a.wav": "done", "bad.wav": "rejected"}
    assert fake_daemon.once() == 0, "what failed in an earlier run is not a failure of this one"


@pytest.mark.guarantee(6)
def test_a_second_daemon_ends_with_3_and_says_why(fake_daemon: Daemon) -> None:
    fake_daemon.start().ready()
    second = fake_daemon.run("run")
    assert second.returncode == 3
    assert "another daemon (pid" in second.stderr
    assert fake_daemon.stop() == 0


def test_a_bad_configuration_ends_with_2_and_lists_everything(fake_daemon: Daemon) -> None:
    fake_daemon.config.write_text("[model]\nbeam_size = 0\nbogus = 1\n[jobs]\nattempts = 'x'\n")
    for arguments in (("run",), ("check",), ("status",)):
        done = fake_daemon.run(*arguments)
        assert done.returncode == 2
        for key in ("model.beam_size", "model.bogus", "jobs.attempts"):
            assert key in done.stderr
    report = json.loads(fake_daemon.run("check", "--json").stdout)
    assert not report["ok"] and len(report["errors"]) == 3


@pytest.mark.parametrize("table", ['notify = ["nowhere://x"]', "[monitor.rules.memory]\nfire = 50\nclear = 60"])
def test_what_is_wrong_with_alerts_is_said_before_anything_starts(make_daemon: MakeDaemon, table: str) -> None:
    daemon: Daemon = make_daemon(fake={}, monitor=table)
    run = daemon.run("run", "--once")
    assert (run.returncode, daemon.database.exists()) == (2, False)
    assert run.stderr == daemon.run("check").stderr != ""


def test_check_says_ok(fake_daemon: Daemon) -> None:
    done = fake_daemon.run("check")
    assert done.returncode == 0 and "ok" in done.stdout and str(fake_daemon.inbox) in done.stdout
    assert json.loads(fake_daemon.run("check", "--json").stdout) == {"ok": True, "errors": []}
    assert fake_daemon.run("check", "--default").stdout == (ROOT / "config.toml").read_text()


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ('name = "no-such-model"', "neither a folder nor a known model"),
        ('name = "tiny.en"\ncompute_type = "float16"\ndevice = "cpu"', "is not supported on this cpu device"),
        ('name = "tiny.en"\ndevice = "cuda:7"', "is not there"),
    ],
)
def test_a_model_or_device_that_is_not_there_ends_with_4(make_daemon: MakeDaemon, model: str, message: str) -> None:
    daemon: Daemon = make_daemon(model=model)
    write_wav(daemon.inbox / "a.wav")
    assert daemon.once() == 4
    log = daemon.log_text()
    assert log.count(message) == 1 and "WARNING" not in log and "signal 9" not in log, log
    assert daemon.query("SELECT attempts FROM jobs WHERE state NOT IN ('queued', 'settling')") == []


def test_an_unreachable_hub_ends_with_4_and_a_way_out(make_daemon: MakeDaemon, tmp_path: Path) -> None:
    daemon: Daemon = make_daemon(model='name = "small"')
    daemon.start(HF_HOME=str(tmp_path / "hf"), HF_ENDPOINT="http://127.0.0.1:9", HF_HUB_DOWNLOAD_TIMEOUT="2")
    assert daemon.process is not None and daemon.process.wait(100) == 4
    assert "cannot be downloaded" in daemon.log_text() and "model.name" in daemon.log_text()


def test_a_database_that_cannot_be_written_ends_with_4(make_daemon: MakeDaemon, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    daemon: Daemon = make_daemon(fake={}, database=f'url = "sqlite:///{tmp_path}/file/jobs.db"')
    assert daemon.once() == 4
    assert "cannot write beside the database" in daemon.log_text()


def test_status_and_jobs_while_it_runs_and_after(make_daemon: MakeDaemon) -> None:
    daemon: Daemon = make_daemon(fake={"delay_s": 1.2, "workers": 1, "batch_size": 1})
    assert daemon.run("status").returncode == 4, "there is no database yet"
    for number in range(6):
        write_wav(daemon.inbox / f"{number}.wav", seed=number)
    daemon.start().ready()
    daemon.wait_for({"0.wav": "done"})
    status = json.loads(daemon.run("status", "--json").stdout)
    assert status["daemon"] == {"running": True, "pid": daemon.process.pid if daemon.process else None}
    # A job whose one chunk is done may still be publishing.
    assert status["running"] and status["running"][-1]["chunks_done"] == 0
    assert status["backlog"]["files"] >= 1 and status["backlog"]["eta_s"] > 0
    assert "running, pid" in daemon.run("status").stdout
    daemon.wait_idle(6)
    assert daemon.stop() == 0
    listed = json.loads(daemon.run("jobs", "list", "--json").stdout)
    assert {row["path"] for row in listed} == {f"{number}.wav" for number in range(6)}
    assert json.loads(daemon.run("jobs", "list", "--state", "failed", "--json").stdout) == []
    shown = json.loads(daemon.run("jobs", "show", "1", "--json").stdout)
    assert len(shown["outputs"]) == 3 and shown["segments"]
    assert "0.wav" in daemon.run("jobs", "list").stdout and "0.txt" in daemon.run("jobs", "show", "1").stdout
    assert daemon.run("jobs", "show", "99").returncode == 1
    status = json.loads(daemon.run("status", "--json").stdout)
    assert status["daemon"] == {"running": False, "pid": None} and status["counts"]["done"] == 6


def test_cancel_and_retry_act_within_a_second_or_so(make_daemon: MakeDaemon) -> None:
    daemon: Daemon = make_daemon(fake={"delay_s": 3.0, "workers": 1})
    write_wav(daemon.inbox / "a.wav")
    daemon.start().ready()
    daemon.wait_for({"a.wav": "running"})
    assert daemon.run("jobs", "cancel", "1").returncode == 0
    daemon.wait_for({"a.wav": "cancelled"}, 2)
    asked = json.loads(daemon.run("jobs", "retry", "1", "99", "--json").stdout)
    assert (asked["requested"], asked["missing"]) == ([1], [99])
    daemon.wait_for({"a.wav": "done"})
    assert not (daemon.inbox / "a.mp3.txt").exists()


def test_the_views_for_people(make_daemon: MakeDaemon) -> None:
    daemon: Daemon = make_daemon(fake={"delay_s": 1.0})
    write_wav(daemon.inbox / "a.wav")
    (daemon.inbox / "bad.wav").write_text("x")
    daemon.start().ready()
    daemon.wait_for({"a.wav": "running", "bad.wav": "rejected"})
    assert daemon.query("SELECT path, state FROM queue") == [("a.wav", "running")]
    assert [path for (path,) in daemon.query("SELECT path FROM failures")] == ["bad.wav"]
    daemon.wait_for({"a.wav": "done"})
    (hour,) = daemon.query("SELECT files, audio_hours, real_time_factor, error_rate FROM throughput")
    assert hour[0] == 1 and hour[2] > 0 and hour[3] == 0.5


@pytest.mark.guarantee(11)
def test_two_recordings_with_one_stem(fake_daemon: Daemon) -> None:
    first, second = (
        write_wav(fake_daemon.inbox / "talk.wav", seed=1),
        write_wav(fake_daemon.inbox / "talk.wave", seed=2),
    )
    assert fake_daemon.once() == 0
    texts = {path.read_text() for path in fake_daemon.inbox.glob("talk*.txt")}
    assert len(texts) == 2
    reconcile(fake_daemon, [first, second])


@pytest.mark.guarantee(11)
def test_a_file_of_the_users_is_left_alone(fake_daemon: Daemon) -> None:
    (fake_daemon.inbox / "talk.srt").write_text("mine")
    write_wav(fake_daemon.inbox / "talk.wav")
    assert fake_daemon.once() == 0
    assert (fake_daemon.inbox / "talk.srt").read_text() == "mine"
    assert (fake_daemon.inbox / "talk.wav.srt").exists() and not (fake_daemon.inbox / "talk.txt").exists()
    assert "usual name" in fake_daemon.reasons()["talk.wav"]


@pytest.mark.guarantee(11)
def test_notes_of_the_users_in_markdown_are_left_alone(make_daemon: MakeDaemon) -> None:
    daemon: Daemon = make_daemon(fake={}, **{"[watch]": 'path = "inbox"\nformats = ["md"]'})
    mine = [daemon.inbox / name for name in ("notes.md", "taken.md", "README.MD")]
    for path in mine:
        path.write_text("mine")
    free, taken = write_wav(daemon.inbox / "free.wav", seed=1), write_wav(daemon.inbox / "taken.wav", seed=2)
    for _ in range(2):
        assert daemon.once() == 0
        assert [path.read_text() for path in mine] == ["mine"] * 3
        assert daemon.states() == {"free.wav": "done", "taken.wav": "done"}
        assert {path.name for path in daemon.inbox.iterdir()} == {
            "notes.md", "README.MD", "free.wav", "free.md", "taken.wav", "taken.md", "taken.wav.md",
        }  # fmt: skip
    for recording, transcript in ((free, "free.md"), (taken, "taken.wav.md")):
        text = (daemon.inbox / transcript).read_text()
        assert text.startswith(f"# {recording.name}\n\nLength 00:00:01 · language en")
        assert " ".join(fake_texts(recording)) in text


@pytest.mark.guarantee(13)
def test_any_legal_name(fake_daemon: Daemon) -> None:
    names = [
        b"new\nline.wav",
        b"\xff\xfe.wav",
        "ünï 中文.wav".encode(),
        b"x" * 251 + b".wav",
        b" .wav",
        b"-n.wav",
        b"'q\".wav",
        b"%s.wav",
    ]
    inbox = os.fsencode(fake_daemon.inbox)
    for seed, name in enumerate(names):
        write_wav(fake_daemon.inbox / "tmp.part", seed=seed)
        os.rename(inbox + b"/tmp.part", inbox + b"/" + name)
    assert fake_daemon.once() == 0
    states = fake_daemon.query("SELECT path_bytes, state FROM jobs")
    assert sorted(states) == sorted((name, "done") for name in names)
    for (path,) in fake_daemon.query("SELECT path_bytes FROM outputs"):
        assert os.path.exists(path)
    assert fake_daemon.run("status").returncode == 0 and fake_daemon.run("jobs", "list").returncode == 0
    assert len(os.listdir(inbox)) == len(names) * 4


def test_silence_gives_empty_but_valid_files(make_daemon: MakeDaemon) -> None:
    daemon: Daemon = make_daemon(fake={}, vad="enabled = true")
    import wave

    with wave.open(str(daemon.inbox / "silence.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(bytes(320_000))
    assert daemon.once() == 0
    assert (daemon.inbox / "silence.txt").read_bytes() == b""
    assert json.loads((daemon.inbox / "silence.json").read_text())["segments"] == []


@pytest.mark.guarantee(18)
@pytest.mark.parametrize("poison", ["kill", "exit", "raise", "malformed", "flood", "short"])
def test_a_poisonous_recording_dies_alone(make_daemon: MakeDaemon, poison: str) -> None:
    daemon: Daemon = make_daemon(fake={"poison": poison}, jobs="attempts = 2\nretry_backoff_seconds = 0.1")
    for number in range(12):
        write_wav(daemon.inbox / f"{number:02}.wav", seed=number, start=POISON if number in (3, 7) else b"")
    assert daemon.once() == 1
    states = daemon.states()
    assert {path for path, state in states.items() if state == "dead"} == {"03.wav", "07.wav"}
    assert sum(state == "done" for state in states.values()) == 10
    assert daemon.query("SELECT DISTINCT attempts FROM jobs WHERE state = 'done'") == [(1,)]
    assert daemon.query("SELECT DISTINCT attempts FROM jobs WHERE state = 'dead'") == [(2,)]
    assert daemon.query("SELECT count(*) FROM failures WHERE error <> ''") == [(2,)]


@pytest.mark.guarantee(24)
def test_sighup_takes_a_good_configuration_and_keeps_the_old_one_instead_of_a_bad_one(make_daemon: MakeDaemon) -> None:
    daemon: Daemon = make_daemon(fake={})
    daemon.start().ready()
    assert daemon.process is not None
    good = daemon.config.read_text()
    write_wav(daemon.inbox / "a.wav")
    daemon.wait_for({"a.wav": "done"})
    daemon.config.write_text(good + "[bogus]\n")
    daemon.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "the old one stays" in daemon.log_text() and "bogus" in daemon.log_text(), 10, "the refusal")
    daemon.config.write_text(good.replace('formats = ["txt", "srt", "json"]', 'formats = ["txt"]'))
    daemon.process.send_signal(signal.SIGHUP)
    daemon.ready()
    write_wav(daemon.inbox / "b.wav", seed=2)
    daemon.wait_for({"b.wav": "done"})
    assert sorted(path.name for path in daemon.inbox.iterdir()) == [
        "a.json", "a.srt", "a.txt", "a.wav", "b.txt", "b.wav",
    ]  # fmt: skip
    assert not daemon.ended and daemon.stop() == 0


@pytest.mark.guarantee(24)
def test_a_reload_waits_for_the_answer_and_what_was_checked_is_what_is_used(make_daemon: MakeDaemon) -> None:
    daemon: Daemon = make_daemon(fake={"delay_s": 3.0})
    assert daemon.run("reload").returncode == 4, "there is no daemon"
    good = daemon.config.read_text()
    write_wav(daemon.inbox / "a.wav")
    daemon.start().ready()
    daemon.wait_for({"a.wav": "running"})
    daemon.config.write_text(good + "[bogus]\n")
    refused = daemon.run("reload")
    assert refused.returncode == 2 and "bogus: unknown key" in refused.stderr
    daemon.config.write_text(good.replace('formats = ["txt", "srt", "json"]', 'formats = ["txt"]'))
    command = subprocess.Popen(
        daemon.command("reload", "--json"), env=daemon.environment, cwd=daemon.folder, stdout=subprocess.PIPE
    )
    wait_until(lambda: "starting again with the new configuration" in daemon.log_text(), 10, "the reload")
    # A second save, while the batch in flight ends.
    daemon.config.write_text("no TOML at all")
    answer, _ = command.communicate(timeout=30)
    assert daemon.process is not None
    assert command.returncode == 0 and json.loads(answer) == {"command": "reload", "pid": daemon.process.pid}
    daemon.config.write_text(good)
    write_wav(daemon.inbox / "b.wav", seed=2)
    daemon.wait_for({"a.wav": "done", "b.wav": "done"})
    assert not (daemon.inbox / "b.srt").exists(), "the second save was neither checked nor asked for"
    assert not daemon.ended and daemon.stop() == 0


@pytest.mark.guarantee(24)
def test_a_stop_during_a_reload_is_a_stop(make_daemon: MakeDaemon) -> None:
    daemon: Daemon = make_daemon(fake={"delay_s": 3.0})
    write_wav(daemon.inbox / "a.wav")
    daemon.start().ready()
    daemon.wait_for({"a.wav": "running"})
    assert daemon.process is not None
    daemon.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "starting again with the new configuration" in daemon.log_text(), 10, "the reload")
    assert daemon.stop(20) == 0


@pytest.mark.guarantee(24)
@pytest.mark.parametrize("signals", [5, pytest.param(50, marks=pytest.mark.faults)])
def test_many_sighups_lose_nothing(make_daemon: MakeDaemon, signals: int) -> None:
    daemon: Daemon = make_daemon(fake={"delay_s": 0.1})
    daemon.start().ready()
    assert daemon.process is not None
    recordings = []
    for number in range(signals):
        recordings += [write_wav(daemon.inbox / f"{number}-{part}.wav", seed=10 * number + part) for part in range(4)]
        daemon.process.send_signal(signal.SIGHUP)
        time.sleep(0.02 * number)
    daemon.wait_idle(4 * signals)
    assert daemon.query("SELECT DISTINCT state, attempts FROM jobs") == [("done", 1)]
    assert not daemon.ended and daemon.stop() == 0
    reconcile(daemon, recordings)


def test_an_engine_that_cannot_load_again_for_a_while_ends_no_daemon(make_daemon: MakeDaemon, tmp_path: Path) -> None:
    daemon: Daemon = make_daemon(fake={"unready_after": 1, "delay_s": 0.1})
    daemon.start(TRANSCRIBED_FAKE_STARTS=str(tmp_path / "starts")).ready()
    assert daemon.process is not None
    for pid in children_of(daemon.process.pid):
        if b"daemon.engine.worker" in Path(f"/proc/{pid}/cmdline").read_bytes():
            os.kill(pid, signal.SIGKILL)
    for number in range(5):
        write_wav(daemon.inbox / f"{number}.wav", seed=number)
    daemon.wait_idle(5)
    assert "the device is gone" in daemon.log_text()
    assert (tmp_path / "starts").read_text() == "xxxx"
    assert daemon.query("SELECT DISTINCT state, attempts FROM jobs") == [("done", 1)]
    assert daemon.stop() == 0


@pytest.mark.guarantee(21)
def test_out_of_memory_halves_the_batch_and_loses_nothing(make_daemon: MakeDaemon) -> None:
    daemon: Daemon = make_daemon(fake={"memory_chunks": 3, "batch_size": 16, "workers": 1, "delay_s": 0.05})
    for number in range(40):
        write_wav(daemon.inbox / f"{number:02}.wav", 0.2, seed=number)
    assert daemon.once() == 0
    assert daemon.query("SELECT max(size) <= 3 FROM batches") == [(1,)]
    assert "batches of" in daemon.log_text()


def test_chunks_of_different_recordings_share_batches(make_daemon: MakeDaemon) -> None:
    daemon: Daemon = make_daemon(fake={"delay_s": 0.5, "workers": 1, "batch_size": 4})
    for number in range(24):
        write_wav(daemon.inbox / f"{number:02}.wav", 0.2, seed=number)
    assert daemon.once() == 0
    ((fill, recordings),) = daemon.query("SELECT avg(size * 1.0 / capacity), max(recordings) FROM batches")
    assert fill > 0.7 and recordings == 4


def test_no_more_jobs_are_begun_than_there_are_places(make_daemon: MakeDaemon) -> None:
    """However often something new wakes the dispatcher: what it has open holds up what comes later."""
    daemon: Daemon = make_daemon(fake={"delay_s": 0.5, "workers": 1, "batch_size": 1})
    daemon.start().ready()
    most = 0
    for number in range(60):
        write_wav(daemon.inbox / f"{number:02}.wav", 0.2, seed=number)
        time.sleep(0.1)
        most = max(most, *[count for (count,) in daemon.query("SELECT count(*) FROM jobs WHERE state = 'running'")], 0)
    assert 2 <= most <= 6


def test_a_memo_behind_a_long_recording_is_done_at_once(make_daemon: MakeDaemon) -> None:
    daemon: Daemon = make_daemon(fake={"delay_s": 0.2, "workers": 1, "batch_size": 2})
    write_wav(daemon.inbox / "meeting.wav", 1800.0)
    daemon.start().ready()
    wait_until(lambda: daemon.query("SELECT 1 FROM jobs WHERE chunks_done > 3"), 30)
    write_wav(daemon.inbox / "memo.wav", 2.0, seed=2)
    daemon.wait_for({"memo.wav": "done"}, 10)
    assert daemon.states()["meeting.wav"] == "running"
    status = json.loads(daemon.run("status", "--json").stdout)
    (meeting,) = status["running"]
    assert 5 < meeting["progress_percent"] < 100 and meeting["audio_done_s"] > 90
    assert 0 < status["backlog"]["audio_s"] < 1800 - 90
    daemon.wait_for({"meeting.wav": "done"}, 60)
    assert daemon.query(
        "SELECT chunks_done = chunks_total, chunks_total >= 60 FROM jobs WHERE path = 'meeting.wav'"
    ) == [(1, 1)]


@pytest.mark.guarantee(24)
def test_sigterm_checkpoints_and_a_restart_goes_on(make_daemon: MakeDaemon) -> None:
    daemon: Daemon = make_daemon(fake={"delay_s": 0.3, "workers": 1, "batch_size": 1})
    path = write_wav(daemon.inbox / "a.wav", 600.0)
    daemon.start().ready()
    wait_until(lambda: daemon.query("SELECT 1 FROM jobs WHERE chunks_done >= 3"), 30)
    assert daemon.stop() == 0
    ((state, done, attempts),) = daemon.query("SELECT state, chunks_done, attempts FROM jobs")
    assert state == "queued" and done >= 3 and attempts == 0
    before = daemon.query("SELECT id, text FROM segments ORDER BY id")
    daemon.start().ready()
    daemon.wait_for({"a.wav": "done"}, 60)
    assert daemon.query("SELECT id, text FROM segments ORDER BY id")[: len(before)] == before
    assert daemon.query("SELECT max(attempts) FROM chunks") == [(1,)]
    ((chunks, ran),) = daemon.query("SELECT (SELECT count(*) FROM chunks), (SELECT sum(size) FROM batches)")
    assert ran == chunks, "a chunk ran twice"
    reconcile(daemon, [path])


@pytest.mark.guarantee(7)
def test_children_end_with_a_killed_daemon(make_daemon: MakeDaemon) -> None:
    daemon: Daemon = make_daemon(fake={"delay_s": 30.0})
    write_wav(daemon.inbox / "a.wav")
    daemon.start().ready()
    daemon.wait_for({"a.wav": "running"})
    assert daemon.process is not None
    pid = daemon.process.pid
    children = wait_until(lambda: (found := children_of(pid)) and len(found) >= 2 and found)
    daemon.kill()
    wait_until(lambda: not any(map(alive, children)), 2, "the end of the children")


def moved_on(daemon: Daemon, before: object) -> bool:
    return daemon.query("SELECT chunks_done FROM jobs") != before


def test_a_killed_child_costs_no_attempt(make_daemon: MakeDaemon) -> None:
    daemon: Daemon = make_daemon(fake={"delay_s": 0.5}, model="workers = 1\ncpu_threads = 1\nbatch_size = 2")
    path = write_wav(daemon.inbox / "a.wav", 450.0)
    daemon.start().ready()
    assert daemon.process is not None
    for _ in range(4):
        done = daemon.query("SELECT chunks_done FROM jobs")
        wait_until(partial(moved_on, daemon, done), 20)
        os.kill(children_of(daemon.process.pid)[-1], signal.SIGKILL)
    daemon.wait_for({"a.wav": "done"}, 60)
    reconcile(daemon, [path])


@pytest.mark.guarantee(19)
def test_an_unwritable_folder_holds_the_job_and_burns_no_attempt(make_daemon: MakeDaemon) -> None:
    daemon: Daemon = make_daemon(fake={})
    if os.geteuid() == 0:
        # root may write anywhere; an immutable flag is the one thing that stops it, where the file system knows it
        pytest.importorskip("fcntl")
        if os.system(f"chattr +i {daemon.inbox} 2>/dev/null && chattr -i {daemon.inbox}") != 0:
            pytest.skip("running as root on a file system without the immutable flag: nothing is unwritable here")
        deny, allow = f"chattr +i {daemon.inbox}", f"chattr -i {daemon.inbox}"
    else:
        deny, allow = f"chmod 555 {daemon.inbox}", f"chmod 755 {daemon.inbox}"
    write_wav(daemon.inbox / "a.wav")
    os.system(deny)
    try:
        assert daemon.once() == 4
        ((state, attempts, reason),) = daemon.query("SELECT state, attempts, reason FROM jobs")
        assert (state, attempts) == ("queued", 0) and "cannot be written" in reason
    finally:
        os.system(allow)
    daemon.start()
    daemon.wait_for({"a.wav": "done"}, 60)


@pytest.mark.guarantee(25)
def test_systemd_is_told(fake_daemon: Daemon, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        address = str(tmp_path / "notify")
        listening.bind(address)
        listening.settimeout(20)
        fake_daemon.start(NOTIFY_SOCKET=address)
        told: set[str] = set()
        while not {"READY=1", "WATCHDOG=1"} <= told:
            told.add(listening.recv(100).decode())
        assert fake_daemon.process is not None
        fake_daemon.process.terminate()
        while "STOPPING=1" not in told:
            told.add(listening.recv(100).decode())
        assert fake_daemon.process.wait(20) == 0


@pytest.mark.guarantee(25)
def test_the_watchdog_is_not_told_of_a_stopped_daemon(fake_daemon: Daemon, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        address = str(tmp_path / "notify")
        listening.bind(address)
        fake_daemon.start(NOTIFY_SOCKET=address).ready()
        assert fake_daemon.process is not None
        fake_daemon.process.send_signal(signal.SIGSTOP)
        time.sleep(0.5)
        listening.setblocking(False)
        with pytest.raises(BlockingIOError):
            while True:
                listening.recv(100)
        time.sleep(2.5)
        with pytest.raises(BlockingIOError):
            listening.recv(100)
        fake_daemon.process.send_signal(signal.SIGCONT)
        assert fake_daemon.stop() == 0


@pytest.mark.guarantee(22)
def test_a_decoder_that_is_stuck_in_one_file_holds_up_no_other(make_daemon: MakeDaemon) -> None:
    daemon: Daemon = make_daemon(fake={"delay_s": 0.2, "workers": 1, "batch_size": 1})
    write_wav(daemon.inbox / "long.wav", 900.0)
    daemon.start().ready()
    wait_until(lambda: daemon.query("SELECT 1 FROM jobs WHERE chunks_done > 1"), 30)
    assert daemon.process is not None
    decoder = next(
        pid
        for pid in children_of(daemon.process.pid)
        if "daemon.decode.worker" in Path(f"/proc/{pid}/cmdline").read_text()
    )
    os.kill(decoder, signal.SIGSTOP)
    try:
        time.sleep(8)  # until the chunks that are decoded are used up and it has been asked for more
        write_wav(daemon.inbox / "memo.wav", 1.0, seed=2)
        daemon.wait_for({"memo.wav": "done"}, 15)
        assert daemon.states()["long.wav"] == "running"
    finally:
        os.kill(decoder, signal.SIGCONT)
    daemon.wait_for({"long.wav": "done"}, 60)


def test_retrying_what_cannot_work_does_no_harm(fake_daemon: Daemon) -> None:
    os.mkfifo(fake_daemon.inbox / "pipe.wav")
    fake_daemon.start().ready()
    fake_daemon.wait_for({"pipe.wav": "rejected"})
    fake_daemon.run("jobs", "retry", "1")
    wait_until(lambda: fake_daemon.states()["pipe.wav"] != "rejected", 5)
    time.sleep(2.5)  # a comparison of the folder
    write_wav(fake_daemon.inbox / "a.wav")
    fake_daemon.wait_for({"a.wav": "done"})
    assert fake_daemon.stop() == 0


def limited(daemon: Daemon, limit: str) -> subprocess.CompletedProcess[str]:
    """`run --once` under an `ulimit`."""
    command = ["bash", "-c", f'ulimit {limit}; exec "$@"', "-", *daemon.command("run", "--once")]
    return subprocess.run(
        command, env=daemon.environment, cwd=daemon.folder, capture_output=True, text=True, timeout=100
    )


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        ("-v 3000000", "the address space is limited to 2929 MB"),
        ("-v 1050000", "the address space is limited to 1025 MB"),
        ("-S -v 2000000", "the address space is limited to 1953 MB"),
        ("-d 600000", "the memory for data is limited to 585 MB"),
    ],
)
def test_limits_that_the_daemon_was_started_with_are_kept(fake_daemon: Daemon, limit: str, said: str) -> None:
    write_wav(fake_daemon.inbox / "a.wav", 70.0)
    run = limited(fake_daemon, limit)
    assert run.returncode == 0 and "Traceback" not in run.stderr, run.stderr
    assert said in run.stderr
    assert fake_daemon.query("SELECT state, attempts FROM jobs") == [("done", 1)]


@pytest.mark.parametrize(
    ("limit", "said", "unit"),
    [
        ("-v 1000000", "976 MB", "LimitAS"), ("-v 700000", "683 MB", "LimitAS"), ("-v 250000", "244 MB", "LimitAS"),
        ("-S -v 250000", "244 MB", "LimitAS"), ("-d 130000", "126 MB", "LimitDATA"),
    ],
)  # fmt: skip
def test_a_limit_under_which_nothing_can_be_decoded_is_said_and_costs_no_attempt(
    fake_daemon: Daemon, limit: str, said: str, unit: str
) -> None:
    write_wav(fake_daemon.inbox / "a.wav")
    run = limited(fake_daemon, limit)
    assert run.returncode == 4 and f"limited to {said}" in run.stderr and f"{unit}=" in run.stderr
    assert "Traceback" not in run.stderr
    assert not fake_daemon.database.exists()


def test_decoders_that_cannot_load_end_the_daemon_and_cost_no_attempt(make_daemon: MakeDaemon) -> None:
    daemon: Daemon = make_daemon(
        fake={}, patch="import daemon.processes.decoder_pool as d; d.MODULE = 'daemon.nowhere'"
    )
    write_wav(daemon.inbox / "a.wav")
    assert daemon.once() == 4
    assert "decoders died 3 times while loading their libraries (exit 1)" in daemon.log_text()
    daemon.patch = ""
    assert daemon.once() == 0
    assert daemon.query("SELECT state, attempts FROM jobs") == [("done", 1)]


def test_what_a_decoder_could_not_give_up_is_said_once_at_start(make_daemon: MakeDaemon) -> None:
    worker = "import daemon.decode.sandbox as s; s.ARCHITECTURES = {}; from daemon.decode.worker import main"
    daemon: Daemon = make_daemon(fake={}, patch="import daemon.processes.decoder_pool as d; d.MODULE = 'unfiltered'")
    (daemon.folder / "unfiltered.py").write_text(worker)
    daemon.environment["PYTHONPATH"] += f"{os.pathsep}{daemon.folder}"
    daemon.start().ready()
    wait_until(lambda: "they keep network and programs" in daemon.log_text(), what="the warning")
    for number in range(3):
        write_wav(daemon.inbox / f"{number}.wav", seed=number)
    daemon.wait_for({f"{number}.wav": "done" for number in range(3)})
    assert daemon.stop() == 0 and daemon.log_text().count("they keep") == 1
