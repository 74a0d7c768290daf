"""A voice is learned from recordings of one person, by a decoder child that answers as the daemon's do."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from daemon.errors import BadRecording, Unavailable
from daemon.processes.child import ChildDied
from daemon.processes.protocol import DecoderReady, Heard, Next, Open, Opened, Refused, TellApart, ToldApart, Window
from daemon.speakers import enrollment
from daemon.speakers.enrollment import LEAST_S, OTHERS_S, voices_of
from daemon.voice import Turn, Voice

MEAN = b"\x01\x02" * 192
MODEL = Path("campplus.onnx")


class Decoder:
    """A child that has heard what a test says, in two windows of two chunks each."""

    def __init__(self, module: str) -> None:
        self.module = module
        self.deadline: float | None = None
        self.said: list[Any] = [DecoderReady(())]
        self.orders: list[Any] = []
        self.ended = False
        self._reader, self._writer = os.pipe()
        os.write(self._writer, b"x")  # whoever waits for it need not

    def fileno(self) -> int:
        return self._reader

    seconds = LEAST_S
    turns: tuple[Turn, ...] = (Turn(0.0, LEAST_S, "S1"),)
    change: Callable[[Any], Any] = staticmethod(lambda answer: answer)
    """What becomes of an answer."""

    def send(self, order: Any, fd: int | None = None) -> None:
        self.orders.append(order)
        if isinstance(order, Open):
            assert fd is not None and os.fstat(fd).st_size == order.size_bytes
            self.said.append(Opened(order.job_id, order.run, "hash", None))
            self.windows = 0
        elif isinstance(order, Next):
            self.windows += 1
            last = self.windows == 2
            self.said.append(Window(order.job_id, 1, (), last, 60.0, 40.0, 0, voices_follow=True))
            for nth in range(2):
                voice = Voice(0.0, self.seconds / 4, MEAN)
                self.said.append(Heard(order.job_id, 1, nth, (voice,), more=nth == 0))
        elif isinstance(order, TellApart):
            self.said.append(ToldApart(order.job_id, 1, self.turns, {"S1": MEAN, "S2": bytes(384)}))

    def receive(self) -> object:
        assert self.deadline is not None
        answer = self.change(self.said.pop(0))
        if isinstance(answer, Exception):
            raise answer
        return answer

    def end(self, *, gently: bool = False) -> None:
        assert gently
        self.ended = True
        os.close(self._reader)
        os.close(self._writer)


@pytest.fixture
def child(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Decoder]]:
    made: list[Decoder] = []

    class Told(Decoder):
        def __init__(self, module: str) -> None:
            super().__init__(module)
            made.append(self)

    Told.made = made  # type: ignore[attr-defined]
    monkeypatch.setattr(enrollment, "Child", Told)
    yield Told
    assert all(each.ended for each in made)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "ada.wav"
    path.write_bytes(b"sound")
    return path


def test_the_mean_of_the_one_voice_is_learned_from_each_file(child: type[Decoder], file: Path) -> None:
    assert voices_of([file, file], MODEL) == [MEAN, MEAN]
    (made,) = child.made  # type: ignore[attr-defined]
    assert made.module == "daemon.decode.worker", "nothing is decoded here"
    opened = [order for order in made.orders if isinstance(order, Open)]
    assert [order.job_id for order in opened] == [1, 2] and {order.speaker_model for order in opened} == {str(MODEL)}
    assert {order.options.channels for order in opened} == {"mix"}, "or nobody would listen to a stereo file"
    asked = [order for order in made.orders if isinstance(order, TellApart)]
    assert [len(order.voices) for order in asked] == [4, 4] and {order.speakers for order in asked} == {"auto"}


def test_too_little_speech_is_refused_with_how_much_is_needed(child: type[Decoder], file: Path) -> None:
    child.seconds = LEAST_S - 0.2
    with pytest.raises(BadRecording, match=rf"ada.wav has 9.8 s of speech: a voice is known from {LEAST_S:g} s on"):
        voices_of([file], MODEL)


def test_a_second_voice_is_refused(child: type[Decoder], file: Path) -> None:
    child.turns = (Turn(0.0, 12.0, "S1"), Turn(12.0, 12.1 + OTHERS_S, "S2"))
    with pytest.raises(BadRecording, match=r"ada.wav has 2 voices \(12 s, 3 s\), not one; .* nobody else"):
        voices_of([file], MODEL)
    child.turns = (Turn(0.0, 12.0, "S2"), Turn(12.0, 11.9 + OTHERS_S, "S1"))
    assert voices_of([file], MODEL) == [bytes(384)], "of the one who speaks for longer"


@pytest.mark.parametrize(
    ("what", "instead", "error", "says"),
    [
        (Opened, Refused(1, 1, "no audio track", retry=False), BadRecording, "ada.wav cannot be used: no audio track"),
        (Window, ChildDied("signal 11"), BadRecording, r"the decoder died of it \(signal 11\)"),
        (Window, Opened(1, 1, None, None), BadRecording, "an unexpected answer: Opened"),
        (Heard, Heard(1, 1, 0, (), more=False, trouble="no fastcluster"), Unavailable, "ada.wav: no fastcluster"),
        (ToldApart, ToldApart(1, 1, (), {}, "no luck"), Unavailable, "ada.wav: no luck"),
        (DecoderReady, ChildDied("exit 1"), Unavailable, "the decoder does not start: exit 1"),
    ],
)
def test_what_goes_wrong_is_told(
    child: type[Decoder], file: Path, what: type, instead: Any, error: type[Exception], says: str
) -> None:
    child.change = staticmethod(lambda answer: instead if isinstance(answer, what) else answer)
    with pytest.raises(error, match=says):
        voices_of([file], MODEL)


@pytest.mark.usefixtures("child")
def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadRecording, match=r"none.wav cannot be read: No such file or directory"):
        voices_of([tmp_path / "none.wav"], MODEL)
    os.mkfifo(tmp_path / "pipe.wav")
    with pytest.raises(BadRecording, match=r"pipe.wav is no file"):
        voices_of([tmp_path / "pipe.wav"], MODEL)
