"""How near the fast CarRacing-v3 frame is to Gymnasium's: figures, and a picture to look at.

    python benchmarks/compare_frames.py [--frames 1000] [--seeds 4] [--picture FILE.png]

Both envs are driven along the same road by the same driver, unsteadily: over kerbs and grass,
sliding and braking. The picture shows Gymnasium's frame, the fast one, and eight times their
difference: in the first second, at the first corner, and where the car first leaves the road.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # run as a script

import numpy as np
from PIL import Image

from benchmarks.bench_carracing import chase
from retroracer.carracing.env import FastCarRacing
from retroracer.carracing.stock import car_racing

SHOWN = (12, 60)
"""Moments of the first episode that are shown: the zoom, and the first corner with its kerbs."""
MAGNIFIED, GAP, TIMES = 3, 6, 8


def pairs(seed: int, frames: int) -> Iterator[tuple[Any, Any, bool]]:
    """Frames of both envs, and whether the car is off the road."""
    stock, fast = car_racing.CarRacing(), FastCarRacing()
    yield stock.reset(seed=seed)[0], fast.reset(seed=seed)[0], False
    rng = np.random.default_rng(seed)
    for k in range(1, frames):
        action = chase(stock)
        action[0] = np.clip(action[0] + 0.5 * np.sin(k / 37.0) + 0.2 * rng.normal(), -1.0, 1.0)
        action[2] = 0.6 * (k % 250 > 230)
        off = not any(wheel.tiles for wheel in stock.car.wheels)
        yield stock.step(action)[0], fast.step(action)[0], off


def picture(shown: list[tuple[Any, Any]]) -> Image.Image:
    """A row for each moment: Gymnasium's frame, the fast one, their difference."""
    side = 96 * MAGNIFIED
    sheet = Image.new("RGB", (3 * side + 2 * GAP, len(shown) * (side + GAP) - GAP), "white")
    for row, (stock, fast) in enumerate(shown):
        off = np.abs(stock.astype(np.int64) - fast)
        off = np.minimum(off * TIMES, 255).astype(np.uint8)
        for column, pixels in enumerate((stock, fast, off)):
            tile = Image.fromarray(pixels).resize((side, side), Image.Resampling.NEAREST)
            sheet.paste(tile, (column * (side + GAP), row * (side + GAP)))
    return sheet


def main() -> None:
    """Compare and report."""
    parser = argparse.ArgumentParser(description="The fast frame beside Gymnasium's.")
    parser.add_argument("--frames", type=int, default=1000, help="in all (default 1000)")
    parser.add_argument("--seeds", type=int, default=2, help="episodes (default 2)")
    parser.add_argument("--picture", type=Path, help="also draw some of them here")
    args = parser.parse_args()
    mean, off, largest, shown, left = [], [], 0, [], False
    for seed in range(1, args.seeds + 1):
        for k, (stock, fast, out) in enumerate(pairs(seed, args.frames // args.seeds)):
            d = np.abs(stock.astype(np.int64) - fast)
            mean.append(d.mean())
            off.append((d.max(-1) > 10).mean())
            largest = max(largest, int(d.max()))
            left |= out
            if (seed == 1 and k in SHOWN) or (left and len(shown) == len(SHOWN)):
                shown.append((stock, fast))
    report = {
        "frames": len(mean),
        "mean_abs_difference": round(float(np.mean(mean)), 4),
        "worst_frame_mean": round(float(np.max(mean)), 4),
        "pixels_off_by_more_than_10": round(float(np.mean(off)), 6),
        "worst_frame_pixels_off": round(float(np.max(off)), 5),
        "largest_difference": largest,
    }
    print(json.dumps(report, indent=2))
    if args.picture:
        picture(shown).save(args.picture, optimize=True)


if __name__ == "__main__":
    main()
