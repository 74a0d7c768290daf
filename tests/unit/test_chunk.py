import pytest

from daemon.chunk import BYTES_PER_SECOND, Chunk

SPANS = ((10.0, 12.0), (20.0, 23.0))
CHUNK = Chunk(1, 0, SPANS, bytes(5 * BYTES_PER_SECOND))


@pytest.mark.parametrize(
    ("offset_s", "is_end", "expected"),
    [
        (0.0, False, 10.0),
        (1.5, False, 11.5),
        (2.0, False, 20.0),  # a start at the seam belongs to what follows
        (2.0, True, 12.0),  # an end at the seam to what came before
        (3.0, True, 21.0),
        (5.0, True, 23.0),
        (9.0, True, 23.0),  # beyond the audio: its end
    ],
)
def test_times_in_the_audio_become_times_in_the_recording(offset_s: float, is_end: bool, expected: float) -> None:
    assert CHUNK.in_recording(offset_s, is_end=is_end) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("from_s", "spans"),
    [(1.0, ((11.0, 12.0), (20.0, 23.0))), (2.0, ((20.0, 23.0),)), (4.0, ((22.0, 23.0),))],
)
def test_the_rest_of_a_chunk_keeps_its_place(from_s: float, spans: tuple[tuple[float, float], ...]) -> None:
    rest = CHUNK.rest(from_s)
    assert rest.spans == spans
    assert rest.duration_s == pytest.approx(5 - from_s)
    assert (rest.part, rest.idx) == (1, 0)
    assert rest.in_recording(0.0) == pytest.approx(spans[0][0])


def test_a_chunk_cut_in_two_is_heard_piece_by_piece() -> None:
    samples = bytes(range(250)) * (5 * BYTES_PER_SECOND // 250)
    whole = Chunk(1, 0, SPANS, samples, temperature=0.2)
    pieces = [whole.head(3.0).head(1.0)]
    while pieces[-1].tail:
        pieces.append(pieces[-1].rest(pieces[-1].duration_s))
    assert [piece.duration_s for piece in pieces] == [1.0, 2.0, 2.0]
    assert b"".join(piece.audio for piece in pieces) == samples
    assert [piece.part for piece in pieces] == [0, 1, 2]
    assert [piece.in_recording(0.5) for piece in pieces] == pytest.approx([10.5, 11.5, 21.5])
    assert all(piece.whole_encoding for piece in pieces)


def test_what_a_piece_left_out_comes_before_the_next_piece() -> None:
    rest = CHUNK.head(3.0).rest(1.0)
    assert (rest.duration_s, rest.start_s, rest.whole_encoding) == (2.0, 11.0, False)
    assert rest.rest(2.0).duration_s == 2.0
