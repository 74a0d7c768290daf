"""Vectors put together by likeness: agglomerative clustering by average link (runs in a child)."""

import sys
from collections.abc import Callable
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

Tree = NDArray[np.float64]
"""Of N vectors, shape (N - 1, 4): which two groups each merge puts together, how far apart they are (1 less the mean
cosine), and how many vectors the new group has. The vectors are groups 0 to N - 1, the first merge makes group N."""


def tree_of(vectors: NDArray[np.float32]) -> Tree:
    """Return all merges, the nearest first.

    Args:
        vectors: Two or more, shape (vectors, dimensions). The mean of the products of two groups' vectors tells how
            alike they are.
    """
    count = len(vectors)
    apart = np.empty(count * (count - 1) // 2)
    end = 0
    for at in range(count - 1):  # row by row: all cosines at once take as much memory again
        start, end = end, end + count - 1 - at
        apart[start:end] = vectors[at + 1 :] @ vectors[at]
    np.subtract(1.0, apart, out=apart)
    return np.asarray(_linkage()(np.maximum(apart, 0.0, out=apart), "average", preserve_input=False))


def merges(tree: Tree, same: float) -> int:
    """Return how many merges are of groups with this mean cosine or a higher one."""
    return int(np.searchsorted(tree[:, 2], 1.0 - same, "right"))


def groups(tree: Tree, after: int) -> NDArray[np.intp]:
    """Return the group of each vector, counted from 0, after so many merges; shape (vectors,)."""
    count = len(tree) + 1
    labels = np.arange(count + after)
    for at in range(after - 1, -1, -1):
        labels[tree[at, :2].astype(np.intp)] = labels[count + at]
    return np.unique(labels[:count], return_inverse=True)[1]


def _linkage() -> Callable[..., Any]:
    """Import fastcluster, but not SciPy, from which it takes what is not called here, if it is there: 40 MB, 0.3 s."""
    hidden = "scipy" not in sys.modules
    if hidden:
        sys.modules["scipy"] = None  # type: ignore[assignment]  # how Python says that a module is not there
    try:
        import fastcluster
    finally:
        if hidden:
            del sys.modules["scipy"]
    return cast(Callable[..., Any], fastcluster.linkage)
