"""The last so many rows, in order, whatever was put in before."""

from collections import deque

from hypothesis import given
from hypothesis import strategies as st

from retroracer.render.ring import Ring


@given(st.integers(1, 7), st.lists(st.integers(-9, 9), max_size=60))
def test_a_ring_keeps_what_a_bounded_queue_keeps(most: int, numbers: list[int]) -> None:
    ring, plain = Ring(most, 2), deque[tuple[float, float]](maxlen=most)
    for n in numbers:
        row = (float(n), float(n * n))
        ring.append(row)
        plain.append(row)
        assert [tuple(r) for r in ring.rows.tolist()] == list(plain)
        assert len(ring) == len(plain)
