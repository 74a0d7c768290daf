"""Engines on a cluster, simulated: what is the limit, and from where on."""

from dataclasses import replace

import pytest

from daemon.bench.cluster.costs import (
    DECODERS,
    DISPATCHER,
    ENGINES,
    LINK,
    NETWORK,
    RAYLET,
    Costs,
    Setting,
    alone,
    wire_s,
)
from daemon.bench.cluster.simulation import COLUMNS, simulated, simulation

LITTLE = 1e-6
FREE = Costs(
    daemon_ms=LITTLE, commit_ms=LITTLE, round_engine_ms=LITTLE, fill_engine_ms=LITTLE, link_message_ms=LITTLE,
    link_mb_ms=LITTLE, raylet_mb_ms=LITTLE, decode_ms=0.1, chunk_kb=LITTLE, answer_kb=LITTLE,
)  # fmt: skip


@pytest.mark.parametrize("engines", [1, 7, 64])
def test_where_nothing_costs_anything_the_engines_are_the_limit(engines: int) -> None:
    found = simulated(Setting(engines), FREE)
    assert found.chunks_per_s == pytest.approx(10 * engines, rel=0.01)
    assert found.limit == ENGINES and found.use[ENGINES] == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize(
    ("part", "costs", "most"),
    [
        (DISPATCHER, replace(FREE, daemon_ms=5.0), 200),
        (LINK, replace(FREE, link_message_ms=40.0), 100),
        (LINK, replace(FREE, link_mb_ms=5.0, chunk_kb=1000.0), 200),
        (RAYLET, replace(FREE, raylet_mb_ms=5.0, chunk_kb=1000.0), 200),
        (NETWORK, replace(FREE, chunk_kb=9400.0), 125),
        (DECODERS, replace(FREE, decode_ms=80.0), 200),
    ],
)
def test_a_part_that_costs_is_the_limit_once_there_are_more_engines_than_it_serves(
    part: str, costs: Costs, most: float
) -> None:
    assert alone(Setting(1), costs)[part] == pytest.approx(most, rel=0.01)
    few, many = simulated(Setting(5), costs), simulated(Setting(40), costs)
    assert few.chunks_per_s == pytest.approx(50, rel=0.02) and few.limit == ENGINES
    assert many.chunks_per_s == pytest.approx(most, rel=0.03)
    assert many.limit == part and many.use[part] > 0.95


def test_what_waits_is_saved_in_one_commit_so_that_commits_alone_are_no_limit() -> None:
    slow_disk = replace(FREE, commit_ms=50.0)
    assert simulated(Setting(64), slow_disk).chunks_per_s > 0.9 * 640


def test_each_engine_costs_the_dispatcher_something_at_every_batch() -> None:
    costs = replace(FREE, fill_engine_ms=0.1)
    assert alone(Setting(400), costs)[DISPATCHER] == pytest.approx(100)
    assert simulated(Setting(400), costs).limit == DISPATCHER


def test_the_network_carries_chunks_and_answers_and_the_heads_of_its_packets() -> None:
    assert wire_s(Setting(1, gbit=1.0), Costs()) == pytest.approx(963_000 * 8 / 0.94e9)


def test_the_table_says_which_part_and_from_which_number_on() -> None:
    report = simulation((8, 16), (1.0, 10.0))
    assert [list(row) for row in report.rows] == [list(COLUMNS)] * 4
    limits = {(row["Gbit/s"], row["engines"]): row["limit"] for row in report.rows}
    assert limits == {("1", 8): ENGINES, ("1", 16): NETWORK, ("10", 8): ENGINES, ("10", 16): ENGINES}
    assert any("network of 1 Gbit/s: 122 chunks/s, 12 engines" in note for note in report.notes)
    assert sum("dispatcher" in note for note in report.notes) == 1
