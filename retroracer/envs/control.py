"""The control loop: observe, act, delay, advance. Env, evaluation and game all use it.

Every 50 ms a driver gets its observation and chooses an action, which reaches its car after the
latency. ``RacingBatch`` does the same in one compiled call, and adds rewards and resets.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from retroracer.compiled import compiled
from retroracer.envs.observation import N_OBS, Floats, observe_rows
from retroracer.envs.variety import MAX_LATENCY
from retroracer.physics.race import N_SUBSTEPS, Race
from retroracer.track.geometry import Array, Ints


class Controls(NamedTuple):
    """The latest actions of N drivers, with their latency.

    Attributes:
        chosen: (depth, N, 2) actions of the last steps, a ring; those of step t at t % depth.
        latency: (N,) control steps until an action takes effect; less than depth.
        applied: (N, 2) actions that take effect now.
    """

    chosen: Array
    latency: Ints
    applied: Array


@compiled()
def choose_rows(controls: Controls, step: int, actions: Array, begin: int, end: int) -> None:
    """Store the actions of rows ``begin`` to ``end`` for a step, and set those that take effect.

    ``actions`` (N, 2) are finite, and clipped to [-1, 1].
    """
    depth = len(controls.chosen)
    now = step % depth
    for i in range(begin, end):
        then = (step - controls.latency[i]) % depth
        for k in range(2):
            controls.chosen[now, i, k] = min(max(actions[i, k], -1.0), 1.0)
            controls.applied[i, k] = controls.chosen[then, i, k]


class ControlLoop:
    """The cars of a race, and their drivers' actions.

    Args:
        race: the cars.
        latency: of all actions [control steps].

    Attributes:
        controls: the actions and their latency.
        step: number of control steps done.
    """

    def __init__(self, race: Race, latency: int = 0) -> None:
        self.race = race
        n, depth = race.n, max(latency, MAX_LATENCY) + 1
        self.controls = Controls(
            np.zeros((depth, n, 2)), np.full(n, latency, np.int64), np.zeros((n, 2))
        )
        self.step = 0
        self._rows = np.arange(n)

    @property
    def last(self) -> Array:
        """(N, 2) each driver's last action, as it appears in the observation; a view."""
        last: Array = self.controls.chosen[self.step % len(self.controls.chosen)]
        return last

    def observe(self) -> Floats:
        """Observations (N, 22) float32 of all cars, in a new array."""
        race = self.race
        out: Floats = np.empty((race.n, N_OBS), np.float32)
        observe_rows(race.cars, self.last, race.bank, self._rows, out)
        return out

    def choose(self, actions: Array) -> None:
        """Begin a control step with the actions (N, 2), which are clipped to [-1, 1]."""
        self.step += 1
        choose_rows(self.controls, self.step, np.array(actions, np.float64), 0, self.race.n)

    def steer_now(self, row: int, action: tuple[float, float]) -> None:
        """Set a row's action at once, without latency: for a person, between control steps."""
        self.last[row] = self.controls.applied[row] = action

    def advance(self, n_substeps: int = N_SUBSTEPS) -> None:
        """Drive the cars for some physics steps with the actions that take effect now."""
        self.race.advance(self.controls.applied, n_substeps)
