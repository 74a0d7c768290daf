"""Messages between processes: each is frozen, comes through the pickle that is read with care, and names what it is."""

import pickle
from dataclasses import FrozenInstanceError, fields, is_dataclass
from typing import Any

import pytest

from daemon.chunk import Options
from daemon.config.parallelism import Parallelism, Trial
from daemon.processes import protocol
from daemon.processes.safe_pickle import message
from daemon.voice import KnownVoice, Recognized, Turn, Voice
from tests.builders import chunk, heard, load_model, ready

MESSAGES: list[Any] = [
    protocol.DecoderReady(("the network",)),
    protocol.Open(1, 2, Options(), 3, "en"),
    protocol.Opened(1, 2, "hash", None),
    protocol.StillGrowing(1, 2),
    protocol.Next(1),
    protocol.Window(1, 2, (chunk(),), True, 10.0, 9.0, 0, waveform=b"\x00\xff"),
    protocol.Heard(1, 2, 0, (Voice(0.0, 1.5, b"\x00\x3c"),), True),
    protocol.TellApart(1, 2, "2-6", (Voice(0.0, 1.5, b"\x00\x3c"),), (KnownVoice("Ada", b"\x00\x3c"),)),
    protocol.ToldApart(1, 2, (Turn(0.0, 1.5, "S1"),), {"S1": b"\x00\x3c"}, recognized={"S1": Recognized("Ada", 0.9)}),
    protocol.Refused(1, 2, "no audio", False),
    protocol.Close(1),
    load_model(),
    protocol.Server("engines[0]", "http://gpubox:8642/v1", "gpubox.key", "ca.pem"),
    protocol.Downloading("base", 1, 2),
    ready(),
    protocol.Unready("no such model", "try another"),
    protocol.Calibrate(load_model(), Parallelism(2, 1, 4), 2),
    protocol.Calibrated((Trial(Parallelism(2, 1, 4), 9.5),)),
    protocol.RunBatch(1, (chunk(),)),
    protocol.BatchDone(1, (heard(chunk()),), 0.5),
    protocol.BatchFailed(1, "out of memory", True),
    protocol.FindModel("base"),
    protocol.FoundModel("/models/base", 9, "hash", None),
    protocol.Survey(load_model()),
    protocol.Surveyed("cpu", "int8", ("int8", "float32"), 0, Parallelism(2, 1, 4)),
]


def test_every_message_is_among_these() -> None:
    declared = {kind for kind in vars(protocol).values() if isinstance(kind, type) and is_dataclass(kind)}
    assert {type(each) for each in MESSAGES} == {kind for kind in declared if kind.__module__ == protocol.__name__}


@pytest.mark.parametrize("sent", MESSAGES, ids=lambda each: type(each).__name__)
def test_a_message_arrives_as_it_was_sent_and_cannot_be_changed(sent: Any) -> None:
    assert message(pickle.dumps(sent)) == sent
    with pytest.raises(FrozenInstanceError):
        setattr(sent, fields(sent)[0].name, None)


def test_the_layout_of_an_engine_that_is_ready() -> None:
    assert ready(workers=3, cpu_threads=2, batch_size=8).layout == Parallelism(3, 2, 8)
