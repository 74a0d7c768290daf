"""Other programs that tell who speaks when, used as their documentation says.

`python -m daemon.bench.speakers.peers JSON` does it for files and writes what it found.
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from daemon.bench import measure
from daemon.bench.contenders import SILENT, last_message
from daemon.bench.speakers.listening import Found
from daemon.bench.speakers.people import phrases_of
from daemon.chunk import SAMPLE_RATE
from daemon.decode.media import samples
from daemon.errors import Unavailable
from daemon.voice import Turn

MOST = 12
"""So many people are looked for at most; spectralcluster asks for a limit."""

Peer = Callable[[Sequence[Path]], Iterator[Found]]


def _resemblyzer(files: Sequence[Path]) -> Iterator[Found]:
    """Embed windows of 1.6 s, two a second, and cluster them with what the author's other package recommends.

    That is how its README does it: SpectralCluster with the options of the paper "Speaker Diarization with LSTM".
    """
    from resemblyzer import VoiceEncoder, sampling_rate
    from spectralcluster import configs

    assert sampling_rate == SAMPLE_RATE
    encoder = VoiceEncoder("cpu", verbose=False)
    clusterer: Any = configs.icassp2018_clusterer
    clusterer.max_clusters = MOST
    for path in files:
        began = time.process_time()
        sound = np.frombuffer(samples(path), "<i2").astype(np.float32) / 32768
        _, windows, slices = encoder.embed_utterance(sound, return_partials=True, rate=2)
        embedded = time.process_time()
        labels = clusterer.predict(np.asarray(windows, dtype=np.float64))
        steps = {"embeddings": embedded - began, "clustering": time.process_time() - embedded}
        middles = [(each.start + each.stop) / 2 / SAMPLE_RATE for each in slices]
        yield Found(tuple(_speaking(sound, middles, [f"S{label + 1}" for label in labels])), len(windows), steps)


def _speaking(sound: Any, middles: Sequence[float], names: Sequence[str]) -> Iterator[Turn]:
    """Yield where somebody speaks, with the name of the window whose middle is nearest.

    Resemblyzer says nothing of where there is speech: that is told by the VAD that the daemon uses.
    """
    at = np.asarray(middles)
    for start, end in phrases_of(np.rint(sound * 32767).astype(np.int16)):
        start_s, end_s = start / SAMPLE_RATE, end / SAMPLE_RATE
        borders = [start_s, *[float(each) for each in (at[1:] + at[:-1]) / 2 if start_s < each < end_s], end_s]
        for first, last in pairwise(borders):
            yield Turn(first, last, names[int(np.abs(at - (first + last) / 2).argmin())])


PEERS: dict[str, Peer] = {"resemblyzer": _resemblyzer}
"""By their names in the table: resemblyzer with spectral clustering."""


def run(name: str, files: Sequence[Path]) -> list[Found]:
    """Have a peer tell who speaks when, in a process of its own.

    Raises:
        Unavailable: Its package is not installed, or it failed.
    """
    with tempfile.TemporaryDirectory(prefix="transcribed-bench-") as folder:
        out = Path(folder) / "found.json"
        order = {"peer": name, "files": [str(path.resolve()) for path in files], "out": str(out)}
        usage = measure.run(
            [sys.executable, "-m", "daemon.bench.speakers.peers", json.dumps(order)], Path(folder), SILENT
        )
        if usage.exit_code != 0:
            raise Unavailable(last_message(usage.errors))
        return [
            Found(tuple(Turn(*turn) for turn in each["turns"]), each["windows"], each["cpu_s"])
            for each in json.loads(out.read_text("utf-8"))
        ]


def main() -> None:
    """Carry out the order in the first argument; on failure, say why in the last line of standard error."""
    order = json.loads(sys.argv[1])
    try:
        found = list(PEERS[order["peer"]]([Path(file) for file in order["files"]]))
    except ModuleNotFoundError as error:
        sys.exit(f"not installed: the package {error.name}; docs/speakers-benchmark.md says how")
    document = [
        {
            "turns": [(turn.start_s, turn.end_s, turn.speaker) for turn in each.turns],
            "windows": each.windows,
            "cpu_s": each.cpu_s,
        }
        for each in found
    ]
    Path(order["out"]).write_text(json.dumps(document), "utf-8")


if __name__ == "__main__":
    main()
