"""Random numbers from ``Generator.random`` alone, the plainest of NumPy's streams.

So a seed means the same track in later versions of NumPy too.
"""

from __future__ import annotations

import numpy as np

from retroracer.track.geometry import Array


def between(rng: np.random.Generator, low: float, high: float) -> float:
    """A number drawn evenly between two."""
    return low + (high - low) * rng.random()


def log_between(rng: np.random.Generator, low: float, high: float) -> float:
    """A positive number whose logarithm is drawn evenly; ``low`` where ``high`` is no larger."""
    return low * (high / low) ** rng.random() if high > low else low


def normal(rng: np.random.Generator, count: int) -> Array:
    """Standard normal numbers (count,) by Box and Muller."""
    u, v = rng.random(count), rng.random(count)
    return np.asarray(np.sqrt(-2.0 * np.log1p(-u)) * np.cos(2.0 * np.pi * v))
