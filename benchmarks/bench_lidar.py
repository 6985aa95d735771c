"""Steps a second of a core: the racing task by its 22 numbers and by lidar's 80.

python benchmarks/bench_lidar.py --cars 1024
"""

from __future__ import annotations

import argparse
import json
import time

import numba
import numpy as np

from retroracer.envs.batch import RacingBatch
from retroracer.envs.lidar_batch import LidarBatch


def measure(kind: type[RacingBatch], cars: int, turns: int) -> int:
    """Best of some turns of ten steps, by the thread's own processor time."""
    batch = kind(cars, seed=1)
    batch.reset(1)
    actions = np.tile([0.0, 0.3], (cars, 1))
    for _ in range(20):
        batch.step(actions)
    best = np.inf
    for _ in range(turns):
        begun = time.thread_time()
        for _ in range(10):
            batch.step(actions)
        best = min(best, (time.thread_time() - begun) / 10)
    return round(cars / best)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cars", type=int, default=1024)
    parser.add_argument("--turns", type=int, default=12)
    args = parser.parse_args()
    numba.set_num_threads(1)
    told = {k.__name__: measure(k, args.cars, args.turns) for k in (RacingBatch, LidarBatch)}
    print(json.dumps({"cars": args.cars, "steps_per_second_of_a_core": told}))


if __name__ == "__main__":
    main()
