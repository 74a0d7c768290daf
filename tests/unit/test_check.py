"""Errors that show only when several keys are seen together."""

from pathlib import Path

import pytest

from daemon.config import reader
from daemon.config.settings import Settings
from daemon.errors import BadConfig


def load(tmp_path: Path, text: str) -> Settings:
    file = tmp_path / "config.toml"
    file.write_text(text)
    return reader.load(file)


def test_errors_that_several_keys_make_together_are_reported_with_the_others(tmp_path: Path) -> None:
    with pytest.raises(BadConfig) as caught:
        load(
            tmp_path,
            """
            [[watch]]
            formats = ["doc", "txt", "odt"]
            language = "de"
            [[watch]]
            path = "./inbox"
            [model]
            batch_size = 0
            [monitor]
            notify = ["json://a", "hunter2"]
            interval_seconds = "often"
            gpu_temperature_pause_c = 80
            gpu_temperature_resume_c = 81
            [monitor.rules.memory]
            clear = 95
            fires = 2
            """,
        )
    lines = caught.value.message.splitlines()
    assert sorted(line.removeprefix(f"{tmp_path}/config.toml: ").split(": ")[0] for line in lines) == [
        "model.batch_size",
        "monitor.gpu_temperature_resume_c",
        "monitor.interval_seconds",
        "monitor.notify[1]",
        "monitor.rules.memory.clear",
        "monitor.rules.memory.fires",
        "watch",
        "watch[0]",
        "watch[0].formats[0]",
        "watch[0].formats[2]",
    ]


def test_a_key_that_is_wrong_by_itself_is_not_held_against_others_as_its_default(tmp_path: Path) -> None:
    for wrong, innocent in (
        ('[model]\nname = ""', '[[watch]]\nlanguage = "de"'),
        ('[model]\nengine = "wisper"', '[[watch]]\nlanguage = "de"'),
        ("[monitor]\nmemory_percent = 500", "[monitor.rules.memory]\nclear = 95"),
        ("[monitor]\ngpu_temperature_resume_c = 90\ngpu_temperature_pause_c = -1", ""),
    ):
        with pytest.raises(BadConfig) as caught:
            load(tmp_path, f"{wrong}\n{innocent}")
        assert len(caught.value.message.splitlines()) == 1, caught.value.message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cue_min_seconds = 8", "subtitles.cue_max_seconds: must be at least cue_min_seconds (8), not 7"),
        ("chars_per_second = 21", "subtitles.chars_per_second_max: must be at least chars_per_second (21), not 20"),
    ],
)
def test_limits_of_subtitles_that_contradict_each_other_are_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(BadConfig) as caught:
        load(tmp_path, f"[subtitles]\n{text}")
    assert message in caught.value.message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[[watch]]\nafter_success = "delete"', "watch[0].after_success_days: must be more than 0 with after_success"),
        ('[[watch]]\nafter_success = "move"\n[[watch]]\npath = "inbox/done"', "watch[0].done_folder: "),
        (
            '[[watch]]\nafter_success = "move"\ndone_folder = "a/b"\n[[watch]]\npath = "inbox/a"',
            "watch[0].done_folder: ",
        ),
        ('[hooks]\nwebhook_url = "https://example.org/"', "hooks.webhook_secret_file: is needed with webhook_url"),
        ('[hooks]\nnotify = ["json://a", "hunter2"]', "hooks.notify[1]: is not an Apprise URL"),
        ('[web]\napi_folder = "elsewhere"', "elsewhere is neither a watched folder nor in one"),
    ],
)
def test_hooks_and_what_becomes_of_recordings_are_checked(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(BadConfig) as caught:
        load(tmp_path, text)
    (line,) = caught.value.message.splitlines()
    assert message in line and "hunter2" not in line


def test_the_folder_of_the_api_is_a_watched_one_or_in_one(tmp_path: Path) -> None:
    for name in ("inbox", "inbox/api"):
        assert load(tmp_path, f'[web]\napi_folder = "{name}"').web.api_folder == str(tmp_path / name)


def test_a_done_folder_beside_others_or_without_a_move_is_no_problem(tmp_path: Path) -> None:
    load(tmp_path, '[[watch]]\nafter_success = "move"\n[[watch]]\npath = "inbox/don"')
    load(tmp_path, '[[watch]]\n[[watch]]\npath = "inbox/done"')


def test_the_secret_is_read_only_where_messages_are_sent(tmp_path: Path) -> None:
    text = '[hooks]\nwebhook_url = "https://example.org/"\nwebhook_secret_file = "secret"'
    assert load(tmp_path, text).hooks.webhook_secret_file == str(tmp_path / "secret")
    with pytest.raises(BadConfig, match=r"hooks\.webhook_secret_file: .*secret cannot be read"):
        reader.load(tmp_path / "config.toml", lambda _url: True)


@pytest.mark.parametrize(
    ("model", "watch", "message"),
    [
        (
            'preset = "rtx3090"',
            "",
            "model.preset: is for Whisper models: with engine 'onnx' leave it out, or use 'cpu'",
        ),
        ('compute_type = "int8_float16"', "", "model.compute_type: is for Whisper models"),
        ("", 'language = "ja"', "language 'ja', task 'transcribe', but 'nemo-parakeet-tdt-0.6b-v3' knows no 'ja'"),
        ("", 'task = "both"', "task 'both', but 'nemo-parakeet-tdt-0.6b-v3' cannot translate"),
        ("", 'model = "nemo-canary-1b-v2"', "but 'nemo-canary-1b-v2' cannot tell which language is spoken"),
    ],
)
def test_what_a_model_for_onnx_lacks_is_refused(tmp_path: Path, model: str, watch: str, message: str) -> None:
    text = f'[model]\nengine = "{{}}"\nname = "nemo-parakeet-tdt-0.6b-v3"\n{model}\n[[watch]]\n{watch}'
    with pytest.raises(BadConfig) as caught:
        load(tmp_path, text.format("onnx"))
    (line,) = caught.value.message.splitlines()
    assert message in line
    load(tmp_path, text.format("fake"))


@pytest.mark.parametrize(
    ("model", "watch"),
    [
        ('name = "nemo-parakeet-tdt-0.6b-v3"\npreset = "edge"', 'language = "uk"'),
        ('name = "nemo-canary-1b-v2"\ncompute_type = "float32"', 'language = "de"\ntask = "both"'),
        ('name = "somebody/a-model-of-mine"', 'language = "eu"'),
    ],
)
def test_what_a_model_for_onnx_can_do_or_nobody_knows_is_taken(tmp_path: Path, model: str, watch: str) -> None:
    load(tmp_path, f'[model]\nengine = "onnx"\n{model}\n[[watch]]\n{watch}')
