"""What the names of models tell, and what is refused for it."""

import pytest

from daemon.config.languages import LANGUAGES
from daemon.config.onnx_models import EUROPEAN, FLASH, REPOSITORIES, known, lacking
from daemon.config.onnx_models import LANGUAGES as OF_MODELS


@pytest.mark.parametrize(
    ("name", "languages", "is_told"),
    [
        ("nemo-parakeet-tdt-0.6b-v3", EUROPEAN, False),
        ("istupakov/parakeet-tdt-0.6b-v3-onnx", EUROPEAN, False),
        ("/srv/models/parakeet-tdt-0.6b-v2-int8", ("en",), False),
        ("somebody/Parakeet_TDT_CTC-110m-ONNX-int8", ("en",), False),
        ("nemo-canary-1b-v2", EUROPEAN, True),
        ("istupakov/canary-180m-flash-onnx", FLASH, True),
        ("./models/canary-1b-v2/", EUROPEAN, True),
        ("gigaam-v3-e2e-ctc", ("ru",), False),
        ("t-tech/t-one", ("ru",), False),
    ],
)
def test_a_name_tells_languages_however_the_model_was_exported(
    name: str, languages: tuple[str, ...], is_told: bool
) -> None:
    found = known(name)
    assert found is not None and (found.languages, found.is_told) == (languages, is_told)


@pytest.mark.parametrize(
    "name",
    ["somebody/parakeet-tdt-0.6b-v3-basque-onnx-asr", "./models/mine", "parakeet", "onnx", "large-v3", "base.en"],
)
def test_a_model_that_was_trained_further_or_is_another_tells_nothing(name: str) -> None:
    assert known(name) is None and lacking(name, "eu", "translate") == ""


def test_every_short_name_is_of_a_known_model_and_every_language_can_be_configured() -> None:
    assert all(known(name) and known(name) == known(REPOSITORIES[name]) for name in REPOSITORIES)
    assert all(set(languages) <= LANGUAGES for languages in OF_MODELS.values())
    assert len(EUROPEAN) == len(set(EUROPEAN)) == 25


@pytest.mark.parametrize(
    ("model", "language", "task", "reason"),
    [
        ("nemo-parakeet-tdt-0.6b-v3", "auto", "transcribe", ""),
        ("nemo-parakeet-tdt-0.6b-v3", "de", "transcribe", ""),
        ("nemo-parakeet-tdt-0.6b-v3", "ja", "transcribe", "knows no 'ja', only en, bg, cs"),
        ("nemo-parakeet-tdt-0.6b-v3", "de", "translate", "cannot translate: of these models only Canary can"),
        ("nemo-parakeet-tdt-0.6b-v2", "auto", "both", "cannot translate"),
        ("nemo-canary-1b-v2", "de", "both", ""),
        ("nemo-canary-1b-v2", "auto", "transcribe", "cannot tell which language is spoken: set language to one of en"),
    ],
)
def test_what_a_model_lacks_is_said(model: str, language: str, task: str, reason: str) -> None:
    said = lacking(model, language, task)
    assert reason in said and bool(reason) == bool(said)
