"""The monitor with fake nvidia-smi programs, minute after minute of a fake clock."""

import json
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median

import pytest

from daemon.config import reader
from daemon.config.settings import RuleChange
from daemon.monitor.counters import Counters
from daemon.monitor.gpu import GpuProbe
from daemon.monitor.sampling import Monitor
from daemon.store import migrate
from daemon.store.monitoring import History
from tests.support import alive, children_of, monitored, wait_until
from tests.unit.test_sensors import Place

TICKS = 30
MINUTE_S = 60.0
A, B = "RTX 4090 GPU-aaaaaaaa", "RTX 4090 GPU-bbbbbbbb"
T, M, GONE, PROBE = "gpu_temperature", "gpu_memory", "gpu_gone", "probe_failing"
SMI = "nvidia-smi"


def line(temperature: object = 60, *, gpu: str = "a", name: str = "RTX 4090", total: object = 24564) -> str:
    uuid = f"GPU-{gpu * 8}-0000"
    index = "ab".index(gpu)
    return f"{index}, {uuid}, 45, {total}, 12000, 12564, 570.1, {name}, [N/A], Disabled, Disabled, {temperature}"


def says(*lines: str) -> str:
    return "#!/bin/sh\ncat <<'END'\n" + "\n".join(lines) + "\nEND\n"


def fails(code: int, text: str = "") -> str:
    return f"#!/bin/sh\nprintf '%s\\n' '{text}'\nexit {code}\n"


class Bench:
    """A monitor on a folder of its own, with a clock that the test moves and an nvidia-smi that it writes."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, extra: str = "", probe_s: float = 10.0) -> None:
        self.folder = folder
        (folder / "inbox").mkdir()
        file = folder / "config.toml"
        off = "\n".join(f"[monitor.rules.{rule}]\nenabled = false" for rule in ("memory", "disk_free"))
        file.write_text(f"[monitor]\ninterval_seconds = {MINUTE_S}\n{extra}\n{off}\n")
        settings = reader.load(file)
        monitor = settings.monitor.model_copy(update={"probe_timeout_seconds": probe_s})
        self.settings = settings.model_copy(update={"monitor": monitor})
        migrate.migrate(settings.database_path)
        self.history = History(settings.database_path, lambda _reason: False)
        self.counters = Counters()
        self.now = 1000.0
        self.held: list[str | None] = []
        self.programs = folder / "programs"
        self.programs.mkdir()
        self.sensors: Callable[[], dict] = dict
        monkeypatch.setattr("psutil.sensors_temperatures", lambda: self.sensors(), raising=False)
        monkeypatch.setenv("PATH", f"{self.programs}{os.pathsep}{os.environ['PATH']}")
        self.start()

    def start(self) -> None:
        self.monitor = Monitor(
            self.settings, self.history, self.counters, monitored(held=self.held), clock=lambda: self.now
        )

    def program(self, text: str | bytes | None) -> None:
        """Put an nvidia-smi in place; None: there is none."""
        path = self.programs / SMI
        path.unlink(missing_ok=True)
        if text is not None:
            path.write_bytes(text.encode() if isinstance(text, str) else text)
            path.chmod(0o755)

    def tick(self, *, after_s: float = MINUTE_S) -> list[tuple[str, str, str]]:
        self.now += after_s
        return [(event.rule, event.subject, event.state) for event in self.monitor.tick()]

    def job(self, state: str) -> None:
        """A recording in this state, queued now."""
        with sqlite3.connect(self.settings.database_path) as db:
            db.execute(
                "INSERT INTO jobs (root, path, path_bytes, size_bytes, fingerprint, state, queued_at)"
                " VALUES ('/r', 'a', 'a', 1, 'f', ?, strftime('%Y-%m-%dT%H:%M:%fZ'))", (state,),
            )  # fmt: skip

    def query(self, statement: str) -> list[tuple]:
        with sqlite3.connect(self.settings.database_path) as db:
            return db.execute(statement).fetchall()

    def end(self) -> None:
        self.monitor.close()
        self.history.close()


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Bench]]:
    made: list[Bench] = []

    def make(**options) -> Bench:
        made.append(Bench(tmp_path, monkeypatch, **options))
        return made[-1]

    yield make
    for each in made:
        each.end()


def between(first: int, last: int, inside, outside):
    return lambda tick: inside if first <= tick < last else outside


OK_LINE = says(line())
SILENT = [(5, T, A, "unknown"), (5, M, A, "unknown"), (5, GONE, A, "unknown"), (5, PROBE, A, "unknown")]
SPEAKS = [(15, T, A, "ok"), (15, M, A, "ok"), (15, GONE, A, "ok"), (15, PROBE, A, "ok")]
LOST = [
    (5, PROBE, SMI, "pending"), *SILENT, (7, PROBE, SMI, "firing"), (15, PROBE, SMI, "resolved"), *SPEAKS,
]  # fmt: skip
NEVER = [(0, PROBE, SMI, "pending"), (2, PROBE, SMI, "firing")]
FROM_A_SENSOR_LOST = [
    (5, T, A, "unknown"), (5, PROBE, A, "pending"), (7, PROBE, A, "firing"), (15, T, A, "ok"), (15, PROBE, A, "resolved"),
]  # fmt: skip
NO_DRIVER = "NVIDIA-SMI has failed because it could not communicate with the NVIDIA driver."

CASES = {
    "cool": (lambda _: OK_LINE, []),
    "hot": (lambda _: says(line(90)), [(0, T, A, "pending"), (2, T, A, "firing")]),
    "hot for ten minutes": (
        between(5, 15, says(line(90)), OK_LINE),
        [(5, T, A, "pending"), (7, T, A, "firing"), (15, T, A, "resolved")],
    ),
    "hot for a minute": (between(5, 6, says(line(90)), OK_LINE), [(5, T, A, "pending"), (6, T, A, "ok")]),
    "oscillating": (
        lambda tick: says(line(84 + 2 * (tick % 2) if tick < 28 else 70)),
        [(1, T, A, "pending"), (3, T, A, "firing"), (28, T, A, "resolved")],
    ),
    "[N/A]": (lambda _: says(line("[N/A]")), [(0, T, A, "unknown")]),
    "[N/A] after a while": (between(5, 15, says(line("[N/A]")), OK_LINE), FROM_A_SENSOR_LOST),
    "[Unknown Error]": (between(5, 15, says(line("[Unknown Error]")), OK_LINE), FROM_A_SENSOR_LOST),
    "hot, then [N/A]": (
        lambda tick: says(line(90 if tick < 5 else "[N/A]")),
        [(0, T, A, "pending"), (2, T, A, "firing"), (5, T, A, "unknown"), (5, PROBE, A, "pending"), (7, PROBE, A, "firing")],
    ),
    "driver lost, exit 9": (between(5, 15, fails(9, NO_DRIVER), OK_LINE), LOST),
    "driver lost, exit 15": (between(5, 15, fails(15, "Unable to determine the device handle"), OK_LINE), LOST),
    "driver lost from the start": (lambda _: fails(9, NO_DRIVER), NEVER),
    "empty, exit 255": (between(5, 15, fails(255), OK_LINE), LOST),
    "empty, exit 0": (between(5, 15, "#!/bin/sh\n", OK_LINE), LOST),
    "not a program": (between(5, 15, "", OK_LINE), LOST),
    "a comma in the name": (
        lambda _: says(line(90, name="RTX, 4090")), [(0, T, A, "pending"), (2, T, A, "firing")],
    ),
    "total memory 0": (lambda _: says(line(total=0)), [(0, M, A, "unknown")]),
    "missing": (lambda _: None, []),
    "missing after a while": (between(5, 15, None, OK_LINE), LOST),
    "no devices": (lambda _: fails(6, "No devices were found"), []),
    "10 MB of output": (lambda _: "#!/bin/sh\nyes nvidia | head -c 10000000\n", NEVER),
    "not UTF-8": (
        lambda _: b"#!/bin/sh\nprintf '" + line(90, name="RTX 4090").encode().replace(b", Disabled,", b", \\377\\376,", 1) + b"\\n'\n",
        [(0, T, A, "pending"), (2, T, A, "firing")],
    ),
    "two GPUs of which one disappears": (
        between(10, 20, OK_LINE, says(line(), line(gpu="b"))),
        [
            (10, GONE, B, "pending"), (10, T, B, "unknown"), (10, M, B, "unknown"), (10, PROBE, B, "unknown"),
            (12, GONE, B, "firing"),
            (20, GONE, B, "resolved"), (20, T, B, "ok"), (20, M, B, "ok"), (20, PROBE, B, "ok"),
        ],
    ),
}  # fmt: skip


@pytest.mark.guarantee(27)
@pytest.mark.parametrize("case", CASES)
def test_fake_nvidia_smi(case: str, bench) -> None:
    program, expected = CASES[case]
    here: Bench = bench()
    found = []
    for tick in range(TICKS):
        here.program(program(tick))
        found += [(tick, *event) for event in here.tick()]
    assert sorted(found) == sorted(expected)
    assert here.query("SELECT count(*) FROM samples") == [(TICKS,)]
    firing = {(rule, subject) for _, rule, subject, state in expected if state == "firing"}
    over = {(rule, subject) for _, rule, subject, state in expected if state == "resolved"}
    rows = here.query("SELECT rule, subject, resolved_at FROM alerts WHERE fired_at IS NOT NULL")
    assert {(rule, subject) for rule, subject, _ in rows} == firing and len(rows) == len(firing)
    assert {(rule, subject) for rule, subject, end in rows if end} == over
    assert len((here.folder / "var" / "service_metrics.log").read_text().splitlines()) == TICKS


@pytest.mark.guarantee(27)
@pytest.mark.parametrize("program", ["sleep 1000", "trap '' TERM INT HUP\nsleep 1000", "sleep 1000 &\nwait"])
def test_an_nvidia_smi_that_hangs(program: str, bench) -> None:
    timeout_s = 0.5
    here: Bench = bench(probe_s=timeout_s)
    here.program(f"#!/bin/sh\necho $$ >> {here.folder}/pids\n{program}\n")
    found, took_s = [], []
    for tick in range(10):
        began = time.monotonic()
        found += [(tick, *event) for event in here.tick()]
        took_s.append(time.monotonic() - began)
    # One look in so many may fall into a second in which the machine is busy with something else.
    assert median(took_s) < timeout_s + 1.0 and max(took_s) < timeout_s + 10.0, "the monitor hung with it"
    assert found == NEVER
    assert [pid for pid in children_of(os.getpid()) if not alive(pid)] == [], "zombies are left"
    pids = [int(pid) for pid in (here.folder / "pids").read_text().split()]
    assert pids
    wait_until(lambda: not [pid for pid in pids if alive(pid)], what="every nvidia-smi to be gone")


def test_figures_of_two_gpus(bench) -> None:
    here: Bench = bench()
    here.program(says(line(71), line(64, gpu="b", name="Tesla, P40")))
    gpus = GpuProbe(10.0)().gpus
    assert [(gpu.index, gpu.name, gpu.temperature_c, gpu.load_percent) for gpu in gpus] == [
        (0, "RTX 4090", 71.0, 45.0), (1, "Tesla P40", 64.0, 45.0),
    ]  # fmt: skip
    here.tick()
    ((temperature, memory, detail),) = here.query("SELECT gpu_temperature_c, gpu_memory_percent, detail FROM samples")
    assert temperature == 71.0 and memory == pytest.approx(100 * 12000 / 24564, abs=0.01)
    assert [gpu["uuid"][:12] for gpu in json.loads(detail)["gpus"]] == ["GPU-aaaaaaaa", "GPU-bbbbbbbb"]


def core(temperature: float, critical: float | None = None) -> dict:
    """What psutil says of a CPU with two cores, of which the second one is at 30 °C."""
    return {"coretemp": [Place("Core 0", temperature, critical, critical), Place("Core 1", 30.0, critical, critical)]}


CPU = ("temperature_cpu", "coretemp")


@pytest.mark.parametrize(
    ("extra", "critical", "limit", "clear"),
    [
        ("", None, 90, 85),
        ("", 92.0, 82, 77),
        ("", 105.0, 95, 90),
        ("[monitor.rules.temperature_cpu]\nfire = 70", 92.0, 70, 65),
        ("[monitor.rules.temperature_cpu]\nclear = 60", 92.0, 90, 60),
    ],
)
def test_a_hot_cpu(extra, critical, limit, clear, bench) -> None:
    here: Bench = bench(extra=extra)
    found = []
    for tick, temperature in enumerate([limit, limit + 1, limit + 1, limit + 1, clear + 1, clear]):
        here.sensors = partial(core, temperature, critical)
        found += [(tick, *event) for event in here.tick()]
        if tick == 3:
            assert here.query("SELECT text FROM alerts") == [
                (f"the CPU (coretemp) is at {limit + 1} °C, over {limit}",)
            ]
            assert here.monitor.firing == [CPU]
    assert found == [(1, *CPU, "pending"), (3, *CPU, "firing"), (5, *CPU, "resolved")]
    kept = here.query("SELECT detail ->> 'cpu_temperature_c', detail -> '$.sensors' FROM samples")
    assert kept[0][0] == limit and json.loads(kept[0][1]) == [
        {"chip": "coretemp", "temperature_c": limit, "critical_c": critical}
    ]


def test_a_machine_without_sensors_never_hears_of_them(bench, caplog) -> None:
    here: Bench = bench()
    chips = [{}, {"nvme": [Place("", 99.0, 90.0, 90.0)]}, {"coretemp": [Place("Core 0", -273.0, None, None)]}]
    for sensors in chips:
        here.sensors = lambda sensors=sensors: sensors
        assert here.tick() == []
    assert not here.query("SELECT 1 FROM alerts") and caplog.text == ""
    assert here.query("SELECT DISTINCT detail ->> 'cpu_temperature_c' FROM samples") == [(None,)]


def test_a_cpu_sensor_that_falls_silent_is_unknown_once(bench) -> None:
    here: Bench = bench()
    here.sensors = partial(core, 95.0)
    found = [event for _ in range(3) for event in here.tick()]
    here.sensors = dict
    found += [event for _ in range(3) for event in here.tick()]
    here.sensors = partial(core, 50.0)
    found += here.tick()
    assert found == [(*CPU, state) for state in ("pending", "firing", "unknown", "resolved")]


def test_a_sensor_that_does_not_answer_holds_nobody_up(bench) -> None:
    here: Bench = bench()
    here.sensors = partial(core, 50.0)
    here.tick()
    free, asked = threading.Event(), []

    def hang() -> dict:
        asked.append(1)
        free.wait(30)
        raise OSError("the bus is gone")

    here.sensors = hang
    began = time.monotonic()
    assert [here.tick() for _ in range(3)] == [[(*CPU, "unknown")], [], []]
    assert time.monotonic() - began < 3.0 and len(asked) == 1
    free.set()
    here.sensors = partial(core, 50.0)
    wait_until(lambda: (*CPU, "ok") in here.tick(), 5, "the sensor being known again")


def test_a_suspended_machine_was_not_hot_meanwhile(bench) -> None:
    here: Bench = bench()
    here.program(says(line(90)))
    assert here.tick() == [(T, A, "pending")]
    assert here.tick(after_s=86_400) == []
    assert here.tick() == [(T, A, "firing")]


@pytest.mark.guarantee(27)
def test_an_alert_outlives_a_restart_and_fires_once(bench) -> None:
    here: Bench = bench()
    here.program(says(line(90)))
    assert [event for _ in range(5) for event in here.tick()] == [(T, A, "pending"), (T, A, "firing")]
    here.monitor.close()
    here.start()
    assert [event for _ in range(5) for event in here.tick()] == []
    here.program(OK_LINE)
    assert here.tick() == [(T, A, "resolved")]
    assert here.query("SELECT count(*), count(resolved_at) FROM alerts") == [(1, 1)]


def test_a_clock_that_is_set_makes_no_recording_old(bench) -> None:
    here: Bench = bench(extra="[monitor.rules.waiting_long]\nfire = 3570")
    here.job("queued")
    here.tick()
    for moved in ("-1 day", "+2 days"):
        with sqlite3.connect(here.settings.database_path) as db:
            db.execute("UPDATE jobs SET queued_at = strftime('%Y-%m-%dT%H:%M:%fZ', queued_at, ?)", (moved,))
        assert here.tick() == []
    found = [(tick, state) for tick in range(70) for rule, _, state in here.tick() if rule == "waiting_long"]
    assert found == [(57, "firing")]  # after an hour, of which two minutes had gone before


def test_work_that_stands_still(bench) -> None:
    here: Bench = bench()
    here.job("running")
    found = []
    for tick in range(40):
        found += [(tick, *event) for event in here.tick()]
    here.counters.batch(1, 4)
    found += [(40, *event) for event in here.tick()]
    assert found == [(31, "stalled", "service", "firing"), (40, "stalled", "service", "resolved")]


def test_a_recording_that_is_still_written_to_is_no_work_that_stands_still(bench) -> None:
    here: Bench = bench()
    with sqlite3.connect(here.settings.database_path) as db:
        db.execute(
            "INSERT INTO jobs (root, path, path_bytes, size_bytes, fingerprint, state, next_attempt_at, queued_at) VALUES"
            " ('/r', 'a', 'a', 1, 'f', 'settling', NULL, NULL), ('/r', 'b', 'b', 1, 'f', 'queued', '2999', '2020-01-01T00:00:00Z')"
        )
    assert [event for _ in range(60) for event in here.tick()] == []


def test_no_good_sample_for_three_intervals(bench, monkeypatch) -> None:
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


def test_the_brake_holds_while_it_is_hot_or_was_and_cannot_be_read(bench) -> None:
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


def test_a_disk_that_does_not_answer_is_unknown_and_asked_once(bench, monkeypatch) -> None:
    here: Bench = bench()
    here.settings = here.settings.model_copy(update={"monitor": here.settings.monitor.model_copy(update={"rules": {}})})
    here.start()
    free, asked, real = threading.Event(), [], os.statvfs

    def statvfs(path: Path) -> os.statvfs_result:
        asked.append(path)
        free.wait(30)
        return real(path)

    monkeypatch.setattr("daemon.monitor.host.os.statvfs", statvfs)
    monkeypatch.setattr("daemon.monitor.host.psutil.virtual_memory", lambda: Memory)
    began = time.monotonic()
    found = [here.tick() for _ in range(3)]
    assert time.monotonic() - began < 3.0 and len(asked) == 2
    inbox, state = str(here.folder / "inbox"), str(here.folder / "var")
    assert found == [[("disk_free", inbox, "unknown"), ("disk_free", state, "unknown")], [], []]
    free.set()
    wait_until(lambda: len(here.tick()) == 2, 5, "the disk being known again")
    assert [disk["path"] for disk in json.loads(here.query("SELECT detail FROM samples")[-1][0])["disks"]] == [
        inbox,
        state,
    ]
    monkeypatch.undo()


class Memory:
    percent, total, available = 10.0, 100, 90


def test_a_full_disk_that_holds_everything_is_one_alert(bench) -> None:
    here: Bench = bench()
    rules = {"disk_free": RuleChange(fire=1e15), "memory": RuleChange(enabled=False)}
    here.settings = here.settings.model_copy(
        update={"monitor": here.settings.monitor.model_copy(update={"rules": rules})}
    )
    here.start()
    assert here.tick() == [("disk_free", str(here.folder / "inbox"), "firing")]


def test_a_model_that_has_lost_accuracy(bench) -> None:
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


def test_a_database_that_cannot_be_written_stops_no_sample(bench, caplog) -> None:
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
