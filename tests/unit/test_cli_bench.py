"""The commands of `transcribed bench`."""

from collections.abc import Callable

import pytest
from typer.testing import CliRunner

from daemon.bench import schemes, studies
from daemon.bench.report import Report
from daemon.bench.studies import Bench
from daemon.cli.app import app


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("bench", "'transcribed[bench]'"),
        ("bench peers", "[model]"),
        ("bench quantization", "'transcribed[peers,schemes]'"),
    ],
)
def test_the_help_keeps_what_stands_in_brackets(command: str, said: str) -> None:
    assert said in " ".join(CliRunner().invoke(app, [*command.split(), "--help"]).stdout.split())


def test_quantization_compares_compute_types_or_schemes(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def study(name: str) -> Callable[[Bench, int], Report]:
        def run(bench: Bench, memos: int) -> Report:
            asked.append((name, bench.model["name"], memos))
            return Report(name, "tiny.en", [], ["a"], [{"a": "b"}])

        return run

    monkeypatch.setattr(studies, "quantization", study("quantization"))
    monkeypatch.setattr(schemes, "schemes", study("schemes"))
    for options in ([], ["--schemes"]):
        done = CliRunner().invoke(app, ["bench", "quantization", "--memos", "3", "--model", "tiny.en", *options])
        assert done.exit_code == 0, done.output
    assert asked == [("quantization", "tiny.en", 3), ("schemes", "tiny.en", 3)]
