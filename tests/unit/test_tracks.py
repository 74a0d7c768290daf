"""Which audio tracks are listened to."""

import pytest

from daemon.config.languages import ISO_639_2, LANGUAGES, same_language
from daemon.decode.tracks import Playlist, playlist
from daemon.errors import BadRecording
from daemon.sound import Track

MUSIC = Track(1, "aac", 2, 48_000, "", "music", is_default=False)
GERMAN = Track(2, "ac3", 6, 48_000, "ger", "", is_default=True)
ENGLISH = Track(3, "aac", 2, 48_000, "eng", "comment", is_default=False)
UNKNOWN = Track(4, "", 0, 0, "fre", "", is_default=False)
ALL = (MUSIC, GERMAN, ENGLISH, UNKNOWN)


@pytest.mark.parametrize(
    ("wanted", "language", "expected"),
    [
        ("auto", "auto", Playlist((2, 1, 3), alternatives=True)),
        ("auto", "en", Playlist((3, 2, 1), alternatives=True)),
        ("auto", "it", Playlist((2, 1, 3), alternatives=True)),
        ("all", "auto", Playlist((1, 2, 3), alternatives=False)),
        (3, "auto", Playlist((3,), alternatives=False)),
        ("de", "auto", Playlist((2,), alternatives=False)),
        ("deu", "auto", Playlist((2,), alternatives=False)),
        ("en-GB", "auto", Playlist((3,), alternatives=False)),
    ],
)
def test_the_tracks_that_are_wanted_in_their_order(wanted: str | int, language: str, expected: Playlist) -> None:
    assert playlist(ALL, wanted, language) == expected


@pytest.mark.parametrize("wanted", [4, 9, "fre", "sv"])
def test_a_track_that_is_not_there_or_cannot_be_decoded_is_named(wanted: str | int) -> None:
    with pytest.raises(
        BadRecording, match=r"it has 1 \(aac, music\), 2 \(ger, ac3\), 3 .*4 \(fre, an unknown format\)"
    ):
        playlist(ALL, wanted, "auto")


def test_a_recording_whose_only_track_cannot_be_decoded() -> None:
    with pytest.raises(BadRecording, match="does not know"):
        playlist((UNKNOWN,), "auto", "auto")


def test_codes_of_three_letters_mean_languages_that_whisper_knows() -> None:
    assert set(ISO_639_2.values()) <= LANGUAGES
    assert same_language("GER", "de") and same_language("de_AT", "deu") and not same_language("", "")
    assert not same_language("und", "en")
