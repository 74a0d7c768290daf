"""What people ask of the daemon, and why it pauses."""

from pathlib import Path

from daemon.store.queries import Queries
from daemon.store.requests import complete_command
from daemon.store.store import Store
from tests.support import queue


def test_each_request_is_handed_out_once_in_the_order_of_asking(store: Store, queries: Queries) -> None:
    queue(store, "a.wav", "b.wav")
    assert store.take_requests() == []
    queries.request_all("pause")
    assert queries.request("cancel", [2, 1, 99]) == [1, 2], "a job that does not exist was asked for"
    queries.request_all("resume")
    assert store.take_requests() == [("pause", None), ("cancel", 1), ("cancel", 2), ("resume", None)]
    assert store.take_requests() == []


def test_of_many_requests_the_oldest_come_first(store: Store, queries: Queries) -> None:
    queue(store, *(f"{number}.wav" for number in range(5)))
    queries.request("cancel", range(1, 6))
    queries.request_all("compare")
    assert store.take_requests(2) == [("cancel", 1), ("cancel", 2)]
    assert store.take_compare() and not store.take_compare()
    assert store.take_requests(2) == [("cancel", 3), ("cancel", 4)] and store.take_requests() == [("cancel", 5)]


def test_what_the_scanner_is_told_is_not_for_the_dispatcher(store: Store, queries: Queries) -> None:
    for command in (complete_command("1:2:3:4"), "pause", complete_command("5:6:7:8"), "compare"):
        queries.request_all(command)
    assert store.take_requests() == [("pause", None)] and store.take_compare()
    assert store.take_complete() == ["1:2:3:4", "5:6:7:8"] and store.take_complete() == []


def test_a_pause_keeps_its_beginning_when_its_reason_changes(store: Store, queries: Queries) -> None:
    store.pause("temperature", "it is at 88 °C")
    (before,) = queries.status()["pauses"]
    store.pause("temperature", "it is at 90 °C")
    store.pause("hours", "outside the hours")
    assert store.pauses() == {"temperature": "it is at 90 °C", "hours": "outside the hours"}
    assert before["since"] in {row["since"] for row in queries.status()["pauses"]}
    store.resume("temperature")
    store.resume("temperature")
    assert store.pauses() == {"hours": "outside the hours"}


def test_pauses_outlive_the_daemon(store: Store, path: Path) -> None:
    store.pause("request", "by request")
    again = Store(path)
    assert again.pauses() == {"request": "by request"}
    again.close()
