"""How many rows and pieces a second one learner takes in, fed by actors that only send.

    python benchmarks/bench_ingest.py [--actors 1] [--seconds 10] [--json FILE]

The actors are real ones but for their driving: each sends the same piece again and again. The
learner checks every row and puts it into its replay, as in a run, and makes no updates. Large
pieces tell what a row takes, pieces of one row what a piece takes, of the learner and of the hub.
Figures by the clock are of all processes together on the cores there are; those by processor time
are of one process, as if it had a core of its own.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # run as a script

import numpy as np

from benchmarks.machine import machine
from retroracer.agents.linked_replay import LinkedMemory
from retroracer.agents.rows import Contract, Rows, Weights, unfit
from retroracer.atomic import write_text
from retroracer.scale.driving import Simulator
from retroracer.scale.feed import RayFeed
from tests.scale.programs import living

TICK = os.sysconf("SC_CLK_TCK")


class Flood(Simulator):
    """A simulator whose pieces are there already."""

    def __init__(self, observations: int, cars: int) -> None:
        self.contract = Contract("flood", observations, 2)
        self.about = f"{cars} cars of nothing"
        self.obs = np.zeros((cars, observations), np.float32)

    def step(self, actions: Any) -> Any:
        """Never called."""
        raise NotImplementedError

    def piece(self, steps: int, actor: int, life: str, number: int, version: int) -> Rows:
        """What is sent."""
        cars, width = self.obs.shape
        seen = np.zeros((steps, cars, width), np.float32)
        never = np.zeros((steps, cars), np.bool_)
        action = np.zeros((steps, cars, 2), np.float32)
        reward = np.zeros((steps, cars), np.float32)
        none = np.zeros((0, 4))
        return Rows(actor, life, number, version, seen, action, reward, seen, never, never, none)


def flood(observations: int, cars: int) -> Simulator:
    """Made in the actor's process, where driving is replaced by sending."""
    from retroracer.scale import work

    made = Flood(observations, cars)
    work.drive = lambda simulator, explorer, steps, actor, life, number: made.piece(
        steps, actor, life, number, explorer.version
    )
    return made


def hub_seconds() -> float:
    """Processor time of the hub so far."""
    for process, name in living(Path.cwd()).items():
        if name.startswith("ray::Hub"):
            cells = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
            return (int(cells[11]) + int(cells[12])) / TICK
    raise SystemExit("no hub")


def measure(
    actors: int, cars: int, steps: int, observations: int, seconds: float
) -> dict[str, Any]:
    """Take in pieces of ``steps`` x ``cars`` rows for so many seconds."""
    contract = Contract("flood", observations, 2)
    builds = [functools.partial(flood, observations, cars) for _ in range(actors)]
    feed = RayFeed(contract, builds, "ingest", None, 0, steps, lambda text: None)
    layers = [(np.zeros((observations, 4), np.float32), np.zeros(4, np.float32))]
    memory = LinkedMemory(1_000_000, observations, 2)
    for name in ("obs", "next_obs", "action", "reward"):
        getattr(memory, name).fill_(1.0)  # every page of it is there
    feed.open(Weights(1, layers, False))
    most = 1_000_000  # more than ever waits
    try:
        while not feed.take(0.5, most):
            pass
        taken, lags, version = 0, [], 1
        begun, cpu, hub = time.perf_counter(), time.process_time(), hub_seconds()
        published = 0.0
        while (now := time.perf_counter()) < begun + seconds:
            if now > published + 1.0:
                version += 1
                feed.publish(Weights(version, layers, False), {})
                published = now
            for rows in feed.take(0.1, most):
                if unfit(rows, contract) is None:
                    memory.add(rows)
                    taken += rows.transitions
                    lags.append(version - rows.version)
        took, used = time.perf_counter() - begun, time.process_time() - cpu
        hub = hub_seconds() - hub
    finally:
        feed.close()
    return {
        "rows_a_piece": cars * steps,
        "rows_per_second": round(taken / took),
        "rows_per_second_of_the_learners_processor_time": round(taken / used),
        "pieces_per_second": round(len(lags) / took, 1),
        "learner_ms_a_piece": round(1000 * used / len(lags), 3),
        "hub_ms_a_piece": round(1000 * hub / len(lags), 3),
        "lag_in_versions_of_a_second_mean": round(float(np.mean(lags)), 2),
        "replay_mb": round(memory.megabytes),
        "learner_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--actors", type=int, default=1)
    parser.add_argument("--cars", type=int, default=512, help="of an actor")
    parser.add_argument("--steps", type=int, default=16, help="vector steps in a piece")
    parser.add_argument("--observations", type=int, default=22)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    told = {
        "actors": args.actors,
        "observations": args.observations,
        "large": measure(args.actors, args.cars, args.steps, args.observations, args.seconds),
        "small": measure(args.actors, 1, 1, args.observations, args.seconds),
        "machine": machine(),
    }
    text = json.dumps(told, indent=1)
    print(text)
    if args.json:
        write_text(args.json, text + "\n")


if __name__ == "__main__":
    main()
