"""What is to be done when a job ends, by the configuration. Pure."""

from daemon.config.afterwards import Afterwards
from daemon.config.settings import Hooks
from daemon.store.outbox import COMMAND, NOTIFY, RECORDING, WEBHOOK, Lane, Order

SUCCESS, FAILURE = "done", "failed"
"""The events that people are told of; a job that is `dead` or `rejected` has failed."""
MOVE, DELETE = "move", "delete"
"""What may become of a recording that is done."""
DAY_S = 86_400.0

COMMANDS, WEBHOOKS, RECORDINGS = Lane(COMMAND), Lane(WEBHOOK), Lane(RECORDING)


def addresses(hooks: Hooks) -> list[Lane]:
    """Return a lane for each address for messages, named by its place: the URL holds a password."""
    return [Lane(NOTIFY, f"hooks.notify[{index}]") for index in range(len(hooks.notify))]


def orders_for(event: str, afterwards: Afterwards, hooks: Hooks) -> list[Order]:
    """Return what is to be done for a job, in the order in which it is done.

    Args:
        event: SUCCESS or FAILURE.
        afterwards: What is configured for the recording.
        hooks: Who is told of all jobs.
    """
    orders = []
    if command := afterwards.on_done if event == SUCCESS else afterwards.on_failed:
        orders.append(Order(COMMANDS, event, command))
    if event == SUCCESS and afterwards.after_success in (MOVE, DELETE):
        delay_s = afterwards.after_success_days * DAY_S
        orders.append(Order(RECORDINGS, afterwards.after_success, delay_s=delay_s))
    if hooks.webhook_url:
        orders.append(Order(WEBHOOKS, event))
    if event in hooks.notify_on:
        orders.extend(Order(lane, event) for lane in addresses(hooks))
    return orders
