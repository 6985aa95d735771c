"""Shapes, types and bounds that the arrays of a saved batch must have.

Compiled code does not check them: an index out of range, or a number that is not finite and is
turned into an index, would crash the process.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from retroracer.checks import COUNT, Form
from retroracer.envs import task
from retroracer.envs.race_task import N_RACE_OBS
from retroracer.envs.variety import MAX_LATENCY
from retroracer.physics import state
from retroracer.physics.company import N_MARKS, NEVER
from retroracer.track.bank import LENGTH, MAX_SECTORS, N_SECTORS, TrackBank
from retroracer.track.geometry import Array

FAR = 1e8
"""Largest accepted magnitude of a number in a car's state, in SI units."""

MOST_VARIED = 1000.0
"""Largest accepted ratio of a car's parameter to that of the car without variety."""


def forms_of(n: int, n_tracks: int, row: Array) -> dict[str, Form]:
    """Shapes, types and bounds of ``RacingBatch.state_arrays``, by name.

    Args:
        n: number of cars.
        n_tracks: number of tracks in the pool.
        row: (N_PARAMS,) the car's parameters without variety.
    """
    low, high = np.full(state.N_FLOATS, -FAR), np.full(state.N_FLOATS, FAR)
    low[[state.S, state.TIME, state.OFF_TIME, state.OFF_FOR]] = 0.0
    missing = np.zeros(state.N_FLOATS, np.bool_)
    missing[[state.LAST_LAP, state.LAST_LAP_OFF]] = True
    most = np.zeros(state.N_INTS, np.int64)
    most[state.TRACK] = n_tracks - 1
    most[state.LAP], most[state.SECTOR] = COUNT, MAX_SECTORS - 1
    most[[state.TIMED, state.STEP_LAP]] = 1
    return {
        "floats": Form((n, state.N_FLOATS), np.float64, low, high, missing),
        "ints": Form((n, state.N_INTS), np.int64, 0, most),
        "params": Form((n, len(row)), np.float64, row / MOST_VARIED, row * MOST_VARIED),
        "splits": Form((n, MAX_SECTORS), np.float64, -FAR, FAR, True),
        "last_sectors": Form((n, MAX_SECTORS), np.float64, -FAR, FAR, True),
        "marks": Form((n, 2), np.float64, -FAR, FAR),
        "latency": Form((n,), np.int64, 0, MAX_LATENCY),
        "asked": Form((MAX_LATENCY + 1, n, 2), np.float64, -1.0, 1.0),
        "obs": Form((n, task.N_OBS), np.float32, -task.LIMIT, task.LIMIT),
    }


def race_forms_of(n_races: int, n_cars: int, n_tracks: int, rows: Array) -> dict[str, Form]:
    """The forms of ``RaceBatch.state_arrays``, by name.

    Args:
        n_races: how many.
        n_cars: in each.
        n_tracks: tracks they may be on.
        rows: (N, N_PARAMS) the cars' parameters before they are varied.
    """
    n = n_races * n_cars
    forms = forms_of(n, n_tracks, rows[0])
    params = replace(
        forms["params"], shape=rows.shape, low=rows / MOST_VARIED, high=rows * MOST_VARIED
    )
    among = (n, n_cars)
    return forms | {
        "params": params,
        "obs": replace(forms["obs"], shape=(n, N_RACE_OBS)),
        "slots": Form((n,), np.int64, 0, n_cars - 1),
        "solid": Form((n,), np.bool_),
        "passed": Form((n, N_MARKS), np.float64, 0.0, FAR),
        "blame": Form(among, np.float64, 0.0, FAR),
        "bump": Form(among, np.float64, 0.0, FAR),
        "touched": Form(among, np.float64, NEVER, FAR),
        "raced": Form((n,), np.float64, -FAR, FAR),
        "places": Form((n,), np.float64, 0.0, n_cars),
        "contacts": Form((n,), np.float64, 0.0, FAR),
        "alive": Form((n,), np.bool_),
    }


def demand_on_track(bank: TrackBank, arrays: Mapping[str, Array]) -> None:
    """Make sure that cars are on their tracks.

    Args:
        bank: the packed tracks.
        arrays: ``floats`` and ``ints`` of the cars, of their forms.

    Raises:
        ValueError: if one is beyond the end of its own.
    """
    where = arrays["ints"][:, state.TRACK].astype(np.int64)
    station, sector = arrays["floats"][:, state.S], arrays["ints"][:, state.SECTOR]
    far = station > bank.facts[where, LENGTH]
    if far.any() or (sector >= bank.facts[where, N_SECTORS]).any():
        raise ValueError("the cars are beyond the ends of their tracks")
