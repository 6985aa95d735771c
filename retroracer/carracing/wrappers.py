"""CarRacing's wrappers: each a plain Gymnasium wrapper that does one thing.

Owns: actions, repeats, rewards and early stops. What the network sees is in ``observations``,
their order in ``pipeline``. Here alone the project's left-positive steering meets CarRacing's
right-positive one.
"""

from __future__ import annotations

from typing import Any, SupportsFloat

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from gymnasium.utils import RecordConstructorArgs

Env = gymnasium.Env[Any, Any]
Step = tuple[Any, SupportsFloat, bool, bool, dict[str, Any]]
Floats = npt.NDArray[Any]

NOTHING, RIGHT, LEFT, GAS, BRAKE = range(5)
"""The discrete actions, in the stock env's order."""


class DiscreteActions(gymnasium.ActionWrapper[Any, Any, Any], RecordConstructorArgs):
    """Five actions over the continuous env: nothing, right, left, gas, brake.

    With its defaults the same as the stock env's own ``continuous=False``.

    Args:
        env: with CarRacing's three continuous actions.
        steer: how far left and right turn the wheel, 0 to 1.
        gas: how far gas opens the throttle.
        brake: how hard brake brakes.
    """

    def __init__(self, env: Env, steer: float = 0.6, gas: float = 0.2, brake: float = 0.8) -> None:
        RecordConstructorArgs.__init__(self, steer=steer, gas=gas, brake=brake)
        super().__init__(env)
        self.action_space = spaces.Discrete(5)
        self._table: Floats = np.zeros((5, 3))
        self._table[RIGHT, 0], self._table[LEFT, 0] = steer, -steer
        self._table[GAS, 1], self._table[BRAKE, 2] = gas, brake

    def action(self, action: int) -> Floats:
        """The continuous action (steer, gas, brake) for a discrete one."""
        return np.array(self._table[int(action)])


class SteerAccel(gymnasium.ActionWrapper[Any, Any, Any], RecordConstructorArgs):
    """Two actions in [-1, 1]: steer, left positive; accel, gas if positive, else brake."""

    def __init__(self, env: Env) -> None:
        RecordConstructorArgs.__init__(self)
        super().__init__(env)
        self.action_space = spaces.Box(-1.0, 1.0, (2,), np.float32)

    def action(self, action: Floats) -> Floats:
        """CarRacing's (steer right positive, gas, brake)."""
        steer, accel = float(action[0]), float(action[1])
        return np.array([-steer, max(accel, 0.0), max(-accel, 0.0)], np.float32)


class CalmActions(gymnasium.ActionWrapper[Any, Any, Any], RecordConstructorArgs):
    """Smooths and limits a policy's actions; for evaluation.

    The steps in order: smoothing of all actions with the ones before, then the dead zone of
    the steering, then its clip.

    Args:
        env: with continuous actions whose first is the steering.
        smooth_alpha: share of the previous action kept, 0 (off) to below 1.
        steer_deadzone: steering smaller than this becomes 0.
        steer_clip: the most steering let through.
    """

    def __init__(
        self,
        env: Env,
        smooth_alpha: float = 0.2,
        steer_deadzone: float = 0.05,
        steer_clip: float = 0.8,
    ) -> None:
        RecordConstructorArgs.__init__(
            self, smooth_alpha=smooth_alpha, steer_deadzone=steer_deadzone, steer_clip=steer_clip
        )
        super().__init__(env)
        self._alpha, self._deadzone, self._clip = smooth_alpha, steer_deadzone, steer_clip
        self._before: Floats | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Begin an episode; smoothing starts from a zero action."""
        self._before = None
        return self.env.reset(seed=seed, options=options)

    def action(self, action: Floats) -> Floats:
        """The action after smoothing, dead zone and clip."""
        calm = np.asarray(action, np.float64)
        if self._before is not None:
            calm = self._alpha * self._before + (1.0 - self._alpha) * calm
        self._before = calm
        calm = calm.copy()
        if abs(calm[0]) < self._deadzone:
            calm[0] = 0.0
        calm[0] = np.clip(calm[0], -self._clip, self._clip)
        return calm.astype(np.float32)


class ActionRepeat(gymnasium.Wrapper[Any, Any, Any, Any], RecordConstructorArgs):
    """Each action lasts several frames: rewards are summed, the last frame is seen.

    Over the fast env, frames that nobody sees are not drawn.

    Args:
        env: to wrap; over the fast env, no wrapper below may change its frames.
        repeat: frames an action lasts.
    """

    def __init__(self, env: Env, repeat: int) -> None:
        RecordConstructorArgs.__init__(self, repeat=repeat)
        super().__init__(env)
        if repeat < 1:
            raise ValueError(f"an action lasts at least one frame, not {repeat}")
        self._repeat = repeat
        raw: Any = env.unwrapped
        self._skips = hasattr(raw, "draws") and env.observation_space == raw.observation_space

    def step(self, action: Any) -> Step:
        """Take the action for ``repeat`` frames, fewer where the episode ends."""
        total, last = 0.0, self._repeat - 1
        raw: Any = self.env.unwrapped
        drawing = self._skips and raw.draws
        for k in range(self._repeat):
            if drawing:
                raw.draws = k == last
            obs, reward, terminated, truncated, info = self.env.step(action)
            total += float(reward)
            if terminated or truncated:
                if drawing and k < last:
                    raw.draws = True
                    obs = raw.frame()
                break
        return obs, total, terminated, truncated, info


class RewardScale(gymnasium.RewardWrapper[Any, Any], RecordConstructorArgs):
    """Rewards times a number; for training."""

    def __init__(self, env: Env, scale: float) -> None:
        RecordConstructorArgs.__init__(self, scale=scale)
        super().__init__(env)
        self._scale = scale

    def reward(self, reward: SupportsFloat) -> float:
        """The reward the learner sees."""
        return float(reward) * self._scale


class EarlyStop(gymnasium.Wrapper[Any, Any, Any, Any], RecordConstructorArgs):
    """Truncates an episode after too many steps without a reward; for training only.

    The end is a truncation, not a termination: the episode could have gone on, so a learner
    bootstraps. ``info["early_stop"]`` tells of it.

    Args:
        env: to wrap.
        patience: steps in a row without a positive reward after which the episode ends.
        penalty: taken off the last reward then.
    """

    def __init__(self, env: Env, patience: int, penalty: float = 0.0) -> None:
        RecordConstructorArgs.__init__(self, patience=patience, penalty=penalty)
        super().__init__(env)
        if patience < 1:
            raise ValueError(f"patience is at least one step, not {patience}")
        self._patience, self._penalty, self._barren = patience, penalty, 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Begin an episode; no step was without a reward yet."""
        self._barren = 0
        return self.env.reset(seed=seed, options=options)

    def step(self, action: Any) -> Step:
        """Step; truncate after ``patience`` steps in a row without a positive reward."""
        obs, reward, terminated, truncated, info = self.env.step(action)
        self._barren = 0 if float(reward) > 0.0 else self._barren + 1
        if self._barren >= self._patience and not (terminated or truncated):
            return obs, float(reward) - self._penalty, False, True, info | {"early_stop": True}
        return obs, reward, terminated, truncated, info
