"""RaceBatch: many races of several solid cars, the racing task, automatic resets. numpy only.

The batched body of the race environments, as ``RacingBatch`` is of the others. Each car of each
race is a row with a driver; a car that is out, or home, leaves the track, and its row waits until
its race is over and begins anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from retroracer.envs import task
from retroracer.envs.control import ControlLoop
from retroracer.envs.episodes import Outcome, speed_allowed, vary_car
from retroracer.envs.race_rules import RacePage
from retroracer.envs.race_steps import (
    Standing,
    observe_races,
    stand,
    step_races,
    step_races_parallel,
)
from retroracer.envs.race_task import N_RACE_OBS, RACE_REWARD_NAMES, RaceReward
from retroracer.envs.tracks import TrackPool
from retroracer.envs.variety import DRAW_GRIP, DRAW_LATENCY, DRAW_PACE, N_DRAWS, Variety
from retroracer.errors import NotFiniteError
from retroracer.physics import state
from retroracer.physics.car import Car, load_car
from retroracer.physics.company import AT_FAULT, CONTACTS, LOSS, STEP_BUMP, TOW
from retroracer.physics.grid import STAGGER, Grid, grid_of
from retroracer.physics.race import Race, threads_pay
from retroracer.track.bank import GRID_GAP, LEFT, LENGTH, RIGHT, SPACING
from retroracer.track.geometry import Array, Bools, Ints
from retroracer.track.track import Track

Floats = npt.NDArray[np.float32]

REWARDS = task.REWARD_NAMES + RACE_REWARD_NAMES
"""Names of all terms of the reward."""

ROLLING_GAP = (10.0, 30.0)
"""Range of the distance between the cars of a field that begins on the move [m]."""


class RaceBatch:
    """Races of several cars side by side, all of one size.

    Args:
        n_races: how many races.
        n_cars: cars in each, 1 to 20.
        tracks: tracks to draw races from; None makes random ones without end.
        car: the car of all, or one for each place in a race; or shipped cars' names.
        page: laps, start and time of a race.
        variety: what varies between races. ``start="random"``: a field anywhere on the track, on
            the move; ``"grid"``: a start as the page says. Grip is that of the day, the same for
            all cars of a race; mass, power and latency are each car's own.
        reward: weights of driving.
        racing: weights of racing.
        ending: when a car is out; laps and time are the page's.
        seed: of all randomness, tracks included.

    Attributes:
        race: the cars; read anything from it, change nothing.
        pool: the tracks by slot.
        obs: (N, N_RACE_OBS) float32, N = n_races * n_cars; row r * n_cars + k is car k of race r.
        alive: (N,) rows whose cars are in their race; the others' actions do nothing.
        keep: (N,) rows that keep their race going: it is over when none of them is alive.
        terms: (N, 10) the last step's reward terms, columns REWARDS.
        slots: (N,) place on the grid, 0 in front.
        ended: after a step in which races ended, and began anew: the rows, and ``snapshot`` and
            ``final_obs`` of their end.
    """

    def __init__(
        self,
        n_races: int,
        n_cars: int,
        *,
        tracks: Sequence[Track] | None = None,
        car: Car | str | Sequence[Car | str] = "gt",
        page: RacePage | None = None,
        variety: Variety | None = None,
        reward: task.Reward | None = None,
        racing: RaceReward | None = None,
        ending: task.Ending | None = None,
        seed: int | None = None,
    ) -> None:
        if n_races < 1:
            raise ValueError(f"a batch needs at least one race, not {n_races}")
        self.n_races, self.n_cars, self.n = n_races, n_cars, n_races * n_cars
        named = [car] * n_cars if isinstance(car, Car | str) else list(car)
        if len(named) != n_cars:
            raise ValueError(f"{len(named)} cars given for {n_cars} places in a race")
        self.cars = [load_car(c) if isinstance(c, str) else c for c in named]
        self.page = page or RacePage()
        self.variety = variety or Variety()
        self.reward = reward or task.Reward()
        self.racing = racing or RaceReward()
        self.ending = (ending or task.Ending(off_track=5.0))._replace(
            laps=self.page.laps, time=self.page.time
        )
        self.rng = np.random.default_rng(seed)
        self.pool = TrackPool(
            list(tracks) if tracks is not None else None, n_races, self.variety, self.rng
        )
        self.race = Race(self.pool.bank, self.cars * n_races, company=[n_cars] * n_races)
        assert self.race.company is not None
        self.company = self.race.company
        self._base = np.array([c.row() for c in self.cars])
        self._ranges = self.variety.ranges()
        self._loop = ControlLoop(self.race)
        self._rows = np.arange(self.n)
        n = self.n
        self._standing = Standing(
            np.zeros(n), np.zeros(n), np.zeros(n), np.ones(n, np.bool_), np.zeros((n, 2)),
            np.zeros((n, len(RACE_REWARD_NAMES))),
        )  # fmt: skip
        self._terms = np.zeros((n, len(task.REWARD_NAMES)))
        self.obs: Floats = np.zeros((n, N_RACE_OBS), np.float32)
        self.keep: Bools = np.ones(n, np.bool_)
        self.slots: Ints = np.zeros(n, np.int64)
        self.ended: dict[str, Any] = {}

    @property
    def alive(self) -> Bools:
        """(N,) rows whose cars are in their race."""
        return self._standing.alive

    @property
    def places(self) -> Ints:
        """(N,) where each stands in its race, 1 the leader; on the grid before the first step."""
        places = self._standing.places.astype(np.int64)
        return np.where(places > 0, places, self.slots + 1)

    @property
    def terms(self) -> Array:
        """(N, 10) the last step's reward terms, columns REWARDS."""
        return np.concatenate([self._terms, self._standing.terms], axis=1)

    def reset(self, seed: int | None = None) -> Floats:
        """Begin all races anew; ``seed`` restarts all randomness, random tracks included."""
        if seed is not None:
            self.rng = np.random.default_rng(seed)
            self.pool.reseed(self.rng)
            self.race.bank = self.pool.bank
            self.race.ints[:, state.TRACK] = 0
        self._terms = np.zeros_like(self._terms)
        self.obs = np.empty_like(self.obs)
        self._begin(np.arange(self.n_races))
        return self.obs

    def _begin(self, which: Ints) -> None:
        rng, race, k = self.rng, self.race, self.n_cars
        tracks = self.pool.draw(len(which), rng)
        for r, track in zip(which.tolist(), tracks.tolist(), strict=True):
            rows = np.arange(r * k, (r + 1) * k)
            draws = rng.random((k, N_DRAWS))
            draws[:, DRAW_GRIP] = draws[0, DRAW_GRIP]
            for row, base, draw in zip(rows, self._base, draws, strict=True):
                vary_car(race.params[row], base, self._ranges, draw)
            self.slots[rows] = slots = rng.permutation(k)
            self._place(rows, track, slots, draws)
            low, high = self.variety.latency
            latency = low + (draws[:, DRAW_LATENCY] * (high - low + 1)).astype(np.int64)
            self._loop.controls.latency[rows] = latency
            self._loop.controls.chosen[:, rows] = 0.0
        users = np.bincount(race.ints[::k, state.TRACK], minlength=len(self.pool.users))
        self.pool.users[:] = users
        rows = self._rows.reshape(-1, k)[which].ravel()
        stand(race.cars, self._standing, race.bank, rows)
        observe_races(race.cars, self.company, race.bank, self._loop.last, rows, which, self.obs)

    def _place(self, rows: Ints, track: int, slots: Ints, draws: Array) -> None:
        race, k = self.race, self.n_cars
        facts = race.bank.facts[track]
        if self.variety.start == "grid":
            rolling = self.page.start == "rolling"
            grid = grid_of(race.bank, track, k, 1.5 * STAGGER if rolling else STAGGER)
            speed = np.full(k, self.page.rolling_speed if rolling else 0.0)
        else:
            gap = self.rng.uniform(*ROLLING_GAP)
            gap = min(gap, 0.45 * (facts[LENGTH] - facts[GRID_GAP]) / k)
            span = gap * k + 1.0
            front = self.rng.uniform(min(span, 0.5 * facts[LENGTH]), facts[LENGTH] - 1.0)
            s = front - gap * np.arange(k)
            row = race.bank.start[track] + np.minimum(
                (s % facts[LENGTH] / facts[SPACING]).astype(np.int64), race.bank.size[track] - 1
            )
            share = self.variety.offset * self.rng.uniform(-1.0, 1.0, k)
            edge = race.bank.main[row][:, [RIGHT, LEFT]][np.arange(k), (share > 0.0).astype(int)]
            grid = Grid(s, share * edge)
            pace = self._ranges.pace_low + draws[0, DRAW_PACE] * (
                self._ranges.pace_high - self._ranges.pace_low
            )
            speed = np.empty(k)
            for place in range(k):
                allowed = speed_allowed(race.params[rows[place]], race.bank, track, s[slots[place]])
                speed[place] = pace * allowed
        race.place(
            rows=rows, track=track, s=grid.s[slots], lateral_offset=grid.offset[slots],
            speed=speed, grid=self.variety.start == "grid",
        )  # fmt: skip

    def step(
        self, actions: npt.NDArray[np.floating], autoreset: bool = True
    ) -> tuple[Floats, Array, Bools, Bools]:
        """Let every car act for one control step of 50 ms.

        Args:
            actions: (N, 2) steer and throttle in [-1, 1], clipped; left positive.
            autoreset: begin races anew in which no row of ``keep`` is alive.

        Returns:
            obs (N, N_RACE_OBS) float32, reward (N,), terminated (N,) and truncated (N,), never
            changed later. A row ends once; until its race is over it earns nothing more.

        Raises:
            ValueError: if actions have the wrong shape.
            NotFiniteError: if they are not finite.
        """
        actions = np.array(actions, np.float64, order="C")
        if actions.shape != (self.n, 2):
            raise ValueError(f"actions must be ({self.n}, 2), not {actions.shape}")
        if not np.isfinite(actions).all():
            raise NotFiniteError("actions must be finite numbers: the policy returned nan or inf")
        actions[~self.alive] = 0.0
        self._terms = np.zeros_like(self._terms)
        out = Outcome(
            self._terms,
            np.empty(self.n),
            np.empty(self.n, np.bool_),
            np.empty(self.n, np.bool_),
            np.empty((self.n, N_RACE_OBS), np.float32),
        )
        race, loop = self.race, self._loop
        loop.step += 1
        everything = (
            race.cars, self.company, race.bank, loop.controls, loop.step, actions, self._rows,
            self.ending, self.reward, self.racing, self._standing, out,
        )  # fmt: skip
        if threads_pay(self.n):
            step_races_parallel(*everything)
        else:
            step_races(*everything, 0, self.n_races)
        self.obs = out.obs
        over = np.flatnonzero(~(self.alive & self.keep).reshape(-1, self.n_cars).any(axis=1))
        self.ended = {}
        if autoreset and over.size:
            rows = self._rows.reshape(-1, self.n_cars)[over].ravel()
            self.ended = {"rows": rows, "final_obs": self.obs[rows], **self.snapshot(rows)}
            self._begin(over)
        self.pool.age(self.n, self.rng)
        return out.obs, out.reward, out.terminated, out.truncated

    def look(self) -> Floats:
        """Observe all cars anew, after a change to who is solid."""
        self.obs = np.empty_like(self.obs)
        observe_races(
            self.race.cars, self.company, self.race.bank, self._loop.last, self._rows,
            np.arange(self.n_races), self.obs,
        )  # fmt: skip
        return self.obs

    def snapshot(self, rows: Ints | slice) -> dict[str, Array]:
        """What ``info`` shows of some cars: named arrays, one entry a row, copies; SI units."""
        race, marks = self.race, self.company.marks[rows]
        f, g = race.floats[rows], race.ints[rows]
        return {
            "x": f[:, state.X],
            "y": f[:, state.Y],
            "heading": f[:, state.HEADING],
            "speed": np.hypot(f[:, state.VX], f[:, state.VY]),
            "s": f[:, state.S],
            "lateral_offset": f[:, state.OFFSET],
            "progress": f[:, state.PROGRESS],
            "lap": g[:, state.LAP].copy(),
            "lap_time": f[:, state.TIME] - f[:, state.LAP_START],
            "off_track": race.off_track[rows],
            "time": f[:, state.TIME],
            "place": self.places[rows],
            "contacts": marks[:, CONTACTS],
            "contacts_at_fault": marks[:, AT_FAULT],
            "bump": marks[:, STEP_BUMP],
            "tow": marks[:, TOW],
            "downforce_lost": marks[:, LOSS],
        }

    def blame(self, row: int) -> list[dict[str, float]]:
        """The contacts of a row in the last step.

        For each: ``car``, the other's place in the race's rows; ``closing``, the largest closing
        speed [m/s]; ``fault``, this car's share of the blame, 0 to 1.
        """
        begin = row // self.n_cars * self.n_cars
        out = []
        for k in np.flatnonzero(self.company.bump[row] > 0.0).tolist():
            mine = self.company.blame[row, k]
            theirs = self.company.blame[begin + k, row - begin]
            out.append(
                {
                    "car": k,
                    "closing": float(self.company.bump[row, k]),
                    "fault": float(mine / max(mine + theirs, 1e-300)),
                }
            )
        return out
