"""RaceBatch: many races of several solid cars, the racing task, automatic resets. numpy only.

The batched body of the race environments, as ``RacingBatch`` is of the others. Each car of each
race is a row with a driver; a car that is out, or home, leaves the track, and its row waits until
its race is over and begins anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from retroracer.checks import Form, demand_array
from retroracer.envs import task
from retroracer.envs.car_rows import FAR, CarRows
from retroracer.envs.episodes import vary_car
from retroracer.envs.race_rules import RacePage
from retroracer.envs.race_starts import field_start
from retroracer.envs.race_steps import (
    Standing,
    observe_races,
    stand,
    step_races,
    step_races_parallel,
)
from retroracer.envs.race_task import N_RACE_OBS, RACE_REWARD_NAMES, RaceReward
from retroracer.envs.variety import DRAW_GRIP, DRAW_LATENCY, N_DRAWS, Variety
from retroracer.physics import state
from retroracer.physics.car import Car, load_car
from retroracer.physics.company import (
    AT_FAULT,
    CONTACTS,
    LOSS,
    N_MARKS,
    NEVER,
    STEP_BUMP,
    TOW,
    Company,
)
from retroracer.physics.race import threads_pay
from retroracer.track.bank import TrackBank
from retroracer.track.geometry import Array, Bools, Ints
from retroracer.track.track import Track

Floats = npt.NDArray[np.float32]

REWARDS = task.REWARD_NAMES + RACE_REWARD_NAMES
"""Names of all terms of the reward."""


class Scene(NamedTuple):
    """Cars of M races as they are at a moment, K of each, to go on from in a copy.

    Attributes:
        bank: the packed tracks.
        cars: their state, (M * K, ...) each; race by race.
        company: of them, as M races of K.
        actions: (M * K, 2) what they chose last.
    """

    bank: TrackBank
    cars: state.Cars
    company: Company
    actions: Array


class RaceBatch(CarRows):
    """Races of several cars side by side, all of one size.

    Args:
        n_races: how many races.
        n_cars: cars in each, 1 to 20.
        tracks: tracks to draw races from; None makes random ones without end.
        car: the car of all, or one for each place in a race; or shipped cars' names.
        page: laps, start and time of a race.
        variety: what varies between races. ``start="random"``: a field anywhere on the track, on
            the move, but for a share ``standing`` that stands on the grid; ``"grid"``: a start as
            the page says. Grip is that of the day, the same for
            all cars of a race; mass, power and latency are each car's own.
        reward: weights of driving.
        racing: weights of racing.
        ending: when a car is out; laps and time are the page's.
        seed: of all randomness, tracks included.

    Attributes:
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
        self.n_races, self.n_cars = n_races, n_cars
        named = [car] * n_cars if isinstance(car, Car | str) else list(car)
        if len(named) != n_cars:
            raise ValueError(f"{len(named)} cars given for {n_cars} places in a race")
        self.cars = [load_car(c) if isinstance(c, str) else c for c in named]
        solid = [n_cars] * n_races
        super().__init__(
            n_races, self.cars, N_RACE_OBS, tracks, variety, reward, seed, company=solid
        )
        self.page = page or RacePage()
        self.racing = racing or RaceReward()
        self.ending = (ending or task.Ending(off_track=5.0))._replace(
            laps=self.page.laps, time=self.page.time
        )
        assert self.race.company is not None
        self.company = self.race.company
        n = self.n
        self._standing = Standing(
            np.zeros(n), np.zeros(n), np.zeros(n), np.ones(n, np.bool_), np.zeros((n, 2)),
            np.zeros((n, len(RACE_REWARD_NAMES))),
        )  # fmt: skip
        self._terms = np.zeros((n, len(task.REWARD_NAMES)))
        self.keep: Bools = np.ones(n, np.bool_)
        self.slots: Ints = np.zeros(n, np.int64)
        self.ended: dict[str, Any] = {}

    @property
    def alive(self) -> Bools:
        """(N,) rows whose cars are in their race."""
        return self._standing.alive

    @property
    def last(self) -> Array:
        """(N, 2) what the drivers chose last."""
        return self._loop.last

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
        self._restart(seed)
        self._terms = np.zeros_like(self._terms)
        self.obs = np.empty_like(self.obs)
        self._begin(np.arange(self.n_races))
        return self.obs

    def begin(self, which: Ints) -> Floats:
        """Begin some races anew; the others are not disturbed. Returns what all cars see."""
        self.obs = self.obs.copy()
        self._begin(which)
        return self.obs

    def line_up(self, tracks: Ints, slots: Ints, draws: Array) -> Floats:
        """Begin all races as told, with nothing left to chance.

        Args:
            tracks: (R,) slots of the pool.
            slots: (R, K) place of each car on the grid, 0 in front.
            draws: (R, K, N_DRAWS) numbers in [0, 1): what varies, columns named in ``variety``.
        """
        which = np.arange(self.n_races)
        for r in which.tolist():
            self._start(r, int(tracks[r]), slots[r], np.array(draws[r]))
        self.obs = np.empty_like(self.obs)
        self._observe(which)
        return self.obs

    def _begin(self, which: Ints) -> None:
        rng, k = self.rng, self.n_cars
        tracks = self.pool.draw(len(which), rng)
        for r, track in zip(which.tolist(), tracks.tolist(), strict=True):
            draws = rng.random((k, N_DRAWS))
            self._start(r, track, rng.permutation(k), draws)
        self._observe(which)

    def _start(self, r: int, track: int, slots: Ints, draws: Array) -> None:
        """Put the cars of a race where they begin."""
        race, k = self.race, self.n_cars
        rows = np.arange(r * k, (r + 1) * k)
        draws[:, DRAW_GRIP] = draws[0, DRAW_GRIP]
        for row, base, draw in zip(rows, self._base, draws, strict=True):
            vary_car(race.params[row], base, self._ranges, draw)
        self.slots[rows] = slots
        start = field_start(
            race.bank, track, race.params[rows], slots, draws, self.page, self.variety, self.rng
        )
        race.place(rows=rows, track=track, **start)
        low, high = self.variety.latency
        latency = low + (draws[:, DRAW_LATENCY] * (high - low + 1)).astype(np.int64)
        self._loop.controls.latency[rows] = latency
        self._loop.controls.chosen[:, rows] = 0.0

    def _observe(self, which: Ints) -> None:
        race = self.race
        self._count_users()
        rows = self.rows_of(which)
        stand(race.cars, self._standing, race.bank, rows)
        observe_races(race.cars, self.company, race.bank, self._loop.last, rows, which, self.obs)

    def rows_of(self, which: Ints) -> Ints:
        """The rows of some races, race by race."""
        rows: Ints = self._rows.reshape(-1, self.n_cars)[which].ravel()
        return rows

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
        actions = self._checked(actions)
        actions[~self.alive] = 0.0
        self._terms = np.zeros_like(self._terms)
        out = self._outcome(self._terms)
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
        self.ended = {}
        if autoreset:
            self._begin_those_over()
        self.pool.age(self.n, self.rng)
        return out.obs, out.reward, out.terminated, out.truncated

    def _begin_those_over(self) -> None:
        """Begin races anew in which no row of ``keep`` is alive, and tell how they ended."""
        over = np.flatnonzero(~(self.alive & self.keep).reshape(-1, self.n_cars).any(axis=1))
        if over.size:
            rows = self.rows_of(over)
            self.ended = {"rows": rows, "final_obs": self.obs[rows], **self.snapshot(rows)}
            self._begin(over)

    def look(self) -> Floats:
        """Observe all cars anew, after a change to who is solid."""
        self.obs = np.empty_like(self.obs)
        observe_races(
            self.race.cars, self.company, self.race.bank, self._loop.last, self._rows,
            np.arange(self.n_races), self.obs,
        )  # fmt: skip
        return self.obs

    def snapshot(self, rows: Ints | slice) -> dict[str, Array]:
        """As ``CarRows``, with place, contacts and wake."""
        marks = self.company.marks[rows].copy()
        raced: dict[str, Any] = {
            "place": self.places[rows],
            "contacts": marks[:, CONTACTS],
            "contacts_at_fault": marks[:, AT_FAULT],
            "bump": marks[:, STEP_BUMP],
            "tow": marks[:, TOW],
            "downforce_lost": marks[:, LOSS],
        }
        return super().snapshot(rows) | raced

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

    def take_over(self, other: RaceBatch, which: Ints) -> None:
        """Put every race where one of another batch is, to go on from there.

        The other's tracks and reward are used with it: by reference, so only until it steps.

        Args:
            other: of as many cars a race; not changed.
            which: (R,) the race whose state each takes.
        """
        self.reward, self.racing = other.reward, other.racing
        self._copy_rows(other, other.rows_of(which))

    def take_scene(self, scene: Scene, which: Ints) -> None:
        """Put every race where one of a scene is, to go on from there.

        The scene's tracks are used with it, by reference. Who is not solid is out of the race, and
        nobody's controls are late.

        Args:
            scene: of as many cars a race; not changed.
            which: (R,) the race of the scene whose state each takes.
        """
        k = self.n_cars
        rows = (np.asarray(which)[:, None] * k + np.arange(k)).ravel()
        self.race.bank = scene.bank
        for mine, theirs in zip(self.race.cars, scene.cars, strict=True):
            mine[:] = theirs[rows]
        for name in ("solid", "air", "marks", "blame", "bump", "touched"):
            getattr(self.company, name)[:] = getattr(scene.company, name)[rows]
        controls, standing = self._loop.controls, self._standing
        controls.latency[:] = 0
        controls.chosen[:] = scene.actions[rows]
        stand(self.race.cars, standing, scene.bank, self._rows)
        standing.contacts[:] = self.company.marks[:, CONTACTS]
        standing.alive[:] = self.company.solid
        self.look()

    def state_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """The arrays of the state by name, one entry a car; views of the live ones."""
        company, standing = self.company, self._standing
        return super().state_arrays() | {
            "marks": standing.marks,
            "slots": self.slots,
            "solid": company.solid,
            "passed": company.marks,
            "blame": company.blame,
            "bump": company.bump,
            "touched": company.touched,
            "raced": standing.raced,
            "places": standing.places,
            "contacts": standing.contacts,
            "alive": standing.alive,
        }

    def _forms(self) -> dict[str, Form]:
        n, among = self.n, (self.n, self.n_cars)
        return super()._forms() | {
            "slots": Form((n,), np.int64, 0, self.n_cars - 1),
            "solid": Form((n,), np.bool_),
            "passed": Form((n, N_MARKS), np.float64, 0.0, FAR),
            "blame": Form(among, np.float64, 0.0, FAR),
            "bump": Form(among, np.float64, 0.0, FAR),
            "touched": Form(among, np.float64, NEVER, FAR),
            "raced": Form((n,), np.float64, -FAR, FAR),
            "places": Form((n,), np.float64, 0.0, self.n_cars),
            "contacts": Form((n,), np.float64, 0.0, FAR),
            "alive": Form((n,), np.bool_),
        }

    def restore(self, facts: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
        """As ``CarRows``; also a ValueError if the cars of a race are on different tracks."""
        tracks = demand_array("ints of the cars", arrays["ints"], self._forms()["ints"])
        if (np.ptp(tracks[:, state.TRACK].reshape(-1, self.n_cars), axis=1) > 0).any():
            raise ValueError("the cars of a race are on different tracks")
        super().restore(facts, arrays)
