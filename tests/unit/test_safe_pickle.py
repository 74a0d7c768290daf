"""Answers that are no messages do no harm; those that are come through."""

import os
import pickle
from collections.abc import Callable

import pytest

from daemon.chunk import Chunk
from daemon.processes.protocol import Close, Window
from daemon.processes.safe_pickle import Unreadable, message


class Evil:
    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, ("touch /tmp/transcribed-evil",)


@pytest.mark.parametrize(
    "data",
    [b"", b"garbage", pickle.dumps(Close(1))[:-3], pickle.dumps(Evil()), pickle.dumps(print),
        b"cdaemon.processes.protocol\ndataclass\n.", b"cbuiltins\neval\n(V1+1\ntR."],
)  # fmt: skip
def test_what_is_no_message_is_not_read(data: bytes) -> None:
    with pytest.raises(Unreadable):
        message(data)
    assert not os.path.exists("/tmp/transcribed-evil")


def test_messages_come_through() -> None:
    chunk = Chunk(job_id=1, idx=2, spans=((0.0, 1.0),), audio=b"\0\1", run=3)
    window = Window(1, 3, (chunk,), last=True, duration_s=1.0, speech_s=1.0, damaged=0)
    assert message(pickle.dumps(window)) == window
