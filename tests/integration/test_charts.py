"""What the monitor has seen, as columns of numbers for plots."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from daemon.monitor.metrics import row
from daemon.monitor.sample import Gpu, Probe, Sensor
from daemon.store.monitoring import History
from daemon.store.records import timestamp
from daemon.store.store import Store
from tests.builders import host, sample, settings
from tests.integration.test_monitor_queries import end
from tests.integration.web_clients import client

BEGIN = datetime(2026, 3, 2, 9, tzinfo=UTC)


def look(history: History, after_s: float, cpu: float, **fields: Any) -> None:
    at = timestamp(BEGIN + timedelta(seconds=after_s))
    history.sample(row(sample(sampled_at=at, host=host(cpu_percent=cpu), **fields)))


def asked(folder: Path, **parameters: float) -> Any:
    values: dict[str, str | float] = {"since": BEGIN.isoformat(), **parameters}
    answer = client(settings(folder)).get("/api/samples", params=values)
    assert answer.status_code == 200, answer.text
    return answer.json()


def chart(found: Any, name: str) -> Any:
    return next(each for each in found["charts"] if each["name"] == name)


def test_an_hour_has_every_sample(history: History, tmp_path: Path) -> None:
    for minute in range(60):
        look(history, minute * 60, minute)
    found = asked(tmp_path)
    assert found["times"] == [BEGIN.timestamp() + minute * 60 for minute in range(60)]
    cpu = chart(found, "cpu_percent")
    assert cpu["mean"] == list(range(60)) and cpu["least"] is None and cpu["largest"] is None
    assert cpu["summary"] == {"last": 59, "least": 0, "mean": 29.5, "largest": 59}
    assert (cpu["title"], cpu["unit"]) == ("CPU", "%")


def test_thirty_days_are_averaged_to_a_thousand_points_that_keep_the_peaks(history: History, tmp_path: Path) -> None:
    rows = [
        row(sample(sampled_at=timestamp(BEGIN + timedelta(minutes=10 * number)), host=host(cpu_percent=number % 4)))
        for number in range(30 * 24 * 6)
    ]
    rows[2000] = {**rows[2000], "cpu_percent": 97.0}
    for each in rows:
        each["detail"] = "{}"
    names = ", ".join(rows[0])
    values = ", ".join(f":{name}" for name in rows[0])
    history._write(lambda db: db.exec_driver_sql(f"INSERT INTO samples ({names}) VALUES ({values})", rows))
    found = asked(tmp_path, hours=720)
    cpu = chart(found, "cpu_percent")
    assert 900 <= len(found["times"]) == len(cpu["mean"]) == len(cpu["least"]) == len(cpu["largest"]) <= 1000
    assert found["times"] == sorted(found["times"])
    assert max(cpu["largest"]) == 97 > max(cpu["mean"])
    assert min(cpu["least"]) == 0 < min(cpu["mean"])


def test_what_cannot_be_read_here_is_left_out(history: History, tmp_path: Path) -> None:
    look(history, 0, 1.0)
    names = [each["name"] for each in asked(tmp_path)["charts"]]
    assert names == ["memory_percent", "cpu_percent", "audio_hours_per_hour", "error_rate_percent"]
    look(history, 60, 1.0, probe=Probe((Gpu(0, "GPU-1", "one", temperature_c=66.0),)))
    found = asked(tmp_path)
    assert chart(found, "gpu_temperature_c")["mean"] == [None, 66.0]
    assert not any(each["name"] == "gpu_load_percent" for each in found["charts"])


def test_the_temperature_of_the_cpu_is_drawn_where_there_is_a_sensor(history: History, tmp_path: Path) -> None:
    for minute, celsius in enumerate((60.0, 80.0, None)):
        sensors = () if celsius is None else (Sensor("coretemp", celsius), Sensor("other", celsius - 20))
        at = timestamp(BEGIN + timedelta(minutes=minute))
        history.sample(row(sample(sampled_at=at, host=host(sensors=sensors))))
    cpu = chart(asked(tmp_path), "cpu_temperature_c")
    assert (cpu["title"], cpu["unit"], cpu["mean"]) == ("CPU temperature", "°C", [60.0, 80.0, None])
    assert cpu["summary"] == {"last": 80, "least": 60, "mean": 70, "largest": 80}
    assert chart(asked(tmp_path, hours=720), "cpu_temperature_c")["largest"] == [80.0]


def test_no_line_leads_over_the_time_in_which_the_daemon_was_not_running(history: History, tmp_path: Path) -> None:
    for minute in (0, 1, 2, 3, 30, 31, 50):
        look(history, minute * 60, 5.0)
    found = asked(tmp_path)
    minutes = [(at - BEGIN.timestamp()) / 60 for at in found["times"]]
    assert minutes == [0, 1, 2, 3, 4, 30, 31, 32, 50]
    assert chart(found, "cpu_percent")["mean"] == [5, 5, 5, 5, None, 5, 5, None, 5]


@pytest.mark.usefixtures("path")
def test_nothing_at_all_is_no_plot(tmp_path: Path) -> None:
    found = asked(tmp_path, hours=24)
    assert found["times"] == found["charts"] == found["hourly"]["times"] == found["hourly"]["charts"] == []
    assert found["until"] - found["since"] == 86_400


def test_hours_are_bars_with_a_zero_where_nothing_was_done(store: Store, tmp_path: Path) -> None:
    end(store, "done", "2026-03-02T09:10:00.000Z", 7200.0)
    end(store, "dead", "2026-03-02T09:30:00.000Z")
    end(store, "done", "2026-03-02T11:59:00.000Z", 1800.0)
    hourly = asked(tmp_path, hours=24)["hourly"]
    assert hourly["times"] == [BEGIN.timestamp() + hour * 3600 for hour in range(3)]
    done, errors = hourly["charts"]
    assert done["mean"] == [2.0, 0.0, 0.5] and errors["mean"] == [50.0, None, 0.0]
    assert done["summary"]["last"] == 0.5 and errors["summary"]["largest"] == 50.0
    assert asked(tmp_path, hours=2)["hourly"]["charts"] == []


@pytest.mark.parametrize("wrong", [
    {"hours": 0.5}, {"hours": 721}, {"hours": "nan"}, {"hours": "inf"}, {"since": "soon"}, {"since": "9999-12-31T23:30:00"},
    {"since": "0001-01-01T00:00:00+14:00"},
])  # fmt: skip
@pytest.mark.usefixtures("path")
def test_a_time_that_cannot_be_is_refused(tmp_path: Path, wrong: dict[str, str | float]) -> None:
    answer = client(settings(tmp_path)).get("/api/samples", params=wrong)
    assert answer.status_code == 422 and str(next(iter(wrong))) in answer.json()["error"]["message"]


def test_the_last_hour_is_what_is_shown_unless_told(history: History, tmp_path: Path) -> None:
    history.sample(row(sample(sampled_at=timestamp(), host=host(cpu_percent=12.0))))
    history.sample(row(sample(sampled_at=timestamp(datetime.now(UTC) - timedelta(hours=2)))))
    found = client(settings(tmp_path)).get("/api/samples").json()
    assert chart(found, "cpu_percent")["mean"] == [12.0]
