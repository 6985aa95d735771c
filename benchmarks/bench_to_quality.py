"""Minutes until a driver laps 95 % of tracks it never saw: train_base beside Stable-Baselines3.

Run: python benchmarks/bench_to_quality.py [--minutes 15] [--only ours|stock] [--algo sac|ppo]
prints JSON.

Both learn on the same cars, tracks and terms of reward (train_base with its own scale of
penalties and short episodes), and are judged on the fixed random tracks of any training run, time
for it included.
Stock is SB3's SAC with its own defaults: nets of 256x256, batches of 256, 3e-4, an update for each
action of its 16 cars. With ``--n-steps 3`` it has the three-step returns that help it most.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from stable_baselines3 import SAC

from benchmarks.machine import cpu_model
from benchmarks.racing_vec_env import RacingVecEnv
from retroracer.envs import task
from retroracer.envs.batch import RacingBatch
from retroracer.envs.variety import TRAINING
from retroracer.physics.car import load_car
from retroracer.track.generate import random_tracks
from retroracer.training.judging.laps import Entry, evaluate
from retroracer.training.learners import RACING
from retroracer.training.learners.racing_settings import RacingSettings
from retroracer.training.learners.racing_tasks import make_racing
from retroracer.training.run.folder import RunFolder
from retroracer.training.run.keeping import Keeper
from retroracer.training.run.loop import Run
from retroracer.training.run.settings import EVALUATION_SEED, load, shipped_page

WANTED = 0.95
TRACKS = 50


def ours(minutes: float, algo: str) -> list[dict[str, Any]]:
    """The evaluations of a run of ``train_base --algo ALGO`` with its page's settings."""
    sets = [f"minutes={minutes}", "evaluate_every=15", "save_every=1e6", "log_to=[]", "device=cpu"]
    settings = load(RacingSettings, RACING, shipped_page(f"base-{algo}"), None, sets)
    with tempfile.TemporaryDirectory() as temporary:
        folder = RunFolder(Path(temporary) / "run")
        keeper = Keeper(Path(temporary) / "driver.zip", folder.best, "")
        Run(settings, RACING, lambda b: make_racing(settings, b), folder, keeper).go(resume=False)
        rows = json.loads((folder.path / "evaluations.json").read_text())
    return [
        {"minutes": r["seconds"] / 60.0, **{k: r[k] / TRACKS for k in ("completed", "clean")}}
        for r in rows
    ]


def stock(minutes: float, n_steps: int) -> list[dict[str, Any]]:
    """The same for SB3's SAC."""
    cars = RacingBatch(16, variety=TRAINING, ending=task.Ending(time=60.0), seed=0)
    env = RacingVecEnv(cars)
    model = SAC(
        "MlpPolicy", env, gradient_steps=16, n_steps=n_steps, learning_starts=10_000, seed=0,
        device="cpu",
    )  # fmt: skip
    tracks, car = random_tracks(EVALUATION_SEED, TRACKS), load_car()
    begun, rows = time.monotonic(), []
    model.learn(10_000)
    while time.monotonic() - begun < 60.0 * minutes:
        again = time.monotonic()
        while time.monotonic() - again < 60.0:
            model.learn(16 * 100, reset_num_timesteps=False)

        def act(obs: Any) -> Any:
            return model.predict(obs, deterministic=True)[0]

        done = evaluate([Entry("stock", act, car)], tracks)[0].summary()["completed"] / TRACKS
        row = {"minutes": (time.monotonic() - begun) / 60.0, "completed": done}
        rows.append(row | {"updates": model._n_updates})
        print(json.dumps(rows[-1]), flush=True)
        if done >= WANTED:
            break
    return rows


def main() -> None:
    """Train both and print when each was good enough."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=15.0, help="budget of each")
    parser.add_argument("--only", choices=("ours", "stock"))
    parser.add_argument("--algo", choices=("sac", "ppo"), default="sac", help="of ours")
    parser.add_argument("--n-steps", type=int, default=1, help="of stock's returns")
    args = parser.parse_args()
    page: dict[str, Any] = {"machine": cpu_model(), "threads": torch.get_num_threads()}
    for name in ("ours", "stock"):
        if args.only in (None, name):
            rows = (
                ours(args.minutes, args.algo)
                if name == "ours"
                else stock(args.minutes, args.n_steps)
            )
            first = next((r["minutes"] for r in rows if r["completed"] >= WANTED), None)
            page[name] = {"minutes_to_95_percent": first, "rows": rows}
    print(json.dumps(page, indent=2))


if __name__ == "__main__":
    main()
