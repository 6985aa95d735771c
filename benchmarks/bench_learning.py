"""Updates per second of FastSAC beside Stable-Baselines3's SAC: same nets, batch and machine.

Both learn from their own replay memory, filled by the same task, in turns within one run; the
median of the repeats counts. The work of an update is counted from its matrix products and set
against the matrix rate this machine reaches on a product of the same shapes. The last row does what
``train_base.py`` does: the actor learns from measured slopes (``SACUpdate.improve``), at every
second update of the critics, which is less work; measuring them in the simulator is not in it::

    python -m retroracer bench --learning
"""

from __future__ import annotations

import itertools
import json
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from stable_baselines3 import SAC

from benchmarks.machine import cpu_model
from benchmarks.racing_vec_env import RacingVecEnv
from retroracer.agents.fast_sac import FastSAC
from retroracer.agents.replay import Memory
from retroracer.agents.sac_update import Measured
from retroracer.atomic import write_text
from retroracer.envs.batch import RacingBatch
from retroracer.envs.task import N_OBS
from retroracer.training.run.hardware import has_bfloat16

HIDDEN = (256, 256)
CARS = 64
AS_TRAIN_BASE = "FastSAC float32, as train_base.py"


def flops(batch: int, hidden: tuple[int, ...] = HIDDEN, measured: bool = False) -> float:
    """Floating-point operations of one update: two per weight and row of each product.

    Actor: forward over the batch and the next observations, backward once by weights and once
    by activations. Critics (two): forward for the error and backward; forward for the actor and
    backward to the action; their targets: forward.
    """

    def weights(inputs: int, outputs: int) -> int:
        widths = (inputs, *hidden, outputs)
        return sum(a * b for a, b in itertools.pairwise(widths))

    actor = weights(N_OBS, 4)
    critic = weights(N_OBS + 2, 1)
    first = N_OBS * hidden[0]  # nobody needs the gradient by the observations
    first_critic = (N_OBS + 2) * hidden[0]
    improves = actor + actor + (actor - first)  # forward, two backwards
    per_row = actor + 2 * (critic + critic + (critic - first_critic)) + 2 * critic  # the critics'
    if measured:
        return 2.0 * batch * (per_row + 0.5 * improves)
    per_row += improves + 2 * (critic + critic)  # the actor's, through the critics
    return 2.0 * batch * per_row


def peak(batch: int, kind: torch.dtype) -> float:
    """Operations per second of the hidden layers' product of two critics, best of many."""
    width = HIDDEN[0]
    a = torch.randn((2, batch, width)).to(kind)
    b = torch.randn((2, width, width)).to(kind)
    out = torch.empty((2, batch, width), dtype=kind)
    best = 0.0
    for _ in range(20):
        begun = time.perf_counter()
        for _ in range(50):
            torch.bmm(a, b, out=out)
        best = max(best, 50 * 4.0 * batch * width * width / (time.perf_counter() - begun))
    return best


def learners(batch: int) -> dict[str, Callable[[int], Any]]:
    """By name: something that does so many updates."""
    arguments: dict[str, Any] = {
        "policy_kwargs": {"net_arch": list(HIDDEN)},
        "batch_size": batch,
        "device": "cpu",
        "seed": 0,
        "learning_starts": 0,
    }
    stock = SAC(
        "MlpPolicy", RacingVecEnv(RacingBatch(CARS, seed=0)), buffer_size=64_000, gradient_steps=1,
        **arguments,
    )  # fmt: skip
    stock.learn(CARS * 60)
    out: dict[str, Callable[[int], Any]] = {
        "Stable-Baselines3 SAC": lambda count: stock.train(count, batch)
    }
    for name, half in (("FastSAC bfloat16", True), ("FastSAC float32", False)):
        if half and not has_bfloat16("cpu"):
            continue
        cars = RacingBatch(CARS, seed=0)
        model = FastSAC("MlpPolicy", RacingVecEnv(cars), buffer_size=1, **arguments)
        model.half = half
        memory = Memory(64_000, CARS, N_OBS, 2)
        obs = cars.reset(0)
        for _ in range(60):
            actions = model.explore(obs)
            after, reward, terminated, truncated = cars.step(actions)
            memory.add(obs, actions, reward.astype(np.float32), after, terminated, truncated)
            obs = after
        out[name] = lambda count, m=model, k=memory: m.update(k.sample(count, batch, 0.99, 1))
        last = model, memory
    out[AS_TRAIN_BASE] = partial(train_base_updates, *last, batch)
    return out


def train_base_updates(model: FastSAC, memory: Memory, batch: int, count: int) -> None:
    """``count`` updates of the critics and half as many of the actor, from measured slopes."""
    batches = memory.sample(count, batch, 0.99, 1)
    size = torch.tensor([0.06, 0.25])
    slopes = torch.randn(batch, 2)
    measured = [Measured(b.obs, b.actions, slopes, size) for b in batches[: count // 2]]
    model.update(batches, measured=measured)


def measure(repeats: int, updates: int, batch: int) -> dict[str, Any]:
    """Medians over ``repeats`` turns of ``updates`` updates each."""
    each = learners(batch)
    seconds: dict[str, list[float]] = {name: [] for name in each}
    for learn in each.values():
        learn(20)
    for _ in range(repeats):
        for name, learn in each.items():
            begun = time.perf_counter()
            learn(updates)
            seconds[name].append(time.perf_counter() - begun)
    single, half = peak(batch, torch.float32), peak(batch, torch.bfloat16)
    rows = {}
    for name, times in seconds.items():
        rate = updates / statistics.median(times)
        work = flops(batch, measured=name == AS_TRAIN_BASE)
        rows[name] = {
            "updates_per_s": round(rate, 1),
            "gflops": round(rate * work / 1e9, 1),
            "of_float32_peak": round(rate * work / single, 3),
        }
    stock = rows["Stable-Baselines3 SAC"]["updates_per_s"]
    for row in rows.values():
        row["times_stock"] = round(row["updates_per_s"] / stock, 2)
    return {
        "machine": cpu_model(),
        "threads": torch.get_num_threads(),
        "batch": batch,
        "hidden": list(HIDDEN),
        "gflop_per_update": round(flops(batch) / 1e9, 3),
        "float32_peak_gflops": round(single / 1e9, 1),
        "bfloat16_peak_gflops": round(half / 1e9, 1),
        "learners": rows,
    }


def main(repeats: int = 5, quick: bool = False, path: Path | None = None) -> None:
    """Measure and print as JSON."""
    updates = 20 if quick else 200
    page = [measure(repeats, updates, batch) for batch in (256, 512)]
    text = json.dumps(page, indent=2)
    print(text)
    if path is not None:
        write_text(path, text + "\n")


if __name__ == "__main__":
    main()
