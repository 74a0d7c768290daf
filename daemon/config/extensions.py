"""The extensions of recordings: those that are taken by default, and what `[watching] extensions` makes of them."""

import re
from collections.abc import Iterable

from daemon.config.formats import EXTENSIONS

MEDIA = frozenset(
    """
    .3g2 .3ga .3gp .3gp2 .3gpp .3gpp2 .8svx .aa3 .aac .ac3 .aif .aifc .aiff .amb .amr .ape .asf .au .avi .awb
    .bw64 .bwf .caf .dff .divx .dsf .dss .dts .dv .dvr-ms .eac3 .ec3 .f4a .f4v .flac .flv .gsm .latm .loas .m2a
    .m2p .m2t .m2ts .m4a .m4b .m4r .m4v .mk3d .mka .mkv .mov .mp1 .mp2 .mp3 .mp4 .mpa .mpc .mpeg .mpg .mpga .mqv
    .mts .mxf .nist .oga .ogg .ogm .ogv .ogx .oma .opus .qt .ra .rf64 .rm .rmvb .sf .snd .sph .spx .tak .tod .tp
    .trp .ts .tta .voc .vob .vro .w64 .wav .wave .weba .webm .wm .wma .wmv .wtv .wv
    """.split()
)
"""What is taken by default: what people record, and FFmpeg tells from its content. Raw samples without a header, such
as .ulaw and .sln, are not among them: nothing in the file says what they are."""

EXTENSION = re.compile(r"\.[0-9_-]*[a-z][a-z0-9_-]{0,15}", re.IGNORECASE)
"""What counts as an extension: in `Meeting 2024.11.28` the last dot begins none."""


def known_change(change: str) -> str:
    """Check an entry of `[watching] extensions` and return it in lower case.

    Raises:
        ValueError: It is no extension, is that of a transcript, or removes what is not taken anyway.
    """
    extension = change.lower().removeprefix("-")
    if not EXTENSION.fullmatch(extension):
        raise ValueError("must be an extension to take, such as '.xyz', or one to leave alone, such as '-.ts'")
    if extension in EXTENSIONS:
        raise ValueError("files named like transcripts are never recordings")
    if change.startswith("-") and extension not in MEDIA:
        raise ValueError("is not taken anyway")
    return change.lower()


def changed(changes: Iterable[str]) -> frozenset[str]:
    """Return the extensions of recordings, in lower case, after the changes of `[watching] extensions`."""
    entries = set(changes)
    removed = {entry.removeprefix("-") for entry in entries if entry.startswith("-")}
    return (MEDIA | {entry for entry in entries if entry.startswith(".")}) - removed
