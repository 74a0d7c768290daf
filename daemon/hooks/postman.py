"""The threads that deliver what is in the outbox."""

import logging
import threading
import time
from dataclasses import replace

from daemon.config.settings import Settings
from daemon.hooks.carrier import Carrier, Deliver, Pace
from daemon.hooks.command import Commands
from daemon.hooks.messages import GROUP, Messages
from daemon.hooks.orders import COMMANDS, RECORDINGS, WEBHOOKS, addresses
from daemon.hooks.recordings import Recordings, TakeAlong
from daemon.hooks.webhook import Webhook
from daemon.monitor.notifications import Recipient
from daemon.store.outbox import Lane
from daemon.store.store import Store
from daemon.watch.resolver import Resolver

log = logging.getLogger(__name__)

JOIN_S = 5.0
"""How long `close` waits for the threads: longer than a command that is broken off gets for its end."""


class Postman:
    """Delivers what was put into the outbox, in a lane for each kind and address.

    Args:
        store: Where the outbox is.
        resolver: Tells what is configured for recordings.
        take_along: Moves the transcripts of recordings that are moved.
        pace: How fast; the gap between two messages is that of the configuration.

    Raises:
        Unavailable: The secret of the webhook cannot be read.
    """

    def __init__(self, store: Store, resolver: Resolver, take_along: TakeAlong, pace: Pace | None = None) -> None:
        settings: Settings = resolver.settings
        hooks = settings.hooks
        pace = pace or Pace()
        self._store = store
        self._breaking = threading.Event()
        self._webhook = Webhook(hooks) if hooks.webhook_url else None
        self._carriers: list[Carrier] = []
        self._add(COMMANDS, Commands(store, hooks.command_seconds, self._breaking.is_set), pace)
        self._add(RECORDINGS, Recordings(store, resolver, take_along), pace)
        if self._webhook is not None:
            self._add(WEBHOOKS, self._webhook, pace)
        gathering = replace(pace, group=GROUP, gap_s=hooks.notify_seconds)
        for lane, url in zip(addresses(hooks), hooks.notify, strict=True):
            self._add(lane, Messages(Recipient(url, lane.address)), gathering)
        self._lanes = [COMMANDS, RECORDINGS, *([WEBHOOKS] if self._webhook else []), *addresses(hooks)]

    def _add(self, lane: Lane, deliver: Deliver, pace: Pace) -> None:
        self._carriers.append(Carrier(lane, self._store, deliver, pace, self._wake))

    def start(self) -> None:
        """Begin to deliver, also what is left from before."""
        if dropped := self._store.drop_other_lanes(self._lanes, "its address is not configured any more"):
            log.warning("%d deliveries dropped: their addresses are not configured any more", dropped)
        self._store.listen(self._wake)
        for carrier in self._carriers:
            carrier.start()

    def _wake(self) -> None:
        for carrier in self._carriers:
            carrier.wake()

    def hurry(self) -> None:
        """Let messages gather no more, for the daemon ends once all is delivered."""
        for carrier in self._carriers:
            carrier.hurry()

    def stop(self) -> None:
        """Begin no further delivery; a command that runs may go on until `close`."""
        for carrier in self._carriers:
            carrier.stop()

    def close(self) -> None:
        """Break off what is under way; it is done again at the next start."""
        self.stop()
        self._breaking.set()
        if self._webhook is not None:
            self._webhook.abort()
        until = time.monotonic() + JOIN_S
        for carrier in self._carriers:
            if carrier.is_alive():
                carrier.join(max(0.0, until - time.monotonic()))
