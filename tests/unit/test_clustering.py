import subprocess
import sys

import numpy as np
import pytest
from numpy.typing import NDArray

from daemon.decode import clustering

NEAR = 0.6


def drawn(count: int, people: int, seed: int = 1) -> NDArray[np.float32]:
    """Return voices of length 1, each near one of a few directions, shape (count, 16)."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(people, 16))
    vectors = centres[random.integers(people, size=count)] + 0.5 * random.normal(size=(count, 16))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def partition(labels: NDArray[np.intp]) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(labels == label).tolist()) for label in np.unique(labels)}


@pytest.mark.parametrize("count", [2, 3, 60, 400])
def test_groups_are_those_of_scipy(count: int) -> None:
    hierarchy = pytest.importorskip("scipy.cluster.hierarchy", reason="pip install scipy")
    vectors = drawn(count, 5)
    tree = clustering.tree_of(vectors)
    apart = 1.0 - (vectors @ vectors.T)[np.triu_indices(count, 1)].astype(float)
    theirs = hierarchy.linkage(np.maximum(apart, 0.0), "average")
    assert np.allclose(tree[:, 2], theirs[:, 2], atol=1e-5)
    for most in range(1, min(count, 12) + 1):
        found = clustering.groups(tree, count - most)
        assert partition(found) == partition(hierarchy.fcluster(theirs, most, "maxclust"))
        assert sorted(set(found.tolist())) == list(range(most))
    found = clustering.groups(tree, clustering.merges(tree, NEAR))
    assert partition(found) == partition(hierarchy.fcluster(theirs, 1.0 - NEAR, "distance"))


def test_likes_are_together_and_others_apart() -> None:
    vectors = drawn(200, 4)
    tree = clustering.tree_of(vectors)
    labels = clustering.groups(tree, clustering.merges(tree, 0.3))
    cosines = vectors @ vectors.T
    same = labels[:, None] == labels
    assert len(set(labels.tolist())) == 4
    assert cosines[same].mean() > 0.7 and cosines[~same].mean() < 0.3


def test_groups_of_the_same_sound_are_as_many_as_are_asked_for() -> None:
    tree = clustering.tree_of(np.repeat(drawn(1, 1), 9, axis=0))
    assert [len(set(clustering.groups(tree, 9 - most).tolist())) for most in range(1, 10)] == list(range(1, 10))


def test_scipy_stays_out_and_can_still_be_imported() -> None:
    """It would be 40 MB more in every decoder that tells voices apart."""
    pytest.importorskip("scipy", reason="pip install scipy")
    program = (
        "import sys, numpy\n"
        "from daemon.decode.clustering import tree_of\n"
        "tree_of(numpy.eye(3, dtype=numpy.float32))\n"
        "assert not any(name.split('.')[0] == 'scipy' for name in sys.modules)\n"
        "import scipy.spatial.distance\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
