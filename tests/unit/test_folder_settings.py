"""Options that folders and recordings have of their own."""

import os
from pathlib import Path
from typing import Any

import pytest

from daemon.config import folder_settings, reader
from daemon.config.folder_settings import BYTES_MAX, ERRORS_MAX, FolderSettings, language_in
from daemon.config.options import Resolved


class Folders:
    """A watched folder `inbox` with settings of its own."""

    def __init__(self, folder: Path, watch: str = "") -> None:
        (folder / "inbox" / "calls" / "late").mkdir(parents=True)
        config = folder / "config.toml"
        config.write_text(f'[[watch]]\npath = "inbox"\nlanguage = "en"\n{watch}\n[languages.de]\nbeam_size = 8\n')
        self.inbox = folder / "inbox"
        self.settings = FolderSettings(reader.load(config), config)

    def write(self, name: str, text: str | bytes) -> Path:
        path = self.inbox / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    def of(self, name: str) -> tuple[Resolved, tuple[str, ...]]:
        return self.settings.resolve(bytes(self.inbox / name))


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(tmp_path)


def test_the_file_of_the_innermost_folder_wins_and_that_beside_the_recording_wins_over_all(folders: Folders) -> None:
    folders.write(".transcribed.toml", 'formats = ["md"]\nvad = false\npriority = 1\nhotwords = ["Ann"]')
    inner = folders.write("calls/.transcribed.toml", "priority = 2\nword_timestamps = true\nvad_threshold = 0.25")
    beside = folders.write("calls/late/a.mp3.toml", 'priority = 3\nlanguage = "de"')
    resolved, errors = folders.of("calls/late/a.mp3")
    options = resolved.options
    assert (options.formats, options.vad, options.word_timestamps, options.vad_threshold) == (
        ("md",),
        False,
        True,
        0.25,
    )
    assert (resolved.priority, options.language, options.hotwords, errors) == (3, "de", ("Ann",), ())
    assert options.beam_size == 8, "what counts for the language that a file names"
    assert str(resolved.values["priority"].source) == f"{beside}: priority"
    assert str(resolved.values["word_timestamps"].source) == f"{inner}: word_timestamps"
    assert folders.of("calls/b.mp3")[0].priority == 2 and folders.of("b.mp3")[0].priority == 1
    assert str(folders.of("b.mp3")[0].values["language"].source) == "config.toml: watch[0].language"


def test_a_change_counts_at_once_and_a_file_that_is_gone_counts_no_more(folders: Folders) -> None:
    path = folders.write(".transcribed.toml", 'language = "de"')
    assert folders.of("a.mp3")[0].options.language == "de"
    folders.write(".transcribed.toml", 'language = "fr"  # longer')
    assert folders.of("a.mp3")[0].options.language == "fr"
    path.unlink()
    assert folders.of("a.mp3")[0].options.language == "en"


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("language = ", "is not TOML"),
        (b"language = \xff", "is not UTF-8"),
        ("#" * (BYTES_MAX + 1), f"has more than {BYTES_MAX} bytes"),
        ('language = "klingon"', "language: unknown language 'klingon'"),
        ('model = "large-v3"', "model: must be one of tiny.en; config.toml can allow more with [model] others"),
        ('hotwords = "/etc/shadow"', "hotwords: must be a list here"),
        ('suppress_words = "/etc/shadow"', "suppress_words: must be a list here"),
        ("formats = []", "formats: "),
        (
            'on_done = ["/bin/touch", "/tmp/x"]',
            "on_done: is for config.toml alone, unless it says hooks_in_folders = true",
        ),
        ('after_success = "delete"', "after_success: unknown key"),
        ("priority = 1.5", "priority: "),
        ("[vad]\nenabled = true", "vad: Input should be a valid boolean"),
        (f"priority = {2**63}", "priority: Input should be less than or equal to 1000000"),
        ("a = " + "[" * 3000, "cannot be read: RecursionError"),
        ("priority.a = 0x" + "f" * 6000, "priority: Input should be a valid integer, not this"),
        ("priority" + ".a" * 7000 + " = 1", "has keys of far too many parts"),
        ("language = {" + "a." * 7000 + "a = 1}", "has keys of far too many parts"),
        ("\n".join(f"k{number} = 1" for number in range(100)), "k0: unknown key"),
    ],
)
def test_a_broken_file_keeps_what_it_said_before_and_says_so(folders: Folders, broken: str | bytes, said: str) -> None:
    folders.write(".transcribed.toml", 'language = "de"')
    folders.of("a.mp3")
    path = folders.write(".transcribed.toml", broken)
    for _ in range(2):
        resolved, (error, *_) = folders.of("a.mp3")
        assert resolved.options.language == "de" and error.startswith(f"{path}: ") and said in error
    folders.write(".transcribed.toml", 'language = "it"')
    resolved, errors = folders.of("a.mp3")
    assert resolved.options.language == "it" and errors == ()


def test_every_error_is_told_at_once_and_one_that_was_never_right_says_nothing(folders: Folders) -> None:
    folders.write(".transcribed.toml", 'language = "xx"\nformats = ["doc"]\nbogus = 1')
    resolved, errors = folders.of("a.mp3")
    assert len(errors) == 3 and resolved.options.language == "en"


def test_each_version_is_told_once(folders: Folders) -> None:
    told: list[str] = []
    folders.settings._tell = told.append
    for text, count in (
        ("language = 1", 1),
        ("language = 1", 1),
        ("language = 22", 2),
        ('language = "de"', 2),
        ("x = 1", 3),
    ):
        path = folders.inbox / ".transcribed.toml"
        if not path.exists() or path.read_text() != text:
            folders.write(".transcribed.toml", text)
        folders.of("a.mp3")
        folders.of("calls/b.mp3")
        assert len(told) == count


def test_of_many_errors_some_are_told(folders: Folders) -> None:
    folders.write(".transcribed.toml", "\n".join(f"k{number} = 1" for number in range(100)))
    _, errors = folders.of("a.mp3")
    assert len(errors) == ERRORS_MAX + 1 and errors[-1].endswith("has 95 more errors")


def test_a_folder_far_below_is_reached_in_one_walk(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    below, depth = "/".join(["a"] * 300), 300
    (folders.inbox / below).mkdir(parents=True)
    (folders.inbox / below / ".transcribed.toml").write_text("priority = 4")
    opened: list[object] = []
    real = os.open

    def counted(path: Any, *given: Any, **more: Any) -> int:
        opened.append(path)
        return real(path, *given, **more)

    monkeypatch.setattr(os, "open", counted)
    resolved, errors = folders.of(f"{below}/b.mp3")
    assert (resolved.priority, errors) == (4, ()) and len(opened) <= 2 * depth + 5


def test_what_is_no_file_or_has_too_long_a_name_is_none(folders: Folders) -> None:
    os.mkfifo(folders.inbox / ".transcribed.toml")
    _, (error,) = folders.of("a.mp3")
    assert "cannot be read: not a regular file" in error
    (folders.inbox / ".transcribed.toml").unlink()
    assert folders.of("n" * 250 + ".mp3")[1] == ()


def test_a_link_is_not_followed(folders: Folders, tmp_path: Path) -> None:
    (tmp_path / "outside.toml").write_text('language = "de"')
    (folders.inbox / ".transcribed.toml").symlink_to(tmp_path / "outside.toml")
    resolved, (error,) = folders.of("a.mp3")
    assert resolved.options.language == "en" and "cannot be read" in error


def test_a_name_says_its_language_where_that_is_switched_on(tmp_path: Path) -> None:
    folders = Folders(tmp_path, "language_in_names = true")
    folders.write(".transcribed.toml", 'language = "fr"')
    assert folders.of("talk.de.mp3")[0].options.language == "de"
    assert str(folders.of("talk.de.mp3")[0].values["language"].source) == "the name of the recording"
    assert folders.of("talk.mp3")[0].options.language == "fr"
    folders.write("talk.de.mp3.toml", 'language = "it"')
    assert folders.of("talk.de.mp3")[0].options.language == "it"


@pytest.mark.parametrize(
    ("name", "language"),
    [
        (b"talk.de.mp3", "de"),
        (b"a.b.EN.wav", "en"),
        (b"de.mp3", None),
        (b"talk.mp3", None),
        (b"talk.2.mp3", None),
        (b"talk.\xff.mp3", None),
        (b"talk", None),
    ],
)
def test_the_language_in_a_name(name: bytes, language: str | None) -> None:
    assert language_in(name) == language


def test_no_more_files_are_remembered_than_fit(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_settings, "REMEMBERED_MAX", 3)
    for number in range(10):
        folders.write(f"{number}.mp3.toml", f"priority = {number}")
        assert folders.of(f"{number}.mp3")[0].priority == number
    assert len(folders.settings._read) == 3
    assert folders.of("0.mp3")[0].priority == 0


def test_a_path_below_no_watched_folder_is_refused(folders: Folders) -> None:
    with pytest.raises(LookupError):
        folders.settings.resolve(b"/elsewhere/a.mp3")


def test_folders_may_have_commands_run_only_where_the_configuration_allows_it(tmp_path: Path) -> None:
    folders = Folders(tmp_path, 'hooks_in_folders = true\non_done = ["/bin/true"]')
    assert folders.of("a.mp3")[0].afterwards.on_done == ("/bin/true",)
    beside = folders.write("a.mp3.toml", 'on_done = ["/usr/bin/env", "x"]\non_failed = ["alas"]')
    resolved, errors = folders.of("a.mp3")
    assert (resolved.afterwards.on_done, resolved.afterwards.on_failed) == (("/usr/bin/env", "x"), ("alas",))
    assert str(resolved.values["on_done"].source) == f"{beside}: on_done" and errors == ()
    folders.write("a.mp3.toml", 'on_done = ["./here"]')
    resolved, (error,) = folders.of("a.mp3")
    assert "must begin with an absolute path" in error and resolved.afterwards.on_done == ("/usr/bin/env", "x")
