"""What a chunk costs each part of the way to an engine of a cluster and back, and what each part can do alone. Pure."""

from dataclasses import dataclass

from daemon.transcribe.places import decoders

GBIT_BYTES = 1e9 / 8
PAYLOAD = 0.94
"""The share of a network's speed that is left for what it carries, below the heads of Ethernet, IP and TCP."""
DECODERS, DISPATCHER, LINK, RAYLET, NETWORK, ENGINES = "decoders", "dispatcher", "link", "raylet", "network", "engines"
REMEDIES = {
    DECODERS: "a machine with more cores for the files: there is a decoder for every four; or several daemons",
    DISPATCHER: "several daemons, each with folders of its own, on one cluster",
    LINK: "several daemons; longer batches, for half of it is for a message and not for what it carries",
    RAYLET: "several daemons, on machines of their own",
    NETWORK: "a faster network; or audio as FLAC (about half) or float16 features (half of int16) in place of int16",
    ENGINES: "nothing: they are what is wanted",
}


@dataclass(frozen=True, slots=True)
class Costs:
    """Measured with `bench cluster` and `bench daemon` on two cores of an AMD EPYC with AVX2; docs/cluster.md.

    Milliseconds of a processor; those of the daemon with all that it does for a chunk, SQLite and transcripts included.
    """

    daemon_ms: float = 2.5
    """The dispatcher's thread, for a chunk."""
    commit_ms: float = 1.5
    """For each round: a transaction that reaches the disk. Rounds take what has come during the last one."""
    round_engine_ms: float = 0.004
    """For each round and engine: its connection is among those that are waited for."""
    fill_engine_ms: float = 0.003
    """For each batch and engine: who has room is looked for."""
    link_message_ms: float = 3.4
    """The link, for a batch: one call of the agent with it, one that brings the answer."""
    link_mb_ms: float = 0.9
    """For each MB of it: out of the daemon's socket, into Ray's memory."""
    raylet_mb_ms: float = 1.6
    """Ray's own process on the machine of the files, for each MB."""
    decode_ms: float = 40.0
    """A decoder, for a chunk of 30 s: decoding, and finding the speech."""
    chunk_kb: float = 960.0
    """What is sent for a chunk: 30 s of int16."""
    answer_kb: float = 3.0


@dataclass(frozen=True, slots=True)
class Setting:
    """Machines, network and engines.

    Args:
        engines: How many.
        chunks_per_s: What each could do.
        workers: Batches that each has at once.
        batch_size: Chunks of a batch.
        gbit: What the network of the machine of the files carries, in Gbit/s.
        cores: Of that machine.
    """

    engines: int
    chunks_per_s: float = 10.0
    workers: int = 2
    batch_size: int = 4
    gbit: float = 10.0
    cores: int = 64

    @property
    def ideal(self) -> float:
        """Chunks a second that the engines could do."""
        return self.engines * self.chunks_per_s


def wire_s(setting: Setting, costs: Costs) -> float:
    """Return how long the network takes for a chunk and its answer."""
    return (costs.chunk_kb + costs.answer_kb) * 1000 / (setting.gbit * GBIT_BYTES * PAYLOAD)


def alone(setting: Setting, costs: Costs) -> dict[str, float]:
    """Return how many chunks a second each part can do, if nothing else holds it up.

    The dispatcher saves what comes from all engines in one commit, so that this is not counted here.
    """
    mb = costs.chunk_kb / 1000
    per_batch_ms = costs.fill_engine_ms * setting.engines
    return {
        DECODERS: decoders(setting.cores) * 1000 / costs.decode_ms,
        DISPATCHER: 1000 / (costs.daemon_ms + per_batch_ms / setting.batch_size),
        LINK: 1000 / (costs.link_message_ms / setting.batch_size + costs.link_mb_ms * mb),
        RAYLET: 1000 / (costs.raylet_mb_ms * mb),
        NETWORK: 1 / wire_s(setting, costs),
    }
