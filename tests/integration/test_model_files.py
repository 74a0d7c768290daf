"""Where a model comes from, against a hub of our own on this machine."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from daemon.config.speaker_models import speaker_model
from daemon.engine import model_files
from daemon.engine.model_files import Package, resolve
from daemon.errors import Unavailable

COMMIT = "0123456789abcdef0123456789abcdef01234567"
FILES = {
    "model.bin": b"weights" * 1000,
    "config.json": b"{}",
    "vocabulary.txt": b"word",
    "README.md": b"of no use",
    "pytorch_model.bin": b"of no use either",
    "resnet.onnx": b"weights of voices",
}
RESOLVE = "import sys; from daemon.engine.model_files import resolve; print(resolve(sys.argv[1]))"
TOLD = """
import sys
from daemon.engine import hub
from daemon.engine.downloads import told
from daemon.config.speaker_models import speaker_model
from daemon.engine.model_files import resolve
hub.TELL_S = 0
with told(lambda progress: print(progress.model, progress.done_bytes, progress.total_bytes)):
    resolve(sys.argv[1])
"""


class Hub(ThreadingHTTPServer):
    """What huggingface_hub asks for: the files of a repository, their hashes, their contents."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.asked: list[str] = []
        self.broken: set[str] = set()


class Answer(BaseHTTPRequestHandler):
    server: Hub

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.server.asked.append(f"{self.command} {path}")
        name = path.rpartition("/")[2]
        if path.startswith("/api/models/owner/name/tree/"):
            tree = [{"type": "file", "path": each, "oid": "0", "size": len(body)} for each, body in FILES.items()]
            self._say(200, json.dumps(tree).encode())
        elif path.startswith("/api/models/owner/name"):
            files = [{"rfilename": each} for each in FILES]
            self._say(200, json.dumps({"id": "owner/name", "sha": COMMIT, "siblings": files}).encode())
        elif name in FILES and not (self.command == "GET" and name in self.server.broken):
            self._say(200, FILES[name], ETag=f'"{hashlib.sha256(FILES[name]).hexdigest()}"')
        else:
            self._say(404 if name not in FILES else 500, b"")

    def _say(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for key, value in {"Content-Length": str(len(body)), "X-Repo-Commit": COMMIT, **headers}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing on the terminal."""


@pytest.fixture
def hub() -> Iterator[Hub]:
    server = Hub()
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def resolved(hub: Hub, home: Path, name: str, code: str = RESOLVE) -> subprocess.CompletedProcess[str]:
    """The hub's address is read when the library is loaded, so in a process of its own."""
    env = {
        **{key: value for key, value in os.environ.items() if not key.startswith("HF_") and "proxy" not in key.lower()},
        "HF_ENDPOINT": f"http://127.0.0.1:{hub.server_port}",
        "HF_HOME": str(home),
    }
    return subprocess.run([sys.executable, "-c", code, name], env=env, capture_output=True, text=True, timeout=60)


def test_a_model_is_downloaded_once_and_then_needs_no_network(hub: Hub, tmp_path: Path) -> None:
    first = resolved(hub, tmp_path, "owner/name")
    assert first.returncode == 0, first.stderr
    folder = Path(first.stdout.strip())
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == {
        name: FILES[name] for name in ("model.bin", "config.json", "vocabulary.txt")
    }
    assert first.stderr == "", "who wants to see the progress is told of it; nothing is drawn"
    before = len(hub.asked)
    again = resolved(hub, tmp_path, "owner/name")
    assert again.stdout == first.stdout and len(hub.asked) == before


def test_whoever_listens_is_told_how_far_a_download_is(hub: Hub, tmp_path: Path) -> None:
    done = resolved(hub, tmp_path, "owner/name", TOLD)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    told = [line.split() for line in done.stdout.splitlines()]
    assert {model for model, *_ in told} == {"owner/name"}
    far = [int(done_bytes) for _, done_bytes, _ in told]
    wanted = sum(len(FILES[name]) for name in ("model.bin", "config.json", "vocabulary.txt"))
    assert far == sorted(far) and told[-1][1:] == [str(wanted), str(wanted)]
    assert resolved(hub, tmp_path, "owner/name", TOLD).stdout == "", "what is here is not downloaded"


@pytest.mark.parametrize("missing", ["model.bin", "vocabulary.txt"])
def test_a_download_that_was_broken_off_is_not_taken_for_a_model(hub: Hub, tmp_path: Path, missing: str) -> None:
    hub.broken.add(missing)
    first = resolved(hub, tmp_path, "owner/name")
    assert first.returncode != 0 and "model 'owner/name' is not installed" in first.stderr
    (trees,) = tmp_path.glob("hub/*/trees")
    shutil.rmtree(trees)  # an older huggingface_hub does not write down what is to come
    hub.broken.clear()
    again = resolved(hub, tmp_path, "owner/name")
    assert again.returncode == 0, again.stderr
    assert (Path(again.stdout.strip()) / missing).read_bytes() == FILES[missing]


def test_a_model_in_the_cache_may_lack_what_it_does_not_need(hub: Hub, tmp_path: Path) -> None:
    folder = Path(resolved(hub, tmp_path, "owner/name").stdout.strip())
    (folder / "config.json").unlink()
    (trees,) = tmp_path.glob("hub/*/trees")
    shutil.rmtree(trees)
    before = len(hub.asked)
    assert resolved(hub, tmp_path, "owner/name").stdout.strip() == str(folder) and len(hub.asked) == before


@pytest.mark.parametrize("name", ["owner/nobody", "a/b/c", "owner/na me", "/nowhere/model"])
def test_a_model_that_nobody_has_is_named(hub: Hub, tmp_path: Path, name: str) -> None:
    done = resolved(hub, tmp_path, name)
    assert done.returncode != 0 and f"Unavailable: model {name!r} is not" in done.stderr, done.stderr


def test_parts_are_joined_and_the_whole_must_be_the_pinned_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module, half in (("weights_one", b"first "), ("weights_two", b"second")):
        (tmp_path / module).mkdir()
        (tmp_path / module / "__init__.py").touch()
        (tmp_path / module / "part").write_bytes(half)
    (tmp_path / "weights_one" / "config.json").write_text("{}")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(model_files, "packaged", lambda: tmp_path / "cache")

    def pinned(whole: bytes) -> None:
        parts = (("weights_one", "part"), ("weights_two", "part"))
        package = Package(parts, ("config.json",), hashlib.sha256(whole).hexdigest())
        monkeypatch.setattr(model_files, "PACKAGES", {"tiny.en": package})

    pinned(b"another model")
    with pytest.raises(Unavailable, match="not the official model: its SHA-256 differs"):
        resolve("tiny.en")
    assert list((tmp_path / "cache").iterdir()) == []
    pinned(b"first second")
    folder = resolve("tiny.en")
    assert (folder / "model.bin").read_bytes() == b"first second" and (folder / "config.json").read_text() == "{}"
    (tmp_path / "weights_one" / "part").write_bytes(b"changed")
    assert resolve("tiny.en") == folder


def test_a_model_that_is_here_is_found_without_the_library_of_the_hub(tmp_path: Path) -> None:
    (tmp_path / "model.bin").touch()
    code = RESOLVE + "; assert 'huggingface_hub.errors' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and done.stdout.strip() == str(tmp_path), done.stderr


def test_a_package_of_one_part_is_checked_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "weights_alone").mkdir()
    (tmp_path / "weights_alone" / "__init__.py").touch()
    file = tmp_path / "weights_alone" / "model.bin"
    file.write_bytes(b"official")
    monkeypatch.syspath_prepend(str(tmp_path))
    package = Package((("weights_alone", "model.bin"),), (), hashlib.sha256(b"official").hexdigest())
    monkeypatch.setattr(model_files, "PACKAGES", {"tiny.en": package})
    assert resolve("tiny.en") == file.parent
    file.write_bytes(b"tampered")
    with pytest.raises(Unavailable, match="SHA-256 differs"):
        resolve("tiny.en")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("tiny-en", "tiny.en"),
        ("smal", "small"),
        ("Large-V3", "large-v3"),
        ("large-v3-trubo", "large-v3-turbo"),
        ("distil-large-3", "distil-large-v3"),
        ("bass", "base"),
    ],
)
def test_a_misspelt_model_is_told_the_nearest_names(name: str, meant: str) -> None:
    with pytest.raises(Unavailable) as caught:
        resolve(name)
    assert f"did you mean '{meant}'" in caught.value.message
    assert "large-v3-turbo" in caught.value.hint


def test_a_folder_of_that_name_here_does_not_hide_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    with pytest.raises(Unavailable, match=r"did you mean '\./mine'"):
        resolve("mine")
    (tmp_path / "tiny.en").mkdir()
    assert resolve("tiny.en") != tmp_path / "tiny.en"


def test_a_name_that_is_like_no_model_is_told_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(model_files.PACKAGES, "parakeet", Package((), (), ""))
    with pytest.raises(Unavailable) as caught:
        resolve("xyz")
    assert "did you mean" not in caught.value.message
    assert "turbo, parakeet" in caught.value.hint
    with pytest.raises(Unavailable, match="did you mean 'parakeet'"):
        resolve("parakit")


def test_a_speaker_model_of_the_hub_is_put_where_it_is_looked_for(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    install = "import sys; from daemon.cli.app import main; sys.argv[1:] = ['speakers', 'install', '--hub', *sys.argv[1:]]; main()"
    done = resolved(hub, tmp_path, "owner/name", install)
    assert done.returncode == 0, done.stderr
    file = speaker_model("owner/name")
    assert str(file) in done.stdout and file.read_bytes() == FILES["resnet.onnx"]
    monkeypatch.setitem(FILES, "ecapa.onnx", b"others")
    for name, says in (("owner/name", "2 files for ONNX Runtime (ecapa.onnx, resnet.onnx)"), ("no/such", "cannot be")):
        refused = resolved(hub, tmp_path / "new", name, install)
        assert refused.returncode == 4 and says in refused.stderr and "speakers] model" in refused.stderr, (
            refused.stderr
        )
