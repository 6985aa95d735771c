"""Makes the drivers of a race from model files, names or objects, and the race's env."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from retroracer.agents.lookahead import racer_of
from retroracer.agents.policy import load_policy
from retroracer.agents.rough_drivers import ROUGH
from retroracer.envs.arguments import Where, tracks_of
from retroracer.envs.crew import Ghost
from retroracer.envs.race_env import RaceEnv
from retroracer.errors import UserError
from retroracer.laptime.line_driver import LineDriver, line_to_follow
from retroracer.physics.car import Car, load_car
from retroracer.track.track import Track

LINE = "line"
"""Name of the driver that follows the solved line of a given track."""


def make_race_env(
    drivers: Sequence[Any] = ("base", "base", "base"),
    track: Where | Sequence[Where] | None = None,
    *,
    car: Car | str | Sequence[Car | str] = "gt",
    **kwargs: Any,
) -> RaceEnv:
    """Make the env ``retroracer/RetroRacer-Race-v0``: one learner among given drivers.

    Args:
        drivers: of the other cars: model files, names of shipped models, ``"line"`` (on given
            tracks), ``"follower"`` and ``"braker"`` (``rough_drivers``), objects as ``RaceEnv``
            takes them, or ``Ghost`` of any of these. A model whose zip says so looks ahead
            (``lookahead``).
        track: as in ``RaceEnv``.
        car: as in ``RaceEnv``.
        **kwargs: other arguments of ``RaceEnv``.

    Raises:
        UserError: if a model cannot be loaded, or ``"line"`` is used without given tracks.
    """
    tracks = tracks_of(track)
    named = [car] * (1 + len(drivers)) if isinstance(car, Car | str) else list(car)
    made = [driver_of(d, tracks, c) for d, c in zip(drivers, named[1:], strict=True)]
    return RaceEnv(made, tracks, car=named, **kwargs)


def driver_of(driver: Any, tracks: Sequence[Track] | None, car: Car | str) -> Any:
    """The driver object for ``RaceEnv``, from one of the forms ``make_race_env`` accepts."""
    if isinstance(driver, Ghost):
        return Ghost(driver_of(driver.driver, tracks, car))
    if driver == LINE:
        if tracks is None:
            raise UserError("a 'line' driver needs given tracks: random ones have no solved line")
        made = load_car(car) if isinstance(car, str) else car
        return LineDriver([line_to_follow(t, made) for t in tracks])
    if isinstance(driver, str) and driver in ROUGH:
        return ROUGH[driver]()
    if isinstance(driver, str | Path):
        return racer_of(load_policy(driver))
    return driver
