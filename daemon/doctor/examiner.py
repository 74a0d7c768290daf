"""One check, in a process of its own: `python -m daemon.doctor.examiner ORDER` prints a line of JSON for each finding.

It becomes the daemon's user first, where it may. What it needs of the check itself is loaded before that: the place of
this program may be closed to that user.
"""

import json
import math
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import asdict
from importlib import import_module
from pathlib import Path

from daemon.doctor.case import Case, Facts, Order
from daemon.doctor.findings import Finding
from daemon.doctor.whom import Whom, name_of


def main(text: str) -> None:
    """Do what an order in JSON says."""
    order = Order(**json.loads(text))
    # The doctor ends a check whose time is over. It may itself be gone by then.
    signal.alarm(math.ceil(order.limit_s) + 1)
    for each in examined(order):
        print(json.dumps([type(each).__name__, asdict(each)]), flush=True)


def examined(order: Order) -> Iterator[Finding | Facts]:
    """Yield what a check finds."""
    check = import_module(order.check)
    config = None if order.config is None else Path(order.config)
    given = None
    if config is not None and order.reads_settings:
        from daemon.config import reader

        given = reader.load(config)
    if order.uid is not None:
        Whom(order.uid).become()
    yield from check.examine(Case(config, given, order.argument, name_of(os.geteuid()), order.pid))


if __name__ == "__main__":
    main(sys.argv[1])
