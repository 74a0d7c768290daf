"""The decoder against the same computed in full precision, with weights made up here."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from daemon.engine.generate.decoder import FORBIDDEN, TIME_STEP, Decoder, Likely
from daemon.engine.generate.model_bin import Weights, quantized

WIDTH, HEADS, LAYERS, TEXT, VOCABULARY, POSITIONS, TIME = 64, 2, 2, 400, 430, 20, 21
Array = NDArray[Any]


def made_up() -> Weights:
    rng = np.random.default_rng(3)

    def peaked(rows: int, columns: int) -> Array:
        """Return rows with one large number each, as models have: so sums of pairs of products fit into 16 bits."""
        matrix = rng.normal(size=(rows, columns)).clip(-3, 3)
        matrix[np.arange(rows), rng.integers(0, columns, rows)] = 8
        return matrix

    def linear(name: str, rows: int, columns: int) -> Weights:
        weight = peaked(rows, columns) / np.sqrt(columns)
        return {
            f"{name}/weight": weight.astype(np.float16),
            f"{name}/bias": rng.normal(size=rows).astype(np.float16) / 4,
        }

    def norm(name: str) -> Weights:
        return {f"{name}/gamma": rng.uniform(0.5, 1.5, WIDTH).astype(np.float16),
                f"{name}/beta": rng.normal(size=WIDTH).astype(np.float16) / 8}  # fmt: skip

    weights: dict[str, Any] = {
        "decoder/embeddings/weight": peaked(VOCABULARY, WIDTH).astype(np.float16) / 4,
        "decoder/position_encodings/encodings": rng.normal(size=(POSITIONS, WIDTH)).astype(np.float16) / 4,
        "decoder/num_heads": np.array(HEADS, np.int8),
    } | norm("decoder/layer_norm")
    for layer in range(LAYERS):
        name = f"decoder/layer_{layer}"
        weights |= norm(f"{name}/self_attention/layer_norm") | norm(f"{name}/attention/layer_norm")
        weights |= norm(f"{name}/ffn/layer_norm")
        weights |= linear(f"{name}/self_attention/linear_0", 3 * WIDTH, WIDTH)
        weights |= linear(f"{name}/self_attention/linear_1", WIDTH, WIDTH)
        weights |= linear(f"{name}/attention/linear_0", WIDTH, WIDTH)
        weights |= linear(f"{name}/attention/linear_1", 2 * WIDTH, WIDTH)
        weights[f"{name}/attention/linear_1/bias"][:WIDTH] = 0  # Whisper's keys have none
        weights |= linear(f"{name}/attention/linear_2", WIDTH, WIDTH)
        weights |= linear(f"{name}/ffn/linear_0", 4 * WIDTH, WIDTH) | linear(f"{name}/ffn/linear_1", WIDTH, 4 * WIDTH)
    return weights


def exact(weights: Weights, tokens: list[int], encoded: Array, attended: list[Array] | None = None) -> Array:
    """Return the logits after the last token, in full precision; note what each layer attends to of what was heard."""

    def linear(rows: Array, name: str) -> Array:
        small, factors = quantized(weights, f"decoder/{name}")
        return rows @ (small * factors[:, None]).T + weights[f"decoder/{name}/bias"].astype(np.float64)

    def norm(rows: Array, name: str) -> Array:
        middle = rows - rows.mean(axis=-1, keepdims=True)
        middle /= np.sqrt((middle**2).mean(axis=-1, keepdims=True) + 1e-5)
        return middle * weights[f"decoder/{name}/gamma"].astype(np.float64) + weights[f"decoder/{name}/beta"]

    def attend(query: Array, keys: Array, values: Array, mask: Array | float = 0) -> Array:
        parts, heads = [], []
        for part in np.split(np.arange(WIDTH), HEADS):
            score = query[:, part] @ keys[:, part].T / np.sqrt(WIDTH / HEADS) + mask
            weight = np.exp(score - score.max(axis=1, keepdims=True))
            heads.append(weight / weight.sum(axis=1, keepdims=True))
            parts.append(heads[-1] @ values[:, part])
        if attended is not None and not isinstance(mask, np.ndarray):
            attended.append(np.stack(heads))
        return np.concatenate(parts, axis=1)

    def gelu(rows: Array) -> Array:
        from math import erf

        return rows * (1 + np.vectorize(erf)(rows / np.sqrt(2))) / 2

    small, factors = quantized(weights, "decoder/embeddings")
    embeddings = small * factors[:, None].astype(np.float64)
    hidden = embeddings[tokens] + weights["decoder/position_encodings/encodings"][: len(tokens)]
    later = np.triu(np.full((len(tokens), len(tokens)), -1e9), 1)
    for layer in range(LAYERS):
        name = f"layer_{layer}"
        query, key, value = np.split(
            linear(norm(hidden, f"{name}/self_attention/layer_norm"), f"{name}/self_attention/linear_0"), 3, 1
        )
        hidden = hidden + linear(attend(query, key, value, later), f"{name}/self_attention/linear_1")
        key, value = np.split(linear(encoded.astype(np.float64), f"{name}/attention/linear_1"), 2, 1)
        query = linear(norm(hidden, f"{name}/attention/layer_norm"), f"{name}/attention/linear_0")
        hidden = hidden + linear(attend(query, key, value), f"{name}/attention/linear_2")
        inner = gelu(linear(norm(hidden, f"{name}/ffn/layer_norm"), f"{name}/ffn/linear_0"))
        hidden = hidden + linear(inner, f"{name}/ffn/linear_1")
    return norm(hidden[-1:], "layer_norm")[0] @ embeddings.T


@pytest.fixture(scope="module")
def weights() -> Weights:
    return made_up()


@pytest.fixture(scope="module")
def decoder(weights: Weights) -> Decoder:
    return Decoder(weights, TEXT, np.abs(heard(1)).max(axis=(0, 1)))


def heard(items: int, time: int = TIME) -> Array:
    """Return outputs of an encoder, with two channels that are louder than the others."""
    encoded = np.random.default_rng(4).normal(size=(items, time, WIDTH)).astype(np.float32)
    encoded[:, :, [8, 9]] *= 8
    return encoded


def check(found: Likely, row: int, logits: Array) -> None:
    """Compare what was found of a row with exact logits, whose spread is about 3."""
    text = logits[:TEXT]
    assert np.sqrt(((found.others[row] - logits[TEXT:]) ** 2).mean()) < 0.35
    assert found.total[row] == pytest.approx(np.log(np.exp(text).sum()), abs=0.5)
    assert np.sqrt(((found.logits[row] - text[found.tokens[row]]) ** 2).mean()) < 0.5
    assert (np.diff(found.logits[row]) <= 0).all() and found.logits[row][0] > text.max() - 1


def test_token_by_token_and_at_once_are_what_full_precision_gives(weights: Weights, decoder: Decoder) -> None:
    encoded = heard(2)
    texts = [[5, 420, 7, 399], [50, 3, 3, 401]]
    memory = decoder.remember(encoded)
    cache, bias = decoder.start(2), decoder.bias(())
    for at in range(4):
        found = decoder.step(np.array(texts)[:, at : at + 1], at, cache, memory, np.arange(2), bias, 5)
        cache = found.cache
        for row in range(2):
            check(found, row, exact(weights, texts[row][: at + 1], encoded[row]))
    asked = np.array([2, 6, 3, 7])  # of each text the third token, then the fourth
    found = decoder.step(np.array(texts), 0, decoder.start(2), memory, asked, bias, 5)
    for place, (row, count) in enumerate([(0, 3), (1, 3), (0, 4), (1, 4)]):
        check(found, place, exact(weights, texts[row][:count], encoded[row]))


def test_heads_attend_as_in_full_precision(weights: Weights, decoder: Decoder) -> None:
    encoded, text = heard(2), [5, 420, 7, 399, 12]
    memory = decoder.remember(encoded).pick([1])
    attended: list[Array] = []
    exact(weights, text, encoded[1], attended)
    heads = [(0, 0), (1, 1), (1, 0)]
    found = decoder.attention(text, memory, heads)
    assert found.shape == (3, len(text), -(-TIME // TIME_STEP) * TIME_STEP)
    np.testing.assert_allclose(found.sum(axis=2), 1, atol=1e-5)
    assert not found[:, :, TIME:].any(), "that is not speech"
    for nth, (layer, head) in enumerate(heads):
        assert np.sqrt(((found[nth, :, :TIME] - attended[layer][head]) ** 2).mean()) < 0.05
        assert np.corrcoef(found[nth, :, :TIME].ravel(), attended[layer][head].ravel())[0, 1] > 0.95


def test_beams_share_the_memory_of_their_item_and_are_put_in_order(weights: Weights, decoder: Decoder) -> None:
    encoded = heard(3)
    memory, bias = decoder.remember(encoded).pick([0, 2]), decoder.bias(())
    firsts = [[1], [2], [3], [4]]
    cache = decoder.step(np.array(firsts), 0, decoder.start(4), memory, np.arange(4), bias, 3).cache
    order, seconds = [1, 0, 3, 3], [[9], [8], [7], [6]]
    found = decoder.step(np.array(seconds), 1, decoder.keep(cache, order), memory, np.arange(4), bias, 3)
    for row, item in enumerate((0, 0, 2, 2)):
        check(found, row, exact(weights, firsts[order[row]] + seconds[row], encoded[item]))


def test_company_changes_nothing(decoder: Decoder) -> None:
    encoded, bias = heard(3), decoder.bias(())
    memory = decoder.remember(encoded)
    together = decoder.step(np.array([[1], [2], [3]]), 0, decoder.start(3), memory, np.arange(3), bias, 2)
    for row in range(3):
        alone = decoder.step(np.array([[row + 1]]), 0, decoder.start(1), memory.pick([row]), np.arange(1), bias, 2)
        assert np.allclose(alone.others[0], together.others[row], atol=1e-4)
        assert alone.tokens[0].tolist() == together.tokens[row].tolist()


def test_suppressed_tokens_are_never_likely(decoder: Decoder) -> None:
    memory = decoder.remember(heard(1))
    free = decoder.step(np.array([[1]]), 0, decoder.start(1), memory, np.arange(1), decoder.bias(()), 3)
    best = free.tokens[0].tolist()
    bias = decoder.bias((best[0], best[2], TEXT + 5))
    bound = decoder.step(np.array([[1]]), 0, decoder.start(1), memory, np.arange(1), bias, 3)
    assert bound.tokens[0][0] == best[1] and not {best[0], best[2]} & set(bound.tokens[0].tolist())
    assert bound.total[0] < free.total[0] and bound.logits[0][-1] > FORBIDDEN / 1e6
    assert np.array_equal(bound.others, free.others)


def test_weights_stored_as_bytes_are_used_as_they_are(weights: Weights, decoder: Decoder) -> None:
    stored: Weights = {}
    for name, array in weights.items():
        if name.endswith("/weight"):
            small, factors = quantized(weights, name.removesuffix("/weight"))
            stored |= {name: np.ascontiguousarray(small), f"{name}_scale": (1 / factors).astype(np.float32)}
        else:
            stored[name] = array
    memory, bias = decoder.remember(heard(1)), decoder.bias(())
    expected = decoder.step(np.array([[1]]), 0, decoder.start(1), memory, np.arange(1), bias, 3)
    other = Decoder(stored, TEXT, np.abs(heard(1)).max(axis=(0, 1)))
    found = other.step(np.array([[1]]), 0, other.start(1), other.remember(heard(1)), np.arange(1), other.bias(()), 3)
    assert np.allclose(found.others, expected.others, atol=0.02)


def test_a_file_that_is_replaced_changes_nothing(weights: Weights) -> None:
    """What is looked up token by token is not left in the file."""
    changing = {name: np.array(array) for name, array in weights.items()}
    made = Decoder(changing, TEXT, np.abs(heard(1)).max(axis=(0, 1)))
    memory = made.remember(heard(1))

    def others() -> Array:
        return made.step(np.array([[3]]), 0, made.start(1), memory, np.arange(1), made.bias(()), 2).others

    before = others()
    for array in changing.values():
        array[...] = 1
    assert np.array_equal(others(), before)


def test_failures_are_runtime_errors_that_name_memory(decoder: Decoder, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        def run(self, *_: Any) -> None:
            raise Exception("[ONNXRuntimeError] : 6 : Failed to allocate memory for requested buffer of size 12")

    monkeypatch.setattr(decoder, "_memory", Full())
    with pytest.raises(RuntimeError, match=r"out of memory: .*Failed to allocate"):
        decoder.remember(heard(1))
