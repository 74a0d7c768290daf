"""OpenVINO GenAI's own Whisper pipeline, on the weights of a CTranslate2 model.

Its usual converter (optimum-intel) asks for older packages than this project has, so the model is made here: the same
graphs as for the other runtimes, with the names that the pipeline wants, and keys and values as states of the decoder.
"""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from daemon.bench.runtimes.convert import dimensions, is_multilingual
from daemon.bench.runtimes.graphs import Graph, cross, decode, encode, graph_of
from daemon.bench.runtimes.networks import FRAMES, cores, names_of
from daemon.engine.generate.model_bin import read_weights

SOUND = "encoder_hidden_states"


def write_pipeline(folder: Path, target: Path) -> None:
    """Write what `WhisperPipeline` loads, with weights in int8, from the model of a CTranslate2 folder."""
    import nncf
    import openvino
    from openvino_tokenizers import convert_tokenizer
    from transformers import PreTrainedTokenizerFast

    graph = graph_of(folder)
    _write_encoder(graph, target / "encoder.onnx")
    decoder = Graph(graph.weights, graph.sizes)
    _write_decoder(decoder, target / "decoder.onnx")
    for side in ("encoder", "decoder"):
        model = openvino.Core().read_model(target / f"{side}.onnx")
        if side == "decoder":
            _make_stateful(model, decoder)
        openvino.save_model(nncf.compress_weights(model), target / f"openvino_{side}_model.xml")
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"), eos_token="<|endoftext|>")
    for kind, made in zip(
        ("tokenizer", "detokenizer"), convert_tokenizer(tokenizer, with_detokenizer=True), strict=True
    ):
        openvino.save_model(made, target / f"openvino_{kind}.xml")
    for name, values in settings(folder).items():
        (target / name).write_text(json.dumps(values), "utf-8")


def settings(folder: Path) -> dict[str, dict[str, Any]]:
    """Return what goes into the pipeline's JSON files, by their names."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    sizes = dimensions(read_weights(folder / "model.bin"))
    given = json.loads((folder / "config.json").read_text("utf-8"))
    named = tokenizer.token_to_id
    generation: dict[str, Any] = {
        "begin_suppress_tokens": given["suppress_ids_begin"],
        "suppress_tokens": given["suppress_ids"],
        "decoder_start_token_id": named("<|startoftranscript|>"),
        "eos_token_id": named("<|endoftext|>"),
        "pad_token_id": named("<|endoftext|>"),
        "no_timestamps_token_id": named("<|notimestamps|>"),
        "prev_sot_token_id": named("<|startofprev|>"),
        "max_initial_timestamp_index": 50,
        "max_length": sizes["n_text_ctx"],
        "is_multilingual": is_multilingual(sizes),
    }
    if is_multilingual(sizes):
        generation["task_to_id"] = {task: named(f"<|{task}|>") for task in ("transcribe", "translate")}
        generation["lang_to_id"] = {tokenizer.id_to_token(number): number for number in given["lang_ids"]}
    features = {
        "feature_size": sizes["n_mels"], "sampling_rate": 16000, "hop_length": 160, "n_fft": 400, "chunk_length": 30,
        "n_samples": 480000, "nb_max_frames": FRAMES,
    }  # fmt: skip
    return {
        "generation_config.json": generation,
        "config.json": {"max_source_positions": sizes["n_audio_ctx"]},
        "preprocessor_config.json": features,
    }


def transcribe(folder: Path, audio: Sequence[Any], beam: int) -> list[str]:
    """Transcribe recordings (float32 samples at 16 kHz), several at once, each on a core of its own."""
    from openvino_genai import WhisperPipeline

    def one(at: int) -> list[str]:
        # Pinned, several pipelines of a process would share one core.
        pipeline = WhisperPipeline(str(folder), "CPU", INFERENCE_NUM_THREADS=1, ENABLE_CPU_PINNING=False)
        asked = {"num_beams": beam} if beam > 1 else {}
        return [
            pipeline.generate(each, return_timestamps=True, max_new_tokens=224, **asked).texts[0].strip()
            for each in audio[at::workers]
        ]

    workers = min(cores(), len(audio))
    with ThreadPoolExecutor(workers) as pool:
        parts = list(pool.map(one, range(workers)))
    return [parts[number % workers][number // workers] for number in range(len(audio))]


def _write_encoder(graph: Graph, file: Path) -> None:
    import onnx

    heard = graph("Identity", encode(graph, "input_features"), called="last_hidden_state")
    graph.save(
        file, {"input_features": (onnx.TensorProto.FLOAT, ["batch", graph.sizes["n_mels"], FRAMES])}, {heard: 3}, {}
    )


def _write_decoder(graph: Graph, file: Path) -> None:
    import onnx

    floats, sizes = onnx.TensorProto.FLOAT, graph.sizes
    # All beams hear the same.
    sound = graph("Slice", SOUND, graph.constant([0]), graph.constant([1]), graph.constant([0]))
    heard = [
        (graph("Identity", keys, called=names[0]), graph("Identity", values, called=names[1]))
        for names, (keys, values) in zip(names_of("cross", graph), cross(graph, sound), strict=True)
    ]
    before = [
        (graph("Gather", keys, "beam_idx", axis=0), graph("Gather", values, "beam_idx", axis=0))
        for keys, values in names_of("past", graph)
    ]
    logits, after = decode(graph, "input_ids", before, heard)
    outputs = {graph("Identity", logits, called="logits"): 3}
    for names, pair in zip(names_of("next", graph), after, strict=True):
        outputs |= {graph("Identity", each, called=name): 4 for name, each in zip(names, pair, strict=True)}
    heads, width = sizes["n_text_head"], sizes["n_text_state"] // sizes["n_text_head"]
    inputs = {
        "input_ids": (onnx.TensorProto.INT64, ["batch", "new"]),
        SOUND: (floats, ["sounds", sizes["n_audio_ctx"], sizes["n_audio_state"]]),
        "beam_idx": (onnx.TensorProto.INT32, ["batch"]),
    }
    for keys, values in names_of("past", graph):
        inputs[keys] = (floats, ["was", heads, width, "before"])
        inputs[values] = (floats, ["was", heads, "before", width])
    graph.save(file, inputs, outputs, {})


def _make_stateful(model: Any, graph: Graph) -> None:
    """Keep the past, and what is heard, in states of the model instead of its inputs and outputs."""
    from openvino import opset13
    from openvino._offline_transformations import apply_make_stateful_transformation

    pairs = zip(names_of("past", graph), names_of("next", graph), strict=True)
    apply_make_stateful_transformation(model, {past[kind]: after[kind] for past, after in pairs for kind in range(2)})
    batch = opset13.gather(opset13.shape_of(model.input("input_ids")), [0], 0)
    for state in [each for each in model.get_ops() if each.get_type_name() == "ReadValue"]:
        # Before the first token: as many as there are texts, and of no length.
        sizes = [each.get_length() if each.is_static else 0 for each in state.get_output_partial_shape(0)][1:]
        shape = opset13.concat([batch, sizes], 0)
        state.set_arguments([opset13.broadcast(opset13.constant(0.0, dtype="float32"), shape).output(0)])
    outputs = {name: output for each in model.get_ops() for output in each.outputs() for name in output.get_names()}
    for name in (name for pair in names_of("cross", graph) for name in pair):
        # Computed for the first token of a window, then kept.
        output = outputs[name]
        readers = output.get_target_inputs()
        state = opset13.read_value(output, name)
        for reader in readers:
            reader.replace_source_output(state.output(0))
        model.add_sinks([opset13.assign(state, name)])
