"""Compressed: what comes out is what went in, and takes less room while it waits."""

from hypothesis import given
from hypothesis import strategies as st

from transforms.compressed import Compressed, squeezed, unsqueezed

PIECES = st.lists(st.binary(max_size=40), max_size=30)


@given(st.lists(PIECES, min_size=1, max_size=3), st.integers(1, 200))
def test_all_come_back_in_their_order(rounds: list[list[bytes]], chunk: int) -> None:
    """However large chunks are; and it is empty once it was taken."""
    waiting = Compressed(chunk)
    for pieces in rounds:
        for piece in pieces:
            waiting.add(piece)
        assert waiting.size == sum(map(len, pieces))
        assert waiting.take() == pieces
        assert waiting.size == 0
    assert waiting.take() == []


@given(st.binary())
def test_squeezed_bytes_come_back(data: bytes) -> None:
    """Empty ones, too."""
    assert unsqueezed(squeezed(data), len(data)) == data


def test_what_repeats_takes_less_room() -> None:
    """As records do."""
    data = b"propensity times value times levers;" * 100
    assert len(squeezed(data)) < len(data) / 6
