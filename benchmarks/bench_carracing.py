"""CarRacing-v3 steps per second: the fast env beside Gymnasium's own, and EnvPool's if installed.

    python -m retroracer bench --pixels [--json FILE] [--repeats 5] [--quick]

Every contender is measured in the same run, in turns, several times; the table shows medians.
Only the env's step is timed, resets included; the single envs drive the same recorded lap.
"One core" figures are by the process's own processor time, so that a busy neighbour does not
count; those over processes are by the wall clock, and a busy neighbour counts.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # run as a script

from benchmarks.bench_env import Contender
from benchmarks.machine import machine
from retroracer.carracing import ENV_ID
from retroracer.carracing.pipeline import STOCK_ID, Pipeline, make
from retroracer.carracing.vector import CarRacingVectorEnv
from retroracer.processes import cores

EPISODE = 1000
STEER_AHEAD = 5  # tiles


def chase(env: Any) -> np.ndarray:
    """Steer for a point ahead and keep to a speed: (steer, gas, brake)."""
    car = env.unwrapped.car
    x, y = car.hull.position
    nodes = np.array(env.unwrapped.track)[:, 2:4]
    near = int(((nodes - [x, y]) ** 2).sum(1).argmin())
    tx, ty = nodes[(near + STEER_AHEAD) % len(nodes)]
    error = math.remainder(math.atan2(x - tx, ty - y) - car.hull.angle, math.tau)
    slow = math.hypot(*car.hull.linearVelocity) < 45.0
    return np.array([np.clip(-1.5 * error, -1.0, 1.0), 0.8 * slow, 0.0], np.float32)


def recorded(env: Any, two_actions: bool = False) -> list[Any]:
    """The actions of a driven episode, seed 1.

    Recorded, because a driver at work between the steps pushes the env out of the core's cache.
    """
    env.reset(seed=1)
    actions, ended = [], False
    while not ended:
        steer, gas, _ = three = chase(env)
        actions.append(np.array([-steer, gas], np.float32) if two_actions else three)
        _, _, terminated, truncated, _ = env.step(actions[-1])
        ended = terminated or truncated
    return actions


def driven(name: str, env: Any, steps: int, actions: list[Any]) -> Contender:
    """A single env under recorded actions, reset with their seed when they or its episode end."""
    k = 0

    def act(seen: Any) -> Any:
        return actions[k]

    def step(action: Any) -> Any:
        nonlocal k
        obs, _, terminated, truncated, _ = env.step(action)
        k += 1
        if terminated or truncated or k == len(actions):
            k, obs = 0, env.reset(seed=1)[0]
        return obs

    env.reset(seed=1)
    return Contender(name, 1, step, act, steps, by=time.process_time)


def scripted(name: str, envs: Any, steps: int, wall: bool = True) -> Contender:
    """A vector env under actions drawn beforehand: gently right and left, on the gas."""
    rng = np.random.default_rng(1)
    actions = []
    for _ in range(64):
        steer = rng.uniform(-0.2, 0.2, envs.num_envs)
        gas = rng.uniform(0.0, 0.4, envs.num_envs)
        actions.append(np.stack([steer, gas, 0.0 * gas], -1).astype(np.float32))
    turn = iter(range(sys.maxsize))
    envs.reset(seed=1)
    clock = time.perf_counter if wall else time.process_time
    n = envs.num_envs
    return Contender(
        name,
        n,
        lambda action: envs.step(action)[0],
        lambda seen: actions[next(turn) % 64],
        max(8, steps // n),
        by=clock,
    )


def contenders(quick: bool) -> list[Contender]:
    """All that is measured, in the table's order."""
    few, many = (60, 400) if quick else (300, 3000)
    plain = {"max_episode_steps": EPISODE, "disable_env_checker": True}
    seen, repeated = Pipeline(action_repeat=1), Pipeline()
    three = recorded(gymnasium.make(ENV_ID, render=False, **plain))
    two = recorded(make(seen, render=False), two_actions=True)
    held = recorded(make(repeated, render=False), two_actions=True)
    out = [
        driven("peer: Gymnasium's CarRacing-v3", gymnasium.make(STOCK_ID, **plain), few, three),
        driven("fast, every frame drawn", gymnasium.make(ENV_ID, **plain), many, three),
        driven("fast, no frames", gymnasium.make(ENV_ID, render=False, **plain), many, three),
        driven("fast, 84x84 grey, 4 stacked", make(seen), many, two),
        driven("the same, repeat 4 (steps of 4)", make(repeated), many // 4, held),
        scripted("8 in this process", CarRacingVectorEnv(8, workers=0), many),
        scripted("8 over one process", CarRacingVectorEnv(8, workers=1), many),
        scripted("8 over two processes", CarRacingVectorEnv(8, workers=2), many),
    ]
    if cores() > 2:
        n = 4 * cores()
        envs = CarRacingVectorEnv(n)
        out.append(scripted(f"{n} over {cores()} processes", envs, many * cores()))
    try:
        import envpool
    except Exception:  # not installed, or an installation without its assets
        print("EnvPool is not installed, and left out", file=sys.stderr)
    else:
        pool = envpool.make("CarRacing-v3", env_type="gymnasium", num_envs=1, num_threads=1, seed=1)
        out.append(scripted("peer: EnvPool's CarRacing-v3", _Seedless(pool), many, wall=False))
    return out


class _Seedless:
    """EnvPool takes its seed when made, not at reset."""

    def __init__(self, pool: Any) -> None:
        self.pool, self.num_envs = pool, 1

    def reset(self, seed: int) -> Any:
        return self.pool.reset()

    def step(self, actions: Any) -> Any:
        return self.pool.step(actions)


def table(report: dict[str, Any]) -> str:
    """The report for people."""
    facts = report["machine"]
    lines = [
        f"{facts['cpu']}, {facts['cores']} cores, {facts['system']}",
        f"Python {facts['python']}, numpy {facts['numpy']}, numba {facts['numba']}, "
        f"gymnasium {facts['gymnasium']}",
        "",
        f"{'':<40} {'steps/s':>9} {'x stock':>8}  {'clock':<10} range of steps/s",
    ]
    for row in report["results"]:
        low, high = row["spread"]
        lines.append(
            f"{row['name']:<40} {row['steps_per_s']:>9,} {row['times_stock']:>8.1f}  "
            f"{row['clock']:<10} {low:,} to {high:,}"
        )
    return "\n".join(lines)


def measure(repeats: int, quick: bool = False) -> dict[str, Any]:
    """Run everything.

    Args:
        repeats: how often each contender is measured, in turns.
        quick: few steps, to see that it works.
    """
    warnings.filterwarnings("ignore")  # peers announce newer versions of themselves
    field = contenders(quick)
    for contender in field:  # compile, and get past the first second's zoom
        contender.repeat(min(contender.calls, 60))
    for _ in range(repeats):
        for contender in field:
            contender.ns.append(contender.repeat())
    results = [contender.report() for contender in field]
    for row in results:
        row["times_stock"] = round(row["steps_per_s"] / results[0]["steps_per_s"], 1)
    return {"machine": machine(), "repeats": repeats, "results": results}


def main(argv: list[str] | None = None) -> int:
    """Measure and report."""
    parser = argparse.ArgumentParser(description="CarRacing-v3 steps per second, beside peers.")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument("--repeats", type=int, default=5, help="measurements of each (default 5)")
    parser.add_argument("--quick", action="store_true", help="few steps, to see that it works")
    args = parser.parse_args(argv)
    report = measure(max(1, args.repeats), args.quick)
    print(table(report))
    text = json.dumps(report, indent=2)
    if args.json:
        from retroracer.atomic import write_text

        write_text(args.json, text + "\n")
    else:
        print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
