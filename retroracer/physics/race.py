"""Race: N cars on tracks of one packed bank, advanced together; each alone, or racing others.

Owns the state arrays and their names; the motion is computed in ``kernel``. The game uses it
directly; ``envs.batch`` adds observations, rewards and episodes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from retroracer.physics import kernel, placing, races, state
from retroracer.physics.car import Car
from retroracer.physics.company import make_company
from retroracer.track.bank import GRID_GAP, LENGTH, MAX_SECTORS, N_SECTORS, TrackBank, pack
from retroracer.track.geometry import Array
from retroracer.track.track import Track

PHYSICS_DT = 0.01
"""Physics step [s]."""

CONTROL_DT = 0.05
"""Time between two decisions of a driver trained here [s]."""

N_SUBSTEPS = 5
"""Physics steps per control step: CONTROL_DT / PHYSICS_DT."""

PARALLEL_FROM = 2048
"""Batches of at least this many cars are advanced on several threads (measured, see benchmarks)."""


def threads_pay(n: int) -> bool:
    """True if a batch of n cars is large enough to be worth numba's threads."""
    return n >= PARALLEL_FROM and numba.get_num_threads() > 1


class _Column:
    """A column of a race's float state, as an attribute of the race: a view (N,)."""

    def __init__(self, index: int) -> None:
        self.index = index

    def __get__(self, race: Race, kind: type[Race]) -> Array:
        return race.floats[:, self.index]


class Race:
    """N cars on tracks.

    Args:
        tracks: the tracks, or a bank of them.
        cars: one Car for all, or one per row.
        n: number of cars; default one per Car given.
        company: groups of cars that race each other as solid cars: a number k for groups of k
            consecutive rows, or the groups' sizes; 1 to 20 each, all cars of a group on one
            track. Default 1: every car is alone and collides with nobody.

    Attributes:
        cars: the arrays for the kernel; each is an attribute of the race too.
        bank: the packed tracks.
        company: groups, contacts and wakes; None if every car is alone.
    """

    x = _Column(state.X)
    """Position [m]."""
    y = _Column(state.Y)
    """Position [m]."""
    heading = _Column(state.HEADING)
    """[rad], unwrapped."""
    vx = _Column(state.VX)
    """Forward speed [m/s]."""
    vy = _Column(state.VY)
    """Sideways speed [m/s], left positive."""
    yaw_rate = _Column(state.YAW_RATE)
    """[rad/s]."""
    steer_angle = _Column(state.STEER_ANGLE)
    """Angle of the front wheels [rad]."""
    s = _Column(state.S)
    """Station in [0, length) [m]."""
    lateral_offset = _Column(state.OFFSET)
    """[m], left positive."""
    progress = _Column(state.PROGRESS)
    """[m] since the start."""
    time = _Column(state.TIME)
    """[s] since the start."""
    last_lap_time = _Column(state.LAST_LAP)
    """Time of the last timed lap [s], nan before there is one."""
    off_track_time = _Column(state.OFF_TIME)
    """Time spent beyond track limits since the start [s]."""

    def __init__(
        self,
        tracks: Sequence[Track] | TrackBank,
        cars: Car | Sequence[Car],
        n: int | None = None,
        company: int | Sequence[int] = 1,
    ) -> None:
        self.bank = tracks if isinstance(tracks, TrackBank) else pack(tracks)
        listed = [cars] * (n or 1) if isinstance(cars, Car) else list(cars)
        if n is not None and len(listed) != n:
            raise ValueError(f"{len(listed)} cars given for {n} rows")
        self.n = len(listed)
        rows = {car: car.row() for car in listed}
        self.cars = state.Cars(
            np.zeros((self.n, state.N_FLOATS)),
            np.zeros((self.n, state.N_INTS), np.int64),
            np.array([rows[car] for car in listed]),
            np.full((self.n, MAX_SECTORS), np.nan),
            np.full((self.n, MAX_SECTORS), np.nan),
        )
        self.floats, self.ints, self.params, self.splits, self.last_sectors = self.cars
        self.company = None if company == 1 else make_company(company, listed)
        self.start_on_grid()

    def start_on_grid(self, track: npt.ArrayLike = 0, rows: npt.ArrayLike | None = None) -> None:
        """Put cars on the grid of a track, standing behind the line, for a timed first lap.

        Args:
            track: index into the bank, one or one per row.
            rows: which cars; default all.
        """
        index = self._rows(rows)
        which = np.broadcast_to(np.asarray(track, np.int64), index.shape)
        facts = self.bank.facts[which]
        self.place(rows=index, track=which, s=-facts[:, GRID_GAP], grid=True)

    def place(
        self,
        *,
        s: npt.ArrayLike,
        lateral_offset: npt.ArrayLike = 0.0,
        heading_error: npt.ArrayLike = 0.0,
        speed: npt.ArrayLike = 0.0,
        track: npt.ArrayLike = 0,
        grid: npt.ArrayLike = False,
        rows: npt.ArrayLike | None = None,
    ) -> None:
        """Put cars anywhere, with clocks at zero; every argument is one value or one per row.

        Args:
            s: station [m].
            lateral_offset: [m], left positive.
            heading_error: car minus track [rad].
            speed: forward [m/s].
            track: index into the bank.
            grid: True if the first lap is timed from here, False if it is partial.
            rows: which cars; default all.
        """
        index = self._rows(rows)

        def each(value: npt.ArrayLike, kind: Any = np.float64) -> npt.NDArray[Any]:
            return np.ascontiguousarray(np.broadcast_to(np.asarray(value, kind), index.shape))

        which = each(track, np.int64)
        if which.size and (which.min() < 0 or which.max() >= self.bank.n_tracks):
            raise ValueError(f"track index out of range 0..{self.bank.n_tracks - 1}")
        start = placing.Start(
            which,
            each(s),
            each(lateral_offset),
            each(heading_error),
            each(speed),
            each(grid, np.bool_),
        )
        placing.place_cars(self.cars, self.bank, index, start)
        if self.company is not None:
            races.forget(self.company, index)

    def _rows(self, rows: npt.ArrayLike | None) -> npt.NDArray[np.int64]:
        return np.arange(self.n) if rows is None else np.atleast_1d(np.asarray(rows, np.int64))

    def advance(self, actions: Array, n_substeps: int = N_SUBSTEPS) -> None:
        """Drive every car for ``n_substeps`` physics steps of 10 ms with its action.

        Args:
            actions: (N, 2) steer and throttle in [-1, 1] (clipped); left positive.
            n_substeps: 5 for one control step; the game calls 1 at a time. The result is the
                same to the last bit however the steps are divided into calls.
        """
        # Always the same type and layout: numba would compile the kernel again for any other.
        actions = np.array(actions, np.float64, order="C")
        if actions.shape != (self.n, 2):
            raise ValueError(f"actions must be ({self.n}, 2), not {actions.shape}")
        if self.company is not None:
            all_races = (self.cars, self.company, self.bank, actions, n_substeps, PHYSICS_DT)
            if threads_pay(self.n):
                races.advance_races_parallel(*all_races)
            else:
                races.advance_races(*all_races, 0, len(self.company.begins) - 1)
        elif threads_pay(self.n):
            kernel.advance_parallel(self.cars, self.bank, actions, n_substeps, PHYSICS_DT)
        else:
            kernel.advance_rows(self.cars, self.bank, actions, n_substeps, PHYSICS_DT, 0, self.n)

    def length(self) -> Array:
        """(N,) lap length of the track each car is on [m]."""
        return np.asarray(self.bank.facts[self.ints[:, state.TRACK], LENGTH])

    def sector_times(self, row: int) -> tuple[float, ...]:
        """Sector times of the last timed lap of one car [s]; nan before there is one."""
        count = int(self.bank.facts[self.ints[row, state.TRACK], N_SECTORS])
        return tuple(float(t) for t in self.last_sectors[row, :count])

    # Readable columns of the state, (N,) each.
    @property
    def speed(self) -> Array:
        """Magnitude of the velocity [m/s]."""
        return np.hypot(self.vx, self.vy)

    @property
    def heading_error(self) -> Array:
        """Car minus track, in (-pi, pi] [rad]."""
        d = self.floats[:, state.HEADING] - self.floats[:, state.TRACK_HEADING]
        return np.asarray(np.pi - np.mod(np.pi - d, 2.0 * np.pi))

    @property
    def lap(self) -> npt.NDArray[np.int64]:
        """Laps completed."""
        return self.ints[:, state.LAP]

    @property
    def lap_time(self) -> Array:
        """Time into the current lap [s]."""
        return self.floats[:, state.TIME] - self.floats[:, state.LAP_START]

    @property
    def off_track(self) -> npt.NDArray[np.bool_]:
        """True while the centre of gravity is beyond the edge of the road."""
        offset = self.floats[:, state.OFFSET]
        left, right = self.floats[:, state.HALF_LEFT], self.floats[:, state.HALF_RIGHT]
        return np.asarray((offset > left) | (-offset > right))
