"""An engine elsewhere is ready once its server hears the clip right, and says what it can do."""

import json
from pathlib import Path
from typing import Any

import pytest

from daemon.engine.elsewhere.loader import load
from daemon.engine.elsewhere.model import ElsewhereModel
from daemon.engine.registry import load as load_engine
from daemon.errors import Unavailable
from daemon.processes.protocol import Ready, Server
from tests.servers import Answer, Asked, FakeServer, Reply, verbose

SAID = "Let us meet at the station at ten."


def lists(*names: str, owner: str = "somebody", then: Answer = lambda _asked: None) -> Answer:
    models = [{"id": name, "object": "model", "owned_by": owner} for name in names]

    def answer(asked: Asked) -> Reply | None:
        return Reply(json.dumps({"data": models}).encode()) if asked.path == "/v1/models" else then(asked)

    return answer


def loaded(answer: Answer = lambda _asked: None, **fields: Any) -> tuple[Ready, FakeServer]:
    with FakeServer(answer) as house:
        return load(house.order(**fields))[1], house


def refused(answer: Answer, **fields: Any) -> Unavailable:
    with pytest.raises(Unavailable) as caught:
        loaded(answer, **fields)
    return caught.value


def test_a_server_that_hears_the_clip_is_ready() -> None:
    ready, house = loaded()
    assert (ready.model, ready.device, ready.compute_type) == ("tiny.en", house.place, "unknown")
    assert (ready.workers, ready.batch_size) == (4, 1)
    assert (ready.languages, ready.tasks) == (("en",), ("transcribe",))
    assert (ready.canary, ready.policy, ready.word_times) == (SAID, "elsewhere", False)
    (clip,) = [asked for asked in house.asked if asked.audio]
    assert clip.fields["model"] == ["tiny.en"] and clip.fields["language"] == ["en"]
    assert clip.fields["timestamp_granularities[]"] == ["segment", "word"]


def test_it_is_found_by_the_registry_and_its_model_is_told_from_those_of_this_machine() -> None:
    with FakeServer() as house:
        assert load_engine(house.order())[1].model == "elsewhere:tiny.en"


def test_words_are_there_if_the_clip_has_them() -> None:
    words = [{"word": word, "start": 0.2 * at, "end": 0.2 * at + 0.1} for at, word in enumerate(SAID.split())]
    ready, _ = loaded(lambda asked: verbose(SAID, words=words) if asked.audio else None)
    assert ready.word_times


def test_a_model_that_knows_more_than_english_translates_where_the_server_can() -> None:
    ready, _ = loaded(lists("large-v3"))
    assert "de" in ready.languages and ready.tasks == ("transcribe", "translate", "both")

    def cannot(asked: Asked) -> Reply | None:
        return Reply(status=404) if asked.path.endswith("/translations") else None

    assert loaded(lists("large-v3", then=cannot))[0].tasks == ("transcribe",)


def test_a_daemon_like_this_one_has_judged_its_texts_itself_and_is_asked_for_its_own_model() -> None:
    ready, _ = loaded(lists("base", "whisper-1", owner="transcribed"))
    assert (ready.model, ready.policy) == ("base", "accept")


def test_a_server_that_lists_nothing_is_told_to_find_out_the_language() -> None:
    def unlisted(asked: Asked) -> Reply | None:
        return Reply(status=404) if asked.path == "/v1/models" else None

    with FakeServer(unlisted) as house:
        model, ready = load(house.order())
        assert ready.model == "whisper-1"
        assert isinstance(model, ElsewhereModel) and model.says_auto
    assert loaded(unlisted, name="ggml-base")[0].model == "ggml-base"


@pytest.mark.parametrize(
    ("names", "name", "says"),
    [
        (("a", "b"), "", "lists a, b"), (("a", "b"), "c", "has no model 'c'; it lists a, b"), ((), "", "lists none"),
        (tuple(map(str, range(99))), "", "11, …"),
    ],
)  # fmt: skip
def test_which_model_is_not_guessed(names: tuple[str, ...], name: str, says: str) -> None:
    error = refused(lists(*names), name=name)
    assert says in error.message and error.hint == "set engines[0].model to the one that is to be used"
    assert loaded(lists("a", "b"), name="b")[0].model == "b"


@pytest.mark.parametrize(
    ("reply", "says", "hint"),
    [
        (Reply(b"<html>"), "does not list its models", "/v1"), (Reply(b'{"data": 7}'), "does not list", "/v1"),
        (Reply(b'{"data": [{"id": 7}]}'), "does not list", "/v1"), (Reply(b"[]"), "does not list", "/v1"),
        (Reply(status=401), "answered 401", "api_key_file"), (Reply(status=503), "answered 503", ""),
        (Reply(status=301), "answered 301", "redirects"),
    ],
)  # fmt: skip
def test_a_server_that_is_not_one_is_told_with_the_way_out(reply: Reply, says: str, hint: str) -> None:
    error = refused(lambda asked: reply if asked.path == "/v1/models" else None)
    assert says in error.message and hint in error.hint


def test_a_model_may_write_the_clip_in_its_own_way() -> None:
    assert loaded(lambda asked: verbose("Let's meet at the station at 10.") if asked.audio else None)[0].canary


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        (verbose("Thank you for watching."), "hears 'Thank you for watching.' in a clip that says 'Let us meet"),
        (verbose(""), "hears ''"), (Reply(b"{}"), "gave no answer that can be used"),
        (Reply(b'{"error": {"message": "response_format verbose_json is not known"}}', 400), "verbose_json is not known"),
        (Reply(status=404), "answered 404"),
    ],
)  # fmt: skip
def test_one_that_hears_something_else_is_not_trusted(reply: Reply, says: str) -> None:
    assert says in refused(lambda asked: reply if asked.audio else None).message


def test_a_key_that_the_server_repeats_is_in_no_message(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("hunter2")
    said = Reply(b'{"error": {"message": "hunter2 may not"}}', 422)
    with FakeServer(lambda asked: said if asked.audio else None) as house:
        order = house.order(server=Server("engines[0]", house.url, str(tmp_path / "key")))
        with pytest.raises(Unavailable) as caught:
            load(order)
    assert "… may not" in caught.value.message and "hunter2" not in str(caught.value)
