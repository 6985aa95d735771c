"""Inference: a trained actor in NumPy, deterministic, without torch.

The game, evaluation and ghosts all drive through ``Policy.act``. ``model_file`` reads the files,
``envs.task`` defines the observations.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from retroracer.agents.facts import Facts
from retroracer.agents.model_file import (
    FloatArray,
    Layers,
    damaged,
    find_model,
    read_actor,
    read_facts,
)
from retroracer.envs.observation import LAYOUT, N_OBS
from retroracer.envs.race_task import N_RACE_OBS, RACE_LAYOUT
from retroracer.errors import UserError
from retroracer.physics.race import CONTROL_DT
from retroracer.processes import cores
from retroracer.reading import shown, shown_path


def _relu(x: FloatArray) -> None:
    np.maximum(x, 0.0, out=x)


def _tanh(x: FloatArray) -> None:
    np.tanh(x, out=x)


def _elu(x: FloatArray) -> None:
    np.copyto(x, np.expm1(np.minimum(x, 0.0)), where=x < 0.0)


ACTIVATIONS: dict[str, Callable[[FloatArray], None]] = {"relu": _relu, "tanh": _tanh, "elu": _elu}
"""Activations of hidden layers by the name recorded with the model; each works in place."""


def _clip(x: FloatArray) -> None:
    np.clip(x, -1.0, 1.0, out=x)


OUTPUTS: dict[str, Callable[[FloatArray], None]] = {"tanh": _tanh, "clip": _clip}
"""Functions from the last layer's output to actions, by the name recorded with the model: tanh
(SAC, TQC, TD3) or clipping (PPO's Gaussian mean). Each works in place."""

N_ACTIONS = 2
"""Steer and throttle."""

WIDTHS = {LAYOUT: N_OBS, RACE_LAYOUT: N_RACE_OBS}
"""Numbers in the observations that are made today, by their ids."""

MAX_OBSERVATION, MAX_SUM = 100.0, 1e30
"""A driver is refused if observations within the first bound can lead to sums beyond the second
(float32 ends at 3e38)."""

MAX_REPEAT = 10
"""Largest accepted action repeat [control steps]."""

_CHUNK = 128  # rows a thread computes at once: their activations fit the cache


@functools.cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(min(cores(), 8), "policy")


class Policy:
    """A deterministic driver: the mean of a trained actor, squashed or clipped to [-1, 1].

    Attributes:
        facts: facts of the model.
        name: for display: the file's stem.
        n_observations: length of an observation.
        n_actions: length of an action.
        action_repeat: control steps of 50 ms that an action is held, as in training.
    """

    def __init__(self, layers: Layers, facts: Facts, name: str) -> None:
        self.facts = facts
        self.name = name
        self.n_observations = len(layers[0][0])
        self.n_actions = len(layers[-1][1])
        self.action_repeat = action_repeat_of(facts)
        self._layers = [(np.ascontiguousarray(w), b) for w, b in layers]
        self._alone: FloatArray | None = None
        if self.n_observations == N_RACE_OBS:
            self._alone = np.ascontiguousarray(self._layers[0][0][:N_OBS])
        self.activate = ACTIVATIONS[facts.activation]
        self.squash = OUTPUTS[facts.output]

    def act(self, obs: FloatArray) -> FloatArray:
        """Choose actions.

        A row's result is the same to the last bit for any N and any position in the batch: each
        row is multiplied as a block of one, so that BLAS always sees the same shape. (A larger
        padded block would not do: some BLAS kernels sum differently depending on the row.)

        Args:
            obs: (N, n_observations) float32; a driver of races takes the road's alone, too: it
                is then as if no other car were in sight.

        Returns:
            (N, n_actions) float32 in [-1, 1].

        Raises:
            ValueError: if ``obs`` has another shape.
        """
        x = np.ascontiguousarray(obs, np.float32)
        alone = self._alone is not None and x.ndim == 2 and x.shape[1] == len(self._alone)
        layers = self._layers
        if alone and self._alone is not None:  # sums without the zeros that it would see
            layers = [(self._alone, layers[0][1]), *layers[1:]]
        elif x.ndim != 2 or x.shape[1] != self.n_observations:
            raise ValueError(f"observations must be (N, {self.n_observations}), got {x.shape}")
        actions = np.empty((len(x), self.n_actions), np.float32)

        def fill(start: int) -> None:
            actions[start : start + _CHUNK] = self._act(x[start : start + _CHUNK], layers)

        starts = range(0, len(x), _CHUNK)
        if len(starts) > 1:
            list(_threads().map(fill, starts))  # NumPy releases the GIL while it multiplies
        else:
            fill(0)
        return actions

    @property
    def layers(self) -> Layers:
        """Weights (I, O) and biases of its layers; not to be changed."""
        return self._layers

    def largest(self, most: float) -> float:
        """Upper bound of the sums in all layers, for any observation of magnitudes up to ``most``.

        Each sum is at most the sum of the magnitudes of weights times inputs.
        """
        worst, inputs = most, np.full(self.n_observations, most)
        for weight, bias in self._layers:
            inputs = inputs @ np.abs(weight).astype(np.float64) + np.abs(bias)
            worst = max(worst, float(inputs.max()))
        return worst

    def _act(self, x: FloatArray, layers: Layers) -> FloatArray:
        rows = x[:, None, :]
        for weight, bias in layers[:-1]:
            rows = np.matmul(rows, weight)
            rows += bias
            self.activate(rows)
        weight, bias = layers[-1]
        means: FloatArray = np.matmul(rows, weight)
        means += bias
        self.squash(means)
        return means[:, 0]


def load_policy(name_or_path: str | Path, layout: str | None = None) -> Policy:
    """Load a driver from a path (``models/base.zip``) or by the name of a shipped one (``base``).

    ``layout`` is the id of the observations it will be given; None = a current one, of the road or
    of racing (``envs.race_task``).

    Raises:
        UserError: if the model is missing, damaged, not a RetroRacer model, or reads other
            observations.
    """
    path = find_model(name_or_path)
    facts = read_facts(path)
    demand_layout(facts, path, layout)
    for what, name, known in (
        ("activation", facts.activation, ACTIVATIONS),
        ("output", facts.output, OUTPUTS),
    ):
        if name not in known:
            raise UserError(
                f"{shown_path(path)} uses {what} '{name}'; this RetroRacer knows "
                f"{', '.join(known)}; upgrade it"
            )
    try:
        action_repeat_of(facts)
    except ValueError as error:
        raise damaged(path, str(error)) from None
    policy = Policy(read_actor(path), facts, shown(path.stem, 80))
    demand_sound(policy, path, layout)
    return policy


def action_repeat_of(facts: Facts) -> int:
    """Control steps of 50 ms for which a driver holds an action; 1 if its model does not say.

    Raises:
        ValueError: if it is not a whole number of steps from 1 to MAX_REPEAT.
    """
    control_dt = facts.notes.get("control_dt", CONTROL_DT)
    steps = control_dt / CONTROL_DT if isinstance(control_dt, (int, float)) else math.nan
    if not 0.5 < steps < MAX_REPEAT + 0.5 or abs(steps - round(steps)) > 1e-6:
        raise ValueError(f"control_dt must be a multiple of {CONTROL_DT}, not {control_dt!r}")
    return round(steps)


def policy_of(layers: Layers, activation: str, name: str = "training") -> Policy:
    """A driver from an actor's plain layers, without a file."""
    return Policy(layers, Facts(observation_layout="", steps=0, activation=activation), name)


def demand_sound(policy: Policy, path: Path, layout: str | None = None) -> None:
    """Refuse a driver with a wrong width, or whose weights are so large that it overflows."""
    own = (policy.n_observations, policy.n_actions)
    layout = layout or policy.facts.observation_layout
    wanted = (WIDTHS.get(layout, own[0]), N_ACTIONS if layout in WIDTHS else own[1])
    if (policy.n_observations, policy.n_actions) != wanted:
        raise damaged(
            path,
            f"its actor turns {policy.n_observations} observations into {policy.n_actions} "
            f"actions, and a driver turns {wanted[0]} into {wanted[1]}",
        )
    if not policy.largest(MAX_OBSERVATION) < MAX_SUM:
        raise damaged(path, "its weights are so large that they overflow")
    policy.act(np.zeros((1, policy.n_observations), np.float32))


def demand_layout(facts: Facts, path: Path, layout: str | None = None) -> None:
    """Refuse a model that reads other observations; ``layout`` None = a current one."""
    if facts.observation_layout not in (WIDTHS if layout is None else (layout,)):
        raise UserError(
            f"{shown_path(path)} reads observations '{facts.observation_layout}' and this "
            f"RetroRacer makes '{layout or LAYOUT}'; retrain it with train_base.py, or use "
            f"RetroRacer {facts.package_version}"
        )
