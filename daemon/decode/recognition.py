"""Whose voices these are: speakers of one recording, compared with the voices that are known (runs in a child)."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from daemon.voice import KnownVoice, Recognized

SURE = 0.65
"""The cosine from which on it is the same person. Of people whose voices were not known, 0.3 % then got the name of one
of 22 others (docs/speakers-benchmark.md)."""
CLEAR = 0.15
"""How much nearer the name must be than any other: over a telephone, who is like one person is like several."""
NOBODY = -1.0


def recognize(means: Mapping[str, NDArray[np.float32]], known: Sequence[KnownVoice]) -> dict[str, Recognized]:
    """Return the names of those speakers whose voices are known; the surest first, and no two the same.

    Args:
        means: How each speaker sounds, of length 1, shape (dimensions,).
        known: Any number of voices for each name; those of another shape count as unlike.
    """
    found: dict[str, Recognized] = {}
    labels, names = list(means), sorted({voice.name for voice in known})
    if not labels or not names:
        return found
    cosines = np.stack([_cosines(mean, known, names) for mean in means.values()])
    while (likeness := float(cosines.max())) >= SURE:
        speaker, name = divmod(int(cosines.argmax()), len(names))
        others = np.delete(cosines[speaker], name)
        cosines[speaker] = NOBODY
        if likeness - others.max(initial=NOBODY) >= CLEAR:
            found[labels[speaker]] = Recognized(names[name], round(likeness, 3))
            cosines[:, name] = NOBODY
    return found


def _cosines(mean: NDArray[np.float32], known: Sequence[KnownVoice], names: Sequence[str]) -> NDArray[np.float64]:
    """Return the cosine of a voice with the nearest one of each name, shape (names,)."""
    nearest = dict.fromkeys(names, NOBODY)
    for voice in known:
        vector = np.frombuffer(voice.embedding, "<f2").astype(np.float64)
        if vector.shape == mean.shape and (length := float(np.linalg.norm(vector))) > 0:
            nearest[voice.name] = max(nearest[voice.name], float(vector @ mean) / length)
    return np.array([nearest[name] for name in names])
