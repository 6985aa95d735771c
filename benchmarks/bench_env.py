"""Environment steps per second: RetroRacer's batch and single env, beside stock peers.

    python -m retroracer bench [--json FILE] [--repeats 5] [--quick]

Every contender is measured in the same run, in turns, several times; the table shows medians.
Only the environment's step is timed, not the driver that makes the actions. "One core" figures
are by the thread's own processor time, so that a busy neighbour does not count; those over
several threads are by the wall clock.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gymnasium
import numba

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # run as a script

import retroracer.envs
from benchmarks.machine import bytes_per_car, machine
from benchmarks.policies import SmoothRandom, drive
from retroracer.envs.batch import RacingBatch

SIZES = (256, 1024, 4096, 16384)
Driver = Callable[[Any], Any]


@dataclass
class Contender:
    """Something whose steps are timed.

    Attributes:
        name: for the table.
        cars: environments stepped by one call.
        step: takes actions, steps (and resets what ended), returns observations.
        act: makes actions from observations, not timed.
        calls: how many steps one repeat takes.
        threads: numba threads it may use.
        by: clock, in seconds.
        ns: what each repeat measured, per environment step.
    """

    name: str
    cars: int
    step: Driver
    act: Driver
    calls: int
    threads: int = 1
    by: Callable[[], float] = time.thread_time
    ns: list[float] = field(default_factory=list)
    seen: Any = None

    def repeat(self, calls: int | None = None) -> float:
        """Take a number of steps; returns nanoseconds per environment step."""
        numba.set_num_threads(self.threads)
        spent = 0.0
        count = calls or self.calls
        for _ in range(count):
            actions = self.act(self.seen)
            begun = self.by()
            self.seen = self.step(actions)
            spent += self.by() - begun
        return spent / (count * self.cars) * 1e9

    def report(self) -> dict[str, Any]:
        """Figures for JSON."""
        ns = statistics.median(self.ns)
        return {
            "name": self.name,
            "cars": self.cars,
            "threads": self.threads,
            "clock": "wall" if self.by is time.perf_counter else "processor",
            "ns_per_step": round(ns, 1),
            "steps_per_s": round(1e9 / ns),
            "spread": [round(1e9 / max(self.ns)), round(1e9 / min(self.ns))],
        }


def batch(n: int, act: Driver, steps: int, name: str, threads: int = 1) -> Contender:
    """RetroRacer's batch on random tracks, resets and new tracks included."""
    cars = RacingBatch(n, seed=1)

    def step(actions: Any) -> Any:
        return cars.step(actions)[0]

    contender = Contender(name, n, step, act, max(8, steps // n), threads)
    if threads > 1:
        contender.by = time.perf_counter
    contender.seen = cars.reset(seed=1)
    return contender


def single(env: gymnasium.Env[Any, Any], steps: int, name: str, driving: bool = False) -> Contender:
    """A plain Gymnasium env under its default wrappers, reset when an episode ends."""
    env.action_space.seed(1)
    actions = [env.action_space.sample() for _ in range(256)]
    turn = iter(range(sys.maxsize))

    def act(seen: Any) -> Any:
        return drive(seen[None])[0] if driving else actions[next(turn) % 256]

    def step(action: Any) -> Any:
        obs, _, terminated, truncated, _ = env.step(action)
        if terminated or truncated:
            obs, _ = env.reset()
        return obs

    contender = Contender(name, 1, step, act, steps)
    contender.seen = env.reset(seed=1)[0]
    return contender


def vector(envs: gymnasium.vector.VectorEnv[Any, Any, Any], steps: int, name: str) -> Contender:
    """A Gymnasium vector env."""
    envs.reset(seed=1)
    envs.action_space.seed(1)
    actions = [envs.action_space.sample() for _ in range(16)]
    turn = iter(range(sys.maxsize))
    n = envs.num_envs
    return Contender(
        name,
        n,
        lambda action: envs.step(action)[0],
        lambda seen: actions[next(turn) % 16],
        max(8, steps // n),
    )


def contenders(quick: bool) -> list[Contender]:
    """All that is measured, in the table's order."""
    steps = 20_000 if quick else 200_000
    out = [batch(n, SmoothRandom(n), steps, f"batch of {n}, random actions") for n in SIZES]
    out += [batch(n, drive, steps, f"batch of {n}, driving") for n in (256, 4096)]
    if numba.config.NUMBA_NUM_THREADS > 1:
        out.append(batch(4096, SmoothRandom(4096), steps, "batch of 4096, two threads", threads=2))
    few = 1000 if quick else 5000
    env_id = retroracer.envs.ENV_ID
    out.append(single(gymnasium.make(env_id), few, "gymnasium.make, driving", driving=True))
    out.append(single(gymnasium.make(env_id), few, "gymnasium.make, random actions"))
    on_monza = gymnasium.make(env_id, track="monza")
    out.append(single(on_monza, few, "gymnasium.make on monza, random"))
    out.append(
        vector(
            gymnasium.make_vec(env_id, 1024, vectorization_mode="vector_entry_point"),
            steps,
            "gymnasium.make_vec of 1024",
        )
    )
    cartpole = gymnasium.make_vec("CartPole-v1", 1024, vectorization_mode="vector_entry_point")
    out.append(vector(cartpole, steps, "peer: vector CartPole-v1 of 1024"))
    out.append(single(gymnasium.make("CartPole-v1"), few, "peer: CartPole-v1"))
    try:
        import highway_env  # noqa: F401
    except ImportError:
        print("highway-env is not installed: pip install 'retroracer[bench]'", file=sys.stderr)
    else:
        racetrack = gymnasium.make("racetrack-v0")
        out.append(single(racetrack, 20 if quick else 60, "peer: highway-env racetrack-v0"))
    return out


def table(report: dict[str, Any]) -> str:
    """The report for people."""
    facts = report["machine"]
    lines = [
        f"{facts['cpu']}, {facts['cores']} cores, {facts['system']}",
        f"Python {facts['python']}, numpy {facts['numpy']}, numba {facts['numba']}, "
        f"gymnasium {facts['gymnasium']}",
        "",
        f"{'':<36} {'steps/s':>12} {'ns/step':>10}   range of steps/s",
    ]
    for row in report["results"]:
        low, high = row["spread"]
        lines.append(
            f"{row['name']:<36} {row['steps_per_s']:>12,} {row['ns_per_step']:>10,.0f}"
            f"   {low:,} to {high:,}"
        )
    memory = report["bytes_per_car"]
    lines += ["", f"memory per car beside the tracks: {memory['traced']:.0f} bytes"]
    return "\n".join(lines)


def measure(repeats: int, quick: bool = False) -> dict[str, Any]:
    """Run everything.

    Args:
        repeats: how often each contender is measured, in turns.
        quick: a tenth of the steps, to see that it works.
    """
    warnings.filterwarnings("ignore")  # peers announce newer versions of themselves
    before = numba.get_num_threads()
    try:
        field_ = contenders(quick)
        for contender in field_:  # compile, and let episodes get out of step with each other
            contender.repeat(min(contender.calls, 100))
        for _ in range(repeats):
            for contender in field_:
                contender.ns.append(contender.repeat())
    finally:
        numba.set_num_threads(before)
    return {
        "machine": machine(),
        "repeats": repeats,
        "results": [c.report() for c in field_],
        "bytes_per_car": bytes_per_car(),
    }


def main(argv: list[str] | None = None) -> int:
    """Measure and report."""
    parser = argparse.ArgumentParser(description="Environment steps per second, beside peers.")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument("--repeats", type=int, default=5, help="measurements of each (default 5)")
    parser.add_argument("--quick", action="store_true", help="a tenth of the steps")
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
