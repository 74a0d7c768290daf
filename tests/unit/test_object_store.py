"""Where what travels between machines is kept: in shared memory, or in files where a container has too little."""

from pathlib import Path

import pytest

from daemon.cluster.object_store import MB, Store, free, store

FILES = Path("/files")


@pytest.mark.parametrize(
    ("free_mb", "wanted_mb", "expected"),
    [
        (64, None, Store(200, FILES)),
        (0, None, Store(200, FILES)),
        (200, None, Store(200, None)),
        (1_000, None, Store(500, None)),
        (24_000, None, Store(1_000, None)),
        (24_000, 4_000, Store(4_000, None)),
        (1_000, 4_000, Store(4_000, FILES)),
        (64, 80, Store(80, FILES)),
    ],
)
def test_size_and_place(free_mb: int, wanted_mb: int | None, expected: Store) -> None:
    assert store(free_mb * MB, FILES, wanted_mb) == expected


def test_ray_is_told_of_both() -> None:
    assert Store(200, None).options() == ["--object-store-memory=200000000"]
    assert Store(200, FILES).options() == ["--object-store-memory=200000000", "--plasma-directory=/files"]


def test_without_shared_memory_nothing_is_free(tmp_path: Path) -> None:
    assert free(tmp_path / "missing") == 0
    assert free(tmp_path) > 0
