"""Renders the cues of a transcript as files of subtitles, and as those for lyrics. Pure."""

import re
from collections.abc import Callable, Iterable
from itertools import cycle

import pysubs2

from daemon.publish.subtitles import Cue
from daemon.publish.transcript import Transcript

TAG = re.compile(r"<(?=[/!?a-zA-Z])")
"""Where players see the beginning of a tag, such as the one for italics."""
COLOURS = tuple(
    pysubs2.Color(*(int(colour[at : at + 2], 16) for at in (0, 2, 4)))
    for colour in "ffffff ffff00 00ffff 80ff80 ffb366 ff99cc c8b4ff d2e59e".split()
)
"""Of those who speak, in turn: light, for players draw a dark border; the first four as on television."""

Text = Callable[[Cue], str]


def srt(transcript: Transcript) -> str:
    """Render subtitles for nearly every player."""
    return _file(transcript.cues, lambda cue: _plain(cue.named)).to_string("srt")


def vtt(transcript: Transcript) -> str:
    """Render subtitles for browsers: each cue says whose voice it is."""

    def text(cue: Cue) -> str:
        voice = f"<v {_webvtt(_harmless(cue.speaker))}>" if cue.speaker else ""
        return voice + _webvtt(_harmless(cue.text))

    return _file(transcript.cues, text).to_string("vtt")


def ass(transcript: Transcript) -> str:
    """Render subtitles with styles: each who speaks has a style with a colour, and is named in all of their cues."""
    file = _file(transcript.cues, lambda cue: _plain(cue.named))
    names = [_ass_field(cue.speaker) for cue in transcript.cues]
    for event, name in zip(file, names, strict=True):
        if name:
            event.name = event.style = name
    for name, colour in zip(dict.fromkeys(filter(None, names)), cycle(COLOURS), strict=False):
        file.styles[name] = pysubs2.SSAStyle(primarycolor=colour)
    return file.to_string("ass")


def lrc(transcript: Transcript) -> str:
    """Render lyrics: a time and a text in each line."""
    lines = []
    for cue in transcript.cues:
        seconds, hundredths = divmod(round(cue.start_s * 100), 100)
        lines.append(f"[{seconds // 60:02}:{seconds % 60:02}.{hundredths:02}]{cue.named.replace(chr(10), ' ')}\n")
    return "".join(lines)


def _file(cues: Iterable[Cue], text: Text) -> pysubs2.SSAFile:
    file = pysubs2.SSAFile()
    for cue in cues:
        shown = text(cue).replace("\n", "\\N")
        file.append(pysubs2.SSAEvent(start=round(cue.start_s * 1000), end=round(cue.end_s * 1000), text=shown))
    return file


def _harmless(text: str) -> str:
    """Return text without braces and backslashes, which are commands in a subtitle file."""
    return text.replace("{", "(").replace("}", ")").replace("\\", "/")


def _plain(text: str) -> str:
    """Return text that no player of srt or ass takes for a tag or for the line of a cue's times: neither can escape."""
    return TAG.sub("‹", _harmless(text)).replace("-->", "--›")


def _webvtt(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _ass_field(name: str) -> str:
    """Return a name as a field between commas; some players take a star before a style for a part of the format."""
    return _harmless(name).replace(",", ";").strip(" *")
