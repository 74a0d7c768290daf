"""What the read side gives back: the types and keys that programs rely on."""

import json
from typing import Any, get_type_hints

import pytest
from sqlalchemy import Table

from daemon.store.queries import Queries
from daemon.store.rows import AlertRow, DeliveryRow, JobDetail, JobRow, LayoutRow, OutputRow, PauseRow, SegmentRow
from daemon.store.schema import alerts, jobs, layouts, outbox, outputs, pauses, segments
from daemon.store.store import Store
from tests.support import queue

JOB_KEYS = (
    "id root path path_bytes size_bytes fingerprint content_hash state reason damaged priority attempts next_attempt_at "
    "language language_probability task model compute_type device options duration_s speech_s chunks_total chunks_done "
    "queued_at started_at finished_at processing_s error_kind error retried recorded_at "
    "sound warnings"
).split()
"""What `jobs list --json` prints, in this order; new keys come last."""


@pytest.mark.parametrize(
    ("kind", "table", "whole"),
    [
        (JobRow, jobs, True),
        (AlertRow, alerts, True),
        (PauseRow, pauses, True),
        (LayoutRow, layouts, False),
        (OutputRow, outputs, False),
        (SegmentRow, segments, False),
        (DeliveryRow, outbox, False),
    ],
)
def test_rows_are_typed_as_the_schema_has_them(kind: type, table: Table, whole: bool) -> None:
    types_of = {"TEXT": str, "BLOB": str, "INTEGER": int, "FLOAT": float, "BOOLEAN": bool}
    hints = get_type_hints(kind)
    for name, hint in hints.items():
        column = table.c[name]
        expected: Any = types_of[str(column.type)]
        assert hint == (expected | None if column.nullable else expected), name
    if whole:
        assert list(hints) == [column.name for column in table.columns]


def test_json_keeps_its_keys_in_their_order(store: Store, queries: Queries) -> None:
    queue(store, b"\xff.wav")
    (row,) = queries.jobs()
    assert list(row) == JOB_KEYS == list(JobRow.__annotations__)
    assert (row["path"], row["path_bytes"]) == (r"\xff.wav", b"\xff.wav".hex())
    detail = queries.job(row["id"])
    assert detail is not None and list(detail) == [*JOB_KEYS, "outputs", "stages", "segments", "deliveries"]
    assert set(get_type_hints(JobDetail)) == set(detail)
    assert list(queries.status()) == [
        "daemon", "counts", "suspect", "running", "backlog", "layouts", "batch_fill", "pauses", "alerts", "gpus",
    ]  # fmt: skip
    assert json.loads(json.dumps(detail)) == detail
