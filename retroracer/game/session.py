"""A race in the game: one Race of you and the agents, stepped physics step by physics step.

Owns who is in it, laps and gaps. Knows no window. Agents see and decide exactly as in
evaluation: same observation, same inference, every fifth physics step.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

import numpy as np

from retroracer.agents.policy import Policy
from retroracer.envs.sight import observe_serial
from retroracer.envs.task import N_OBS
from retroracer.physics import state
from retroracer.physics.car import Car
from retroracer.physics.race import N_SUBSTEPS, PHYSICS_DT, Race
from retroracer.track.track import Track


class Trace:
    """When a car was where: progress [m] against time [s], for gaps."""

    def __init__(self) -> None:
        self._progress: list[float] = [0.0]
        self._time: list[float] = [0.0]

    def add(self, progress: float, time: float) -> None:
        """Note where the car is now, if it got on."""
        if progress > self._progress[-1]:
            self._progress.append(progress)
            self._time.append(time)

    def time_at(self, progress: float) -> float | None:
        """When the car came by there; None if it has not yet."""
        if progress > self._progress[-1] or progress < 0.0:
            return None
        i = bisect_right(self._progress, progress)
        if i >= len(self._progress):
            return self._time[-1]
        p0, p1 = self._progress[i - 1], self._progress[i]
        share = (progress - p0) / (p1 - p0)
        return self._time[i - 1] + share * (self._time[i] - self._time[i - 1])


class Session:
    """You (unless only watching) and the agents on one track.

    Args:
        track: raced on.
        policies: of the agents; may be empty if a person drives.
        cars: yours first, then one an agent; without you, one an agent.
        human: True if row 0 is driven by a person or a script.
        laps: of the race; 0 = without end.
    """

    def __init__(
        self,
        track: Track,
        policies: Sequence[Policy],
        cars: Sequence[Car],
        human: bool = True,
        laps: int = 0,
    ) -> None:
        if len(cars) != len(policies) + human or not cars:
            raise ValueError("one car for each driver")
        self.track = track
        self.policies = list(policies)
        self.cars = list(cars)
        self.human = human
        self.laps = laps
        self.race = Race([track], self.cars)
        self._obs = np.zeros((self.race.n, N_OBS), np.float32)
        self.restart()

    def restart(self) -> None:
        """Everybody back to the grid, clocks at zero."""
        self.race.start_on_grid()
        if self.human and self.policies:
            self._move_aside()
        n = self.race.n
        self.actions = np.zeros((n, 2))
        self.ticks = 0
        self.best: list[float | None] = [None] * n
        self.finish: list[float | None] = [None] * n
        self.traces = [Trace() for _ in range(n)]
        self.before = self.pose()

    def _move_aside(self) -> None:
        """Your place is beside the agent's, which is where it stands in evaluation."""
        race = self.race
        side = float(self.track.start_side or 1)
        half = race.floats[0, state.HALF_LEFT if side > 0 else state.HALF_RIGHT]
        race.place(
            rows=[0],
            s=float(race.s[0]),
            lateral_offset=side * 0.45 * float(half),
            grid=True,
        )

    def pose(self) -> np.ndarray:
        """(N, 3) x [m], y [m], heading [rad] of all cars, a copy."""
        columns = [state.X, state.Y, state.HEADING]
        return self.race.floats[:, columns].copy()

    @property
    def time(self) -> float:
        """Race time [s]."""
        return self.ticks * PHYSICS_DT

    def tick(self, steer: float = 0.0, throttle: float = 0.0) -> None:
        """One physics step; ``steer`` and ``throttle`` are yours."""
        race = self.race
        if self.ticks % N_SUBSTEPS == 0:
            self._decide()
        if self.human:
            self.actions[0] = steer, throttle
        self.before = self.pose()
        race.advance(self.actions, 1)
        self.ticks += 1
        for i in range(race.n):
            if race.ints[i, state.STEP_LAP]:
                self._lapped(i)
            if self.ticks % N_SUBSTEPS == 0:
                self.traces[i].add(float(race.progress[i]), self.time)

    def _decide(self) -> None:
        race = self.race
        if not self.policies:
            return
        observe_serial(race.floats, race.ints, race.params, self.actions, race.bank, self._obs)
        for k, policy in enumerate(self.policies):
            row = k + self.human
            self.actions[row] = np.clip(policy.act(self._obs[row : row + 1])[0], -1.0, 1.0)

    def _lapped(self, i: int) -> None:
        race = self.race
        last = float(race.last_lap_time[i])
        clean = race.floats[i, state.LAST_LAP_OFF] == 0.0
        best = self.best[i]
        if clean and last == last and (best is None or last < best):
            self.best[i] = last
        if self.laps and race.lap[i] >= self.laps and self.finish[i] is None:
            self.finish[i] = float(race.floats[i, state.LAP_START])

    @property
    def over(self) -> bool:
        """True once you (or, watching, every agent) have done the laps."""
        return self.finish[0] is not None if self.human else all(f is not None for f in self.finish)

    def gap(self, row: int, other: int) -> float | None:
        """Seconds ``row`` is behind ``other`` (negative = ahead); None before either moved."""
        race = self.race
        mine, theirs = float(race.progress[row]), float(race.progress[other])
        if mine <= 0.0 or theirs <= 0.0:
            return None
        if mine <= theirs:
            came = self.traces[other].time_at(mine)
            return None if came is None else max(self.time - came, 0.0)
        came = self.traces[row].time_at(theirs)
        return None if came is None else -max(self.time - came, 0.0)
