"""``retroracer/RetroRacer-Lidar-v0``: Gymnasium's Env and VectorEnv over a ``LidarBatch``."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces

from retroracer.envs.lidar import BOUND, N_LIDAR
from retroracer.envs.lidar_batch import LidarBatch
from retroracer.envs.racing import RacingEnv
from retroracer.envs.vector import RacingVectorEnv

OBSERVATION = spaces.Box(-BOUND, BOUND, (N_LIDAR,), np.float32)


class LidarEnv(RacingEnv):
    """One car with lidar observations; arguments as ``RacingEnv``, and two factors on actions.

    Args:
        arguments: arguments of ``RacingEnv``.
        steer_scale: factor on the steering action, in (0, 1].
        accel_scale: likewise on the throttle.
    """

    observation_space = OBSERVATION
    layout = LidarBatch.layout
    scaling = LidarBatch.scaling
    made_of = LidarBatch

    def __init__(
        self, *arguments: Any, steer_scale: float = 1.0, accel_scale: float = 1.0, **named: Any
    ) -> None:
        self.batch_arguments = {"steer_scale": steer_scale, "accel_scale": accel_scale}
        super().__init__(*arguments, **named)


class LidarVectorEnv(RacingVectorEnv):
    """N cars with lidar observations; arguments as ``RacingVectorEnv`` and ``LidarEnv``."""

    single_observation_space = OBSERVATION
    made_of = LidarBatch

    def __init__(
        self,
        num_envs: int = 1,
        *arguments: Any,
        steer_scale: float = 1.0,
        accel_scale: float = 1.0,
        **named: Any,
    ) -> None:
        self.batch_arguments = {"steer_scale": steer_scale, "accel_scale": accel_scale}
        super().__init__(num_envs, *arguments, **named)
