"""The shape of a pixel driver's network: convolutions, features, layers behind. Computes nothing.

Training builds it with torch (``nets``), the game computes it with NumPy (``inference``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from retroracer.config import Range

CONVOLUTIONS: dict[str, tuple[tuple[int, int, int], ...]] = {
    "atari": ((32, 8, 4), (64, 4, 2), (64, 3, 1)),
    "drq": ((32, 3, 2), (32, 3, 1), (32, 3, 1), (32, 3, 1)),
    "slim": ((8, 4, 2), (16, 3, 2), (32, 3, 2), (64, 3, 2), (128, 3, 1)),
}
"""(channels, kernel, stride) of each layer: Mnih et al. 2015, Kostrikov et al. 2020, and one
with few channels that costs a third of the first: for processors without a GPU."""


@dataclass(frozen=True)
class Network:
    """The shape of a driver's network.

    Attributes:
        convs: a key of ``CONVOLUTIONS``.
        features: outputs of the linear layer behind the convolutions.
        trunk: what follows that layer: "relu", or "norm" for layer norm and tanh (DrQ).
        hidden: widths of the layers behind.
        shared: PPO only: policy and value share the convolutions.
    """

    convs: Literal["atari", "drq", "slim"] = "atari"
    features: Annotated[int, Range(low=1, high=4096)] = 256
    trunk: Literal["relu", "norm"] = "relu"
    hidden: tuple[int, ...] = (256,)
    shared: bool = True

    def __post_init__(self) -> None:
        """Check what types cannot express."""
        if len(self.hidden) > 8 or not all(1 <= w <= 4096 for w in self.hidden):
            raise ValueError(f"hidden must be up to 8 widths from 1 to 4096: {self.hidden}")


def numbers_after(convs: str, side: int) -> list[int]:
    """How many numbers each layer puts out for a picture of ``side`` pixels squared."""
    numbers = []
    for channels, kernel, stride in CONVOLUTIONS[convs]:
        side = (side - kernel) // stride + 1
        numbers.append(channels * side * side)
    return numbers
