"""Races of solid cars: steps of a car per second on one core, and long pile-ups that stay finite.

    python -m retroracer bench --race [--json FILE] [--repeats 5] [--quick]

A step is a control step of 50 ms, five physics steps with wakes and contacts in each. "alone": the
same cars on the same track as races of one. By the thread's own processor time, median of the
repeats. The pile-up: 20 cars a race, begun 3 m apart on tracks with walls, drivers at random.
"""

from __future__ import annotations

import json
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import machine
from retroracer.physics import company, state
from retroracer.physics.car import load_car
from retroracer.physics.race import Race
from retroracer.track.generate import random_tracks

CARS = 240
SIZES = (1, 2, 4, 8, 20)
MOVING = slice(0, state.LAST_LAP)
PRESSING = np.array([0.0, 0.03])


class Twitchy:
    """Drivers at random who mostly accelerate; the same for the same seed."""

    def __init__(self, n: int) -> None:
        self.rng = np.random.default_rng(7)
        self.actions = np.zeros((n, 2))

    def __call__(self) -> Any:
        """The next actions."""
        noise = self.rng.normal(0.0, 0.1, self.actions.shape)
        self.actions = np.clip(0.9 * self.actions + noise + PRESSING, -1.0, 1.0)
        return self.actions


def grid(size: int, gap: float) -> Race:
    """CARS cars in races of ``size``, two abreast, rows ``gap`` metres apart, rolling."""
    race = Race(random_tracks(5, 1), load_car("gt"), CARS, company=size)
    place = np.arange(CARS) % size
    side = np.where(place % 2 == 1, 1.6, -1.6)
    race.place(s=50.0 + gap * (place // 2), lateral_offset=side, speed=20.0)
    return race


def rate(size: int, steps: int) -> tuple[float, float]:
    """Steps of a car per second, and the share of its steps in which a car touched another."""
    race, drive = grid(size, 9.0), Twitchy(CARS)
    for _ in range(5):
        race.advance(drive())
    spent, touching = 0.0, 0.0
    for _ in range(steps):
        actions = drive()
        begun = time.thread_time()
        race.advance(actions)
        spent += time.thread_time() - begun
        if race.company is not None:
            touching += float((race.company.marks[:, company.STEP_CONTACT] > 0.0).mean())
    return steps * CARS / spent, touching / steps


def pile_up(car_steps: int) -> dict[str, Any]:
    """Drive 20-car races for so many control steps of a car, anew every 20 s."""
    race, drive = grid(20, 3.0), Twitchy(CARS)
    finite, fastest, contacts, steps = True, 0.0, 0, 0
    while steps < car_steps:
        drawn = drive.rng.uniform(0.0, 2000.0)
        place = np.arange(CARS) % 20
        race.place(
            s=drawn + 3.0 * place,
            lateral_offset=drive.rng.uniform(-4.0, 4.0, CARS),
            speed=drive.rng.uniform(0.0, 60.0, CARS),
            heading_error=drive.rng.normal(0.0, 0.5, CARS),
        )
        for _ in range(400):
            race.advance(drive())
            steps += CARS
            finite &= bool(np.isfinite(race.floats[:, MOVING]).all())
            fastest = max(fastest, float(race.speed.max()))
        assert race.company is not None
        contacts += int(race.company.marks[:, company.CONTACTS].sum()) // 2
    return {"car_steps": steps, "finite": finite, "fastest_m_s": fastest, "contacts": contacts}


def main(repeats: int, quick: bool, out: Path | None) -> int:
    """Measure, print a line for each figure and JSON."""
    report: dict[str, Any] = {"machine": machine(), "cars": CARS, "sizes": {}}
    for size in SIZES:
        runs = [rate(size, 40 if quick else 400) for _ in range(repeats)]
        fast = statistics.median(r for r, _ in runs)
        report["sizes"][size] = {"car_steps_per_s": round(fast), "in_contact": runs[0][1]}
    report["pile_up"] = pile_up(100_000 if quick else 1_000_000)
    text = json.dumps(report, indent=2)
    print(text)
    if out is not None:
        out.write_text(text + "\n", encoding="utf-8")
    return 0 if report["pile_up"]["finite"] else 1
