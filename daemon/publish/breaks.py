"""How well a line or a cue may end between two words. Pure."""

from itertools import pairwise

from daemon.config.languages import WITHOUT_SPACES
from daemon.publish.phrase_words import CLINGING, PHRASE_WORDS, PhraseWords
from daemon.publish.scripts import is_unspaced
from daemon.publish.utterances import TimedWord, Utterance

SENTENCE, CLAUSE, PHRASE, WORD, LEANING = 0.0, 1.5, 3.0, 5.0, 20.0
"""What it costs to break behind a sentence, behind other punctuation, before a conjunction or preposition, between any
two words, and behind a word that leans on the next one, such as an article."""

SENTENCE_ENDS = tuple(".!?…。！？؟।॥។။།")
CLAUSE_ENDS = tuple(",;:–—、，；：،؛၊")
CLOSING = "\"'”’»)]」』）"
"""What may stand between the end of a sentence and the next one."""
NO_WORDS = PhraseWords(frozenset(), frozenset())


def breaks(utterance: Utterance) -> list[float]:
    """Return the cost of a break in front of each word of an utterance and behind its last one."""
    small = phrase_words(utterance.language)
    words = utterance.words
    inner = [_cost(before, after, small) for before, after in pairwise(words)]
    return [SENTENCE, *inner, SENTENCE]


def phrase_words(language: str) -> PhraseWords:
    """Return the small words of a language; what is Latin in a language without spaces is mostly English."""
    known = PHRASE_WORDS.get({"nn": "no", "yue": "zh"}.get(language, language), NO_WORDS)
    if language not in WITHOUT_SPACES:
        return known
    english = PHRASE_WORDS["en"]
    return PhraseWords(known.openers | english.openers, known.determiners | english.determiners, english.titles)


def ends_sentence(text: str, following: str, small: PhraseWords) -> bool:
    """Return whether a word ends a sentence, as far as the words tell; abbreviations do not."""
    bare = text.rstrip(CLOSING)
    if not bare.endswith(SENTENCE_ENDS) or text.lower() in small.titles:
        return False
    # "the 3. of May", "J. Smith", "about … well": a stop or an ellipsis may end less than a sentence.
    is_stop = bare.endswith((".", "…"))
    return not (is_stop and (following[:1].islower() or (len(text) == 2 and text[0].isupper())))


def _cost(before: TimedWord, after: TimedWord, small: PhraseWords) -> float:
    text, following = before.text.lower(), after.text.lower().rstrip(".,;:!?")
    if ends_sentence(before.text, after.text, small):
        return SENTENCE
    if text.rstrip(CLOSING).endswith(CLAUSE_ENDS):
        return CLAUSE
    if _leans(text, small) or (after.text[0] in CLINGING and len(following) == 1):
        return LEANING
    if after.glue and is_unspaced(before.text[-1]) and is_unspaced(after.text[0]):
        return CLAUSE  # where no spaces stand between words, one stands for a comma
    return PHRASE if following in small.openers else WORD


def _leans(text: str, small: PhraseWords) -> bool:
    bare = text.strip("\"'“„«(")
    return bare in small.openers or bare in small.determiners or bare in small.titles
