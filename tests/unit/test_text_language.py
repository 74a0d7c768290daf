"""Which language a text is in, for models that do not say."""

import pytest

from daemon.config.onnx_models import EUROPEAN
from daemon.engine.text_language import TextLanguage


@pytest.fixture(scope="module")
def european() -> TextLanguage:
    return TextLanguage(EUROPEAN)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("The meeting begins at ten, and everybody is asked to be there in time.", "en"),
        ("Die Besprechung beginnt um zehn, und alle werden gebeten, pünktlich zu sein.", "de"),
        ("La réunion commence à dix heures et tout le monde est prié d'être à l'heure.", "fr"),
        ("Зустріч починається о десятій, і всіх просять прийти вчасно.", "uk"),
        ("Kokous alkaa kymmeneltä, ja kaikkia pyydetään olemaan ajoissa.", "fi"),
        ("Il-laqgħa tibda fl-għaxra u kulħadd huwa mitlub ikun hemm fil-ħin.", "mt"),
    ],
)
def test_a_sentence_tells_its_language(european: TextLanguage, text: str, language: str) -> None:
    code, probability = european.tell(text, fallback="")
    assert code == language and 0.8 < probability <= 1
    assert european.tell(text, fallback="sv")[0] == language


def test_what_is_unsure_is_in_the_language_of_the_recording(european: TextLanguage) -> None:
    guess, probability = european.tell("Ja.", fallback="")
    assert guess in EUROPEAN and probability < 0.8
    assert european.tell("Ja.", fallback="de") == ("de", probability)


def test_of_no_words_nothing_can_be_told(european: TextLanguage) -> None:
    assert european.tell("", fallback="") == ("en", 0.0)
    assert european.tell("12 34 …", fallback="de") == ("de", 0.0)


def test_only_languages_of_the_model_are_told() -> None:
    assert TextLanguage(("ru", "en")).tell("Die Besprechung beginnt um zehn.", fallback="")[0] == "en"
