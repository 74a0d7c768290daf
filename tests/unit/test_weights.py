"""What the doctor says of a model on the disk, by a table."""

import pytest

from daemon.config.settings import Model, Settings
from daemon.doctor import weights
from daemon.doctor.case import Case
from daemon.doctor.findings import FAILED, OK, WARNING
from daemon.doctor.weights import examine, findings
from daemon.processes.asking import NoAnswer
from daemon.processes.protocol import FindModel, FoundModel, Unready

HASH, OTHER = "a" * 64, "b" * 64


@pytest.mark.parametrize(
    ("answer", "level", "said"),
    [
        (FoundModel("/m", 75_000_000, HASH, HASH), OK, "base: 75 MB, SHA-256 aaaaaaaaaaaa…, as published; in /m"),
        (FoundModel("/m", 75_000_000, HASH, None), OK, "which nobody vouches for"),
        (FoundModel("/m", 75_000_000, HASH, OTHER), FAILED, "should be bbbbbbbbbbbb…: damaged, in /m"),
        (FoundModel(None, 0, "", None), WARNING, "base is not on this machine"),
        (Unready("no such model", "try tiny.en"), FAILED, "no such model"),
        (NoAnswer("it died (signal 11)"), FAILED, "cannot be looked for: it died (signal 11)"),
    ],
)
def test_models(answer: object, level: str, said: str) -> None:
    (found,) = findings("base", answer)
    assert found.level == level and said in found.text and bool(found.cure) == (level != OK)


def test_where_the_model_of_another_engine_is_only_that_engine_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def note(_module: str, order: object, _limit_s: float) -> NoAnswer:
        asked.append(order)
        return NoAnswer("")

    monkeypatch.setattr(weights, "ask", note)
    (found,) = examine(Case(None, Settings(model=Model(engine="fake")), "base", "pat", None))
    assert found.level == OK and asked == []
    list(examine(Case(None, Settings(), "base", "pat", None)))
    list(examine(Case(None, Settings(model=Model(engine="onnx")), "owner/name", "pat", None)))
    assert asked == [FindModel("base"), FindModel("owner/name", engine="onnx")]
