"""A race in the game: one Race of you and the agents, stepped physics step by physics step.

Owns who is in it, laps, gaps, deltas and the tape. Knows no window. Agents drive
by the same control loop as in evaluation, deciding every fifth physics step.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from retroracer.agents.policy import Policy
from retroracer.envs.control import ControlLoop
from retroracer.envs.task import N_OBS
from retroracer.game.race.timing import LapCurve, LapTrace, Trace
from retroracer.game.replay.tape import Recorder, Tape, put_back
from retroracer.physics import state
from retroracer.physics.car import Car
from retroracer.physics.race import N_SUBSTEPS, PHYSICS_DT, Race
from retroracer.track.track import Track

TAPES_KEPT = 8
"""Finished laps of yours that are kept to be watched again."""

LOST = 2.0
"""A car heading this far from the track's direction is going the wrong way [rad]."""


@dataclass(frozen=True, eq=False)
class LapDone:
    """A finished lap.

    Attributes:
        row: whose.
        lap: its number, from 1.
        time: [s].
        valid: True if the car never left the road in it.
        sectors: sector times [s].
        curve: of time against distance.
        tape: to drive it again; row 0's laps only.
    """

    row: int
    lap: int
    time: float
    valid: bool
    sectors: tuple[float, ...]
    curve: LapCurve
    tape: Tape | None


class Session:
    """You (unless only watching) and the agents on one track.

    Args:
        track: raced on.
        policies: of the agents; may be empty if a person drives.
        cars: yours first, then one an agent; without you, one an agent.
        human: True if row 0 is driven by a person or a script.
        laps: of the race; 0 = without end.
        names: of the agents; default their policies'.
        one_start: True stands all agents in one place, to be compared.

    Attributes:
        done: laps finished by anybody since ``take_done`` was last called.
        observation: (N, 22) what the agents were given when they last decided.
        seen_from: (N, 3) where the cars were then.
    """

    def __init__(
        self,
        track: Track,
        policies: Sequence[Policy],
        cars: Sequence[Car],
        human: bool = True,
        laps: int = 0,
        names: Sequence[str] | None = None,
        one_start: bool = False,
    ) -> None:
        if len(cars) != len(policies) + human or not cars:
            raise ValueError("one car for each driver")
        self.track = track
        self.policies = list(policies)
        self.cars = list(cars)
        self.human = human
        self.laps = laps
        self.one_start = one_start
        agents = list(names) if names is not None else [p.name for p in policies]
        self.names = ["you", *agents] if human else agents
        self.race = Race([track], self.cars)
        self.restart()

    @property
    def actions(self) -> np.ndarray:
        """(N, 2) steer and throttle that reach the cars now; a view."""
        return self.loop.controls.applied

    @property
    def roles(self) -> list[str]:
        """Of each car: "human" or "agent"."""
        return ["human" if self.human and i == 0 else "agent" for i in range(self.race.n)]

    def restart(self) -> None:
        """Everybody back to the grid, clocks at zero."""
        self.race.start_on_grid()
        self._spread_out()
        n = self.race.n
        self.loop = ControlLoop(self.race)
        self.observation = np.zeros((n, N_OBS), np.float32)
        self.ticks = 0
        self.best: list[float | None] = [None] * n
        self.finish: list[float | None] = [None] * n
        self.traces = [Trace() for _ in range(n)]
        self._laps = [LapTrace() for _ in range(n)]
        self.curves: list[LapCurve | None] = [None] * n
        self.done: deque[LapDone] = deque(maxlen=64)
        self.tapes: deque[Tape] = deque(maxlen=TAPES_KEPT)
        self.recorder = Recorder(self.race)
        self.before = self.seen_from = self.pose()

    def _spread_out(self) -> None:
        """Give every car a place of its own.

        The first agent stands where it does in evaluation, in the middle of the first row, you
        beside it, the others in the rows behind, to the left and right in turn.
        """
        side = float(self.track.start_side or 1)
        if self.human and self.policies:
            self._stand(0, 0, side)
        if self.one_start:
            return
        for k in range(1, len(self.policies)):
            self._stand(k + self.human, (k + 1) // 2, side if k % 2 == 0 else -side)

    def _stand(self, row: int, back: int, side: float) -> None:
        """Put a car ``back`` rows behind the first, to one side."""
        race, gap = self.race, self.track.grid_gap
        half = race.floats[0, state.HALF_LEFT if side > 0 else state.HALF_RIGHT]
        race.place(
            rows=[row],
            s=-gap - back * max(gap, 8.0),
            lateral_offset=side * 0.45 * float(half),
            grid=True,
        )

    def pose(self) -> np.ndarray:
        """(N, 3) x [m], y [m], heading [rad] of all cars, a copy."""
        columns = [state.X, state.Y, state.HEADING]
        return self.race.floats[:, columns]

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
            # Rounded to what the tape keeps, so that it drives the same lap again.
            self.loop.steer_now(0, (float(np.float32(steer)), float(np.float32(throttle))))
        self.before = self.pose()
        self.recorder.add(self.actions)
        self.loop.advance(1)
        self.ticks += 1
        for i in np.flatnonzero(race.ints[:, state.STEP_LAP]).tolist():
            self._lapped(i)
        if self.ticks % N_SUBSTEPS == 0:
            now, progress = self.time, race.progress.tolist()
            for i, into in enumerate(self.distance_into_lap().tolist()):
                self.traces[i].add(progress[i], now)
                self._laps[i].add(into, float(race.lap_time[i]))

    def _decide(self) -> None:
        if not self.policies:
            return
        self.seen_from = self.pose()
        self.observation = self.loop.observe()
        chosen = self.loop.last.copy()  # who holds its action has chosen the same again
        for row, policy in enumerate(self.policies, start=self.human):
            if self.loop.step % policy.action_repeat == 0:
                chosen[row] = policy.act(self.observation[row : row + 1])[0]
        self.loop.choose(chosen)

    def _lapped(self, i: int) -> None:
        race = self.race
        last = float(race.last_lap_time[i])
        valid = bool(race.floats[i, state.LAST_LAP_OFF] == 0.0)
        lap = int(race.lap[i])
        curve = self._laps[i].finish(self.track.length, last)
        self._laps[i].clear()
        tape = None
        if i == 0:
            tape = self.recorder.finish(self.cars, self.names, self.roles, last, valid)
            self.recorder.begin()
            if tape is not None:
                self.tapes.append(tape)
        if last == last:
            best = self.best[i]
            if valid and (best is None or last < best):
                self.best[i] = last
                self.curves[i] = curve
            self.done.append(LapDone(i, lap, last, valid, race.sector_times(i), curve, tape))
        if self.laps and lap >= self.laps and self.finish[i] is None:
            self.finish[i] = float(race.floats[i, state.LAP_START])

    def take_done(self) -> list[LapDone]:
        """Laps finished since the last call."""
        done = list(self.done)
        self.done.clear()
        return done

    def put_back(self) -> None:
        """Stand your car on the middle of the road; the lap does not count."""
        self.recorder.reset()
        put_back(self.race, 0)
        self.before = self.pose()

    @property
    def over(self) -> bool:
        """True once you (or, watching, every agent) have done the laps."""
        return self.finish[0] is not None if self.human else all(f is not None for f in self.finish)

    def distance_into_lap(self) -> np.ndarray:
        """(N,) since the line [m]; negative on the grid."""
        floats = self.race.floats
        return np.asarray(
            floats[:, state.PROGRESS] - floats[:, state.LAP_FINISH] + self.track.length
        )

    def delta(self, row: int, curve: LapCurve | None) -> float | None:
        """Seconds a car's lap is behind a lap's curve here (negative = ahead)."""
        into = float(self.distance_into_lap()[row])
        if curve is None or into < 1.0:
            return None
        return float(self.race.lap_time[row]) - curve.time_at(into)

    def lap_invalid(self, row: int = 0) -> bool:
        """True once a car was beyond track limits in this lap."""
        return bool(self.race.floats[row, state.LAP_OFF] > 0.0)

    def wrong_way(self, row: int = 0) -> bool:
        """True while a car moves or points against the direction of the track."""
        error = float(self.race.heading_error[row])
        return abs(error) > LOST or (
            abs(error) > 0.5 * math.pi and float(self.race.speed[row]) > 3.0
        )

    def order(self) -> list[int]:
        """Rows from first to last: by finish, then by distance driven."""
        progress = self.race.progress

        def rank(i: int) -> tuple[float, float]:
            finished = self.finish[i]
            return (finished if finished is not None else math.inf, -float(progress[i]))

        return sorted(range(self.race.n), key=rank)

    def gap(self, row: int, other: int) -> float | None:
        """Seconds ``row`` is behind ``other`` (negative = ahead); None before either moved."""
        race = self.race
        mine, theirs = float(race.progress[row]), float(race.progress[other])
        if mine <= 0.0 or theirs <= 0.0:
            return None
        if mine <= theirs:
            passed = self.traces[other].time_at(mine)
            return None if passed is None else max(self.time - passed, 0.0)
        passed = self.traces[row].time_at(theirs)
        return None if passed is None else -max(self.time - passed, 0.0)
