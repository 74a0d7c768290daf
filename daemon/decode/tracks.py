"""Which of the audio tracks of a recording are listened to, in which order (pure)."""

from collections.abc import Sequence
from dataclasses import dataclass

from daemon.config.languages import same_language
from daemon.errors import BadRecording
from daemon.sound import Track


@dataclass(frozen=True, slots=True)
class Playlist:
    """The numbers of tracks, in the order in which they are listened to."""

    tracks: tuple[int, ...]
    alternatives: bool
    """Whether a track is only listened to if those before it have no speech, or cannot be decoded."""


def playlist(tracks: Sequence[Track], wanted: str | int, language: str) -> Playlist:
    """Choose among the audio tracks of a recording.

    Args:
        tracks: All of them.
        wanted: As `Options.audio_tracks` has it: `auto`, `all`, the number of a track, or the language of one.
        language: The language that the recording is expected in; `auto` if that is not known.

    Raises:
        BadRecording: None of the tracks is as wanted, or can be decoded.
    """
    known = [track for track in tracks if track.codec]
    if not known:
        raise BadRecording("its audio is in a format that FFmpeg does not know", "convert it to wav or mp3")
    match wanted:
        case "auto":
            ordered = sorted(
                known, key=lambda track: (not same_language(track.language, language), not track.is_default)
            )
            return Playlist(tuple(track.number for track in ordered), alternatives=True)
        case "all":
            return Playlist(tuple(track.number for track in known), alternatives=False)
        case int():
            chosen = [track.number for track in known if track.number == wanted]
        case _:
            chosen = [track.number for track in known if same_language(track.language, wanted)][:1]
    if not chosen:
        raise BadRecording(
            f"has no audio track {wanted!r} that can be decoded; it has {described(tracks)}",
            'set audio_tracks to one of them, or to "auto"',
        )
    return Playlist(tuple(chosen), alternatives=False)


def described(tracks: Sequence[Track]) -> str:
    """Return the tracks as a list for people."""
    return ", ".join(
        f"{track.number} ({', '.join(filter(None, (track.language, track.codec or 'an unknown format', track.title)))})"
        for track in tracks
    )
