"""Random numbers drawn with ``Generator.random`` alone.

NumPy keeps that stream stable, so a seed gives the same track in later versions of NumPy too.
"""

from __future__ import annotations

import numpy as np

from retroracer.track.geometry import Array


def between(rng: np.random.Generator, low: float, high: float) -> float:
    """A number drawn uniformly between two."""
    return low + (high - low) * rng.random()


def log_between(rng: np.random.Generator, low: float, high: float) -> float:
    """A positive number whose logarithm is drawn uniformly; ``low`` if ``high`` is not larger."""
    return low * (high / low) ** rng.random() if high > low else low


def normal(rng: np.random.Generator, count: int) -> Array:
    """Standard normal numbers (count,), by the Box-Muller method."""
    u, v = rng.random(count), rng.random(count)
    return np.asarray(np.sqrt(-2.0 * np.log1p(-u)) * np.cos(2.0 * np.pi * v))
