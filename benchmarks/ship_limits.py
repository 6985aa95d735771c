"""Solve the limits that ship with the package: of the tracks runs are judged on, and our own.

Run after a change of the generator, a shipped track, a car or the solver (``limit.VERSION``);
``tests/laptime/test_limit.py`` says when it is needed::

    python benchmarks/ship_limits.py
"""

from __future__ import annotations

import json

from retroracer.atomic import write_text
from retroracer.cli.start_run import algorithms
from retroracer.laptime.limit import SHIPPED, key_of
from retroracer.laptime.many import lap_limits
from retroracer.physics.car import load_car, shipped_cars
from retroracer.track.files import load_track, shipped_tracks
from retroracer.track.generate import random_tracks
from retroracer.training.learners import RACING
from retroracer.training.learners.racing_settings import RacingSettings
from retroracer.training.run.settings import EVALUATION_SEED, load, shipped_page


def main() -> None:
    """Solve and write them."""
    tracks = [load_track(name) for name in shipped_tracks()]
    pages = [shipped_page(f"base-{name}") for name in algorithms("base")]
    judged = max(load(RacingSettings, RACING, page).evaluate_on for page in pages)
    tracks += random_tracks(EVALUATION_SEED, judged)
    cars = [load_car(name) for name in shipped_cars()]
    pairs = [(track, car) for car in cars for track in tracks]
    times = lap_limits(pairs, lambda done, count: print(f"{done}/{count}", end="\r"))
    page = {key_of(*p): round(t, 4) for p, t in zip(pairs, times, strict=True) if t is not None}
    write_text(SHIPPED, json.dumps(dict(sorted(page.items())), indent=0) + "\n")
    print(f"{len(page)} limits in {SHIPPED.name}")


if __name__ == "__main__":
    main()
