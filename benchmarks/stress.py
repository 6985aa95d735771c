"""A million random-action steps over all shipped and 200 random tracks, looking for what is wrong.

    python benchmarks/stress.py [--steps 1000000] [--seed 0] [--json FILE]

Looks for: numbers that are not finite, observations outside their space, progress that jumps
beyond what the car moved. Prints a JSON verdict; exit code 1 if anything was found.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # run as a script

from benchmarks.machine import machine
from retroracer.envs.batch import RacingBatch
from retroracer.envs.racing import OBSERVATION
from retroracer.envs.variety import TRAINING
from retroracer.physics import state
from retroracer.physics.car import shipped_cars
from retroracer.track.files import load_track, shipped_tracks
from retroracer.track.generate import random_tracks
from retroracer.track.track import Track

CARS = 512

MOST_PER_METRE = 1.05 / 0.2
"""Most metres of station per metre moved that the kernel ever allows (inside of a tight bend)."""


def actions_of(
    rng: np.random.Generator, last: npt.NDArray[np.float64], step: int
) -> npt.NDArray[np.float64]:
    """Random actions (N, 2): wandering, jumping, held, full; a quarter of the cars each."""
    n = len(last)
    out = last.copy()
    part = n // 4
    out[:part] = np.clip(out[:part] + rng.normal(0.0, 0.2, (part, 2)), -1.0, 1.0)
    out[part : 2 * part] = rng.uniform(-1.0, 1.0, (part, 2))
    if step % 40 == 0:
        out[2 * part : 3 * part] = rng.uniform(-1.0, 1.0, (part, 2))
    if step % 15 == 0:
        out[3 * part :] = rng.choice([-1.0, 0.0, 1.0], (n - 3 * part, 2))
    return out


def numbers(batch: RacingBatch) -> npt.NDArray[np.float64]:
    """The state without the times that are nan until a lap is done."""
    keep = [k for k in range(state.N_FLOATS) if k not in (state.LAST_LAP, state.LAST_LAP_OFF)]
    return batch.race.floats[:, keep]


def stress(tracks: list[Track], steps: int, seed: int) -> dict[str, Any]:
    """Drive all cars over all tracks; count what is wrong.

    Args:
        tracks: every one is driven.
        steps: environment steps in all, divided among the shipped cars.
        seed: of everything.
    """
    rng = np.random.default_rng(seed)
    found = {"not_finite": 0, "outside_space": 0, "progress_jumps": 0}
    taken, episodes, laps = 0, 0, 0
    driven: set[str] = set()
    largest = 0.0
    for car in shipped_cars():
        batch = RacingBatch(CARS, tracks=tracks, car=car, variety=TRAINING, seed=seed)
        batch.reset(seed=seed)
        actions = np.zeros((CARS, 2))
        for step in range(-(-steps // len(shipped_cars()) // CARS)):
            actions = actions_of(rng, actions, step)
            before = batch.race.progress.copy()
            fastest = batch.race.speed.copy()
            obs, reward, terminated, truncated = batch.step(actions)
            taken += CARS
            done = terminated | truncated
            episodes += int(done.sum())
            laps += int(batch.race.ints[:, state.STEP_LAP].sum())
            whole = np.isfinite(obs).all(axis=1) & np.isfinite(numbers(batch)).all(axis=1)
            found["not_finite"] += int((~(whole & np.isfinite(reward))).sum())
            inside = (obs >= OBSERVATION.low).all(axis=1) & (obs <= OBSERVATION.high).all(axis=1)
            found["outside_space"] += int((~inside).sum())
            # At 5 g no car is more than 2.5 m/s faster at the end of a step than at its start.
            moved = 0.05 * (np.maximum(fastest, batch.race.speed) + 2.5)
            gained = np.abs(batch.race.progress - before)[~done]
            largest = max(largest, float((gained / moved[~done]).max(initial=0.0)))
            found["progress_jumps"] += int((gained > MOST_PER_METRE * moved[~done]).sum())
            driven.update(batch.pool.tracks[k].name for k in set(batch.race.ints[:, state.TRACK]))
    return {
        "ok": not any(found.values()) and driven == {t.name for t in tracks},
        "steps": taken,
        "episodes": episodes,
        "laps": laps,
        "tracks_driven": len(driven),
        "largest_gain_per_metre": round(largest, 3),
        **found,
    }


def main(argv: list[str] | None = None) -> int:
    """Run and report."""
    parser = argparse.ArgumentParser(description="Random driving, looking for what is wrong.")
    parser.add_argument("--steps", type=int, default=1_000_000, help="environment steps in all")
    parser.add_argument("--random", type=int, default=200, help="random tracks beside the shipped")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="also write the verdict to this file")
    args = parser.parse_args(argv)
    begun = time.perf_counter()
    tracks = [load_track(name) for name in shipped_tracks()]
    shipped = len(tracks)
    tracks += random_tracks(args.seed, args.random)
    verdict = stress(tracks, args.steps, args.seed)
    verdict |= {"shipped_tracks": shipped, "random_tracks": args.random, "seed": args.seed}
    verdict |= {"seconds": round(time.perf_counter() - begun, 1), "machine": machine()}
    text = json.dumps(verdict, indent=2)
    print(text)
    if args.json:
        from retroracer.atomic import write_text

        write_text(args.json, text + "\n")
    return 0 if verdict["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
