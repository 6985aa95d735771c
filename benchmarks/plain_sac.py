"""Let plain Stable-Baselines3 go on from a zip of ours, and see whether the driver still laps.

    python benchmarks/plain_sac.py base --track monza --steps 20000

``SAC.load(zip, env).learn(...)`` at what the zip says, in one env; nothing of ours trains. The
driver is judged before, and after every ``--every`` steps, by two laps from a standing start.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import gymnasium
from stable_baselines3 import SAC

from retroracer.agents.checkpoint import actor_layers
from retroracer.agents.model_file import car_of, find_model, read_facts
from retroracer.agents.policy import action_repeat_of, policy_of
from retroracer.agents.wholeness import wholeness
from retroracer.physics.car import Car
from retroracer.track.files import load_track
from retroracer.training.judging.laps import Entry, evaluate


def load(path: Path, track: str, rate: float | None = None) -> tuple[SAC, Car, int]:
    """A zip as plain SB3 loads it, in one env on a track; its car; control steps a decision.

    ``rate`` replaces the zip's own learning rate.
    """
    facts = read_facts(path)
    car, repeat = car_of(facts, path), action_repeat_of(facts)
    env = gymnasium.make("retroracer/RetroRacer-v0", track=track, car=car, action_repeat=repeat)
    other = {} if rate is None else {"learning_rate": rate}
    return SAC.load(path, env=env, device="cpu", **other), car, repeat


def lap(model: SAC, car: Car, repeat: int, track: str) -> dict[str, Any]:
    """What the driver does on a track, deterministically."""
    act = policy_of(*actor_layers(model)).act
    (result,) = evaluate([Entry("driver", act, car, repeat)], [load_track(track)])[0].results
    return {
        "completed": result.completed,
        "clean": result.clean,
        "lap_time_s": result.lap_time_s,
        "ended": result.ended,
    }


def main() -> None:
    """Measure, and print a line of JSON each time."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("model", help="name or path")
    parser.add_argument("--track", default="monza")
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--every", type=int, default=2000)
    parser.add_argument("--rate", type=float, help="learning rate (default: the zip's)")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    path = find_model(args.model)
    model, car, repeat = load(path, args.track, args.rate)
    model.set_random_seed(args.seed)
    print(
        json.dumps({"steps": 0, **lap(model, car, repeat, args.track), **wholeness(path).to_dict()})
    )
    for done in range(args.every, args.steps + 1, args.every):
        model.learn(args.every, reset_num_timesteps=done == args.every, log_interval=None)
        print(json.dumps({"steps": done, **lap(model, car, repeat, args.track)}), flush=True)


if __name__ == "__main__":
    main()
