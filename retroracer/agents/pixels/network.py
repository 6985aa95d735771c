"""The shape of a pixel driver's network: convolutions, features, hidden layers.

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
"""(channels, kernel, stride) of each layer: "atari" of Mnih et al. 2015, "drq" of Kostrikov et al.
2020, and "slim" with few channels, which costs a third of the first and suits processors."""


@dataclass(frozen=True)
class Network:
    """The shape of a driver's network.

    ``trunk`` is what follows the linear layer after the convolutions, which has ``features``
    outputs: "relu", or "norm" for layer norm and tanh (DrQ). ``hidden`` are the widths of the
    layers after it. For PPO only, ``shared`` lets policy and value share the convolutions.
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
    """Number of outputs of each convolution for a picture of ``side`` x ``side`` pixels."""
    numbers = []
    for channels, kernel, stride in CONVOLUTIONS[convs]:
        side = (side - kernel) // stride + 1
        numbers.append(channels * side * side)
    return numbers
