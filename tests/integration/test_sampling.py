"""The monitor with fake nvidia-smi programs, minute after minute of a fake clock."""

import sqlite3
from collections.abc import Callable

import pytest

from daemon.config.settings import RuleChange
from tests.integration.monitor_house import OK_LINE, A, Bench, T, fails, line, says


def test_a_suspended_machine_was_not_hot_meanwhile(bench: Callable[..., Bench]) -> None:
    here: Bench = bench()
    here.program(says(line(90)))
    assert here.tick() == [(T, A, "pending")]
    assert here.tick(after_s=86_400) == []
    assert here.tick() == [(T, A, "firing")]


@pytest.mark.guarantee(27)
def test_an_alert_outlives_a_restart_and_fires_once(bench: Callable[..., Bench]) -> None:
    here: Bench = bench()
    here.program(says(line(90)))
    assert [event for _ in range(5) for event in here.tick()] == [(T, A, "pending"), (T, A, "firing")]
    here.monitor.close()
    here.start()
    assert [event for _ in range(5) for event in here.tick()] == []
    here.program(OK_LINE)
    assert here.tick() == [(T, A, "resolved")]
    assert here.query("SELECT count(*), count(resolved_at) FROM alerts") == [(1, 1)]


def test_a_clock_that_is_set_makes_no_recording_old(bench: Callable[..., Bench]) -> None:
    here: Bench = bench(extra="[monitor.rules.waiting_long]\nfire = 3570")
    here.job("queued")
    here.tick()
    for moved in ("-1 day", "+2 days"):
        with sqlite3.connect(here.settings.database_path) as db:
            db.execute("UPDATE jobs SET queued_at = strftime('%Y-%m-%dT%H:%M:%fZ', queued_at, ?)", (moved,))
        assert here.tick() == []
    found = [(tick, state) for tick in range(70) for rule, _, state in here.tick() if rule == "waiting_long"]
    assert found == [(57, "firing")]  # after an hour, of which two minutes had gone before


def test_work_that_stands_still(bench: Callable[..., Bench]) -> None:
    here: Bench = bench()
    here.job("running")
    found = []
    for tick in range(40):
        found += [(tick, *event) for event in here.tick()]
    here.counters.batch(1, 4)
    found += [(40, *event) for event in here.tick()]
    assert found == [(31, "stalled", "service", "firing"), (40, "stalled", "service", "resolved")]


def test_a_recording_that_is_still_written_to_is_no_work_that_stands_still(bench: Callable[..., Bench]) -> None:
    here: Bench = bench()
    with sqlite3.connect(here.settings.database_path) as db:
        db.execute(
            "INSERT INTO jobs (root, path, path_bytes, size_bytes, fingerprint, state, next_attempt_at, queued_at) VALUES"
            " ('/r', 'a', 'a', 1, 'f', 'settling', NULL, NULL), ('/r', 'b', 'b', 1, 'f', 'queued', '2999', '2020-01-01T00:00:00Z')"
        )
    assert [event for _ in range(60) for event in here.tick()] == []


def test_no_good_sample_for_three_intervals(bench: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch) -> None:
    here: Bench = bench()
    here.tick()

    def broken(_children: object) -> None:
        raise OSError("no /proc")

    monkeypatch.setattr(here.monitor, "_host_probe", broken)
    for _ in range(179):
        here.now += 1
        here.monitor.watch_silence(1.0)
    assert here.tick(after_s=1) == [] and not here.query("SELECT 1 FROM alerts")
    for _ in range(5):
        here.now += 1
        here.monitor.watch_silence(1.0)
    assert here.query("SELECT rule, state FROM alerts") == [("no_sample", "firing")]
    assert ("no_sample", "service") in here.monitor.firing
    monkeypatch.undo()
    here.tick()
    here.monitor.watch_silence(1.0)
    assert here.query("SELECT rule, state FROM alerts") == [("no_sample", "resolved")]


def test_the_brake_holds_while_it_is_hot_or_was_and_cannot_be_read(bench: Callable[..., Bench]) -> None:
    here: Bench = bench(extra="gpu_temperature_pause_c = 88\ngpu_temperature_resume_c = 75")
    states = []
    for program in (
        OK_LINE, says(line(87)), says(line(88)), says(line(80)), says(line("[N/A]")), fails(9), None, says(line(76)),
        says(line(75)), says(line(90)), says(line(60, gpu="b")),
    ):  # fmt: skip
        here.program(program)
        here.tick()
        states.append(here.held[-1] is not None)
    assert states == [False, False, True, True, True, True, True, True, False, True, False]
    assert any(reason and "88 °C" in reason for reason in here.held)


def test_a_full_disk_that_holds_everything_is_one_alert(bench: Callable[..., Bench]) -> None:
    here: Bench = bench()
    rules = {"disk_free": RuleChange(fire=1e15), "memory": RuleChange(enabled=False)}
    here.settings = here.settings.model_copy(
        update={"monitor": here.settings.monitor.model_copy(update={"rules": rules})}
    )
    here.start()
    assert here.tick() == [("disk_free", str(here.folder / "inbox"), "firing")]


def test_a_model_that_has_lost_accuracy(bench: Callable[..., Bench]) -> None:
    here: Bench = bench()
    columns = "verified_at, model, compute_type, device, audio_s, wer, reference_wer, agreement, speed_up, peak_mb, reference_peak_mb, passed"
    for wer, expected in (
        (4.0, []),
        (12.0, [("accuracy", "model", "firing")]),
        (4.5, [("accuracy", "model", "resolved")]),
    ):
        with sqlite3.connect(here.settings.database_path) as db:
            db.execute(
                f"INSERT INTO verifications ({columns}) VALUES ('x', 'tiny.en', 'int8', 'cpu', 1, {wer}, 4, 90, 2, 1, 1, 1)"
            )
        assert here.tick() == expected
    with sqlite3.connect(here.settings.database_path) as db:
        db.execute("ALTER TABLE verifications RENAME TO hidden")
    assert here.tick() == [("accuracy", "model", "unknown")]


def test_a_database_that_cannot_be_written_stops_no_sample(
    bench: Callable[..., Bench], caplog: pytest.LogCaptureFixture
) -> None:
    here: Bench = bench()
    here.program(says(line(90)))
    with sqlite3.connect(here.settings.database_path) as db:
        db.execute("ALTER TABLE samples RENAME TO hidden")
    assert here.tick() == [(T, A, "pending")]
    assert "keep a sample" in caplog.text
    with sqlite3.connect(here.settings.database_path) as db:
        db.execute("ALTER TABLE jobs RENAME TO hidden_jobs")
    unknown = [(rule, "service", "unknown") for rule in ("error_rate", "waiting_long", "stalled")]
    assert here.tick() == unknown
    with sqlite3.connect(here.settings.database_path) as db:
        db.execute("ALTER TABLE hidden_jobs RENAME TO jobs")
    assert here.tick() == [(T, A, "firing"), *((rule, "service", "ok") for rule, *_ in unknown)]
    with sqlite3.connect(here.settings.database_path) as db:
        db.execute("ALTER TABLE hidden RENAME TO samples")
    here.tick()
    assert here.query("SELECT count(*) FROM samples") == [(1,)]
