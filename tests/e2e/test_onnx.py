"""A whole daemon with `[model] engine = "onnx"`: recordings in, transcripts out, with models whose texts are known."""

import hashlib
import json
import subprocess
import wave
from pathlib import Path

import pytest

from daemon.clips import CLIPS
from tests.integration.test_onnx_model import GERMAN, GREETING
from tests.onnx_models import make_aed, make_tdt, sound
from tests.support import MakeDaemon

pytestmark = pytest.mark.timeout(300)
LAYOUT = "workers = 2\ncpu_threads = 1\nbatch_size = 4"


def write(path: Path, *loud_s: tuple[float, float], length_s: float) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(sound(*loud_s, length_s=length_s))
    return path


def settings(folder: Path, more: str = "") -> str:
    return f'engine = "onnx"\nname = "{folder}"\n{LAYOUT}\n{more}'


def test_a_parakeet_from_recordings_to_transcripts(make_daemon: MakeDaemon, tmp_path: Path) -> None:
    folder = make_tdt(tmp_path / "parakeet-tdt-0.6b-v3", GREETING)
    watch = 'path = "inbox"\nformats = ["txt", "srt", "json"]\nhotwords = ["Kubernetes"]'
    daemon = make_daemon(model=settings(folder, "word_timestamps = true"), vad="enabled = false", **{"[watch]": watch})
    write(daemon.inbox / "talk.wav", (1.0, 2.15), (4.0, 5.1), length_s=7.0)
    write(daemon.inbox / "short.wav", (0.5, 1.0), length_s=2.0)
    write(daemon.inbox / "silence.wav", length_s=2.0)
    assert daemon.once(250) == 0, daemon.log_text()[-3000:]
    assert set(daemon.states().values()) == {"done"}
    assert (daemon.inbox / "talk.txt").read_text().split("\n")[:2] == ["Good morning.", "How are you?"]
    assert (daemon.inbox / "silence.txt").read_text() == ""
    document = json.loads((daemon.inbox / "talk.json").read_text())
    assert [(line["start_s"], line["end_s"], line["text"]) for line in document["segments"]] == [
        (0.96, 2.24, "Good morning."),
        (4.0, 5.28, "How are you?"),
    ]
    words = [word for line in document["segments"] for word in line["words"]]
    assert [(word["word"].strip(), word["start_s"], word["probability"]) for word in words] == [
        ("Good", 0.96, 0.9), ("morning.", 1.28, 0.8167), ("How", 4.0, 0.85), ("are", 4.32, 0.9), ("you?", 4.64, 0.75),
    ]  # fmt: skip
    assert "00:00:04,000 --> " in (daemon.inbox / "talk.srt").read_text()
    rows = daemon.query("SELECT path, language, model, compute_type, device FROM jobs WHERE path = 'talk.wav'")
    assert rows == [("talk.wav", "en", f"onnx:{folder}", "float32", "cpu")]
    assert daemon.log_text().count("the engine has no prompts and no beam, so this changes nothing: hotwords") == 1
    assert daemon.query("SELECT sum(fallbacks) FROM chunks") == [(0,)]


def test_real_speech_goes_through_voice_activity_detection_to_an_onnx_model(
    make_daemon: MakeDaemon, tmp_path: Path
) -> None:
    folder = make_tdt(tmp_path / "parakeet-tdt-0.6b-v2", GREETING)
    daemon = make_daemon(model=settings(folder))
    for name in ("memo-1.opus", "memo-11.opus"):
        (daemon.inbox / name).write_bytes((CLIPS / name).read_bytes())
    assert daemon.once(250) == 0, daemon.log_text()[-3000:]
    assert (daemon.inbox / "memo-11.txt").read_text().startswith("Good morning.")
    assert (daemon.inbox / "memo-1.txt").read_text().startswith("Good morning.")


def test_a_canary_transcribes_and_translates_in_folders_that_name_the_language(
    make_daemon: MakeDaemon, tmp_path: Path
) -> None:
    folder = make_aed(tmp_path / "canary-1b-v2", {"en": GREETING, "de": GERMAN})
    watch = 'path = "inbox"\nformats = ["txt", "json"]\nlanguage = "de"\ntask = "both"'
    daemon = make_daemon(model=settings(folder), vad="enabled = false", **{"[watch]": watch})
    write(daemon.inbox / "talk.wav", (0.5, 1.9), length_s=4.0)
    assert daemon.once(250) == 0, daemon.log_text()[-3000:]
    assert (daemon.inbox / "talk.txt").read_text().strip() == "Guten Morgen, meine Damen."
    assert (daemon.inbox / "talk.en.txt").read_text().strip() == "Good morning. How are you?"


@pytest.mark.parametrize(
    ("name", "watch", "reason"),
    [
        ("nemo-parakeet-tdt-0.6b-v3", 'language = "ja"', "'nemo-parakeet-tdt-0.6b-v3' knows no 'ja', only en, bg"),
        ("nemo-parakeet-tdt-0.6b-v3", 'task = "translate"', "cannot translate: of these models only Canary can"),
        ("nemo-canary-1b-v2", "", "cannot tell which language is spoken: set language to one of en, bg"),
    ],
)
def test_check_refuses_what_the_name_of_the_model_tells(
    make_daemon: MakeDaemon, name: str, watch: str, reason: str
) -> None:
    daemon = make_daemon(model=f'engine = "onnx"\nname = "{name}"', **{"[watch]": f'path = "inbox"\n{watch}'})
    done = daemon.run("check")
    assert done.returncode == 2 and reason in done.stdout + done.stderr


def test_what_the_name_does_not_tell_is_refused_for_the_recording(make_daemon: MakeDaemon, tmp_path: Path) -> None:
    folder = make_aed(tmp_path / "mine", {"en": GREETING, "de": GERMAN}, languages=["en", "de"])
    daemon = make_daemon(model=settings(folder), vad="enabled = false")
    write(daemon.inbox / "talk.wav", (0.5, 1.9), length_s=4.0)
    assert daemon.once(250) == 1
    assert daemon.states() == {"talk.wav": "rejected"}
    assert "the engine cannot tell which language is spoken" in daemon.reasons()["talk.wav"]


def test_a_model_that_is_not_here_and_cannot_be_had_is_said_and_recordings_wait(make_daemon: MakeDaemon) -> None:
    daemon = make_daemon(model='engine = "onnx"\nname = "nemo-parakeet-tdt-0.6b-v3"')
    write(daemon.inbox / "talk.wav", (0.5, 1.9), length_s=4.0)
    daemon.start("--once", HF_HUB_OFFLINE="1", HF_HOME=str(daemon.folder / "cache"))
    assert daemon.process is not None and daemon.process.wait(200) == 4
    assert (
        "model 'nemo-parakeet-tdt-0.6b-v3' is not installed, not in the cache and cannot be downloaded"
        in daemon.log_text()
    )
    assert "copy the folder of an ONNX export here" in daemon.log_text()
    assert set(daemon.states().values()) <= {"settling", "queued"}


def test_verify_compares_the_files_of_int8_with_those_of_float32(make_daemon: MakeDaemon, tmp_path: Path) -> None:
    folder = make_tdt(make_tdt(tmp_path / "parakeet-tdt-0.6b-v2", GREETING, ".int8"), GREETING)
    (tmp_path / "speech").mkdir()
    (tmp_path / "speech" / "a.opus").write_bytes((CLIPS / "memo-11.opus").read_bytes())
    daemon = make_daemon(model=settings(folder))
    arguments = ("verify", "--folder", str(tmp_path / "speech"), "--json", str(tmp_path / "report.json"))
    done = subprocess.run(
        daemon.command(*arguments), capture_output=True, text=True, timeout=250, env=daemon.environment, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert "passed: keeps 100.00 % of float32's accuracy" in done.stdout
    report = json.loads((tmp_path / "report.json").read_text())
    assert [run["compute_type"] for run in report["runs"]] == ["float32", "int8"]
    weights = folder / "encoder-model.int8.onnx"
    largest = max((weights, folder / "decoder_joint-model.int8.onnx"), key=lambda file: file.stat().st_size)
    assert report["model"]["sha256"] == hashlib.sha256(largest.read_bytes()).hexdigest()
