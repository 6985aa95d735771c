"""What the learners of pixels share: envs, the model, episodes counted, the state to go on from.

Owns no algorithm: ``off_policy`` and ``on_policy`` are the two kinds.
"""

from __future__ import annotations

import copy
import io
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.save_util import recursive_getattr

from retroracer.agents.model_file import find_model
from retroracer.agents.pixel_nets import Network
from retroracer.carracing.pipeline import Pipeline
from retroracer.carracing.vector import CarRacingVectorEnv
from retroracer.checks import Form, count, demand_array, number
from retroracer.errors import UserError
from retroracer.training.checkpoint import load_module, load_tensor, restore_moments
from retroracer.training.pixel_checkpoint import build, put_weights, read_records, read_weights
from retroracer.training.pixel_vec_env import PixelVecEnv
from retroracer.training.pixels.settings import PixelRun

State = dict[str, Any]


class Learner(ABC):
    """Envs and a model that learns in them.

    Args:
        settings: of the run.
        arguments: of the SB3 class.

    Attributes:
        model: SB3's.
        caution: factor on the learning rate; lowered after a divergence.
        returns: raw returns of the episodes that ended since they were last taken.
        rounds_are_long: whether a round takes seconds.
    """

    rounds_are_long = False

    def __init__(self, settings: PixelRun, arguments: dict[str, Any]) -> None:
        self.settings = settings
        self.envs = PixelVecEnv(
            CarRacingVectorEnv(
                settings.envs, workers=settings.workers, pipeline=settings.pipeline, copy=True
            )
        )
        self.caution = 1.0
        self.returns: list[float] = []
        common = {"seed": settings.seed, "device": settings.device}
        self.model: Any = build(
            settings.algorithm, self._seen_by_model(), settings.network, **common, **arguments
        )
        self.model.set_logger(Logger(None, []))
        self._marked: State | None = None
        if settings.parent is not None:
            _continue(self.model, settings)
        if settings.compile:
            for module in self.model.policy.modules():
                if hasattr(module, "convs"):
                    module.convs.compile()

    def _seen_by_model(self) -> Any:
        return self.envs

    @property
    def steps(self) -> int:
        """Actions taken by all envs together."""
        return int(self.model.num_timesteps)

    @property
    def updates(self) -> int:
        """Gradient updates (PPO: rounds over what was gathered)."""
        return int(self.model._n_updates)

    @abstractmethod
    def begin(self, session: int) -> None:
        """Begin new episodes.

        Box2D's world cannot be written down: a run that goes on drives other tracks from here,
        the same ones every time it goes on from there.

        Args:
            session: how many times the run has been gone on with.
        """

    @abstractmethod
    def round(self, share: float) -> dict[str, float]:
        """Drive a little, learn a little.

        Args:
            share: of the budget used up.

        Returns:
            Losses by name; empty if nothing was learned.
        """

    @abstractmethod
    def save_memory(self, folder: Path, moment: float = float("inf")) -> bool:
        """Write what is too large for ``state``, whole or not at all.

        Args:
            folder: where.
            moment: when it is given up (``time.monotonic``).

        Returns:
            Whether it was written.
        """

    @abstractmethod
    def load_memory(self, folder: Path) -> None:
        """Read what ``save_memory`` wrote."""

    def _first_seeds(self, session: int) -> None:
        drawn = np.random.SeedSequence([self.settings.seed, 31, session]).generate_state(1)
        self.envs.seed(int(drawn[0]) // 2)  # far from the seeds drivers are judged on

    def act(self, obs: Any) -> Any:
        """The driver's best actions."""
        self.model.policy.set_training_mode(False)
        return self.model.policy.predict(obs, deterministic=True)[0]

    def take_returns(self) -> list[float]:
        """Raw returns of the episodes that ended since the last call."""
        taken, self.returns = self.returns, []
        return taken

    def _count(self, infos: list[dict[str, Any]]) -> None:
        self.returns += [float(i["episode"]["r"]) for i in infos if "episode" in i]

    def weights(self) -> State:
        """What learning changes: weights, optimisers' moments, the entropy coefficient."""
        names, variables = self.model._get_torch_save_params()
        copied = io.BytesIO()
        torch.save(
            {n: recursive_getattr(self.model, n).state_dict() for n in names}
            | {n: recursive_getattr(self.model, n).detach() for n in variables},
            copied,
        )
        copied.seek(0)
        state: State = torch.load(copied, weights_only=True)
        return state

    def rewind(self, weights: Mapping[str, Any]) -> None:
        """Take over what ``weights`` returned."""
        names, variables = self.model._get_torch_save_params()
        for name in names:
            recursive_getattr(self.model, name).load_state_dict(weights[name])
        for name in variables:
            recursive_getattr(self.model, name).data.copy_(weights[name])

    def state(self) -> State:
        """All that the future of this run depends on, but memory and the envs."""
        # SB3 draws from numpy's one generator for all.
        keys: Any = np.random.get_state()  # noqa: NPY002
        state: State = {
            "weights": self.weights(),
            "steps": self.steps,
            "updates": self.updates,
            "caution": self.caution,
            "torch_rng": torch.get_rng_state(),
            "numpy_rng": [torch.from_numpy(np.asarray(keys[1], np.int64)), *keys[2:]],
        }
        if self.model.device.type == "cuda":
            state["cuda_rng"] = torch.cuda.get_rng_state().cpu()
        return state

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on where ``state`` was taken, by a learner of the same settings.

        Raises:
            ``checkpoint.MISFIT``: if it does not fit.
        """
        names, variables = self.model._get_torch_save_params()
        weights = state["weights"]
        for name in names:
            part = recursive_getattr(self.model, name)
            if isinstance(part, torch.optim.Optimizer):
                restore_moments(part, weights[name])
            else:
                load_module(part, weights[name])
        for name in variables:
            load_tensor(recursive_getattr(self.model, name), weights[name], name)
        self.model.num_timesteps = count(state, "steps")
        self.model._n_updates = count(state, "updates")
        self.caution = number(state, "caution", 1e-9, 1.0)
        torch.set_rng_state(state["torch_rng"])
        np.random.set_state(_twister(state["numpy_rng"]))  # noqa: NPY002
        if self.model.device.type == "cuda" and "cuda_rng" in state:
            torch.cuda.set_rng_state(state["cuda_rng"])

    def mark(self) -> None:
        """Remember where this is now: ``go_back`` returns here."""
        self._marked = copy.deepcopy(self.state())

    def go_back(self) -> None:
        """Return to the last ``mark``, from wherever a round was left.

        Memory and the envs stay as they are.
        """
        assert self._marked is not None
        self.restore(self._marked)

    def close(self) -> None:
        """Stop the envs."""
        self.envs.close()


def _twister(state: Any) -> tuple[str, Any, int, int, float]:
    """The state of NumPy's one generator for all, which takes any place in it unseen.

    Raises:
        ValueError: if it is none.
    """
    keys, place, has_gauss, gauss = state
    keys = demand_array("keys", keys.numpy(), Form((624,), np.int64, 0, 2**32 - 1))
    record = {"place": place, "has_gauss": has_gauss, "gauss": gauss}
    return (
        "MT19937",
        keys.astype(np.uint32),
        count(record, "place", 624),
        count(record, "has_gauss", 1),
        number(record, "gauss", -100.0, 100.0),
    )


class Child(Protocol):
    """Settings of a run that may have a parent."""

    @property
    def algorithm(self) -> str:
        """What learns."""

    @property
    def parent(self) -> str | None:
        """The driver to continue from."""

    @property
    def pipeline(self) -> Pipeline:
        """The wrappers."""

    @property
    def network(self) -> Network:
        """The network's shape."""


def check_parent(settings: Child) -> None:
    """Make sure that a run can continue from its parent.

    Raises:
        UserError: if the parent is missing, damaged, of another algorithm, sees through other
            wrappers, or has another network.
    """
    if settings.parent is None:
        return
    records = read_records(settings.parent)
    if records.facts.algorithm != settings.algorithm:
        raise UserError(
            f"{settings.parent} was trained by {records.facts.algorithm} and this run is "
            f"{settings.algorithm}; give the --algo it was trained by"
        )
    for what, own, theirs in (
        ("wrappers", settings.pipeline, records.pipeline),
        ("network", settings.network, records.network),
    ):
        for name, value in vars(own).items():
            old = getattr(theirs, name)
            free = name in _FREE
            if value != old and not free:
                key = "pipeline" if what == "wrappers" else "network"
                raise UserError(
                    f"{settings.parent} was trained with other {what}: {name} {old!r}, and this "
                    f"run has {value!r}; give --set {key}.{name}={_text(old)}"
                )


def named(parent: str | None) -> str | None:
    """What a driver's facts call its parent: where it lay is its author's business."""
    return None if parent is None else Path(parent).stem


_FREE = {
    "reward_scale", "early_stop", "early_stop_penalty",
    "smooth_alpha", "steer_deadzone", "steer_clip",
}  # fmt: skip
"""Wrappers that change neither what a driver sees nor what its actions do."""


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{','.join(map(str, value))}]"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _continue(model: Any, settings: PixelRun) -> None:
    check_parent(settings)
    assert settings.parent is not None
    path = find_model(settings.parent)
    put_weights(model.policy, read_weights(path)["policy"], path)
    records = read_records(path)
    model.num_timesteps = records.facts.steps
    model._n_updates = records.facts.updates
