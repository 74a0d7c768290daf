"""The page about the service as a whole."""

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from daemon.config import reader
from daemon.monitor.metrics import row
from daemon.monitor.sample import Gpu, Probe, Work
from daemon.store.monitoring import History
from daemon.store.records import timestamp
from daemon.store.store import Store
from tests import builders
from tests.integration.web_clients import browser_page, client, people, served
from tests.support import Daemon, wait_until, write_wav


def looks(history: History, count: int = 30, *, gpu: bool = False) -> None:
    """Take a sample a minute, up to now."""
    for number in range(count):
        at = datetime.now(UTC) - timedelta(minutes=count - number)
        gpus = (Gpu(0, "GPU-1", "one", load_percent=40.0, temperature_c=60.0 + number),) if gpu else ()
        work = Work(audio_hours_per_hour=20.0, error_rate_percent=2.5)
        host = builders.host(cpu_percent=10.0 + number)
        history.sample(row(builders.sample(work, sampled_at=timestamp(at), probe=Probe(gpus), host=host)))


def requests(path: Path) -> list[str]:
    with sqlite3.connect(path) as db:
        return [command for (command,) in db.execute("SELECT command FROM requests WHERE job_id IS NULL ORDER BY id")]


def alert(path: Path, rule: str, resolved_at: str | None) -> None:
    state = "firing" if resolved_at is None else "resolved"
    with sqlite3.connect(path) as db:
        db.execute(
            "INSERT INTO alerts (rule, subject, state, text, since, resolved_at) VALUES (?, '', ?, ?, ?, ?)",
            (rule, state, f"a sentence about {rule}", "2026-03-02T09:00:00.000Z", resolved_at),
        )


@pytest.mark.parametrize(
    ("method", "address", "allowed"),
    [
        ("GET", "/service", {"ada": 200, "auditor": 200, "guest": 403}),
        ("GET", "/service/now", {"ada": 200, "auditor": 200, "guest": 403}),
        ("GET", "/api/samples", {"ada": 200, "auditor": 200, "guest": 403}),
        ("POST", "/api/pause", {"ada": 202, "auditor": 403, "guest": 403}),
        ("POST", "/api/resume", {"ada": 202, "auditor": 403, "guest": 403}),
        ("POST", "/service/pause", {"ada": 303, "auditor": 403, "guest": 403}),
        ("POST", "/service/stop", {"ada": 422}),
    ],
)
def test_who_may_see_and_hold_the_service(
    path: Path, tmp_path: Path, method: str, address: str, allowed: dict[str, int]
) -> None:
    users = people(tmp_path)
    answers = {name: users[name].request(method, address) for name in allowed}
    assert {name: answer.status_code for name, answer in answers.items()} == allowed
    asked = [address.rpartition("/")[2]] if method == "POST" and allowed["ada"] < 400 else []
    assert requests(path) == asked


@pytest.mark.usefixtures("path")
def test_only_those_who_see_all_folders_find_the_link(tmp_path: Path) -> None:
    users = people(tmp_path)
    assert {name: 'href="/service"' in users[name].get("/").text for name in users} == {
        "ada": True, "auditor": True, "guest": False,
    }  # fmt: skip


def test_a_pause_is_asked_for_and_taken_back(path: Path, store: Store, tmp_path: Path) -> None:
    page = client(builders.settings(tmp_path))
    assert "Pause all work" in page.get("/service").text
    answer = page.post("/service/pause", data={"hours": "24"})
    assert answer.headers["location"] == "/service?hours=24&asked=pause"
    assert "Asked to pause" in page.get(answer.headers["location"]).text
    store.pause("request", "by request")
    shown = page.get("/service/now").text
    assert "by request" in shown and 'action="/service/resume"' in shown
    assert page.post("/api/resume").json() == {"requested": "resume", "daemon_running": False}
    assert requests(path) == ["pause", "resume"]


def test_work_that_a_person_does_not_hold_can_be_held(store: Store, tmp_path: Path) -> None:
    store.pause("hours", "outside the hours")
    assert 'action="/service/pause"' in client(builders.settings(tmp_path)).get("/service").text


def test_alerts_are_shown_those_that_have_ended_apart(path: Path, tmp_path: Path) -> None:
    alert(path, "disk_free", None)
    alert(path, "memory", "2026-03-02T10:00:00.000Z")
    now, _, ended = client(builders.settings(tmp_path)).get("/service").text.partition("<details")
    assert "a sentence about disk_free" in now and "a sentence about memory" not in now
    assert "a sentence about memory" in ended and "until 2026-03-02 10:00 UTC" in ended


def test_what_was_measured_is_listed(path: Path, tmp_path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute(
            "INSERT INTO layouts VALUES ('a machine', 'tiny.en', 'cpu', 'int8', 2, 1, 4, '2026-03-02T09:00:00.000Z', '[]')"
        )
    shown = " ".join(client(builders.settings(tmp_path)).get("/service").text.split())
    assert "tiny.en on cpu (int8): 2 workers of 1 thread, batches of 4" in shown


def test_each_plot_has_its_numbers_as_a_table(history: History, tmp_path: Path) -> None:
    looks(history)
    shown = client(builders.settings(tmp_path)).get("/service").text
    figure = shown[shown.index('data-chart="cpu_percent"') :].partition("</figure>")[0]
    assert [f'data-key="{key}">{value}<' in figure for key, value in
            (("last", "39.0"), ("least", "10.0"), ("mean", "24.5"), ("largest", "39.0"))] == [True] * 4  # fmt: skip
    assert 'data-chart="gpu' not in shown


@pytest.mark.parametrize("width", [390, 1280])
def test_the_plots_are_drawn_in_a_browser_and_go_on(history: History, tmp_path: Path, width: int) -> None:
    looks(history, gpu=True)
    with served(builders.settings(tmp_path)) as address, browser_page(viewport={"width": width, "height": 900}) as page:
        page.goto(f"{address}/service")
        page.locator(".plot canvas").nth(5).wait_for()
        drawn = page.evaluate(
            "[...document.querySelectorAll('.plot canvas')].map((each) => "
            "each.getContext('2d').getImageData(0, 0, each.width, each.height).data.some((value) => value > 0))"
        )
        assert drawn == [True] * 6
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing sticks out"
        store = Store(tmp_path / "var" / "jobs.db")
        store.pause("request", "held by a person")
        store.close()
        page.get_by_text("held by a person").wait_for()
        page.get_by_role("button", name="Resume").click()
        page.get_by_text("Asked to resume").wait_for()


def test_the_newest_hour_goes_on_live(history: History, tmp_path: Path) -> None:
    looks(history)
    with served(builders.settings(tmp_path)) as address, browser_page() as page:
        page.clock.install()
        page.goto(f"{address}/service")
        page.locator(".plot canvas").nth(3).wait_for()
        largest = page.locator('[data-chart="cpu_percent"] [data-key="largest"]')
        assert largest.inner_text() == "39.0"
        history.sample(row(builders.sample(sampled_at=timestamp(), host=builders.host(cpu_percent=88.0))))

        def is_shown() -> bool:
            page.clock.run_for(11_000)
            return largest.inner_text() == "88.0"

        wait_until(is_shown, what="the new sample")


def test_a_daemon_is_paused_and_resumed_in_a_browser(fake_daemon: Daemon) -> None:
    fake_daemon.start().ready()
    with served(reader.load(fake_daemon.config)) as address, browser_page() as page:
        page.goto(f"{address}/service")
        page.get_by_text("Work goes on.").wait_for()
        page.get_by_role("button", name="Pause all work").click()
        page.get_by_text("by request").wait_for()
        write_wav(fake_daemon.inbox / "a.wav")
        fake_daemon.wait_for({"a.wav": "queued"})
        page.get_by_role("button", name="Resume").click()
        page.get_by_text("Work goes on.").wait_for()
        fake_daemon.wait_for({"a.wav": "done"})
