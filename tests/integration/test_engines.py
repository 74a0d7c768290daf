"""`[model] engine`: another engine with other abilities, in a real daemon; engines that cannot be used."""

import json
import shutil
import time
from collections.abc import Callable

import pytest

from tests.support import Daemon, MakeDaemon, write_wav

PLAIN = 'engine = "tests.plain_engine"\nword_timestamps = true\nworkers = 1\ncpu_threads = 1\nbatch_size = 2'


def text_of(daemon: Daemon, name: str) -> str:
    ((text,),) = daemon.query("SELECT text FROM segments JOIN jobs ON jobs.id = job_id WHERE path = ?", name)
    return text


@pytest.fixture
def plain_daemon(make_daemon: MakeDaemon) -> Callable[..., Daemon]:
    def make(watch: str = "") -> Daemon:
        return make_daemon(
            model=PLAIN, vad="enabled = false", **{"[watch]": f'path = "inbox"\nformats = ["txt", "json"]\n{watch}'}
        )

    return make


def test_what_an_engine_cannot_do_is_left_out_and_its_results_are_accepted_as_they_are(
    plain_daemon: Callable[..., Daemon],
) -> None:
    daemon = plain_daemon()
    write_wav(daemon.inbox / "a.wav", 2, seed=1)
    write_wav(daemon.inbox / "b.wav", 3, seed=2)
    assert daemon.once() == 0
    # Never a second time, though Whisper's policy would; no cut context; no times of words, though they were asked for.
    assert text_of(daemon, "a.wav") == "context 30 words False temperature 0"
    assert daemon.query("SELECT sum(attempts), sum(fallbacks), sum(guards) FROM chunks") == [(2, 0, 0)]
    document = json.loads((daemon.inbox / "a.json").read_text())
    assert document["segments"][0]["text"] and not document["segments"][0].get("words")
    assert daemon.log_text().count("the engine has no times of words") == 1
    assert daemon.query("SELECT DISTINCT language, device FROM jobs") == [("de", "here")]


def test_what_another_engine_has_transcribed_is_not_taken_over(make_daemon: MakeDaemon) -> None:
    """Neither for the same content, though the options and the model's name are the same."""
    daemon = make_daemon(fake={})
    first = write_wav(daemon.inbox / "a.wav", 2, seed=1)
    assert daemon.once() == 0
    daemon.config.write_text(daemon.config.read_text().replace('engine = "fake"', 'engine = "tests.plain_engine"'))
    shutil.copyfile(first, daemon.inbox / "b.wav")
    first.unlink()
    assert daemon.once() == 0
    assert text_of(daemon, "b.wav").startswith("context 30")
    models = daemon.query("SELECT model FROM jobs WHERE state = 'done' ORDER BY id")
    assert models == [("fake:tiny.en",), ("tests.plain_engine:tiny.en",)]


def test_a_language_that_the_engine_does_not_know_is_said_and_nothing_else_stops(
    plain_daemon: Callable[..., Daemon],
) -> None:
    daemon = plain_daemon('language = "fr"')
    (daemon.folder / "english").mkdir()
    daemon.config.write_text(f'{daemon.config.read_text()}\n[[watch]]\npath = "english"\nlanguage = "en"\n')
    write_wav(daemon.inbox / "a.wav", 2, seed=1)
    write_wav(daemon.folder / "english" / "b.wav", 2, seed=2)
    assert daemon.once() == 1
    assert daemon.states() == {"a.wav": "rejected", "b.wav": "done"}
    assert "knows no 'fr', only en, de" in daemon.reasons()["a.wav"]


def test_what_asks_for_times_of_words_waits_where_only_the_card_cannot_compute_them(make_daemon: MakeDaemon) -> None:
    """Nothing is charged, all else is transcribed, and once the card can, what has waited is transcribed too."""
    without = PLAIN.replace("word_timestamps = true\n", "")
    daemon = make_daemon(model=without, vad="enabled = false", jobs="retry_backoff_seconds = 1")
    words = daemon.inbox / "words"
    words.mkdir()
    (words / ".transcribed.toml").write_text("word_timestamps = true")
    write_wav(daemon.inbox / "a.wav", 2, seed=1)
    write_wav(words / "b.wav", 2, seed=2)
    daemon.start("--once", PLAIN_ENGINE="words")
    assert daemon.process is not None and daemon.process.wait(60) == 4
    assert daemon.states() == {"a.wav": "done", "words/b.wav": "queued"}
    assert "times of words cannot be computed here; some versions of CTranslate2" in daemon.reasons()["words/b.wav"]
    assert daemon.query("SELECT attempts FROM jobs WHERE path = 'words/b.wav'") == [(0,)]
    assert daemon.log_text().count("recordings that ask for them wait") == 1
    time.sleep(1)
    assert daemon.once() == 0 and daemon.states()["words/b.wav"] == "done"


@pytest.mark.parametrize(
    ("engine", "wrong", "message"),
    [
        ("nowhere.engine", "", "model.engine 'nowhere.engine' cannot be imported: No module named 'nowhere'"),
        ("tests.support", "", "is not an engine: tests.support has no function `load`"),
        ("tests.plain_engine", "raises", "the engine failed to load: KeyError: 'weights'"),
        ("tests.plain_engine", "no language", "knows no language"),
        ("tests.plain_engine", "policy", "asks for the policy 'hope'"),
    ],
)
def test_an_engine_that_cannot_be_used_is_said_and_the_recording_waits(
    make_daemon: MakeDaemon, engine: str, wrong: str, message: str
) -> None:
    daemon = make_daemon(model=f'engine = "{engine}"')
    write_wav(daemon.inbox / "a.wav", 1)
    daemon.start("--once", PLAIN_ENGINE=wrong)
    assert daemon.process is not None and daemon.process.wait(60) == 4
    assert message in daemon.log_text()
    assert set(daemon.states().values()) <= {"settling", "queued"} and not list(daemon.inbox.glob("*.txt"))


def test_a_name_that_is_no_engine_is_refused_with_the_nearest_one(make_daemon: MakeDaemon) -> None:
    daemon = make_daemon(model='engine = "wisper"')
    done = daemon.run("check")
    assert done.returncode == 2
    assert "model.engine: must be an engine such as 'whisper'" in done.stdout + done.stderr
