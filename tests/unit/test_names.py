"""Which names are those of recordings."""

import pytest

from daemon.config.settings import Watch, Watching
from daemon.watch.names import BOOKKEEPING, Kind, Names, extension


@pytest.mark.parametrize(
    ("name", "suffix"),
    [
        ("a.wav", ".wav"), ("A.WAV", ".wav"), ("a.b.mp3", ".mp3"), ("show.dvr-ms", ".dvr-ms"), ("old.3gp", ".3gp"),
        ("plain", ""), (".hidden", ""), ("Meeting 2024.11.28", ""), ("Call at 9.30 with Ann", ""), ("dot.", ""),
        ("rev.2", ""), ("a.tar.gz", ".gz"), ("\udcff.wav", ".wav"),
    ],
)  # fmt: skip
def test_extensions(name: str, suffix: str) -> None:
    assert extension(name.encode("utf-8", "surrogateescape")) == suffix


@pytest.mark.parametrize(
    "name",
    "a.3ga a.3gpp a.m4r a.bwf a.rf64 a.mxf a.eac3 a.dts a.wv a.snd a.mpa a.tta a.ape a.awb a.dss a.amr a.rm a.oma".split(),
)
def test_what_people_record_is_taken(name: str) -> None:
    assert Names().named(name.encode()) == (Kind.RECORDING, "")


def test_the_configuration_adds_and_removes_extensions() -> None:
    names = Names.of(Watch(), Watching(extensions=(".xyz", "-.ts", "-.M4A")))
    kinds = {name: names.named(name.encode())[0] for name in ("a.xyz", "a.XYZ", "a.ts", "a.m4a", "a.mp3", "a.txt")}
    assert kinds == {
        "a.xyz": Kind.RECORDING, "a.XYZ": Kind.RECORDING, "a.ts": Kind.OTHER, "a.m4a": Kind.OTHER,
        "a.mp3": Kind.RECORDING, "a.txt": Kind.TRANSCRIPT,
    }  # fmt: skip
    assert names.named(b"a.ts")[1] == "not named like a recording (.ts)"


def test_content_is_asked_only_of_files_without_an_extension_and_only_if_wanted() -> None:
    asked = {
        name for name in (b"plain", b"Call 2024.11.28", b"a.bin", b"a.wav") if Names(sniff=True).asks_content(name)
    }
    assert asked == {b"plain", b"Call 2024.11.28"} and not Names().asks_content(b"plain")


@pytest.mark.parametrize("name", [name.replace("*", "1000") for name in BOOKKEEPING])
def test_what_systems_keep_for_themselves_is_left_alone_whatever_is_configured(name: str) -> None:
    names = Names.of(Watch(ignore=()), Watching())
    for spelt in (name, name.upper(), name.lower()):
        assert "bookkeeping" in names.ignored(spelt.encode()), spelt


@pytest.mark.parametrize(
    "name",
    [
        "talk (conflicted copy 2024-11-28).mp3", "talk.sync-conflict-20241128-101112-ABCDEFG.mp3", "talk_conflict.mp3",
        "talk-DESKTOP-7.mp3", "Kopie von talk.mp3", "#1.mp3", "@home.wav", "recycled bottles.mp3", "$5.wav",
        "lost+found.wav", "Trash.mp3", "snapshot", "_.wav",
    ],
)  # fmt: skip
def test_copies_and_look_alikes_are_recordings(name: str) -> None:
    assert not Names().ignored(name.encode())
