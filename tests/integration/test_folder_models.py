"""Folders with models of their own: loaded when a recording needs them, unloaded when none does."""

from pathlib import Path

from daemon.clips import CLIPS
from tests.support import Daemon, MakeDaemon, reconcile, wait_until, write_wav

LAYOUT = "workers = 2\ncpu_threads = 1\nbatch_size = 4\n"
MODELS = "SELECT path, model FROM jobs ORDER BY path"


def test_a_model_is_loaded_on_demand_and_unloaded_when_idle(make_daemon: MakeDaemon) -> None:
    daemon: Daemon = make_daemon(fake={}, model=f'{LAYOUT}name = "main"\nothers = ["second"]\nunload_seconds = 1')
    folder = daemon.inbox / "careful"
    folder.mkdir()
    (folder / ".transcribed.toml").write_text('model = "second"')
    daemon.start().ready()
    assert "loading" not in daemon.log_text()
    recordings = [write_wav(daemon.inbox / f"{seed}.wav", 1.0, seed) for seed in range(3)]
    daemon.wait_idle(3)
    assert "loading" not in daemon.log_text(), "nobody has asked for it"
    recordings += [write_wav(folder / f"{seed}.wav", 1.0, seed) for seed in range(3, 6)]
    daemon.wait_idle(6)
    assert daemon.query(MODELS) == [
        *((f"{number}.wav", "fake:main") for number in range(3)),
        *((f"careful/{number}.wav", "fake:second") for number in range(3, 6)),
    ]
    wait_until(lambda: "unloading second" in daemon.log_text(), 20, "the model being unloaded")
    recordings += [write_wav(folder / "again.wav", 1.0, 9), write_wav(daemon.inbox / "beside.wav", 1.0, 10)]
    daemon.wait_idle(8)
    assert daemon.log_text().count("loading second, which a folder asks for") == 2
    (folder / ".transcribed.toml").unlink()
    reconcile(daemon, recordings)
    assert daemon.stop() == 0


def test_a_folder_may_name_only_what_the_configuration_allows(make_daemon: MakeDaemon) -> None:
    daemon: Daemon = make_daemon(fake={}, model=f'{LAYOUT}name = "main"\nothers = ["second"]')
    (daemon.inbox / ".transcribed.toml").write_text('model = "/tmp/of-somebody"')
    recording = write_wav(daemon.inbox / "a.wav", 1.0)
    assert daemon.once() == 0
    assert daemon.query(MODELS) == [("a.wav", "fake:main")]
    assert "model: must be one of main, second" in daemon.run("explain", str(recording)).stderr


def test_a_model_that_cannot_be_loaded_holds_up_its_own_folder_only(make_daemon: MakeDaemon, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "config.json").write_text("{}")
    (broken / "model.bin").write_bytes(b"not a model")
    both = 'path = "inbox"\nformats = ["txt"]\n\n[[watch]]\npath = "own"\nformats = ["txt"]\nmodel = "./broken"'
    daemon: Daemon = make_daemon(**{"[watch]": both})
    own = daemon.folder / "own"
    own.mkdir()
    for folder in (own, daemon.inbox):
        (folder / "memo.opus").write_bytes((CLIPS / "memo-1.opus").read_bytes())
    assert daemon.once() == 4, daemon.log_text()
    states = dict(daemon.query("SELECT root, state FROM jobs"))
    assert states == {str(daemon.inbox): "done", str(own): "queued"}
    ((reason,),) = daemon.query("SELECT reason FROM jobs WHERE root = ?", str(own))
    assert "broken" in reason, reason
    daemon.config.write_text(daemon.config.read_text().replace('model = "./broken"', ""))
    assert daemon.once() == 0, "the next run does not wait until it would have been tried again"
    assert daemon.states() == {"memo.opus": "done"}


def test_two_real_models_side_by_side(make_daemon: MakeDaemon) -> None:
    daemon: Daemon = make_daemon(model=f'{LAYOUT}name = "tiny.en"\nothers = ["base"]')
    memo = (CLIPS / "memo-2.opus").read_bytes()
    (daemon.inbox / "tiny.opus").write_bytes(memo)
    (daemon.inbox / "base.opus").write_bytes(memo)
    (daemon.inbox / "base.opus.toml").write_text('model = "base"')
    assert daemon.once() == 0, daemon.log_text()
    assert daemon.query(MODELS) == [("base.opus", "base"), ("tiny.opus", "tiny.en")]
    texts = [(daemon.inbox / f"{name}.txt").read_text().split() for name in ("base", "tiny")]
    assert len(set(map(str.lower, texts[0])) & set(map(str.lower, texts[1]))) >= 4, texts
