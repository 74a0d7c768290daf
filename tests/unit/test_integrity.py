"""What the doctor says of the database, by a table."""

import pytest

from daemon.doctor.findings import FAILED, OK, WARNING
from daemon.doctor.integrity import File, findings
from daemon.store.migrate import Schema
from daemon.store.soundness import Soundness

CURRENT = Schema("0008", "0008", is_known=True)


def file(found: Soundness | None, *, on_network: bool = False) -> File:
    return File(
        "/d/jobs.db", 12.5, on_network, found, ("" if found else "it is no database", "" if found else "mend it")
    )


@pytest.mark.parametrize(
    ("looked", "levels", "said"),
    [
        (File("/d/jobs.db", None, False, None), [OK], "the first start makes it"),
        (file(Soundness(CURRENT, ())), [OK], "is sound: 12.5 MB, schema 0008"),
        (file(None), [FAILED], "it is no database"),
        (file(Soundness(CURRENT, ("row 1 missing", "page 7"))), [FAILED], "is damaged: row 1 missing; page 7"),
        (file(Soundness(Schema("0099", "0008", is_known=False), ())), [FAILED], "newer version (schema 0099)"),
        (file(Soundness(Schema("0003", "0008", is_known=True), ())), [WARNING], "has the schema 0003"),
        (file(Soundness(Schema(None, "0008", is_known=True), ())), [WARNING], "of no version"),
        (file(Soundness(CURRENT, ()), on_network=True), [FAILED, OK], "on a drive of another machine"),
    ],
)
def test_databases(looked: File, levels: list[str], said: str) -> None:
    found = list(findings(looked))
    assert [each.level for each in found] == levels and said in found[0].text
    assert all(each.cure for each in found if each.level != OK)
