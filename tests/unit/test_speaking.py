"""Who speaks, as the pages are told."""

import json

from daemon.publish.transcript import Transcript
from daemon.web.speaking import speaking
from tests.builders import job, segment

LINES = [
    segment("Yes.", speaker="S1"),
    segment("I do.", speaker="S1"),
    segment("No.", speaker="S2"),
    segment("Hm."),
    segment("So?", speaker="S3"),
]


def test_a_name_is_shown_where_it_changes_and_has_one_colour() -> None:
    told = speaking(Transcript(job(), LINES, (), names={"S1": "Ada", "S3": "Ada"}), ())
    assert told["names"] == ["Ada", "", "S2", "", "Ada"]
    assert told["speakers"] == {"S1": ("Ada", 1), "S2": ("S2", 2), "S3": ("Ada", 1)}
    assert json.loads(told["speakers_json"]) == {"S1": ["Ada", 1], "S2": ["S2", 2], "S3": ["Ada", 1]}


def test_the_translation_names_them_likewise() -> None:
    told = speaking(Transcript(job(), LINES[:1], (), names={"S2": "Ben"}), [LINES[2], LINES[2], LINES[0]])
    assert told["english_names"] == ["Ben", "", "S1"] and told["speakers"]["S2"] == ("Ben", 2)


def test_where_nobody_is_known_channels_are_told_apart() -> None:
    apart = [segment("a", channel=1), segment("b", channel=2)]
    told = speaking(Transcript(job(), apart, ()), ())
    assert told["channels"] and told["speakers"] == {} and told["names"] == ["", ""]
    named = [segment("a", channel=1, speaker="S1"), segment("b", channel=2, speaker="S2")]
    assert not speaking(Transcript(job(), named, ()), ())["channels"]
