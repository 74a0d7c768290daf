import pytest

from daemon.errors import BadConfig, TranscribedError, Unavailable


def test_what_happened_and_what_a_person_can_do_are_one_sentence() -> None:
    assert str(Unavailable("the disk is full", "delete something")) == "the disk is full; delete something"


def test_without_a_hint_there_is_only_what_happened() -> None:
    error = BadConfig("bogus: unknown key")
    assert (str(error), error.message, error.hint) == ("bogus: unknown key", "bogus: unknown key", "")


@pytest.mark.parametrize("kind", TranscribedError.__subclasses__(), ids=lambda kind: kind.__name__)
def test_commands_can_catch_every_kind(kind: type[TranscribedError]) -> None:
    with pytest.raises(TranscribedError, match="why"):
        raise kind("why")
