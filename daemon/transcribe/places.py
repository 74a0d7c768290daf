"""How many recordings are worked on at once, and how far ahead of the engines they are decoded. Pure."""

from collections.abc import Iterable

LONG_BYTES = 4_000_000
"""Larger files are taken for long recordings: four minutes of 128 kbit/s."""
LONG_OPEN_MAX = 4
"""Long recordings open at once; the other places are kept for short ones, so a memo never waits for a place."""
LONG_OPEN_SHARE = 1 / 32
"""There are more of them where the engines compute on more than 128 chunks at once: each is decoded on one core, some
twenty chunks a second."""
HELD_MAX_S, HELD_OF_CHUNK_S = 600.0, 15.0
"""Seconds of audio in the daemon above which only recordings that have nothing waiting are decoded on (19 MB), or more
where so many chunks of the usual length do not fill a batch for each worker."""


DECODERS_MAX, CORES_OF_DECODER = 4, 4
"""Decoders that work side by side: so many are enough for the engines of a CPU, which take ten times as long. Large
machines have GPUs to feed, and more of them."""


def decoders(cores: int) -> int:
    """Return how many recordings may be decoded side by side; each takes a core while it is."""
    return max(1, min(cores // 2, max(DECODERS_MAX, cores // CORES_OF_DECODER)))


def free_places(sizes: Iterable[int], capacity: int) -> tuple[int, int]:
    """Count the recordings that may be begun.

    Args:
        sizes: bytes of the recordings that are worked on.
        capacity: chunks that all workers compute on at once.

    Returns:
        How many long ones, and how many short ones: enough of these to fill every worker's batch twice over.
    """
    running = list(sizes)
    long = sum(size > LONG_BYTES for size in running)
    return max(LONG_OPEN_MAX, int(LONG_OPEN_SHARE * capacity)) - long, 2 * capacity + 4 - (len(running) - long)


def needs_window(open_chunks: int, capacity: int, held_s: float) -> bool:
    """Tell whether a recording should be decoded on: little of it is left to do, and not too much audio is held.

    Args:
        open_chunks: of the recording, waiting or in a batch.
        capacity: chunks that all workers compute on at once. Up to twice as many are in hand, with those ahead; the
            rest of four times as many fills batches.
        held_s: seconds of audio that wait, of all recordings.
    """
    enough_s = max(HELD_MAX_S, HELD_OF_CHUNK_S * capacity)
    return not open_chunks or (open_chunks < 4 * capacity and held_s < enough_s)
