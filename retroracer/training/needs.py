"""What a run needs before it begins: its tracks, its car, its parent. Owns looking for them."""

from __future__ import annotations

from retroracer.agents.model_file import car_of, find_model, read_facts
from retroracer.physics.car import Car, load_car
from retroracer.track.files import load_track
from retroracer.track.track import Track
from retroracer.training.run_settings import RunSettings


def look_for(settings: RunSettings) -> tuple[list[Track] | None, Car]:
    """The tracks and the car a run needs; its parent is looked for too.

    Raises:
        UserError: for what is missing or unfit.
    """
    tracks = [load_track(name) for name in settings.track] or None
    if settings.parent is not None:
        read_facts(settings.parent)
    return tracks, _car(settings)


def _car(settings: RunSettings) -> Car:
    if settings.car is not None:
        return load_car(settings.car)
    if settings.parent is not None:
        path = find_model(settings.parent)
        return car_of(read_facts(path), path)
    return load_car()
