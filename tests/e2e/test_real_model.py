"""The real daemon, the real model, real speech."""

import json
import os
import random
import shutil
import signal
import time
import wave
from functools import partial
from pathlib import Path

import jiwer
import pytest

from daemon.clips import CLIPS
from daemon.processes import ahead, engine_pool
from daemon.processes.environment import NO_TELEMETRY
from tests.support import Daemon, MakeDaemon, children_of, reconcile, wait_until, words

pytestmark = [pytest.mark.model, pytest.mark.timeout(400)]


def wer(reference: str, text: str) -> float:
    return jiwer.wer(" ".join(words(reference)), " ".join(words(text)))


def clip_texts() -> dict[str, str]:
    lines = (CLIPS / "references.tsv").read_text("utf-8").splitlines()
    return {name: text for name, _, text in (line.split("\t") for line in lines)}


def text_of(daemon: Daemon, recording: str) -> str:
    return (daemon.inbox / recording).with_suffix(".txt").read_text("utf-8")


def sequential(path: Path, model_name: str = "tiny.en") -> str:
    """faster-whisper's own sequential mode: the same weights, int8, beam 5."""
    from faster_whisper import WhisperModel

    from daemon.engine.model_files import resolve

    model = WhisperModel(str(resolve(model_name)), device="cpu", compute_type="int8", cpu_threads=2)
    segments, _ = model.transcribe(str(path), beam_size=5)
    return " ".join(segment.text.strip() for segment in segments)


def test_the_shipped_clips(make_daemon: MakeDaemon) -> None:
    daemon: Daemon = make_daemon()
    daemon.preload = False
    references = clip_texts()
    for name in references:
        shutil.copy(CLIPS / name, daemon.inbox)
    assert daemon.once() == 0
    reconcile(daemon, [daemon.inbox / name for name in references])
    for name, reference in references.items():
        # In one clip tiny.en hears "opened" for "an open" and more, in any mode.
        assert wer(reference, text_of(daemon, name)) <= 0.15, name
    everything = " ".join(text_of(daemon, name) for name in references)
    assert wer(" ".join(references.values()), everything) <= 0.05
    document = json.loads((daemon.inbox / "demo.json").read_text())
    assert document["language"] == "en" and document["provenance"]["compute_type"] == "int8"


def engines_of(daemon: Daemon) -> dict[int, str]:
    """Return the process ids of the engine children that live, with their modules."""
    assert daemon.process is not None
    words = {pid: Path(f"/proc/{pid}/cmdline").read_text().split("\0") for pid in children_of(daemon.process.pid)}
    return {pid: word for pid, each in words.items() for word in each if word.startswith("daemon.engine.")}


def test_the_first_engine_is_the_one_that_was_started_ahead(make_daemon: MakeDaemon) -> None:
    daemon: Daemon = make_daemon().start().ready()
    ((pid, module),) = engines_of(daemon).items()
    assert module == ahead.MODULE
    os.kill(pid, signal.SIGKILL)
    shutil.copy(CLIPS / "memo-1.opus", daemon.inbox)
    daemon.wait_for({"memo-1.opus": "done"})
    assert list(engines_of(daemon).values()) == [engine_pool.MODULE], "the next one is an engine like any other"
    assert daemon.stop() == 0


def test_another_engine_has_no_child_of_whisper_beside_it(make_daemon: MakeDaemon) -> None:
    daemon: Daemon = make_daemon(model='engine = "fake"\nworkers = 1\ncpu_threads = 1\nbatch_size = 1')
    daemon.start().ready()
    assert list(engines_of(daemon).values()) == [engine_pool.MODULE]
    assert daemon.stop() == 0


def test_the_libraries_report_to_nobody(make_daemon: MakeDaemon) -> None:
    daemon: Daemon = make_daemon()
    shutil.copy(CLIPS / "memo-1.opus", daemon.inbox)
    home = daemon.folder / "home"
    home.mkdir()
    for name in NO_TELEMETRY:
        daemon.environment.pop(name, None)
    daemon.environment |= {"HOME": str(home), "XDG_CACHE_HOME": str(home / ".cache")}
    assert daemon.once() == 0
    assert daemon.states() == {"memo-1.opus": "done"}
    # ONNX Runtime keeps what it is going to send, and the number it gave this machine, in the home folder.
    assert [path for path in home.rglob("*") if "microsoft" in str(path).lower()] == []


def test_no_more_errors_than_faster_whispers_sequential_mode(make_daemon: MakeDaemon, shared_audio: Path) -> None:
    references = json.loads((shared_audio / "references.json").read_text())
    known = {name: entry["text"] for name, entry in references.items() if entry["text"]}
    daemon: Daemon = make_daemon()
    for name in known:
        shutil.copy(shared_audio / name, daemon.inbox)
    assert daemon.once() == 0
    ours = {name: wer(known[name], text_of(daemon, name)) for name in known}
    theirs = {name: wer(known[name], sequential(shared_audio / name)) for name in known}
    print(f"WER ours {ours}\nWER faster-whisper {theirs}")
    for name in known:
        assert ours[name] <= theirs[name], name


def test_languages_are_detected_and_a_change_of_language_followed(
    make_daemon: MakeDaemon, shared_audio: Path, base_model: str
) -> None:
    daemon: Daemon = make_daemon(model=f'name = "{base_model}"\nword_timestamps = true')
    for name in ("buzz-french.mp3", "sr-chinese.flac", "multilingual.mp3", "jfk.flac"):
        shutil.copy(shared_audio / name, daemon.inbox)
    assert daemon.once() == 0
    found = {
        path: (language, probability)
        for path, language, probability in daemon.query("SELECT path, language, language_probability FROM jobs")
    }
    assert {path: language for path, (language, _) in found.items()} == {
        "buzz-french.mp3": "fr", "sr-chinese.flac": "zh", "multilingual.mp3": "en", "jfk.flac": "en",
    }  # fmt: skip
    assert all(probability > 0.5 for _, probability in found.values())
    assert "curiosité" in text_of(daemon, "buzz-french.mp3") and "自己" in text_of(daemon, "sr-chinese.flac")
    both = text_of(daemon, "multilingual.mp3")
    assert "Permission is hereby granted" in both and "Software" in both and "diese" in both.lower()
    spoken = daemon.query(
        "SELECT DISTINCT segments.language FROM segments JOIN jobs ON jobs.id = job_id WHERE path = 'multilingual.mp3'"
    )
    assert sorted(spoken) == [("de",), ("en",)]
    segment = json.loads((daemon.inbox / "jfk.json").read_text())["segments"][0]
    assert "".join(word["word"] for word in segment["words"]).strip() == segment["text"]
    times = [(word["start_s"], word["end_s"]) for word in segment["words"]]
    assert all(start <= end for start, end in times) and times == sorted(times)


def test_a_language_and_a_task_for_each_folder(make_daemon: MakeDaemon, shared_audio: Path, base_model: str) -> None:
    daemon: Daemon = make_daemon(
        model=f'name = "{base_model}"',
        **{"[watch]": 'path = "inbox"\nlanguage = "fr"\n[[watch]]\npath = "english"\ntask = "translate"'},
    )
    (daemon.folder / "english").mkdir()
    shutil.copy(shared_audio / "buzz-french.mp3", daemon.inbox)
    shutil.copy(shared_audio / "buzz-french.mp3", daemon.folder / "english")
    assert daemon.once() == 0
    assert "curiosité" in text_of(daemon, "buzz-french.mp3")
    assert "curiosity" in (daemon.folder / "english" / "buzz-french.txt").read_text().lower()


def test_a_language_has_a_model_of_its_own(make_daemon: MakeDaemon, shared_audio: Path, base_model: str) -> None:
    daemon: Daemon = make_daemon(
        model=f'name = "{base_model}"\n[languages.en]\nmodel = "tiny.en"\nreplace = {{ "fellow" = "FELLOW" }}'
    )
    for name in ("buzz-french.mp3", "jfk.flac"):
        shutil.copy(shared_audio / name, daemon.inbox)
    assert daemon.once() == 0
    assert "curiosité" in text_of(daemon, "buzz-french.mp3")
    assert "FELLOW Americans" in text_of(daemon, "jfk.flac")
    made = daemon.query("SELECT path, language, model FROM jobs ORDER BY path")
    model = f"{base_model}, en: tiny.en"
    assert made == [("buzz-french.mp3", "fr", model), ("jfk.flac", "en", model)]
    explained = daemon.run("explain", str(daemon.inbox / "jfk.flac")).stdout
    assert "languages" in explained and "tiny.en" in explained


def test_both_the_original_and_english_in_one_pass(
    make_daemon: MakeDaemon, shared_audio: Path, base_model: str
) -> None:
    daemon: Daemon = make_daemon(
        model=f'name = "{base_model}"',
        **{"[watch]": 'path = "inbox"\ntask = "both"\nformats = ["txt", "srt", "json"]'},
    )
    for name in ("buzz-french.mp3", "jfk.flac"):
        shutil.copy(shared_audio / name, daemon.inbox)
    assert daemon.once() == 0
    recordings = [daemon.inbox / "buzz-french.mp3", daemon.inbox / "jfk.flac"]
    reconcile(daemon, recordings, ("txt", "en.txt", "srt", "en.srt", "json"))
    assert "curiosité" in text_of(daemon, "buzz-french.mp3")
    english = (daemon.inbox / "buzz-french.en.txt").read_text("utf-8")
    assert "curiosity" in english.lower() and "curiosité" not in english
    document = json.loads((daemon.inbox / "buzz-french.json").read_text("utf-8"))
    assert (document["language"], document["translation"]["language"]) == ("fr", "en")
    assert " ".join(english.split()) == document["translation"]["text"]
    assert "curiosity" in (daemon.inbox / "buzz-french.en.srt").read_text("utf-8").lower()
    # What is said in English already is not computed twice.
    for form in ("txt", "srt"):
        assert (daemon.inbox / f"jfk.en.{form}").read_bytes() == (daemon.inbox / f"jfk.{form}").read_bytes()
    ((lines,),) = daemon.query(
        "SELECT count(*) FROM translations JOIN jobs ON jobs.id = job_id WHERE path = 'jfk.flac'"
    )
    assert lines >= 1

    os.rename(daemon.inbox / "buzz-french.mp3", daemon.inbox / "renamed.mp3")
    assert daemon.once() == 0
    assert (daemon.inbox / "renamed.en.srt").exists() and not (daemon.inbox / "buzz-french.en.srt").exists()
    daemon.run("export", "renamed.mp3", "--format", "vtt")
    assert daemon.once() == 0
    assert (daemon.inbox / "renamed.en.vtt").exists() and (daemon.inbox / "renamed.vtt").exists()
    rows = daemon.query("SELECT format, published FROM outputs WHERE format LIKE '%vtt' ORDER BY format")
    assert rows == [("en.vtt", 1), ("vtt", 1)]


def test_names_that_were_told_beforehand_are_spelled_right_also_by_a_retry(
    make_daemon: MakeDaemon, shared_audio: Path
) -> None:
    told = 'path = "inbox"\n[[watch]]\npath = "told"\nhotwords = "names.txt"\nreplace = { "comfyui" = "ComfyUI" }'
    daemon: Daemon = make_daemon(**{"[watch]": told})
    (daemon.folder / "told").mkdir()
    (daemon.folder / "names.txt").write_text("ComfyUI\n")
    for folder in (daemon.inbox, daemon.folder / "told"):
        shutil.copy(shared_audio / "hotwords.mp3", folder)
    assert daemon.once() == 0
    assert "comfyui" not in text_of(daemon, "hotwords.mp3").lower()
    transcript = daemon.folder / "told" / "hotwords.txt"
    first = transcript.read_text()
    assert first.count("ComfyUI") == 2, "the model writes comfyUI, whose spelling is then mended"
    # The options were resolved when it was queued.
    (daemon.folder / "names.txt").write_text("nothing\n")
    ((job_id,),) = daemon.query("SELECT id FROM jobs WHERE root LIKE '%told'")
    transcript.unlink()
    daemon.run("jobs", "retry", str(job_id))
    assert daemon.once() == 0
    assert transcript.read_text() == first


def long_recording(path: Path, minutes: float) -> Path:
    """The clips, one after another, with pauses, as a recording of this length."""
    import av
    import numpy as np

    rng = random.Random(5)
    pieces = []
    for clip in sorted(CLIPS.glob("memo-*.opus")):
        with av.open(str(clip)) as media:
            resampler = av.AudioResampler(format="s16", layout="mono", rate=16_000)
            blocks = [block.to_ndarray()[0] for frame in media.decode(audio=0) for block in resampler.resample(frame)]
        pieces.append(np.concatenate([*blocks, np.zeros(8000, dtype=np.int16)]))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        while file.tell() < minutes * 60 * 16_000:
            file.writeframes(rng.choice(pieces).tobytes())
    return path


def _more_is_done(daemon: Daemon, before: int) -> bool:
    return bool(daemon.query("SELECT chunks_done > ? FROM jobs", before)[0][0])


@pytest.mark.faults
def test_kills_during_a_long_recording_repeat_no_finished_chunk(make_daemon: MakeDaemon) -> None:
    daemon: Daemon = make_daemon(jobs="window_seconds = 60")
    path = long_recording(daemon.inbox / "long.wav", 4)
    done = 0
    for _ in range(2):
        daemon.start().ready()
        wait_until(partial(_more_is_done, daemon, done), 60, "progress")
        daemon.kill()
        ((done,),) = daemon.query("SELECT chunks_done FROM jobs")
    before = daemon.query("SELECT id, chunk, idx, text FROM segments ORDER BY id")
    daemon.start().ready()
    daemon.wait_for({"long.wav": "done"}, 200)
    assert daemon.stop() == 0
    assert daemon.query("SELECT id, chunk, idx, text FROM segments ORDER BY id")[: len(before)] == before
    ((done, total, attempts),) = daemon.query("SELECT chunks_done, chunks_total, attempts FROM jobs")
    assert done == total and attempts == 1
    # The batches that were recorded hold each chunk once for each time it was decoded to a checkpoint.
    ((ran, needed),) = daemon.query("SELECT (SELECT sum(size) FROM batches), (SELECT sum(attempts) FROM chunks)")
    assert ran <= needed + 2 * 4 * 3, "finished chunks were done again"
    reconcile(daemon, [path])
    texts = [text for name, text in clip_texts().items() if name.startswith("memo")]
    transcript = " ".join(words(text_of(daemon, "long.wav")))
    assert all(" ".join(words(text)[:4]) in transcript for text in texts)


def test_an_idle_daemon_costs_next_to_nothing(make_daemon: MakeDaemon) -> None:
    daemon: Daemon = make_daemon(watching="settle_seconds = 2\nrescan_seconds = 60")
    daemon.start().ready()
    assert daemon.process is not None
    time.sleep(2)
    ticks = [_cpu_ticks(daemon.process.pid)]
    time.sleep(8)
    ticks.append(_cpu_ticks(daemon.process.pid))
    used = (ticks[1] - ticks[0]) / os.sysconf("SC_CLK_TCK") / 8
    print(f"idle: {used * 100:.2f} % of a core")
    assert used < 0.02, "an idle daemon polls too much"
    daemon.process.send_signal(signal.SIGINT)
    assert daemon.process.wait(20) == 0


def _cpu_ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])
