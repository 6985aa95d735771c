"""RacingBatch: N cars, the task, and automatic resets. All envs and learners step it.

Adapters (Gymnasium, SB3) only repackage what it returns. A row whose episode ends is reset within
the same step: ``step`` returns the first observation of the next episode, and ``final_obs`` holds
the last observation of the finished one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from retroracer.envs import task
from retroracer.envs.car_rows import CarRows
from retroracer.envs.episodes import begin_episodes, step_parallel, step_rows
from retroracer.envs.observation import observe_rows
from retroracer.envs.privileged_observation import N_PRIVILEGED, observe_privileged
from retroracer.envs.tracks import TrackPool
from retroracer.envs.variety import N_DRAWS, Variety
from retroracer.physics import state
from retroracer.physics.car import Car, load_car
from retroracer.physics.race import threads_pay
from retroracer.track.geometry import Array, Ints
from retroracer.track.track import Track

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]


class RacingBatch(CarRows):
    """N independent episodes, stepped together.

    Args:
        n: number of cars.
        tracks: tracks to draw episodes from; None = endless random tracks.
        car: the car, or a shipped car's name.
        variety: what varies between episodes.
        reward: weights of the reward's terms.
        ending: when episodes end.
        seed: seed of all randomness, tracks included.
        action_repeat: control steps of 50 ms for which an action is held.

    Attributes:
        obs: (N, 22) float32, the current observations.
        terms: (N, 7) the last step's reward terms, named task.REWARD_NAMES.
        final_obs: (M, 22) float32, last observations of the M rows whose episodes ended in the last
            step, in order.
        privileged: True keeps their last privileged observations too, in
            ``final_privileged_obs`` (M, 13).
        ended: ``snapshot`` of the same rows at their end.
    """

    def __init__(
        self,
        n: int,
        *,
        tracks: Sequence[Track] | None = None,
        car: Car | str = "gt",
        variety: Variety | None = None,
        reward: task.Reward | None = None,
        ending: task.Ending | None = None,
        seed: int | None = None,
        action_repeat: int = 1,
    ) -> None:
        if n < 1:
            raise ValueError(f"a batch needs at least one car, not {n}")
        self.car = load_car(car) if isinstance(car, str) else car
        super().__init__(n, [self.car], task.N_OBS, tracks, variety, reward, seed)
        self.action_repeat = action_repeat
        self.ending = ending or task.Ending()
        self._given = list(tracks) if tracks is not None else None
        self.final_obs: Floats = np.zeros((0, task.N_OBS), np.float32)
        self.privileged = False
        self.final_privileged_obs: Floats = np.zeros((0, N_PRIVILEGED), np.float32)
        self.ended: dict[str, Array] = {}
        self.terms: Array = np.zeros((n, len(task.REWARD_NAMES)))
        self._marks = np.zeros((n, 2))

    def reset(self, seed: int | Sequence[int] | None = None) -> Floats:
        """Begin new episodes in all rows.

        Args:
            seed: restarts all randomness, random tracks included; None continues it. With a
                sequence of N seeds, each row begins as a batch of one would with its seed.

        Returns:
            Observations (N, 22) float32; this array is never changed later.
        """
        self._restart(seed)
        self._count_users()
        self.obs = np.empty_like(self.obs)
        self.terms[:] = 0.0
        if isinstance(seed, Sequence):
            self._begin_alone(self._rows, seed)
        else:
            self._begin(self._rows)
        return self.obs

    def begin(self, rows: Ints, seeds: Sequence[int | None] | None = None) -> Floats:
        """Begin new episodes in some rows; the other rows continue theirs.

        Args:
            rows: (M,) indices of the rows.
            seeds: one per row, as in ``reset``; None continues this batch's randomness.

        Returns:
            Observations (N, 22) float32; this array is never changed later.
        """
        self.obs = self.obs.copy()
        self.terms[rows] = 0.0
        seeds = [None] * len(rows) if seeds is None else seeds
        seeded = np.array([seed is not None for seed in seeds], np.bool_)
        if not seeded.all():
            self._begin(rows[~seeded])
        if seeded.any():
            self._begin_alone(rows[seeded], [seed for seed in seeds if seed is not None])
        return self.obs

    def stagger(self) -> None:
        """Give each new episode a random age, so that episodes end at different times.

        Otherwise all cars would be in the same part of an episode at the same time, and a learner
        would see one part after another.
        """
        ages = self.rng.random(self.n) * self.ending.time
        self.race.floats[:, state.TIME] += ages
        self.race.floats[:, state.LAP_START] += ages
        self._marks[:, 1] += ages

    def _begin(self, rows: Ints) -> None:
        rng, count = self.rng, len(rows)
        slots = self.pool.draw(count, rng)
        self._place(rows, slots, rng.random((count, N_DRAWS)), rng.standard_normal(count))

    def _begin_alone(self, rows: Ints, seeds: Sequence[int]) -> None:
        """Begin each row as a batch of one would with its seed."""
        rngs = [np.random.default_rng(seed) for seed in seeds]
        alone = [TrackPool(self._given, 1, self.variety, rng) for rng in rngs]
        drawn = [int(pool.draw(1, rng)[0]) for pool, rng in zip(alone, rngs, strict=True)]
        slots = self.pool.take(alone, drawn, self.race.ints[rows, state.TRACK])
        self.race.bank = self.pool.bank
        draws = [(rng.random(N_DRAWS), rng.standard_normal()) for rng in rngs]
        self._place(
            rows,
            slots,
            np.array([draw for draw, _ in draws]),
            np.array([normal for _, normal in draws]),
        )

    def _place(self, rows: Ints, slots: Ints, draws: Array, normals: Array) -> None:
        race, loop = self.race, self._loop
        begin_episodes(
            race.cars,
            race.bank,
            loop.controls,
            self._marks,
            self.pool.users,
            self._base[0],
            self._ranges,
            rows,
            slots,
            draws,
            normals,
        )
        observe_rows(race.cars, loop.last, race.bank, rows, self.obs)

    def step(
        self, actions: npt.NDArray[np.floating], autoreset: bool = True
    ) -> tuple[Floats, Array, Bools, Bools]:
        """Drive all cars for ``action_repeat`` control steps of 50 ms.

        Args:
            actions: (N, 2) steer and throttle in [-1, 1], clipped; steering left is positive.
            autoreset: True begins the next episode in rows whose episode ended.

        Returns:
            obs (N, 22) float32, reward (N,), terminated (N,) and truncated (N,); these arrays are
            never changed later. After an autoreset, obs is the next episode's first observation.

        Raises:
            ValueError: if actions have the wrong shape.
            NotFiniteError: if they are not finite.
        """
        actions = self._checked(actions)
        out = self._outcome(self.terms)
        race, loop = self.race, self._loop
        first = loop.step + 1
        loop.step += self.action_repeat
        everything = (
            race.cars,
            race.bank,
            loop.controls,
            first,
            actions,
            self._marks,
            self._rows,
            self.ending,
            self.reward,
            self.action_repeat,
            out,
        )
        if threads_pay(self.n):
            step_parallel(*everything)
        else:
            step_rows(*everything, 0, self.n)
        self.obs = out.obs
        if autoreset and (out.terminated.any() or out.truncated.any()):
            done = np.flatnonzero(out.terminated | out.truncated)
            self.final_obs = self.obs[done]
            self.note_ended(done)
            self._begin(done)
        self.pool.age(self.n * self.action_repeat, self.rng)
        return out.obs, out.reward, out.terminated, out.truncated

    def note_ended(self, done: Ints) -> None:
        """Store ``ended`` and final privileged observations of rows (M,) that have just ended."""
        if self.privileged:
            self.final_privileged_obs = self.privileged_obs(done)
        self.ended = self.snapshot(done)

    def privileged_obs(self, rows: Ints | None = None) -> Floats:
        """Privileged observations (M, 13) float32 of some rows, or of all; for critics only."""
        rows = self._rows if rows is None else rows
        race = self.race
        out: Floats = np.empty((len(rows), N_PRIVILEGED), np.float32)
        latency = self._loop.controls.latency
        observe_privileged(race.cars, self._base[0], latency, race.bank, rows, out)
        return out

    def snapshot(self, rows: Ints | slice) -> dict[str, Array]:
        """As ``CarRows``, with last_lap_time, off_track_time and three more.

        ``lapped`` is True where the last step completed a timed lap. ``terms`` (M, 7) are the last
        step's, ``sector_times`` (M, MAX_SECTORS) those of the last timed lap, nan where none.
        """
        f, lapped = self.race.floats[rows], self.race.ints[rows, state.STEP_LAP] == 1
        return super().snapshot(rows) | {
            "last_lap_time": f[:, state.LAST_LAP].copy(),
            "lapped": lapped & ~np.isnan(f[:, state.LAST_LAP]),
            "off_track_time": f[:, state.OFF_TIME].copy(),
            "terms": self.terms[rows].copy(),
            "sector_times": self.race.last_sectors[rows].copy(),
        }

    def twin(self, n: int) -> RacingBatch:
        """A batch of ``n`` cars that can take over this one's; its episodes never time out."""
        made = type(self)(
            n,
            tracks=self.pool.tracks[:1],
            car=self.car,
            reward=self.reward,
            ending=self.ending._replace(time=1e9),  # s
            action_repeat=self.action_repeat,
        )
        made.reset(0)
        return made

    def take_over(self, other: RacingBatch, rows: Ints) -> None:
        """Copy the state of another batch's cars, to drive on from there.

        The other's tracks and reward are used by reference, so this is valid until the other steps.

        Args:
            other: with the same ``action_repeat``; not changed.
            rows: (N,) row of the other batch that each car copies.
        """
        self.reward = other.reward
        self._copy_rows(other, rows)

    def state_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """The arrays of the state by name; views of the live ones."""
        return super().state_arrays() | {"marks": self._marks}
