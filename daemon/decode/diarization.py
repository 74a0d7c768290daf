"""Who speaks when: voices of one recording, put together by person (runs in a child).

Clusters of the cosines between all voices, by average link: of what was tried on built conversations, that found the
number of speakers best (docs/design-notes.md).
"""

from collections.abc import Iterable, Sequence
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from daemon.decode.clustering import Tree, groups, merges, tree_of
from daemon.voice import Turn, Voice

Vectors = NDArray[np.float32]
Labels = NDArray[np.intp]

SAME, SAME_CENTRE = 0.45, 0.6
"""Two groups are one person if their voices have the first cosine on average, or their centres the second: means are
surer than single windows. Windows of one voice have 0.5 to 0.75 on average, of two voices -0.05 to 0.2."""
LEAST_ALIKE = 5
"""Percentile of all cosines that tells what two people have in common on this line: below 0.1 on clean speech and in
noise; 0.15 to 0.3 over a telephone, where two voices have 0.25 to 0.5 on average; above 0.33 if only one speaks."""
IN_COMMON, ALONE = 0.3, 0.33
STRICTER, STRICTER_CENTRE = 0.45, 0.7
"""Of what all have in common up to IN_COMMON, so much is added to these two cosines; from ALONE on there is nothing to
be told apart. Of 103 built conversations 97 then have the right number of people, and 1.3 % of the speech is given to
somebody else; with 0.65 and 0.45 for centres 94, and 1.5 %."""
ONE = 0.7
"""If the two halves into which all groups fall have so much of the cosine that each has within itself, one person
speaks, whose clips, moods or microphones differ. Measured on 28 readers, each alone, and 116 conversations: one person
has 0.73 and more, several have 0.68 at most (over a telephone)."""
SAMPLED = 1000
"""How many windows tell what all have in common."""
STRAY_S, GUEST_S = 2.5, 6.0
"""Groups of less are given to others: at first what may belong to any of them, then whoever is still so short. That is
an absolute length, so that a guest who speaks for ten seconds is kept in a meeting of hours."""
GUEST_SHARE = 0.07
"""In short recordings, whoever speaks for this share of the time is kept, and for STRAY_S."""
REPEATED = 0.95
"""Windows that are so alike are the same sound played again, as that of a jingle or of a loop: together they count once
when groups are found to have too little. Of 277 built recordings, in which clips come again, 266 then have the right
number of people, 258 without this; from 0.94 down, somebody with a short clip is lost."""
AT_ONCE = 2000
"""How many windows are compared with one another: 50 minutes of speech, 30 MB. Of longer recordings, parts
are compared first, and then what was found in them."""
COMPARED, BLOCK = 12_000, 500
"""With how many windows each is compared for that, 5 hours of speech, and how many at once: 24 MB."""
SOLID_S, SOLID_LEAST = 0.8, 0.5
"""Shorter windows say less of a voice: they find no people of their own, unless so much is in such windows."""
SWITCH = 0.1
"""How much nearer, in cosine, another voice must be for one window to be a turn of its own."""
TOGETHER_S = 0.3
"""What one person says with a shorter pause is one turn."""


def diarize(voices: Sequence[Voice], speakers: str) -> tuple[list[Turn], dict[str, Vectors]]:
    """Return who speaks when, and how each of them sounds.

    Args:
        voices: Of one recording, in any order; those that sound the same and follow each other are of one window.
        speakers: `auto`, or how many people speak: `2`, or from and to: `2-6`.

    Returns:
        The turns in the order of time, of people who are named S1, S2, … by first appearance; and the direction of each
        one's voice, float32 of length 1, shape (dimensions,).
    """
    if not voices:
        return [], {}
    ordered = sorted(voices, key=lambda voice: (voice.start_s, voice.end_s))
    windows = [list(stretches) for _, stretches in groupby(ordered, key=lambda voice: voice.embedding)]
    sounds = [np.frombuffer(window[0].embedding, "<f2").astype(np.float32) for window in windows]
    vectors = unit(np.stack(sounds))
    seconds = np.array([sum(voice.end_s - voice.start_s for voice in window) for window in windows], dtype=np.float32)
    fewest, most = bounds(speakers)
    solid = seconds >= SOLID_S
    if seconds[solid].sum() < SOLID_LEAST * seconds.sum():
        solid[:] = True
    centres = people(vectors[solid], seconds[solid], fewest, most)
    cosines = vectors @ centres.T
    labels = smoothed(cosines)
    if len(np.unique(labels)) < min(fewest, len(centres)):
        labels = cosines.argmax(axis=1)
    names: dict[int, str] = {}
    for label in labels.tolist():
        names.setdefault(label, f"S{len(names) + 1}")
    said = ((voice, names[label]) for window, label in zip(windows, labels.tolist(), strict=True) for voice in window)
    turns = _turns(said)
    return turns, {name: centres[label] for label, name in names.items()}


def bounds(speakers: str) -> tuple[int, int]:
    """Return how many people speak at least and at most."""
    if speakers == "auto":
        return 1, AT_ONCE
    fewest, _, most = speakers.partition("-")
    return int(fewest), int(most or fewest)


def people(vectors: Vectors, seconds: Vectors, fewest: int, most: int) -> Vectors:
    """Return the direction of each person's voice, shape (people, dimensions).

    Args:
        vectors: The voices in the order of time, of length 1, shape (voices, dimensions).
        seconds: How long each of them is, shape (voices,).
        fewest: How many people there are at least, if there are as many voices.
        most: How many there are at most.
    """
    if len(vectors) == 1:
        return vectors
    common = in_common(vectors)
    same, same_centre = SAME + STRICTER * common, SAME_CENTRE + STRICTER_CENTRE * common
    vectors, seconds, fresh = grouped(vectors, seconds, AT_ONCE, same)
    tree = tree_of(vectors)
    labels = groups(tree, merges(tree, same))
    for least_s in (STRAY_S, min(GUEST_S, max(STRAY_S, GUEST_SHARE * float(seconds.sum())))):
        labels = without_small(vectors, fresh, labels, least_s)
        labels = merged(vectors, seconds, labels, same_centre, fewest, most)
    if fewest == 1 and is_one(vectors, seconds, labels):
        labels = np.zeros_like(labels)
    if len(np.unique(labels)) < fewest:
        labels = _at_least(vectors, seconds, tree, fewest)
        labels = merged(vectors, seconds, labels, same_centre, fewest, most)
    return unit(sums(vectors, seconds, np.unique(labels, return_inverse=True)[1]))


def in_common(vectors: Vectors) -> float:
    """Return the cosine that the least alike have: what is of the line, not of the people; 0 if only one speaks."""
    some = vectors[:: -(-len(vectors) // SAMPLED)]
    least = float(np.percentile((some @ some.T)[np.triu_indices(len(some), 1)], LEAST_ALIKE))
    return min(max(0.0, least), IN_COMMON) if least < ALONE else 0.0


def grouped(vectors: Vectors, seconds: Vectors, most: int, same: float) -> tuple[Vectors, Vectors, Vectors]:
    """Put likes together, part by part of the recording, if there are more than `most`.

    The means are left as short as they are, so that the product of two of them is still the mean of the cosines.

    Returns:
        The means of at most `most` groups, how long each of them is, and how long if what is repeated counts once.
    """
    parts = np.array_split(np.arange(len(vectors)), -(-len(vectors) // most))
    fresh = np.asarray(seconds / repeats(vectors), dtype=np.float32)
    if len(parts) == 1:
        return vectors, seconds, fresh
    means, lengths, news = [], [], []
    for part in parts:
        tree = tree_of(vectors[part])
        labels = groups(tree, max(merges(tree, same), len(part) - most // len(parts)))
        lengths.append(np.bincount(labels, seconds[part]).astype(np.float32))
        news.append(np.bincount(labels, fresh[part]).astype(np.float32))
        means.append(sums(vectors[part], seconds[part], labels) / lengths[-1][:, None])
    return np.concatenate(means), np.concatenate(lengths), np.concatenate(news)


def repeats(vectors: Vectors) -> NDArray[np.intp]:
    """Return how many times each voice is there, shape (voices,); of more than COMPARED, about so many."""
    step = -(-len(vectors) // COMPARED)
    some = vectors[::step].T
    blocks = (vectors[at : at + BLOCK] for at in range(0, len(vectors), BLOCK))
    others = np.concatenate([np.count_nonzero(block @ some >= REPEATED, axis=1) for block in blocks])
    others[::step] -= 1  # themselves
    return np.asarray(np.maximum(1 + step * others, 1), dtype=np.intp)


def smoothed(cosines: Vectors) -> Labels:
    """Return who speaks in each window: the likeliest course if a change of speaker costs SWITCH.

    Args:
        cosines: Of each window with each person, shape (windows, people).
    """
    came_from = np.zeros(cosines.shape, dtype=np.intp)
    score = cosines[0].astype(np.float64)
    everyone = np.arange(cosines.shape[1])
    for at in range(1, len(cosines)):
        best = int(score.argmax())
        stays = score >= score[best] - SWITCH
        came_from[at] = np.where(stays, everyone, best)
        score = np.where(stays, score, score[best] - SWITCH) + cosines[at]
    labels = np.zeros(len(cosines), dtype=np.intp)
    labels[-1] = score.argmax()
    for at in range(len(cosines) - 1, 0, -1):
        labels[at - 1] = came_from[at, labels[at]]
    return labels


def unit(vectors: Vectors) -> Vectors:
    """Return vectors with a length of 1."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-6), dtype=np.float32)


def sums(vectors: Vectors, seconds: Vectors, labels: Labels) -> Vectors:
    """Return the sum of each group, long windows counting for more; shape (groups, dimensions)."""
    found = np.zeros((int(labels.max()) + 1, vectors.shape[1]), dtype=np.float32)
    np.add.at(found, labels, vectors * seconds[:, None])
    return found


def without_small(vectors: Vectors, seconds: Vectors, labels: Labels, least_s: float) -> Labels:
    """Give the voices of groups with little speech to the nearest of the others; the largest group always stays.

    Args:
        vectors: The voices, shape (voices, dimensions).
        seconds: How much each of them counts.
        labels: Their groups.
        least_s: What is not little.
    """
    _, labels = np.unique(labels, return_inverse=True)
    totals = np.bincount(labels, seconds)
    kept = np.flatnonzero(totals >= min(least_s, totals.max()))
    if totals.max() < least_s:
        kept = kept[:1]
    is_kept = np.isin(labels, kept)
    means = unit(sums(vectors, seconds, labels)[kept])
    return np.where(is_kept, np.searchsorted(kept, labels), (vectors @ means.T).argmax(axis=1))


def merged(vectors: Vectors, seconds: Vectors, labels: Labels, same_centre: float, fewest: int, most: int) -> Labels:
    """Merge the two groups with the nearest centres, while these are near or there are more than `most` groups."""
    _, labels = np.unique(labels, return_inverse=True)
    totals = sums(vectors, seconds, labels)
    means = unit(totals)
    alike = means @ means.T
    np.fill_diagonal(alike, -np.inf)
    for left in range(len(totals), fewest, -1):
        first, second = divmod(int(alike.argmax()), len(totals))
        if alike[first, second] < same_centre and left <= most:
            break
        labels[labels == second] = first
        totals[first] += totals[second]
        means[first] = unit(totals[first : first + 1])[0]
        anew = means @ means[first]
        anew[np.isneginf(alike[first])] = -np.inf
        alike[first] = alike[:, first] = anew
        alike[second] = alike[:, second] = -np.inf
    return labels


def is_one(vectors: Vectors, seconds: Vectors, labels: Labels) -> bool:
    """Return whether all groups are one person: whether the last two that are left of them are alike enough.

    That compares means of cosines, not centres: the centre of a small group is less sure, and so less like any other.
    """
    halves = merged(vectors, seconds, labels, np.inf, 2, 2)
    if len(np.unique(halves)) < 2:
        return True
    one, other = (halves == half for half in np.unique(halves))
    totals = [vectors[half].T @ seconds[half] for half in (one, other)]
    between = float(totals[0] @ totals[1]) / float(seconds[one].sum() * seconds[other].sum())
    within = _alike(vectors[one], seconds[one]) * _alike(vectors[other], seconds[other])
    return between > 0 and between**2 >= ONE**2 * within


def _alike(vectors: Vectors, seconds: Vectors) -> float:
    """Return the mean cosine of different voices of a group; 1 if there is only one."""
    pairs = float(seconds.sum() ** 2 - np.square(seconds).sum())
    alone = np.square(seconds) @ np.square(vectors).sum(axis=1)
    return (float(np.square(vectors.T @ seconds).sum()) - float(alone)) / pairs if len(seconds) > 1 else 1.0


def _at_least(vectors: Vectors, seconds: Vectors, tree: Tree, fewest: int) -> Labels:
    """Cut the tree where it first has so many groups that are not small, else so many groups of any size."""
    for least_s in (GUEST_S, 0.0):
        for most in range(fewest, min(len(vectors), 4 * fewest) + 1):
            labels = without_small(vectors, seconds, groups(tree, len(vectors) - most), least_s)
            if len(np.unique(labels)) >= fewest:
                return labels
    return np.arange(len(vectors))


def _turns(spoken: Iterable[tuple[Voice, str]]) -> list[Turn]:
    turns: list[Turn] = []
    for voice, name in spoken:
        last = turns[-1] if turns else None
        if last and last.speaker == name and voice.start_s - last.end_s < TOGETHER_S:
            turns[-1] = Turn(last.start_s, max(last.end_s, voice.end_s), name)
        else:
            turns.append(Turn(voice.start_s, voice.end_s, name))
    return turns
