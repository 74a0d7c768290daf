"""The scheduler, maintenance, the endpoint for Prometheus, and the commands that show what the monitor has seen."""

import json
import os
import re
import sqlite3
import threading
import time
import urllib.error
import urllib.request
from itertools import pairwise
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from daemon.cli.monitoring import sparkline
from daemon.config import reader
from daemon.config.formats import FORMATS
from daemon.config.settings import Settings
from daemon.maintenance.scheduler import Scheduler
from daemon.maintenance.tasks import Maintenance
from daemon.monitor.counters import Counters, Ending
from daemon.monitor.prometheus import Endpoint
from daemon.monitor.sample import Gpu, Probe
from daemon.monitor.sampling import Monitor, Sources
from daemon.store import migrate
from daemon.store.monitoring import History
from daemon.store.records import timestamp_in
from tests.support import ROOT, Daemon, wait_until, write_wav

HEADER = "INSERT INTO jobs (root, path, path_bytes, size_bytes, fingerprint, state, finished_at) VALUES "


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "inbox").mkdir()
    file = tmp_path / "config.toml"
    file.write_text("[jobs]\nkeep_days = 10\n[database]\nbackups = 2\n")
    settings = reader.load(file)
    migrate.migrate(settings.database_path)
    return settings


@pytest.fixture
def history(settings):
    made = History(settings.database_path, lambda _reason: False)
    yield made
    made.close()


def age(path: Path, seconds: float) -> None:
    os.utime(path, (time.time() - seconds,) * 2)


def execute(settings: Settings, *statements: str) -> None:
    with sqlite3.connect(settings.database_path) as db:
        for statement in statements:
            db.execute(statement)


# -- schedule ------------------------------------------------------------------------------------------------


def test_a_task_that_hangs_holds_up_no_other_and_is_made_up_for_once() -> None:
    schedule, free = Scheduler(), threading.Event()
    quick: list[float] = []
    slow: list[float] = []

    def hang() -> None:
        slow.append(time.monotonic())
        free.wait(30)

    schedule.every(0.1, "slow", hang)
    schedule.every(0.1, "quick", lambda: quick.append(time.monotonic()))
    schedule.start()
    wait_until(lambda: len(quick) >= 10, 10, "ten runs")
    assert len(slow) == 1
    free.set()
    wait_until(lambda: len(slow) >= 3, 10, "the slow task going on")
    schedule.end()
    assert max(after - before for before, after in pairwise(quick)) < 5.0


def test_a_clock_that_is_set_back_by_a_day_does_not_silence_it(monkeypatch) -> None:
    from datetime import timedelta

    runs: list[float] = []
    schedule = Scheduler()
    schedule.every(0.1, "task", lambda: runs.append(time.monotonic()))
    schedule.start()
    wait_until(lambda: len(runs) >= 2, 10, "two runs")
    # What APScheduler believes after the clock was set back: the next run is a day away.
    for job in schedule._scheduler.get_jobs():
        job.modify(next_run_time=job.next_run_time + timedelta(days=1))
    time.sleep(0.3)
    before = len(runs)
    time.sleep(0.5)
    assert len(runs) == before
    schedule.keep_time()  # no jump seen yet
    real = time.time
    monkeypatch.setattr("daemon.maintenance.scheduler.time.time", lambda: real() - 86_400)
    schedule.keep_time()
    wait_until(lambda: len(runs) > before + 2, 10, "runs after the jump")
    schedule.end()


# -- care ----------------------------------------------------------------------------------------------------


def test_old_rows_go_and_what_is_still_there_keeps_its_row(settings, history) -> None:
    inbox = settings.watch[0].path
    (inbox / "there.wav").write_bytes(b"x")
    from daemon.filesystem import fingerprint

    version = fingerprint(os.lstat(inbox / "there.wav"))
    execute(
        settings,
        f"{HEADER} ('{inbox}', 'there.wav', CAST('there.wav' AS BLOB), 1, '{version}', 'done', '2020-01-01T00:00:00.000Z')",
        f"{HEADER} ('{inbox}', 'there.wav', CAST('there.wav' AS BLOB), 1, 'older', 'done', '2020-01-01T00:00:00.000Z')",
        f"{HEADER} ('{inbox}', 'gone.wav', CAST('gone.wav' AS BLOB), 1, 'f', 'done', '2020-01-01T00:00:00.000Z')",
        f"{HEADER} ('{inbox}', 'new.wav', CAST('new.wav' AS BLOB), 1, 'f', 'dead', '2999-01-01T00:00:00.000Z')",
        f"{HEADER} ('{inbox}', 'open.wav', CAST('open.wav' AS BLOB), 1, 'f', 'queued', NULL)",
        f"{HEADER} ('/unmounted', 'far.wav', CAST('far.wav' AS BLOB), 1, 'f', 'done', '2020-01-01T00:00:00.000Z')",
        "INSERT INTO segments (job_id, chunk, idx, start_s, end_s, text) VALUES (3, 0, 0, 0, 1, 'budget')",
        "INSERT INTO batches (finished_at, device, size, capacity, recordings, audio_s, run_s)"
        " VALUES ('2020-01-01T00:00:00.000Z', 'cpu', 1, 1, 1, 1, 1), ('2999-01-01T00:00:00.000Z', 'cpu', 1, 1, 1, 1, 1)",
    )
    Maintenance(settings, None, history, lambda: True).tidy()
    with sqlite3.connect(settings.database_path) as db:
        paths = db.execute("SELECT path, fingerprint = 'older' FROM jobs ORDER BY id").fetchall()
        assert paths == [("there.wav", 0), ("new.wav", 0), ("open.wav", 0), ("far.wav", 0)]
        assert db.execute("SELECT count(*) FROM batches").fetchone() == (1,)
        assert db.execute("SELECT count(*) FROM segments_fts WHERE segments_fts MATCH 'budget'").fetchone() == (0,)


def test_temporary_files_left_behind_go_and_no_others(settings, history) -> None:
    inbox = settings.watch[0].path
    (inbox / "sub").mkdir()
    orphans = [inbox / "sub" / f".transcribed-7-{form}.tmp" for form in FORMATS]
    fresh = inbox / ".transcribed-8-json.tmp"
    foreign = [inbox / ".transcribed-notes.tmp", inbox / ".transcribed-7-notes.tmp"]
    for path in (*orphans, fresh, *foreign):
        path.write_text("x")
    outside = settings.database_path.parent / ".transcribed-9-txt.tmp"
    outside.write_text("x")
    (inbox / "link").symlink_to(settings.database_path.parent)
    for path in (*orphans, *foreign, outside):
        age(path, 7200)
    Maintenance(settings, None, history, lambda: True).tidy()
    assert not any(path.exists() for path in orphans)
    assert all(path.exists() for path in (fresh, *foreign, outside))


def test_backups_are_made_when_due_and_the_oldest_go(settings, history, caplog) -> None:
    care = Maintenance(settings, None, history, lambda: True)
    folder = settings.database_path.parent / "backups"
    care.back_up()
    (first,) = folder.iterdir()
    with sqlite3.connect(first) as copy:
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert copy.execute("SELECT count(*) FROM jobs").fetchone() == (0,)
    care.back_up()
    assert list(folder.iterdir()) == [first]
    for day in (3, 2):
        old = folder / f"jobs-2020010{day}T000000Z.db"
        old.write_bytes(b"")
        age(old, 86_400 * day)
    first = first.rename(folder / "jobs-20200104T000000Z.db")
    age(first, 90_000)
    care.back_up()
    kept = sorted(folder.glob("*.db"))
    assert len(kept) == 2 and first in kept
    # A folder that cannot be made is told of, and stops nothing.
    for path in [*folder.iterdir()]:
        path.unlink()
    folder.rmdir()
    folder.write_text("a file")
    care.back_up()
    assert "no backup of the database" in caplog.text


def ago(days: float) -> str:
    return timestamp_in(-86_400 * days)


def sample(settings: Settings, days: float) -> None:
    """Put a sample of so many days ago into the database."""
    columns = (
        "cpu_percent, memory_percent, swap_percent, load_1m, rss_mb, done, failed, audio_s, error_rate_percent,"
        " success_rate_percent, files_per_hour, audio_hours_per_hour, queue_files, oldest_waiting_s"
    )
    ones = ", ".join("1" for _ in columns.split(","))
    execute(settings, f"INSERT INTO samples (sampled_at, {columns}, detail) VALUES ('{ago(days)}', {ones}, '{{}}')")


def verification(settings: Settings, model: str, days: float) -> None:
    """Put a verification of so many days ago into the database."""
    columns = (
        "verified_at, model, compute_type, device, audio_s, wer, reference_wer, agreement, speed_up, peak_mb,"
        " reference_peak_mb, passed"
    )
    execute(
        settings,
        f"INSERT INTO verifications ({columns}) VALUES ('{ago(days)}', '{model}', 'int8', 'cpu', 1, 4, 4, 99, 2, 1, 1, 1)",
    )


@pytest.mark.parametrize(
    ("verified", "sampled", "keep_days", "due"),
    [
        ([], [], 30, False),
        ([], [6.9], 30, False),
        ([], [6.9, 7.1], 30, True),
        ([], [7.1], 0, True),
        # Samples go before the week is over: it must not begin anew for ever.
        ([], [2.9], 3, False),
        ([], [3.1], 3, True),
        ([("tiny.en", 6.9)], [20], 30, False),
        ([("tiny.en", 6.9)], [3.1], 3, False),
        ([("tiny.en", 7.1)], [0.1], 30, True),
        ([("base", 1)], [7.1], 30, True),
    ],
)
def test_a_verification_is_due_a_week_after_the_last_or_else_after_the_first_sample(
    settings, history, tmp_path, monkeypatch, verified, sampled, keep_days, due
) -> None:
    (tmp_path / "config.toml").write_text(f"[model]\nname = 'tiny.en'\n[monitor]\nkeep_samples_days = {keep_days}\n")
    settings = reader.load(tmp_path / "config.toml")
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    program.chmod(0o755)
    monkeypatch.setattr("daemon.maintenance.tasks.sys.executable", str(program))
    for days in sampled:
        sample(settings, days)
    for model, days in verified:
        verification(settings, model, days)
    Maintenance(settings, tmp_path / "config.toml", history, lambda: True).verify()
    assert (tmp_path / "ran").exists() is due


def test_verification_is_due_after_its_days_when_nothing_else_runs(settings, history, tmp_path, monkeypatch) -> None:
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\necho \"$@\" >> {tmp_path}/ran\necho 'passed: keeps 99 %'\n")
    program.chmod(0o755)
    monkeypatch.setattr("daemon.maintenance.tasks.sys.executable", str(program))
    idle = [True]
    care = Maintenance(settings, tmp_path / "config.toml", history, lambda: idle[0])
    ran = tmp_path / "ran"
    care.verify()
    assert not ran.exists()  # never sampled: not due
    sample(settings, 8)
    idle[0] = False
    care.verify()
    assert not ran.exists()
    idle[0] = True
    care.verify()
    assert "daemon verify --config" in ran.read_text()
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    idle[0] = True
    threading.Timer(0.5, lambda: idle.__setitem__(0, False)).start()
    began = time.monotonic()
    care.verify()
    assert time.monotonic() - began < 50  # it gives way long before the minute that it would take


# -- figures -------------------------------------------------------------------------------------------------


def test_rates_are_those_of_the_last_hour() -> None:
    now = time.monotonic()
    earlier = [Ending(now - 4000, False, 0.0, 0.0), Ending(now - 1800, True, 3600.0, 360.0)]
    counters = Counters(earlier)
    for _ in range(2):
        counters.ended("done", 1800.0, 90.0)
    counters.ended("dead")
    counters.batch(3, 4)
    counters.batch(2, 4)
    rates = counters.rates()
    assert rates.ended == 4 and rates.error_rate_percent == 25.0
    assert rates.real_time_factor_mean == pytest.approx(540 / 7200)
    assert rates.real_time_factor_p95 == pytest.approx(0.1)
    assert rates.batch_fill_percent == pytest.approx(62.5)
    assert rates.files_per_hour == pytest.approx(6, rel=0.01)
    assert rates.audio_hours_per_hour == pytest.approx(4, rel=0.01)
    assert counters.jobs == {"done": 2, "dead": 1} and counters.audio_s == 3600.0


def test_sparklines() -> None:
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7]) == "▁▂▃▄▅▆▇█"
    assert sparkline([5, None, 5]) == "▁ ▁"
    assert sparkline([0] * 500 + [9] + [0] * 499, width=10) == "▁▁▁▁▁█▁▁▁▁"
    assert sparkline([]) == ""


# -- endpoint ------------------------------------------------------------------------------------------------


@pytest.fixture
def endpoint(settings, history, monkeypatch):
    counters = Counters()
    counters.ended("done", 60.0, 3.0)
    counters.batch(3, 4)
    sources = Sources(
        children=lambda: [("engine cpu", os.getpid())], restarts=lambda: {"decoder": 2, "watcher:/in": 1},
        missing_roots=lambda: {}, paused=lambda: None, hold=lambda _: None, release=lambda: None,
    )  # fmt: skip
    gpu = Gpu(0, "GPU-aaaaaaaa-1", 'RTX "x"\\', 45.0, 12000.0, 24564.0, 71.0, 250.0, ("power cap",))
    two = Probe((gpu, Gpu(1, "GPU-bbbbbbbb-1", "RTX")))
    monkeypatch.setattr("daemon.monitor.sampling.GpuProbe.__call__", lambda _probe: two)
    monitor = Monitor(settings, history, counters, sources)
    monitor.tick()
    ages = {"dispatcher": (0.1, 30.0), "scanner": (1.0, 60.0), "monitor": (2.0, 180.0)}
    made = Endpoint("127.0.0.1:0", monitor, counters, lambda: ages)
    yield f"http://127.0.0.1:{made._server.server_port}", ages
    made.end()
    monitor.end()


def get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_metrics_are_what_prometheus_reads(endpoint) -> None:
    url, _ = endpoint
    status, text = get(f"{url}/metrics")
    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert status == 200 and all(name.startswith("transcribed") for name in families)
    values = {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families.values()
        for sample in family.samples
    }
    gpu = 'RTX "x"\\ GPU-aaaaaaaa'
    assert values["transcribed_jobs_total", (("state", "done"),)] == 1
    assert values["transcribed_audio_seconds_total", ()] == 60
    assert values["transcribed_gpu_temperature_celsius", (("gpu", gpu),)] == 71
    assert values["transcribed_gpu_memory_total_bytes", (("gpu", gpu),)] == 24564 * 1024**2
    assert values["transcribed_gpu_throttled", (("gpu", gpu),)] == 1
    assert values["transcribed_batch_fill_ratio", ()] == 0.75
    assert values["transcribed_restarts_total", (("kind", "decoder"),)] == 2
    assert 0 < values["transcribed_memory_ratio", ()] < 1
    assert ("transcribed_gpu_temperature_celsius", (("gpu", "RTX GPU-bbbbbbbb"),)) not in values
    for family in families.values():
        assert family.documentation.endswith("."), family.name
        assert family.type in ("counter", "gauge"), family.name
        assert not re.search(r"_(mb|percent|ms|minutes)\b", family.name), f"{family.name}: base units"


def test_the_dashboard_uses_these_names_only(endpoint) -> None:
    url, _ = endpoint
    served = {
        sample.name for family in text_string_to_metric_families(get(f"{url}/metrics")[1]) for sample in family.samples
    } | {family.name for family in text_string_to_metric_families(get(f"{url}/metrics")[1])}
    dashboard = json.loads((ROOT / "docs" / "grafana.json").read_text("utf-8"))
    used = {
        name
        for panel in dashboard["panels"]
        for target in panel.get("targets", ())
        for name in re.findall(r"transcribed_\w+", target["expr"])
    }
    assert len(used) >= 12 and used <= served, used - served


@pytest.mark.guarantee(25)
def test_health_is_that_of_every_loop(endpoint) -> None:
    url, ages = endpoint
    assert get(f"{url}/healthz")[0] == 200
    ages["scanner"] = (61.0, 60.0)
    status, text = get(f"{url}/healthz")
    assert status == 503 and json.loads(text)["hanging"] == ["scanner"]
    assert get(f"{url}/other")[0] == 404


def test_an_address_that_is_taken_is_an_error_with_a_way_out(make_daemon) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        daemon: Daemon = make_daemon(fake={}, monitor=f'prometheus = "{address}"')
        assert daemon.once() == 4
    assert address in daemon.log_text() and "another port" in daemon.log_text()


# -- commands ------------------------------------------------------------------------------------------------


def test_what_the_monitor_saw_is_shown_and_drawn(make_daemon, tmp_path) -> None:
    daemon: Daemon = make_daemon(fake={}, monitor="interval_seconds = 0.2\n[monitor.rules.disk_free]\nfire = 1e15")
    write_wav(daemon.inbox / "a.wav")
    daemon.start().ready()
    daemon.wait_for({"a.wav": "done"})
    wait_until(lambda: daemon.query("SELECT count(*) > 5 FROM samples WHERE done = 1") == [(1,)], 15, "samples")
    shown = json.loads(daemon.run("alerts", "--json").stdout)
    assert [(row["rule"], row["state"]) for row in shown] == [("disk_free", "firing")]
    assert "disk_free" not in daemon.run("alerts", "--all").stdout  # it says a sentence
    assert "MB are free" in " ".join(daemon.run("alerts").stdout.split())
    assert daemon.run("status", "--json").stdout.count('"firing"') == 1
    assert daemon.stop() == 0
    rows = json.loads(daemon.run("metrics", "--since", "1h", "--json").stdout)
    assert rows[-1]["done"] == 1 and rows[-1]["rss_mb"] > 20
    assert {child["kind"] for child in rows[-1]["detail"]["children"]} == {"daemon", "engine fake", "decoder"}
    table = daemon.run("metrics", "--since", "1h", "--plot", str(tmp_path / "out.png")).stdout
    assert "files an hour" in table and any(bar in table for bar in "▁▂▃▄▅▆▇█")
    assert (tmp_path / "out.png").read_bytes().startswith(b"\x89PNG")
    assert daemon.run("metrics", "--since", "soon").returncode == 2
    assert daemon.run("metrics", "--plot", str(tmp_path / "no" / "out.png")).returncode == 4


def test_a_backup_by_hand_while_the_daemon_writes(make_daemon, tmp_path) -> None:
    daemon: Daemon = make_daemon(fake={})
    assert daemon.run("db", "backup").returncode == 4
    daemon.start().ready()
    for number in range(20):
        write_wav(daemon.inbox / f"{number}.wav", seed=number)
    done = [daemon.run("db", "backup", str(tmp_path / f"{number}.db")) for number in range(3)]
    assert [each.returncode for each in done] == [0, 0, 0], done
    daemon.wait_idle(20)
    done.append(daemon.run("db", "backup"))
    (copy,) = (daemon.folder / "var" / "backups").iterdir()
    with sqlite3.connect(copy) as db:
        assert db.execute("SELECT count(*) FROM jobs WHERE state = 'done'").fetchone() == (20,)
    nowhere = daemon.run("db", "backup", "/proc/nowhere/copy.db")
    assert nowhere.returncode == 4 and "/proc/nowhere" in nowhere.stderr
    refused = daemon.run("db", "backup", str(daemon.database))
    assert refused.returncode == 4 and "the database itself" in refused.stderr
    assert daemon.stop() == 0
