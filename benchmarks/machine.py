"""What a figure was measured on, and how much memory a batch of cars takes."""

from __future__ import annotations

import os
import platform
import tracemalloc
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from retroracer.envs.batch import RacingBatch
from retroracer.track.generate import random_tracks
from retroracer.track.track import Track

PACKAGES = ("numpy", "numba", "gymnasium", "highway-env")


def cpu_model() -> str:
    """The processor's name as the system tells it."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def machine() -> dict[str, Any]:
    """Processor, cores, system and versions, for the head of a report."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = None
    return {
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **versions,
    }


def bytes_per_car(
    few: int = 256, many: int = 16384, tracks: Sequence[Track] = ()
) -> dict[str, float]:
    """Memory of a car beside the bank, two ways.

    Counts the batch's arrays, and what Python's allocators hold more for ``many`` cars than for
    ``few`` on the same tracks (eight random ones if none are given), the arrays returned by a
    step included.
    """

    def held(n: int) -> tuple[int, int]:
        tracemalloc.start()
        batch = RacingBatch(n, tracks=tracks or random_tracks(0, 8), seed=0)
        batch.reset(seed=0)
        kept = batch.step(np.zeros((n, 2), np.float32))
        traced = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        del kept
        owners = (vars(batch), vars(batch.race))
        arrays = {id(a): a for d in owners for a in d.values() if isinstance(a, np.ndarray)}
        return traced, sum(a.nbytes for a in arrays.values())

    small, large = held(few), held(many)
    per_car = [(b - a) / (many - few) for a, b in zip(small, large, strict=True)]
    return {"traced": round(per_car[0], 1), "arrays": round(per_car[1], 1)}
