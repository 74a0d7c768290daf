"""The promises of docs/reliability.md by number, and a line for each of them at the end of a run that tested it."""

from collections import defaultdict

import pytest

GUARANTEES = {
    1: "found although every event is lost",
    2: "a dead watcher is noticed and repaired",
    3: "no half-copied file",
    4: "one job per version",
    5: "replaced content runs again, touched content does not",
    6: "claimed once; one daemon per database",
    7: "kill -9 loses nothing",
    8: "power loss loses nothing that was acknowledged",
    9: "never half-written",
    10: "running again has no second effect",
    11: "user files are never overwritten",
    12: "links, pipes and devices are never followed or hung on",
    13: "any legal file name works",
    14: "media reads no other file and no network",
    15: "bombs cannot exhaust the machine",
    16: "damage is visible",
    17: "no silent skip",
    18: "a poison file is isolated",
    19: "environment faults burn no attempts",
    20: "a native crash never takes the daemon",
    21: "out of memory recovers",
    22: "hangs are bounded",
    23: "slow leaks are bounded",
    24: "SIGTERM drains, SIGHUP reloads",
    25: "the watchdog means progress",
    26: "migrations are crash-safe",
    27: "alerts are true and do not flap",
    28: "the unit stays hardened",
    29: "what can be heard is in the transcript, at its time",
    30: "what is to follow a transcript is done, in order, and harms nothing",
    31: "what people correct is kept, and reaches the files",
    32: "other machines that die, fall silent or are cut off cost no recording anything",
}


def of(item: pytest.Item) -> list[int]:
    return [number for mark in item.iter_markers("guarantee") for number in mark.args]


def lines(outcomes: dict[int, list[str]]) -> list[str]:
    """One per promise: how many of its tests passed, failed and were skipped; NOT TESTED where there was none."""
    told = []
    for number, promise in GUARANTEES.items():
        counts: dict[str, int] = defaultdict(int)
        for outcome in outcomes.get(number, []):
            counts[outcome] += 1
        text = ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items()))
        told.append(f"{number:2} {promise:68} {text or 'NOT TESTED'}")
    return told
