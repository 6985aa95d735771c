"""The convolutions that drivers of CarRacing may see through, by name. Owns no network.

Training builds them (``pixel_nets``), and the game holds a model's weights against them.
"""

from __future__ import annotations

CONVOLUTIONS: dict[str, tuple[tuple[int, int, int], ...]] = {
    "atari": ((32, 8, 4), (64, 4, 2), (64, 3, 1)),
    "drq": ((32, 3, 2), (32, 3, 1), (32, 3, 1), (32, 3, 1)),
    "slim": ((8, 4, 2), (16, 3, 2), (32, 3, 2), (64, 3, 2), (128, 3, 1)),
}
"""(channels, kernel, stride) of each layer: Mnih et al. 2015, Kostrikov et al. 2020, and one
with few channels that costs a third of the first: for processors without a GPU."""


def numbers_after(convs: str, side: int) -> list[int]:
    """How many numbers each layer puts out for a picture of ``side`` pixels squared."""
    numbers = []
    for channels, kernel, stride in CONVOLUTIONS[convs]:
        side = (side - kernel) // stride + 1
        numbers.append(channels * side * side)
    return numbers
