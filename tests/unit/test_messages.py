"""One message about what has ended."""

from typing import Any

from daemon.hooks.answers import Delivered, Later
from daemon.hooks.messages import LISTED, Messages, message
from daemon.store.outbox import Letter


def payload(path: str, event: str = "done", **fields: Any) -> dict[str, Any]:
    values = {
        "event": event, "job": 7, "root": "/in", "path": path, "duration_s": 90.0, "language": "en", "reason": None,
        "transcripts": [{"format": "txt", "path": "/in/a.txt"}],
    }  # fmt: skip
    return {**values, **fields}


def test_a_message_about_one_job_says_all_of_it() -> None:
    assert message([payload("a.mp3")]) == ("transcribed: done: a.mp3", "job 7 in /in\n1.5 min\nen\n/in/a.txt")
    title, body = message(
        [payload("b.mp3", "failed", duration_s=None, language=None, reason="no audio", transcripts=[])]
    )
    assert (title, body) == ("transcribed: failed: b.mp3", "job 7 in /in\nno audio")


def test_a_message_about_many_counts_them_and_lists_first_what_failed() -> None:
    many = [payload(f"{number}.mp3") for number in range(30)] + [payload("bad.mp3", "failed", reason="no audio")]
    title, body = message(many)
    lines = body.splitlines()
    assert title == "transcribed: 30 done, 1 failed" and len(lines) == LISTED + 1
    assert lines[0] == "failed: bad.mp3 (1.5 min, en, no audio)" and lines[1] == "done: 0.mp3 (1.5 min, en)"
    assert lines[-1] == f"and {31 - LISTED} more"


class FakeRecipient:
    name = "hooks.notify[0] (Fake)"

    def __init__(self, *, accepts: bool) -> None:
        self.accepts = accepts
        self.kinds: list[str] = []

    def told(self, _title: str, _body: str, kind: str) -> bool:
        self.kinds.append(kind)
        return self.accepts


def letter(event: str) -> Letter:
    return Letter(1, 7, "d", event, payload("a.mp3", event), (), None, 0, "2026-01-01T00:00:00.000Z")


def test_what_is_not_accepted_holds_up_all_that_goes_there() -> None:
    recipient = FakeRecipient(accepts=False)
    answer = Messages(recipient)([letter("done"), letter("failed")])  # type: ignore[arg-type]
    assert answer == Later("hooks.notify[0] (Fake) did not accept a message", concerns_all=True)
    good = FakeRecipient(accepts=True)
    assert Messages(good)([letter("done")]) == Delivered()  # type: ignore[arg-type]
    assert (recipient.kinds, good.kinds) == (["warning"], ["success"])
