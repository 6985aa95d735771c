"""An actor's simulator and its policy: any Gymnasium environment, driven by the learner's weights.

Owns the protocol of simulators, the adapter of Gymnasium environments, and the exploring policy.
Imports neither Ray nor torch; our own cars are in ``cars``.
"""

from __future__ import annotations

import importlib
import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from retroracer.agents.rows import Contract, Rows, Weights
from retroracer.envs.named import named
from retroracer.errors import UserError

LOG_STD_LEAST, LOG_STD_MOST = -20.0, 2.0
"""Bounds of the logarithm of a SAC actor's standard deviation, Stable-Baselines3's."""

HOLD = 0.1
"""Probability per step that the random policy draws a new action: it keeps one for 10 steps."""

GENTLE = 0.3
"""Throttle of the fallback."""

Floats = npt.NDArray[np.float32]


class Step(NamedTuple):
    """The result of a vector step; the fields are those of ``Rows``."""

    obs: Floats
    reward: Floats
    next_obs: Floats
    terminated: Any
    truncated: Any
    episodes: list[tuple[float, float, float, float]]


class Simulator(ABC):
    """N environments side by side; each resets itself when its episode ends.

    Attributes:
        contract: spaces, layout and scaling.
        about: what is driven, in a few words.
        obs: (N, O) current observations.
    """

    contract: Contract
    about: str
    obs: Floats

    @abstractmethod
    def step(self, actions: Floats) -> Step:
        """One step with actions (N, A) in [-1, 1]."""

    def fallback(self) -> Floats:
        """Actions before the first weights: little throttle, straight on; one action alone is 0."""
        actions = np.zeros((len(self.obs), self.contract.actions), np.float32)
        if self.contract.actions >= 2:
            actions[:, 1] = GENTLE
        return actions

    @property
    def fallback_name(self) -> str:
        """The fallback's name."""
        return "constant gentle throttle"

    def set_reward(self, weights: tuple[float, ...]) -> None:  # noqa: B027
        """Use these weights of the reward's terms; other simulators have their own reward."""


class AnyEnv(Simulator):
    """``n`` Gymnasium environments of one kind, stepped one after the other.

    ``about`` is what ``--env`` names; the first environment has the seed, the others the next ones.

    Raises:
        UserError: if there is no such thing, its spaces are not boxes, or an action has no bounds.
    """

    def __init__(self, about: str, n: int, seed: int) -> None:
        make = maker(about)
        self.envs = [make() for _ in range(n)]
        env = self.envs[0]
        low, high = _box(env.action_space, about, "actions", True)
        seen, _ = _box(env.observation_space, about, "observations", False)
        self._low, self._high = low, high
        scaling = getattr(env.unwrapped, "scaling", None)
        told = getattr(env.unwrapped, "layout", None)
        spec = getattr(env, "spec", None)
        self.contract = Contract(
            str(told or (spec.id if spec is not None else about)),
            int(seen.size),
            int(low.size),
            () if scaling is None else tuple(float(x) for x in np.ravel(scaling)),
            tuple((float(a), float(b)) for a, b in zip(low, high, strict=True)),
        )
        self.about = f"{n} x {about}" if n > 1 else about
        firsts = [e.reset(seed=seed + k)[0] for k, e in enumerate(self.envs)]
        self.obs = np.array([np.ravel(o) for o in firsts], np.float32)
        self._returns = np.zeros(n)
        self._lengths = np.zeros(n)

    def step(self, actions: Floats) -> Step:
        """One step of each; one whose episode ended is reset."""
        n = len(self.envs)
        before = self.obs
        after = np.empty_like(before)
        obs = np.empty_like(before)
        reward = np.zeros(n, np.float32)
        terminated, truncated = np.zeros(n, np.bool_), np.zeros(n, np.bool_)
        episodes: list[tuple[float, float, float, float]] = []
        for k, env in enumerate(self.envs):
            share = 0.5 * (actions[k].astype(np.float64) + 1.0)
            own = (self._low + share * (self._high - self._low)).astype(env.action_space.dtype)
            seen, paid, over, cut, _ = env.step(own.reshape(env.action_space.shape))
            after[k] = obs[k] = np.ravel(seen)
            reward[k], terminated[k], truncated[k] = paid, over, cut and not over
            self._returns[k] += float(paid)
            self._lengths[k] += 1
            if over or cut:
                ended = (self._returns[k], self._lengths[k], 0.0, float(truncated[k]))
                episodes.append(tuple(float(x) for x in ended))  # type: ignore[arg-type]
                self._returns[k] = self._lengths[k] = 0.0
                obs[k] = np.ravel(env.reset()[0])
        self.obs = obs
        return Step(before, reward, after, terminated, truncated, episodes)


def _box(space: Any, about: str, what: str, finite: bool) -> tuple[Any, Any]:
    """Lowest and highest numbers of a box space, flat; a ``UserError`` if it has none."""
    low, high = getattr(space, "low", None), getattr(space, "high", None)
    if low is None or high is None or np.asarray(low).dtype.kind not in "fiu":
        raise UserError(f"{about} has {what} {space}; SAC needs a Box of numbers")
    low, high = np.ravel(low).astype(np.float64), np.ravel(high).astype(np.float64)
    if finite and not (np.isfinite(low).all() and np.isfinite(high).all()):
        raise UserError(f"{about} has unbounded {what} {space}; SAC needs finite bounds")
    return low, high


def maker(text: str) -> Callable[[], Any]:
    """The function that makes what ``--env`` names: package.module:make, or a Gymnasium id.

    Raises:
        UserError: if there is no such thing.
    """
    module, colon, name = text.partition(":")
    if colon and not name.startswith(("/",)) and "-v" not in name:
        try:
            found = importlib.import_module(module)
        except (ImportError, ValueError, TypeError) as error:  # the last two of "" and ".name"
            raise UserError(f"--env {text}: cannot import {module}: {error}") from None
        make = getattr(found, name, None)
        if not callable(make):
            raise UserError(f"--env {text}: {module} has no function {name}")
        return make  # type: ignore[no-any-return]
    return named(text)


class Explorer:
    """The exploring policy of SAC: its actor network in NumPy, actions sampled."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng([seed, 7])
        self.weights: Weights | None = None
        self._held = np.zeros((0, 0), np.float32)

    @property
    def version(self) -> int:
        """Version of its weights; 0 = none yet."""
        return 0 if self.weights is None else self.weights.version

    def act(self, simulator: Simulator) -> Floats:
        """Actions (N, A): the fallback's while there are no weights."""
        if self.weights is None:
            return simulator.fallback()
        n, actions = len(simulator.obs), simulator.contract.actions
        if self.weights.random:
            drawn = self.rng.uniform(-1.0, 1.0, (n, actions)).astype(np.float32)
            if self._held.shape != drawn.shape:
                self._held = drawn
            change = self.rng.random((n, 1)) < HOLD
            self._held = np.where(change, drawn, self._held)
            return self._held
        x = simulator.obs
        for weight, bias in self.weights.layers[:-1]:
            x = x @ weight
            x += bias
            np.maximum(x, 0.0, out=x)
        weight, bias = self.weights.layers[-1]
        head = x @ weight + bias
        spread = np.exp(np.clip(head[:, actions:], LOG_STD_LEAST, LOG_STD_MOST))
        noise = self.rng.standard_normal((n, actions), np.float32)
        return np.tanh(head[:, :actions] + spread * noise)  # type: ignore[no-any-return]


def drive(
    simulator: Simulator, explorer: Explorer, steps: int, actor: int, life: str, number: int
) -> Rows:
    """Drive ``steps`` vector steps and return them as one piece of rows."""
    taken: list[tuple[Floats, Step]] = []
    if explorer.weights is not None:
        simulator.set_reward(explorer.weights.reward)
    for _ in range(steps):
        action = explorer.act(simulator)
        taken.append((action, simulator.step(action)))
    found = [step for _, step in taken]
    episodes = [e for step in found for e in step.episodes]
    finite = [e for e in episodes if all(map(math.isfinite, e))]
    return Rows(
        actor,
        life,
        number,
        explorer.version,
        np.stack([s.obs for s in found]),
        np.stack([np.asarray(a, np.float32) for a, _ in taken]),
        np.stack([s.reward for s in found]),
        np.stack([s.next_obs for s in found]),
        np.stack([s.terminated for s in found]),
        np.stack([s.truncated for s in found]),
        np.array(finite, np.float64).reshape(-1, 4),
    )
