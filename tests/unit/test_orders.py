"""What is to be done when a job ends, by tables."""

import pytest

from daemon.config.afterwards import Afterwards
from daemon.config.settings import Hooks
from daemon.hooks.orders import orders_for

ALL = Hooks(notify=("json://a", "json://b"), webhook_url="https://example.org/", webhook_secret_file="secret")
MOVING = Afterwards(on_done=("thanks",), on_failed=("alas", "again"), after_success="move")


@pytest.mark.parametrize(
    ("event", "afterwards", "hooks", "expected"),
    [
        ("done", Afterwards(), Hooks(), []),
        ("failed", Afterwards(), Hooks(), []),
        (
            "done",
            MOVING,
            ALL,
            [
                "command  done thanks",
                "recording  move",
                "webhook  done",
                "notify hooks.notify[0] done",
                "notify hooks.notify[1] done",
            ],
        ),
        (
            "failed",
            MOVING,
            ALL,
            [
                "command  failed alas again",
                "webhook  failed",
                "notify hooks.notify[0] failed",
                "notify hooks.notify[1] failed",
            ],
        ),
        ("done", MOVING, Hooks(), ["command  done thanks", "recording  move"]),
        ("done", Afterwards(), Hooks(notify=("json://a",), notify_on=("failed",)), []),
        ("failed", Afterwards(), Hooks(notify=("json://a",), notify_on=("failed",)), ["notify hooks.notify[0] failed"]),
    ],
)
def test_what_is_configured_is_done_in_order(
    event: str, afterwards: Afterwards, hooks: Hooks, expected: list[str]
) -> None:
    orders = orders_for(event, afterwards, hooks)
    told = [" ".join([order.lane.kind, order.lane.address, order.event, *order.command]) for order in orders]
    assert told == expected


def test_a_recording_is_deleted_after_its_days() -> None:
    (order,) = orders_for("done", Afterwards(after_success="delete", after_success_days=1.5), Hooks())
    assert (order.event, order.delay_s) == ("delete", 129_600.0)
