"""A Whisper decoder in ONNX Runtime: tokens so far -> what is likely to follow (runs in the engine child).

Its weights are those of CTranslate2's `model.bin`. Unlike there, they are packed once for the processor's products of
bytes, and what was heard is kept in 8 bits, which together nearly halves the time of a step (docs/design-notes.md).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from daemon.engine.generate.decoder_graphs import (
    GROUP,
    ZERO,
    Shape,
    memory_graph,
    paired,
    reorder_graph,
    shape_of,
    step_graph,
)
from daemon.engine.generate.model_bin import Weights, let_go, quantized
from daemon.engine.generate.onnx_graph import Graph
from daemon.engine.ort_errors import is_about_memory

FORBIDDEN = np.float32(-1e30)
"""Logit of what may not be said."""
TIME_STEP = 16
"""The time that was heard is padded to a multiple of this: byte products are slow at odd widths."""
OUTSIDE = 1e30
EMBEDDINGS = "decoder/embeddings/weight"
RESULTS = ("likely", "within", "groups", "total", "others")
"""What a step computes beside the keys and values."""
Floats = NDArray[np.float32]
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Memory:
    """What a decoder keeps of the speech that it attends to: keys and values of each layer."""

    arrays: dict[str, NDArray[Any]]
    values: dict[str, Any]
    """The same as onnxruntime.OrtValue."""

    @property
    def items(self) -> int:
        """How many recordings it holds."""
        return len(next(iter(self.arrays.values())))

    def pick(self, members: Sequence[int]) -> "Memory":
        """Return that of some of the items."""
        if list(members) == list(range(self.items)):
            return self
        return remembered({name: array[list(members)] for name, array in self.arrays.items()})


@dataclass(frozen=True, slots=True)
class Likely:
    """What may follow, for each row that was asked for."""

    tokens: Integers
    """The likeliest text tokens, best first."""
    logits: Floats
    """Theirs."""
    total: Floats
    """The logarithm of the sum of the exponentials of all text tokens' logits."""
    others: Floats
    """The logits of `<|endoftext|>` and all tokens after it."""
    cache: dict[str, Any]
    """Keys and values of the tokens so far."""


class Decoder:
    """The decoder of a model; several threads may use it at once."""

    def __init__(self, weights: Weights, text: int, loudness: Floats, threads: int = 1) -> None:
        """Build the graphs.

        Args:
            weights: Those of a model.
            text: How many tokens come before the special ones.
            loudness: How large each channel of the encoder's output may be.
            threads: How many compute a step; 1 is the one that calls.
        """
        self.shape: Shape = shape_of(weights, text)
        self._positions = weights["decoder/position_encodings/encodings"].astype(np.float32)
        # A copy: the file may be replaced while the daemon runs.
        embeddings, factors = quantized(weights, "decoder/embeddings")
        self._embeddings, self._factors = np.array(embeddings), np.array(factors)
        # Quantized once for all graphs: those that are stored once are one matrix.
        same = [name for name in (EMBEDDINGS, "decoder/projection/weight") if weights.get(name) is weights[EMBEDDINGS]]
        weights = weights | dict.fromkeys(same, self._embeddings)
        weights = weights | dict.fromkeys([f"{name}_scale" for name in same], 1 / self._factors)
        self._order = paired(loudness)
        self._step = _session(step_graph(weights, self.shape), threads)
        self._memory = _session(memory_graph(weights, self.shape, self._order), threads)
        self._reorder = _session(reorder_graph(self.shape), threads)
        let_go(weights)
        self._constants = lru_cache(maxsize=256)(self._make_constants)

    def remember(self, encoded: Floats) -> Memory:
        """Compute the memory of the encoder's outputs, shape (batch, time, width).

        Raises:
            RuntimeError: ONNX Runtime failed, for example out of memory.
        """
        time = encoded.shape[1]
        width = -(-time // TIME_STEP) * TIME_STEP
        outside = np.where(np.arange(width) < time, 0, OUTSIDE).astype(np.float32)
        zero = np.zeros(width, np.int8)
        with _as_runtime_errors():
            made = [
                self._memory.run(
                    self.shape.memory,
                    {"encoded": np.pad(item, ((0, width - time), (0, 0))), "zero": zero, "outside": outside},
                )
                for item in encoded[:, :, self._order]
            ]
        parts: list[list[NDArray[Any]]] = [list(each) for each in zip(*made, strict=True)]
        return remembered({name: np.concatenate(part) for name, part in zip(self.shape.memory, parts, strict=True)})

    def start(self, rows: int) -> dict[str, Any]:
        """Return the keys and values of no tokens."""
        empty = _value(np.zeros((rows, self.shape.heads, 0, self.shape.head), np.float32))
        return {f"past_{name}": empty for name in self.shape.cache}

    def keep(self, cache: dict[str, Any], rows: Sequence[int]) -> dict[str, Any]:
        """Return the keys and values of some rows, in this order."""
        wanted = {**cache, "rows": _value(np.array(rows, np.int64))}
        with _as_runtime_errors():
            made = self._reorder.run_with_ort_values(self.shape.cache, wanted)
        return {f"past_{name}": value for name, value in zip(self.shape.cache, made, strict=True)}

    def bias(self, suppressed: Sequence[int]) -> Any:
        """Return what keeps these text tokens from being said."""
        bias = np.zeros(self.shape.padded_text, np.float32)
        bias[self.shape.text :] = FORBIDDEN
        bias[[token for token in suppressed if token < self.shape.text]] = FORBIDDEN
        return _value(bias)

    def step(
        self,
        tokens: Integers,
        position: int,
        cache: dict[str, Any],
        memory: Memory,
        asked: Integers,
        bias: Any,
        best: int,
    ) -> Likely:
        """Decode tokens, shape (rows, count), that begin at a position; rows of one item of the memory stand together.

        `asked` says of which tokens, row by row, the continuation is wanted, and `best` how many text tokens.

        Raises:
            RuntimeError: ONNX Runtime failed, for example out of memory.
        """
        wanted = {**self._inputs(tokens, position, memory, asked, best), "bias": bias, **cache}
        with _as_runtime_errors():
            made = self._step.run_with_ort_values([*RESULTS, *self.shape.cache], wanted)
        logits, within, groups, total, others = (value.numpy() for value in made[: len(RESULTS)])
        found = np.take_along_axis(groups, within // GROUP, axis=1) * GROUP + within % GROUP
        past = {f"past_{name}": value for name, value in zip(self.shape.cache, made[len(RESULTS) :], strict=True)}
        return Likely(found, logits, total[:, 0], others, past)

    def attention(self, tokens: Sequence[int], memory: Memory, heads: Sequence[tuple[int, int]]) -> Floats:
        """Return how much heads attend to each frame of 20 ms at each token of a text, shape (heads, tokens, time).

        Args:
            tokens: All of the text, and what stands before it.
            memory: Of one item.
            heads: Their layers and numbers; they are returned in the order of the layers.

        Raises:
            RuntimeError: ONNX Runtime failed, for example out of memory.
        """
        wanted = self._inputs(np.array([tokens]), 0, memory, np.zeros(1, np.int64), 1)
        wanted |= {"bias": self.bias(()), **self.start(1)}
        layers = sorted({layer for layer, _ in heads})
        for layer in layers:
            wanted[f"heads{layer}"] = _value(np.array([head for of, head in heads if of == layer], np.int64))
        with _as_runtime_errors():
            made = self._step.run_with_ort_values([f"attention{layer}" for layer in layers], wanted)
        return np.concatenate([value.numpy()[0] for value in made])

    def _inputs(self, tokens: Integers, position: int, memory: Memory, asked: Integers, best: int) -> dict[str, Any]:
        """Return what goes into a step, but for the bias and the keys and values so far."""
        rows, count = tokens.shape
        embedded = self._embed(tokens) + self._positions[position : position + count]
        return {
            "embedded": _value(embedded.reshape(rows * count, self.shape.width)),
            "asked": _value(asked),
            **self._constants(rows, count, memory.items, len(asked), best),
            **memory.values,
        }

    def _embed(self, tokens: Integers) -> Floats:
        """Return the embeddings of tokens, as their 8-bit form in the matrix of all tokens is."""
        return np.asarray(self._embeddings[tokens] * self._factors[tokens][..., None], np.float32)

    def _make_constants(self, rows: int, count: int, items: int, asked: int, best: int) -> dict[str, Any]:
        arrays: dict[str, NDArray[Any]] = {
            "zeros": np.full(rows * count, ZERO, np.uint8),
            "asked_zeros": np.full(asked, ZERO, np.uint8),
            "best": np.array([best], np.int64),
            "own_shape": np.array([rows, count, self.shape.width], np.int64),
            "memory_shape": np.array([items, -1, self.shape.heads, self.shape.head], np.int64),
        }
        none = _value(np.zeros(0, np.int64))
        return {name: _value(array) for name, array in arrays.items()} | {
            f"heads{layer}": none for layer in range(self.shape.layers)
        }


def remembered(arrays: dict[str, NDArray[Any]]) -> Memory:
    """Return a memory of arrays by name."""
    return Memory(arrays, {name: _value(array) for name, array in arrays.items()})


@contextmanager
def _as_runtime_errors() -> Iterator[None]:
    """Have ONNX Runtime fail as CTranslate2 does, which names memory in the same way on every device."""
    try:
        yield
    except Exception as error:
        raise RuntimeError(f"out of memory: {error}" if is_about_memory(error) else str(error)) from error


def _value(array: NDArray[Any]) -> Any:
    return onnxruntime.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(array))


def _session(graph: Graph, threads: int) -> Any:
    """Return a session; with one thread it computes in the one that calls it. The graphs are made as they shall run."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # other workers need the processor
    options.enable_cpu_mem_arena = False  # as fast, and 15 to 50 MB less: an arena keeps its largest caches
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    # Heads are picked at once: by default that is left to the end, and the attention of all layers is kept until then.
    options.execution_order = onnxruntime.ExecutionOrder.PRIORITY_BASED
    options.add_external_initializers(list(graph.large), [_value(array) for array in graph.large.values()])
    return onnxruntime.InferenceSession(graph.model(), options, providers=["CPUExecutionProvider"])
