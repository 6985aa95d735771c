"""The batch with lidar observations: the same task, another observation and scaled actions.

Owns the batch; ``lidar_env`` has the Gymnasium adapters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from retroracer.envs.batch import Bools, Floats, RacingBatch
from retroracer.envs.lidar import LAYOUT, N_LIDAR, N_RECENT, SCALING, lidar_rows
from retroracer.track.geometry import Array, Ints


class LidarBatch(RacingBatch):
    """N cars; ``reset``, ``begin`` and ``step`` return lidar observations (N, 80).

    Args:
        n: number of cars.
        steer_scale: factor on the steering action, in (0, 1].
        accel_scale: likewise on the throttle.
        arguments: arguments of ``RacingBatch``.

    Attributes:
        seen: (N, 80) float32, the current observations.
    """

    layout = LAYOUT
    scaling = SCALING

    def __init__(
        self, n: int, *, steer_scale: float = 1.0, accel_scale: float = 1.0, **arguments: Any
    ) -> None:
        for name, value in (("steer_scale", steer_scale), ("accel_scale", accel_scale)):
            if not 0.0 < value <= 1.0:
                raise ValueError(f"{name} must be above 0 and at most 1, not {value}")
        super().__init__(n, **arguments)
        self.action_scale = np.array([steer_scale, accel_scale])
        self.recent: Array = np.zeros((n, N_RECENT, 2))
        self.seen: Floats = np.zeros((n, N_LIDAR), np.float32)

    def see(self, rows: Ints, out: Floats) -> None:
        """Overwrite some rows of ``out`` (N, 80) with the cars' current observations."""
        lidar_rows(self.race.cars, self.recent, self.race.bank, rows, 1, out)

    def _see_all(self) -> Floats:
        self.seen = np.empty_like(self.seen)
        self.see(self._rows, self.seen)
        return self.seen

    def reset(self, seed: int | Sequence[int] | None = None) -> Floats:
        """As ``RacingBatch``."""
        super().reset(seed)
        self.recent[:] = 0.0
        return self._see_all()

    def begin(self, rows: Ints, seeds: Sequence[int | None] | None = None) -> Floats:
        """As ``RacingBatch``."""
        super().begin(rows, seeds)
        self.recent[rows] = 0.0
        return self._see_all()

    def step(
        self, actions: npt.NDArray[np.floating], autoreset: bool = True
    ) -> tuple[Floats, Array, Bools, Bools]:
        """As ``RacingBatch``, with scaled actions."""
        chosen = np.clip(np.array(actions, np.float64), -1.0, 1.0)
        scaled = chosen * self.action_scale if chosen.shape == (self.n, 2) else chosen
        _, reward, terminated, truncated = super().step(scaled, autoreset=False)
        self.recent[:, 1:] = self.recent[:, :-1].copy()
        self.recent[:, 0] = chosen
        seen = self._see_all()
        done = np.flatnonzero(terminated | truncated)
        if autoreset and len(done):
            self.note_ended(done)
            self.final_obs = seen[done]
            self._begin(done)
            self.recent[done] = 0.0
            self.see(done, seen)
        return seen, reward, terminated, truncated

    def state_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """As ``RacingBatch``, and the last actions."""
        return super().state_arrays() | {"recent": self.recent}

    def restore(self, facts: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
        """As ``RacingBatch``."""
        super().restore(facts, arrays)
        self._see_all()
