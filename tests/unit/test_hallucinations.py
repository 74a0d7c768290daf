import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.transcribe.hallucinations import PHRASES, is_hallucination


@pytest.mark.parametrize("phrase", sorted(PHRASES))
def test_every_phrase_is_known_as_it_is_listed(phrase: str) -> None:
    assert is_hallucination(phrase)


@given(st.sampled_from(sorted(PHRASES)), st.sampled_from(["{}.", "  {}!!", "… {} …", "«{}»", "\n{}\t"]))
def test_case_and_punctuation_do_not_matter(phrase: str, form: str) -> None:
    assert is_hallucination(form.format(phrase.upper())) or phrase.upper().lower() != phrase


@pytest.mark.parametrize("text", ["", "...", "thank you, Anna", "so what", "bye bye bye", "thankyou"])
def test_more_or_less_than_a_phrase_is_none(text: str) -> None:
    assert not is_hallucination(text)
