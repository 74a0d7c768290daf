"""Files that mean harm: names, pointers to elsewhere, bombs, impossible headers, what is no file at all."""

import os
import socket
import stat
import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from random import Random

import av
import numpy as np

from tests.support import write_wav

PLAYLIST = "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:9.0,\n{target}\n#EXT-X-ENDLIST\n"
DASH = (
    '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period><AdaptationSet>'
    '<Representation id="1"><BaseURL>{target}</BaseURL></Representation></AdaptationSet></Period></MPD>'
)
POINTERS = {
    "hls.wav": PLAYLIST, "hls.mp3": PLAYLIST, "hls.ts": PLAYLIST, "list.m4a": "#EXTM3U\n{target}\n",
    "concat.wav": "ffconcat version 1.0\nfile {target}\n", "concat.mp3": "ffconcat version 1.0\nfile '{target}'\n",
    "dash.mp4": DASH,
    "sdp.wav": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n",
    "pls.ogg": "[playlist]\nFile1={target}\nNumberOfEntries=1\n",
    "smil.mp4": '<smil><body><audio src="{target}"/></body></smil>',
    "asx.asf": '<asx version="3.0"><entry><ref href="{target}"/></entry></asx>',
    "reference.mov": "rtsptext\nrtsp://127.0.0.1/x {target}\n",
}  # fmt: skip
"""Playlists and the like, under the names of media. `{target}` becomes an address or a file."""

NAMES = [
    b"new\nline.wav", b"tab\t.wav", b"bell\x07.wav", b"escape\x1b[2J.wav", b"\xff\xfe.wav", b"half \xc3.wav",
    b"-rf.wav", b"--config.wav", b" leading.wav", b"trailing .wav", b"a;rm -rf x.wav", b"$(touch x).wav",
    b"`touch y`.wav", b"quote'.wav", b'double".wav', b"back\\slash.wav", b"%s%n%d.wav", b"{0}.wav", b"star*.wav",
    b"question?.wav", b"[brackets].wav", b"a|b.wav", b"a&b.wav", b"<angle>.wav", b"#hash.wav", b"100%.wav",
    b"semi;colon.wav", b"comma,.wav", b"equal=.wav", b"CON.wav", b"NUL.wav", b"w..wav", b"a..b.wav", b"dot..wav",
    "ümläut.wav".encode(), "u\u0308.wav".encode(), "中文.wav".encode(), "日本語 録音.wav".encode(),
    "עברית.wav".encode(), "\u202egnp.wav".encode(), "\u200b.wav".encode(), "\ufeffbom.wav".encode(), "🎙️.wav".encode(),
    "e\u0301\u0301\u0301.wav".encode(), b"null.wav", b"None.wav", b"0.wav", b"-1.wav", b"1e308.wav", b"' OR 1=1 --.wav",
    b"; DROP TABLE jobs.wav", b"a.txt.wav", b"a.json.wav", b"UPPER.WAV", b"MiXeD.WaV", b"a" * 251 + b".wav",
    "ü".encode() * 125 + b".wav", b"b" * 250 + b".flac", b"\x01\x02\x03.wav", b"\x7f.wav",
]  # fmt: skip
"""Sixty legal file names."""


def names(folder: Path) -> list[bytes]:
    """Good recordings with strange names; paths relative to the folder."""
    source = write_wav(folder / "source.wav", 0.3).read_bytes()
    (folder / "source.wav").unlink()
    for number, name in enumerate(NAMES):
        content = source[:-4] + number.to_bytes(4, "little")
        (Path(os.fsdecode(os.path.join(os.fsencode(folder), name)))).write_bytes(content)
    return list(NAMES)


def pointers(folder: Path, url: str, secret: Path) -> list[bytes]:
    """Files that would make FFmpeg open an address, or a file beside them or elsewhere."""
    for name, text in POINTERS.items():
        (folder / f"net-{name}").write_text(text.format(target=url))
        (folder / f"file-{name}").write_text(text.format(target=secret.name))
    return [f"{kind}-{name}".encode() for name in POINTERS for kind in ("net", "file")]


def pointers_outside(folder: Path, secret: Path) -> list[bytes]:
    """The same, with the path of a file in another folder."""
    for name, text in POINTERS.items():
        (folder / f"path-{name}").write_text(text.format(target=secret))
    return [f"path-{name}".encode() for name in POINTERS]


def specials(folder: Path, secret: Path) -> list[bytes]:
    """What is named like a recording and is no file."""
    made = ["fifo.wav", "socket.wav", "out.wav", "loop.wav", "loop2.wav", "dangling.wav", "zero.wav"]
    os.mkfifo(folder / "fifo.wav")
    here = os.open(folder, os.O_RDONLY)
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(f"/proc/self/fd/{here}/socket.wav")
    finally:
        os.close(here)
    (folder / "out.wav").symlink_to(secret)
    (folder / "loop.wav").symlink_to("loop2.wav")
    (folder / "loop2.wav").symlink_to("loop.wav")
    (folder / "dangling.wav").symlink_to("/nowhere/at/all.wav")
    (folder / "folder.wav").mkdir()  # walked like any folder
    try:
        os.mknod(folder / "zero.wav", 0o666 | stat.S_IFCHR, os.makedev(1, 5))
    except PermissionError:  # only root makes devices
        made.remove("zero.wav")
    return [name.encode() for name in made]


def wav_header(channels: int, rate: int, bits: int, data_bytes: int) -> bytes:
    """44 bytes of RIFF, whether they make sense or not."""
    align = channels * bits // 8
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI", b"RIFF", min(data_bytes + 36, 0xFFFFFFFF), b"WAVE", b"fmt ", 16, 1,
        channels, rate, rate * align & 0xFFFFFFFF, align & 0xFFFF, bits, b"data", data_bytes,
    )  # fmt: skip


def bombs(folder: Path, *, large: bool) -> list[bytes]:
    """Files that are much larger than they look."""
    sparse_bytes = (2 << 30) - 64 if large else 64 << 20
    with (folder / "sparse.wav").open("wb") as file:
        file.write(wav_header(2, 44_100, 16, sparse_bytes))
        file.truncate(44 + sparse_bytes)
    headers = {
        "channels.wav": (1000, 16_000, 16), "many.wav": (65_535, 16_000, 8), "none.wav": (0, 16_000, 16),
        "slow.wav": (1, 1, 16), "still.wav": (1, 0, 16), "fast.wav": (1, 0xFFFFFFFF, 16), "bits.wav": (1, 16_000, 255),
    }  # fmt: skip
    for name, (channels, rate, bits) in headers.items():
        (folder / name).write_bytes(wav_header(channels, rate, bits, 8_000) + bytes(8_000))
    made = ["sparse.wav", *headers]
    if large:
        long_flac(folder / "day.flac", 25 * 3600)
        made.append("day.flac")
    return [name.encode() for name in made]


def long_flac(path: Path, seconds: int) -> None:
    """Silence, in 16 MB a day."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("flac", rate=16_000, layout="mono", format="s16")
        samples = np.zeros((1, 16_000 * 10), dtype=np.int16)
        for block in range(seconds // 10):
            frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
            frame.sample_rate, frame.time_base, frame.pts = 16_000, Fraction(1, 16_000), block * 160_000
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


def fuzzed_headers(folder: Path, sources: list[Path], rng: Random) -> list[bytes]:
    """Each of these recordings with its first bytes spoilt."""
    made = []
    for source in {source.suffix: source for source in sources}.values():
        content = bytearray(source.read_bytes()[:200_000])
        for _ in range(12):
            content[rng.randrange(min(256, len(content)))] = rng.randrange(256)
        made.append(f"fuzzed{source.suffix}".encode())
        (folder / os.fsdecode(made[-1])).write_bytes(content)
    return made


Mutation = Callable[[bytearray, Random], None]


def flip(content: bytearray, rng: Random) -> None:
    for _ in range(rng.randint(1, 32)):
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)


def spoil_start(content: bytearray, rng: Random) -> None:
    for _ in range(rng.randint(1, 16)):
        content[rng.randrange(min(512, len(content)))] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))


def cut(content: bytearray, rng: Random) -> None:
    del content[rng.randint(1, len(content)) :]


def remove(content: bytearray, rng: Random) -> None:
    at = rng.randrange(len(content))
    del content[at : at + rng.randint(1, 4096)]


def repeat(content: bytearray, rng: Random) -> None:
    at = rng.randrange(len(content))
    content[at:at] = content[at : at + rng.randint(1, 4096)] * rng.randint(1, 4)


def noise(content: bytearray, rng: Random) -> None:
    at, length = rng.randrange(len(content)), rng.randint(1, 4096)
    content[at : at + length] = rng.randbytes(length)


MUTATIONS: list[Mutation] = [flip, spoil_start, cut, remove, repeat, noise]
