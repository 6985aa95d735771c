"""How many rows a second one learner takes in, fed by actors that only send.

    python benchmarks/bench_ingest.py --actors 2 --seconds 10 --json ingest.json

The actors are real ones but for their driving: each sends the same piece again and again. The
learner checks every row and puts it into its replay, as in a run, and makes no updates.
"""

from __future__ import annotations

import argparse
import functools
import json
import resource
import time
from pathlib import Path
from typing import Any

import numpy as np

from retroracer.agents.linked_replay import LinkedMemory
from retroracer.agents.rows import Contract, Rows, Weights, unfit
from retroracer.scale.driving import Simulator
from retroracer.scale.feed import RayFeed


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


def measure(
    actors: int, cars: int, steps: int, observations: int, seconds: float
) -> dict[str, Any]:
    contract = Contract("flood", observations, 2)
    builds = [functools.partial(flood, observations, cars) for _ in range(actors)]
    feed = RayFeed(contract, builds, "ingest", None, 0, steps, lambda text: None)
    layers = [(np.zeros((observations, 4), np.float32), np.zeros(4, np.float32))]
    memory = LinkedMemory(1_000_000, observations, 2)
    feed.open(Weights(1, layers, False))
    try:
        while len(memory) < memory.capacity:  # every page of it touched once
            for rows in feed.take(0.5):
                memory.add(rows)
        taken, lags, version = 0, [], 1
        begun, cpu, published = time.perf_counter(), time.process_time(), 0.0
        while (now := time.perf_counter()) < begun + seconds:
            if now > published + 1.0:
                version += 1
                feed.publish(Weights(version, layers, False), {})
                published = now
            for rows in feed.take(0.1):
                if unfit(rows, contract) is None:
                    memory.add(rows)
                    taken += rows.transitions
                    lags.append(version - rows.version)
        took, used = time.perf_counter() - begun, time.process_time() - cpu
    finally:
        feed.close()
    return {
        "actors": actors,
        "cars_each": cars,
        "vector_steps_a_piece": steps,
        "observations": observations,
        "rows_per_second": round(taken / took),
        "rows_per_second_of_the_learners_processor_time": round(taken / used),
        "pieces_per_second": round(len(lags) / took, 1),
        "lag_in_versions_of_a_second_mean": round(float(np.mean(lags)), 2),
        "replay_mb": round(memory.megabytes),
        "learner_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--actors", type=int, default=2)
    parser.add_argument("--cars", type=int, default=512)
    parser.add_argument("--steps", type=int, default=16)
    parser.add_argument("--observations", type=int, default=22)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    told = measure(args.actors, args.cars, args.steps, args.observations, args.seconds)
    text = json.dumps(told, indent=1)
    print(text)
    if args.json:
        args.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
