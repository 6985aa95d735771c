"""A race in the game: one Race of you and the agents, stepped physics step by physics step.

Owns who is in it, laps, gaps, deltas and the tape. Knows no window. Agents drive by the same
control loop as in evaluation, deciding every fifth physics step; those that look ahead do so among
solid cars, and plan a bit in every physics step. Cars are solid and race by the
stewards' rules (``race_control``), or nobody touches anybody.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from retroracer.agents.lookahead import LookaheadPolicy
from retroracer.agents.policy import Policy
from retroracer.envs.control import ControlLoop
from retroracer.envs.race_steps import observe_races
from retroracer.envs.race_task import N_RACE_OBS
from retroracer.envs.task import N_OBS
from retroracer.game.race.race_control import RaceControl, beyond_line
from retroracer.game.race.timing import LapCurve, LapTrace, Trace
from retroracer.game.replay.tape import Recorder, Tape, put_back
from retroracer.physics import state
from retroracer.physics.car import Car
from retroracer.physics.grid import grid_of
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
        company: what passed between it and other cars, in words; "": it was driven alone, to the
            last bit as if there were nobody else.
    """

    row: int
    lap: int
    time: float
    valid: bool
    sectors: tuple[float, ...]
    curve: LapCurve
    tape: Tape | None
    company: str = ""


class Session:
    """People (unless only watching) and agents on one track.

    Args:
        track: raced on.
        policies: of the agents; may be empty if a person drives.
        cars: those of people first, then one an agent.
        human: how many rows are driven by people or a script: the first ones.
        laps: of the race; 0 = without end.
        names: of the agents; default their policies'.
        one_start: True stands all agents in one place, to be compared.
        solid: True for a race of cars that touch and shade one another, from a staggered grid:
            agents in front in their order, people last. False: nobody touches anybody.

    Attributes:
        control: race control, None where nobody touches anybody.
        done: laps finished by anybody since ``take_done`` was last called.
        seen: (N, N_RACE_OBS) what the agents could see when they last decided.
        best: of each car the best valid lap [s].
        alone: of each car the best valid lap driven alone [s]: what counts for medals.
        race_tape: the whole race, once you have finished one of solid cars.
        seen_from: (N, 3) where the cars were then.
    """

    def __init__(
        self,
        track: Track,
        policies: Sequence[Policy],
        cars: Sequence[Car],
        human: int = 1,
        laps: int = 0,
        names: Sequence[str] | None = None,
        one_start: bool = False,
        solid: bool = False,
    ) -> None:
        if len(cars) != len(policies) + human or not cars:
            raise ValueError("one car for each driver")
        self.track = track
        self.policies = list(policies)
        self.cars = list(cars)
        self.human = int(human)
        self.laps = laps
        self.one_start = one_start
        agents = list(names) if names is not None else [p.name for p in policies]
        people = ["you"] if self.human == 1 else [f"player {k + 1}" for k in range(self.human)]
        self.names = [*people, *agents]
        n = len(self.cars)
        solid = solid and n > 1 and not one_start
        self.race = Race([track], self.cars, company=[n] if solid else 1)
        self.restart()

    @property
    def actions(self) -> np.ndarray:
        """(N, 2) steer and throttle that reach the cars now; a view."""
        return self.loop.controls.applied

    @property
    def roles(self) -> list[str]:
        """Of each car: "human" or "agent"."""
        return ["human" if i < self.human else "agent" for i in range(self.race.n)]

    def restart(self) -> None:
        """Put all cars back on the grid and set the clocks to zero."""
        self.race.start_on_grid()
        n = self.race.n
        self.control: RaceControl | None = None
        if self.race.company is not None:
            self._line_up()
            self.control = RaceControl(self.race, self.laps, self.names, self.human)
        else:
            self._spread_out()
        self.loop = ControlLoop(self.race)
        self.seen = np.zeros((n, N_RACE_OBS), np.float32)
        self.ticks = 0
        self.best: list[float | None] = [None] * n
        self.alone: list[float | None] = [None] * n
        self.finish: list[float | None] = [None] * n
        self.traces = [Trace(begins) for begins in beyond_line(self.race).tolist()]
        self._laps = [LapTrace() for _ in range(n)]
        self.curves: list[LapCurve | None] = [None] * n
        self.done: deque[LapDone] = deque(maxlen=64)
        self.tapes: deque[Tape] = deque(maxlen=TAPES_KEPT)
        self.recorder = Recorder(self.race)
        self.whole = Recorder(self.race) if self.control is not None and self.human else None
        self.race_tape: Tape | None = None
        self.before = self.seen_from = self.pose()

    def _line_up(self) -> None:
        """Stand solid cars on the staggered grid: agents first, people last."""
        s, offset = grid_of(self.race.bank, 0, self.race.n)
        slots = (np.arange(self.race.n) - self.human) % self.race.n
        self.race.place(s=s[slots], lateral_offset=offset[slots], grid=True)

    def _spread_out(self) -> None:
        """Give every car a place of its own.

        The first agent stands where it does in evaluation, in the middle of the first row, you
        beside it, the others in the rows behind, to the left and right in turn.
        """
        side = float(self.track.start_side or 1)
        for k in range(self.human if len(self.cars) > 1 else 0):
            self._stand(k, k, side)
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
        return self.race.floats[:, [state.X, state.Y, state.HEADING]]

    @property
    def time(self) -> float:
        """Race time [s]."""
        return self.ticks * PHYSICS_DT

    def tick(
        self, steer: float = 0.0, throttle: float = 0.0, second: tuple[float, float] = (0.0, 0.0)
    ) -> None:
        """One physics step; ``steer`` and ``throttle`` are yours, ``second`` a second player's."""
        race = self.race
        if self.ticks % N_SUBSTEPS == 0:
            self._decide()
        for racer in self.racers:  # plan on, in time for the next decision
            racer.work(race, 1.0 / (N_SUBSTEPS * racer.action_repeat))
        for row, (wheel, pedals) in enumerate(((steer, throttle), second)[: self.human]):
            # Rounded to what the tape keeps, so that it drives the same lap again.
            self.loop.steer_now(row, (float(np.float32(wheel)), float(np.float32(pedals))))
        self.before = self.pose()
        for recorder in self._recorders():
            recorder.add(self.actions)
        self.loop.advance(1)
        self.ticks += 1
        if self.control is not None:
            for row in self.control.watch(self.time):
                for recorder in self._recorders():
                    recorder.leave(row)
        for i in np.flatnonzero(race.ints[:, state.STEP_LAP]).tolist():
            self._lapped(i)
        if self.ticks % N_SUBSTEPS == 0:
            now, driven = self.time, beyond_line(race).tolist()
            for i, into in enumerate(self.distance_into_lap().tolist()):
                self.traces[i].add(driven[i], now)
                self._laps[i].add(into, float(race.lap_time[i]))

    def plan(self, until: float) -> None:
        """Let who looks ahead plan on until a time of ``perf_counter`` [s]."""
        for racer in self.racers:
            racer.plan(self.race, until)

    def _recorders(self) -> list[Recorder]:
        return [self.recorder] if self.whole is None else [self.recorder, self.whole]

    @property
    def observation(self) -> np.ndarray:
        """(N, 22) what the agents saw of the road when they last decided; a view."""
        return self.seen[:, :N_OBS]

    def _observe(self) -> np.ndarray:
        """(N, N_RACE_OBS) the road and the solid cars near each; without solid cars zeros."""
        race = self.race
        if race.company is None:
            seen = np.zeros((race.n, N_RACE_OBS), np.float32)
            seen[:, :N_OBS] = self.loop.observe()
            return seen
        seen = np.empty((race.n, N_RACE_OBS), np.float32)
        rows, races = np.arange(race.n), np.arange(1)
        observe_races(race.cars, race.company, race.bank, self.loop.last, rows, races, seen)
        return seen

    def _decide(self) -> None:
        if not self.policies:
            return
        self.seen_from = self.pose()
        self.seen = self._observe()
        chosen = self.loop.last.copy()  # who holds its action has chosen the same again
        for row, policy in enumerate(self.policies, start=self.human):
            if self.is_out(row):
                chosen[row] = 0.0
            elif self.loop.step % policy.action_repeat == 0 and not self._looks_ahead(row):
                # By its own layout: of the road alone, or of the cars on it too.
                chosen[row] = policy.act(self.seen[row : row + 1, : policy.n_observations])[0]
        for racer in self.racers:
            mine = [r for r in self._rows_of(racer) if self._looks_ahead(r) and not self.is_out(r)]
            if mine and self.loop.step % racer.action_repeat == 0:
                rows = np.array(mine)  # at once: their plans are tried together
                seen = self.seen[rows, : racer.n_observations]
                chosen[rows] = racer.drive(seen, self.race, rows, self.loop.last)
        self.loop.choose(chosen)

    @property
    def racers(self) -> list[LookaheadPolicy]:
        """The different drivers that look ahead, if anybody can be touched."""
        looking = [p for p in self.policies if isinstance(p, LookaheadPolicy)]
        return list(dict.fromkeys(looking)) if self.race.company is not None else []

    def _rows_of(self, policy: Policy) -> list[int]:
        return [k for k, p in enumerate(self.policies, start=self.human) if p is policy]

    def _looks_ahead(self, row: int) -> bool:
        """True if an agent looks ahead now: it can, and others can touch it."""
        company = self.race.company
        looks = isinstance(self.policies[row - self.human], LookaheadPolicy)
        return looks and company is not None and bool(company.solid[row])

    def _lapped(self, i: int) -> None:
        race = self.race
        last = float(race.last_lap_time[i])
        valid = bool(race.floats[i, state.LAST_LAP_OFF] == 0.0)
        lap = int(race.lap[i])
        curve = self._laps[i].finish(self.track.length, last)
        self._laps[i] = LapTrace()
        company = self.control.lapped(i, self.time) if self.control is not None else ""
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
            sectors = race.sector_times(i)
            self.done.append(LapDone(i, lap, last, valid, sectors, curve, tape, company))
            alone = self.alone[i]
            if valid and not company and (alone is None or last < alone):
                self.alone[i] = last
        if self.laps and lap >= self.laps and self.finish[i] is None:
            self.finish[i] = float(race.floats[i, state.LAP_START])
            if i == 0 and self.whole is not None:
                # The race is over for you: it is kept as a whole, all cars of it.
                time = float(race.floats[i, state.LAP_START])
                tape = self.whole.finish(self.cars, self.names, self.roles, time, True)
                self.race_tape = None if tape is None else replace(tape, race=True)
                self.whole = None

    def take_done(self) -> list[LapDone]:
        """Laps finished since the last call."""
        done = list(self.done)
        self.done.clear()
        return done

    def put_back(self, row: int = 0) -> None:
        """Stand a car on the middle of the road; the lap does not count."""
        for recorder in self._recorders():
            recorder.reset(row)
        put_back(self.race, row)
        self.before = self.pose()

    @property
    def over(self) -> bool:
        """True once all people (or, watching, all agents still racing) have done the laps."""
        if self.control is not None and not self.human:
            return self.control.stewards.over
        return all(f is not None for f in self.finish[: self.human or None])

    def is_out(self, row: int) -> bool:
        """True if a car is out of a race of solid cars: for too long off the road or at rest."""
        return self.control is not None and bool(self.control.stewards.out[row])

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
        """Rows from first to last: as the stewards rank them; by finish, then by distance."""
        if self.control is not None:
            return self.control.stewards.order()
        finish = [math.inf if time is None else time for time in self.finish]
        return [int(row) for row in np.lexsort(np.array([-beyond_line(self.race), finish]))]

    def gap(self, row: int, other: int) -> float | None:
        """Seconds ``row`` is behind ``other`` (negative = ahead); None before either moved."""
        race, driven = self.race, beyond_line(self.race)
        mine, theirs = float(driven[row]), float(driven[other])
        if race.progress[row] <= 0.0 or race.progress[other] <= 0.0:
            return None
        if mine <= theirs:
            passed = self.traces[other].time_at(mine)
            return None if passed is None else max(self.time - passed, 0.0)
        passed = self.traces[row].time_at(theirs)
        return None if passed is None else -max(self.time - passed, 0.0)
