"""What the batches of single cars and of races share: their actions checked, their state kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from retroracer.checks import Form, count, demand_array, generator_state
from retroracer.envs.control import ControlLoop
from retroracer.envs.observation import Floats
from retroracer.envs.saved import demand_on_track
from retroracer.envs.tracks import TrackPool
from retroracer.errors import NotFiniteError
from retroracer.physics.race import Race
from retroracer.track.geometry import Array, Ints


class CarRows:
    """N cars that are stepped together, one a row.

    Attributes:
        n: how many.
        race: the cars.
        pool: the tracks by slot.
        obs: (N, ...) float32, the current observations.
        rng: all randomness but the tracks'.
    """

    n: int
    race: Race
    pool: TrackPool
    obs: Floats
    rng: np.random.Generator
    _loop: ControlLoop

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
        """The forms of ``state_arrays`` by name."""
        raise NotImplementedError

    def _count_users(self) -> None:
        """Tell the pool how many episodes use each track."""
        raise NotImplementedError

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
        demand_on_track(self.pool.bank, arrays)
        self.obs = np.empty_like(self.obs)
        for name, values in self.state_arrays().items():
            values[:] = arrays[name]
        self._count_users()
        self._loop.step = clock
        self.rng.bit_generator.state = rng
