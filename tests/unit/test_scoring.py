"""Word error rates."""

from daemon.bench.scoring import agreement, wer


def test_errors_are_counted_on_normalized_words() -> None:
    assert wer(["Two chairs, please."], ["2 chairs please"]) == 0.0
    assert wer(["red green blue grey"], ["red blue grey grey"]) == 50.0
    assert wer(["", "red green"], ["made up", "red green"]) == 100.0
    assert agreement(["a b c d"], ["a b c x"]) == 75.0
