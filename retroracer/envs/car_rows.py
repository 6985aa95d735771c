"""What the batches of single cars and of races share: their cars, actions, info and saved state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from retroracer.checks import COUNT, Form, count, demand_array, generator_state
from retroracer.envs import task
from retroracer.envs.control import ControlLoop
from retroracer.envs.episodes import Outcome
from retroracer.envs.observation import LIMIT, Floats
from retroracer.envs.tracks import TrackPool
from retroracer.envs.variety import MAX_LATENCY, Variety
from retroracer.errors import NotFiniteError
from retroracer.physics import state as st
from retroracer.physics.car import Car
from retroracer.physics.race import Race
from retroracer.track.bank import LENGTH, MAX_SECTORS, N_SECTORS
from retroracer.track.geometry import Array, Ints
from retroracer.track.track import Track

FAR = 1e8
"""Largest accepted magnitude of a number in a saved car's state, in SI units."""

MOST_VARIED = 1000.0
"""Largest accepted ratio of a car's parameter to that of the car without variety."""

_SHOWN = {
    "x": st.X,
    "y": st.Y,
    "heading": st.HEADING,
    "s": st.S,
    "lateral_offset": st.OFFSET,
    "progress": st.PROGRESS,
    "time": st.TIME,
}
_COLUMNS = np.array(list(_SHOWN.values()))


class CarRows:
    """N cars that are stepped together, one a row.

    They are ``n_groups`` times ``cars``, each group on one track; the other arguments are those of
    ``RacingBatch`` and ``Race``.

    Attributes:
        n: how many.
        race: the cars; read anything from it, change nothing.
        pool: the tracks by slot; ``pool.tracks[race.ints[i, state.TRACK]]`` is row i's.
        obs: (N, ...) float32, the current observations.
        rng: all randomness but the tracks'.
    """

    def __init__(
        self,
        n_groups: int,
        cars: Sequence[Car],
        n_obs: int,
        tracks: Sequence[Track] | None,
        variety: Variety | None,
        reward: task.Reward | None,
        seed: int | None,
        company: int | Sequence[int] = 1,
    ) -> None:
        self.n = n_groups * len(cars)
        self.variety = variety or Variety()
        self.reward = reward or task.Reward()
        self.rng = np.random.default_rng(seed)
        self.pool = TrackPool(tracks, n_groups, self.variety, self.rng)
        self.race = Race(self.pool.bank, [*cars] * n_groups, company=company)
        self.obs: Floats = np.zeros((self.n, n_obs), np.float32)
        self._base = np.array([car.row() for car in cars])
        self._ranges = self.variety.ranges()
        self._loop = ControlLoop(self.race)
        self._rows = np.arange(self.n)

    def _restart(self, seed: int | Sequence[int] | None) -> None:
        """Restart all randomness, random tracks included; not if ``seed`` is None."""
        if seed is not None:
            self.rng = np.random.default_rng(seed)
            self.pool.reseed(self.rng)
            self.race.bank = self.pool.bank
            self.race.ints[:, st.TRACK] = 0

    def _count_users(self) -> None:
        """Tell the pool how many episodes use each track."""
        tracks = self.race.ints[:: len(self._base), st.TRACK]
        self.pool.users[:] = np.bincount(tracks, minlength=len(self.pool.users))

    def _checked(self, actions: npt.NDArray[np.floating]) -> Array:
        """A copy (N, 2) of the actions.

        Raises:
            ValueError: if they have the wrong shape.
            NotFiniteError: if they are not finite.
        """
        # Always the same type and layout: numba would compile the step again for any other.
        checked = np.array(actions, np.float64, order="C")
        if checked.shape != (self.n, 2):
            raise ValueError(f"actions must be ({self.n}, 2), not {checked.shape}")
        if not np.isfinite(checked).all():
            raise NotFiniteError("actions must be finite numbers: the policy returned nan or inf")
        return checked

    def _outcome(self, terms: Array) -> Outcome:
        """Where a step writes: new arrays but for ``terms``, so that callers may keep theirs."""
        ends = np.empty(self.n, np.bool_), np.empty(self.n, np.bool_)
        return Outcome(terms, np.empty(self.n), *ends, np.empty_like(self.obs))

    def snapshot(self, rows: Ints | slice) -> dict[str, Array]:
        """The contents of ``info`` for some cars: copied arrays by name, one entry a row.

        Keys: x, y, heading, speed, s, lateral_offset, progress, lap, lap_time, off_track, time; SI
        units.
        """
        f = self.race.floats[rows]
        # Indexing columns by an array copies them, so no view of the live state is returned.
        shown: dict[str, Array] = dict(zip(_SHOWN, f[:, _COLUMNS].T, strict=True))
        return shown | {
            "speed": np.hypot(f[:, st.VX], f[:, st.VY]),
            "lap": self.race.ints[rows, st.LAP].copy(),
            "lap_time": shown["time"] - f[:, st.LAP_START],
            "off_track": self.race.off_track[rows],
        }

    def state_facts(self) -> dict[str, Any]:
        """The part of the state that JSON can hold: random state, clock, tracks."""
        return {
            "rng": self.rng.bit_generator.state,
            "clock": self._loop.step,
            "pool": self.pool.state(),
        }

    def state_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """The arrays of the state by name, one entry a car; views of the live ones."""
        race, controls = self.race, self._loop.controls
        return {
            "floats": race.floats,
            "ints": race.ints,
            "params": race.params,
            "splits": race.splits,
            "last_sectors": race.last_sectors,
            "latency": controls.latency,
            "asked": controls.chosen,
            "obs": self.obs,
        }

    def _copy_rows(self, other: CarRows, rows: Ints) -> None:
        """Copy the state of rows (N,) of another batch; its tracks are used by reference."""
        self.race.bank = other.race.bank
        theirs = other.state_arrays()
        for name, values in self.state_arrays().items():
            per_car = (slice(None), rows) if name == "asked" else rows  # "asked" is (T, N, 2)
            values[:] = theirs[name][per_car]
        self._loop.step = other._loop.step

    def _forms(self) -> dict[str, Form]:
        """Shapes, types and bounds of ``state_arrays`` by name.

        Compiled code does not check them: an index out of range, or a number that is not finite
        and is turned into an index, would crash the process.
        """
        n = self.n
        rows = np.tile(self._base, (n // len(self._base), 1))
        low, high = np.full(st.N_FLOATS, -FAR), np.full(st.N_FLOATS, FAR)
        low[[st.S, st.TIME, st.OFF_TIME, st.OFF_FOR]] = 0.0
        missing = np.zeros(st.N_FLOATS, np.bool_)
        missing[[st.LAST_LAP, st.LAST_LAP_OFF]] = True
        most = np.zeros(st.N_INTS, np.int64)
        most[st.TRACK] = len(self.pool.tracks) - 1
        most[st.LAP], most[st.SECTOR] = COUNT, MAX_SECTORS - 1
        most[[st.TIMED, st.STEP_LAP]] = 1
        return {
            "floats": Form((n, st.N_FLOATS), np.float64, low, high, missing),
            "ints": Form((n, st.N_INTS), np.int64, 0, most),
            "params": Form(rows.shape, np.float64, rows / MOST_VARIED, rows * MOST_VARIED),
            "splits": Form((n, MAX_SECTORS), np.float64, -FAR, FAR, True),
            "last_sectors": Form((n, MAX_SECTORS), np.float64, -FAR, FAR, True),
            "marks": Form((n, 2), np.float64, -FAR, FAR),
            "latency": Form((n,), np.int64, 0, MAX_LATENCY),
            "asked": Form((MAX_LATENCY + 1, n, 2), np.float64, -1.0, 1.0),
            "obs": Form(self.obs.shape, np.float32, -LIMIT, LIMIT),
        }

    def restore(self, facts: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
        """Restore the state of a batch with the same arguments.

        Args:
            facts: from ``state_facts``.
            arrays: from ``state_arrays``.

        Raises:
            ValueError: if it does not fit.
            KeyError: if something is missing.
        """
        clock, rng = count(facts, "clock"), generator_state(facts["rng"])
        for name, form in self._forms().items():
            demand_array(f"{name} of the cars", arrays[name], form)
        self.pool.restore(facts["pool"])
        where = arrays["ints"][:, st.TRACK].astype(np.int64)
        station, sector = arrays["floats"][:, st.S], arrays["ints"][:, st.SECTOR]
        far = station > self.pool.bank.facts[where, LENGTH]
        if far.any() or (sector >= self.pool.bank.facts[where, N_SECTORS]).any():
            raise ValueError("the cars are beyond the ends of their tracks")
        self.obs = np.empty_like(self.obs)
        for name, values in self.state_arrays().items():
            values[:] = arrays[name]
        self._count_users()
        self._loop.step = clock
        self.rng.bit_generator.state = rng
