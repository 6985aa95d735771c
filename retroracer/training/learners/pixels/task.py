"""CarRacing from pixels as a task: environments, an SB3 model, its evaluation and its zip.

Owns what the learners of pixels share. A learner makes the model it needs; the policy of an
earlier stage's model is copied into it.
"""

from __future__ import annotations

import copy
import io
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.logger import configure
from stable_baselines3.common.save_util import recursive_getattr

from retroracer import config
from retroracer.agents.checkpoint import (
    first_line,
    load_module,
    load_tensor,
    read_torch,
    restore_moments,
)
from retroracer.agents.facts import Facts, plain_json
from retroracer.agents.model_file import damaged, find_model, read_facts
from retroracer.agents.pixels import checkpoint
from retroracer.agents.pixels.records import LAYOUT, read_records
from retroracer.agents.pixels.torch_inference import load_driver
from retroracer.carracing import ENV_ID
from retroracer.carracing.pipeline import Pipeline
from retroracer.carracing.vector import CarRacingVectorEnv
from retroracer.checks import Form, count, demand_array, number
from retroracer.errors import UserError
from retroracer.training.judging.episodes import drive, summary
from retroracer.training.judging.evaluation import Evaluation
from retroracer.training.learners.learner import State
from retroracer.training.learners.pixels.settings import PixelSettings
from retroracer.training.learners.pixels.student import swapped
from retroracer.training.learners.pixels.vec_env import PixelVecEnv
from retroracer.training.learners.task import Task
from retroracer.training.run.settings import EVALUATION_SEED

REWARD_STATISTICS = "reward_statistics"
"""Key in a model's notes: statistics of the rewards it was trained on."""

STATISTICS = (("mean", -1e12, 1e12), ("variance", 0.0, 1e12), ("count", 0.0, 1e15))
"""Those statistics by name, each with its least and largest accepted value."""


class Pixels(Task):
    """Environments and the model that is trained in them.

    Attributes:
        model: SB3's model, once a learner has made one.
        averages: parameters and their averages, if the averages are evaluated and kept.
        reward_statistics: returns the statistics of the reward normaliser, where a learner has
            one; they go into the zip.
    """

    unit = "actions"

    def __init__(self, settings: PixelSettings) -> None:
        self.settings = settings
        self.envs = PixelVecEnv(
            CarRacingVectorEnv(
                settings.envs, workers=settings.workers, pipeline=settings.pipeline, copy=True
            )
        )
        self.model: Any = None
        self.averages: tuple[list[Any], list[torch.Tensor]] | None = None
        self.reward_statistics: Callable[[], dict[str, float]] | None = None
        self._returns: list[float] = []

    def make_model(self, algorithm: str, env: Any = None, **arguments: Any) -> Any:
        """Make the model a learner needs, with the weights of the last stage or of the parent.

        ``algorithm`` is a key of ``checkpoint.KINDS``; without ``env`` it is trained in the task's.

        Raises:
            UserError: if an earlier stage trained a model of another kind, or the parent does not
                fit.
        """
        settings, before = self.settings, self.model
        common = {"seed": settings.seed, "device": settings.device}
        model = checkpoint.build(
            algorithm, self.envs if env is None else env, settings.network, **common, **arguments
        )
        model.set_logger(configure(None, []))
        if before is not None:
            if type(before) is not type(model):
                raise UserError(
                    f"stages: {algorithm} cannot go on from a model of {type(before).__name__}"
                )
            model.policy.load_state_dict(before.policy.state_dict())
            model.num_timesteps, model._n_updates = before.num_timesteps, before._n_updates
        elif settings.parent is not None:
            path = find_model(settings.parent)
            check_parent(settings, algorithm)
            checkpoint.put_weights(model.policy, checkpoint.read_weights(path)["policy"], path)
            facts = read_records(path).facts
            model.num_timesteps, model._n_updates = facts.steps, facts.updates
        if settings.compile:
            for module in model.policy.modules():
                if hasattr(module, "convs"):
                    module.convs.compile()
        self.model = model
        return model

    @property
    def steps(self) -> int:
        """Actions taken by all envs together."""
        return int(self.model.num_timesteps)

    @property
    def updates(self) -> int:
        """Gradient updates; for PPO, epochs."""
        return int(self.model._n_updates)

    def begin(self, session: int) -> None:
        """Choose the first tracks.

        Box2D's world cannot be saved, so a resumed run begins new episodes, on tracks that depend
        on the number of the session alone.
        """
        drawn = np.random.SeedSequence([self.settings.seed, 31, session]).generate_state(1)
        self.envs.seed(int(drawn[0]) // 2)  # far from the seeds drivers are evaluated on

    def count(self, infos: list[dict[str, Any]]) -> None:
        """Count the episodes that ended in a step."""
        self.add_returns([float(i["episode"]["r"]) for i in infos if "episode" in i])

    def add_returns(self, returns: list[float]) -> None:
        """Count episodes by their raw returns."""
        self._returns = (self._returns + returns)[-200:]

    def episode_stats(self) -> dict[str, float]:
        """Mean, minimum and maximum raw return of the last 20 training episodes."""
        if not self._returns:
            return {}
        last = self._returns[-20:]
        return {
            "return": float(np.mean(last)),
            "return_min": min(last),
            "return_max": max(last),
        }

    def act(self, obs: Any) -> Any:
        """The driver's deterministic actions."""
        self.model.policy.set_training_mode(False)
        return self.model.policy.predict(obs, deterministic=True)[0]

    def logged(self, names: Sequence[str]) -> dict[str, float]:
        """The figures of these names that SB3 has logged since the last call."""
        found = self.model.logger.name_to_value
        figures = {n: float(found[f"train/{n}"]) for n in names if f"train/{n}" in found}
        found.clear()
        return figures

    def averaged(self) -> AbstractContextManager[None]:
        """The model with averaged weights, if they are what is kept."""
        return nullcontext() if self.averages is None else swapped(*self.averages)

    def evaluate(self, parent: bool = False) -> Evaluation:
        """Drive the evaluation's seeds on the fast env."""
        pipeline = self.settings.pipeline
        with self.averaged():
            found = self._drive(self.act, pipeline)
        text = (
            f"mean {found['mean']:.1f} (min {found['min']:.1f}, "
            f"laps {found['finished']}/{found['episodes']})"
        )
        frames = self.steps * pipeline.action_repeat
        figures = {"frames": frames, **found, "env": ENV_ID, "first_seed": EVALUATION_SEED}
        return Evaluation(found["mean"], True, figures, text)

    def _drive(self, act: Any, pipeline: Pipeline) -> dict[str, Any]:
        seeds = range(EVALUATION_SEED, EVALUATION_SEED + self.settings.evaluate_on)
        return summary(drive(act, pipeline, seeds, ENV_ID, width=len(seeds)))

    def kind(self) -> dict[str, Any]:
        """All drivers from pixels are of one kind."""
        return {"observation_layout": LAYOUT}

    def score_of(self, path: Path) -> float:
        """The score of another run's model, behind its own wrappers."""
        driver = load_driver(path)
        return float(self._drive(driver.act, driver.pipeline)["mean"])

    def write(self, path: Path, evaluation: Evaluation | None, notes: Mapping[str, Any]) -> None:
        """Write the driver as an SB3 zip."""
        settings = self.settings
        path.parent.mkdir(parents=True, exist_ok=True)
        notes = dict(notes)
        if self.reward_statistics is not None:
            notes[REWARD_STATISTICS] = self.reward_statistics()
        facts = Facts(
            observation_layout=LAYOUT,
            steps=self.steps,
            seed=settings.seed,
            parent=Path(settings.parent).stem if settings.parent else None,
            tracks=("CarRacing-v3",),
            settings={s.learner: config.to_dict(settings.of(s.learner)) for s in settings.stages},
            evaluation={} if evaluation is None else dict(evaluation.figures),
            notes=notes,
        )
        with self.averaged():
            checkpoint.save(self.model, path, settings.pipeline, facts)

    def parent_statistics(self) -> dict[str, float] | None:
        """Reward statistics of the parent; None if it was trained without a normaliser."""
        if self.settings.parent is None:
            return None
        path = find_model(self.settings.parent)
        record = read_facts(path).notes.get(REWARD_STATISTICS)
        if record is None:
            return None
        try:
            return {name: number(record, name, low, most) for name, low, most in STATISTICS}
        except (ValueError, KeyError, TypeError) as error:
            raise damaged(path, f"{REWARD_STATISTICS}: {first_line(error)}") from None

    def weights(self) -> dict[str, Any]:
        """Weights, optimiser moments and the entropy coefficient; copies."""
        names, variables = self.model._get_torch_save_params()
        modules = {n: recursive_getattr(self.model, n).state_dict() for n in names}
        return copy.deepcopy(
            modules | {n: recursive_getattr(self.model, n).detach() for n in variables}
        )

    def rewind(self, weights: Mapping[str, Any]) -> None:
        """Restore what ``weights`` returned."""
        names, variables = self.model._get_torch_save_params()
        for name in names:
            recursive_getattr(self.model, name).load_state_dict(weights[name])
        for name in variables:
            recursive_getattr(self.model, name).data.copy_(weights[name])

    def state(self) -> State:
        """Model, counters and random state; the envs are not saved."""
        # SB3 draws from NumPy's global generator.
        keys: Any = np.random.get_state()  # noqa: NPY002
        plain = {"steps": self.steps, "updates": self.updates, "returns": self._returns}
        tensors = {
            "weights": self.weights(),
            "torch_rng": torch.get_rng_state(),
            "numpy_rng": [torch.from_numpy(np.asarray(keys[1], np.int64)), *keys[2:]],
        }
        if self.model.device.type == "cuda":
            tensors["cuda_rng"] = torch.cuda.get_rng_state().cpu()
        return {
            "facts": np.frombuffer(json.dumps(plain).encode(), np.uint8),
            "tensors": packed(tensors),
        }

    def restore(self, state: Mapping[str, np.ndarray[Any, Any]]) -> None:
        """Continue from what ``state`` returned in a task of the same settings."""
        plain = plain_json(bytes(state["facts"]))
        tensors = read_torch(state["tensors"].tobytes())
        names, variables = self.model._get_torch_save_params()
        weights = tensors["weights"]
        for name in names:
            part = recursive_getattr(self.model, name)
            if isinstance(part, torch.optim.Optimizer):
                restore_moments(part, weights[name])
            else:
                load_module(part, weights[name])
        for name in variables:
            load_tensor(recursive_getattr(self.model, name), weights[name], name)
        self.model.num_timesteps = count(plain, "steps")
        self.model._n_updates = count(plain, "updates")
        self._returns = [number({"return": r}, "return", -1e6, 1e6) for r in plain["returns"]]
        torch.set_rng_state(tensors["torch_rng"])
        np.random.set_state(_mersenne_state(tensors["numpy_rng"]))  # noqa: NPY002
        if self.model.device.type == "cuda" and "cuda_rng" in tensors:
            torch.cuda.set_rng_state(tensors["cuda_rng"])

    def close(self) -> None:
        """Close the envs."""
        self.envs.close()


def packed(tensors: Mapping[str, Any]) -> np.ndarray[Any, Any]:
    """Tensors and plain values as bytes, the way ``torch.save`` writes them."""
    raw = io.BytesIO()
    torch.save(dict(tensors), raw)
    return np.frombuffer(raw.getvalue(), np.uint8)


def _mersenne_state(state: Any) -> tuple[str, Any, int, int, float]:
    """The checked state of NumPy's global generator, which does not check it itself."""
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


def check_parent(settings: PixelSettings, algorithm: str = "") -> None:
    """Make sure that a run can start from its parent; an empty ``algorithm`` is not checked.

    Raises:
        UserError: if the parent is missing, damaged, or has another algorithm, other wrappers or
            another network.
    """
    if settings.parent is None:
        return
    records = read_records(settings.parent)
    if algorithm and records.facts.algorithm != algorithm:
        raise UserError(
            f"{settings.parent} was trained by {records.facts.algorithm} and this run is "
            f"{algorithm}; give the --algo it was trained by"
        )
    for what, own, theirs in (
        ("pipeline", settings.pipeline, records.pipeline),
        ("network", settings.network, records.network),
    ):
        for name, value in vars(own).items():
            old = getattr(theirs, name)
            if value != old and name not in _FREE:
                raise UserError(
                    f"{settings.parent} was trained with {what}.{name} {old!r}, and this run has "
                    f"{value!r}; give --set {what}.{name}={_text(old)}"
                )


_FREE = {
    "reward_scale", "early_stop", "early_stop_penalty",
    "smooth_alpha", "steer_deadzone", "steer_clip",
}  # fmt: skip
"""Settings of the pipeline that may differ from the parent's."""


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{','.join(map(str, value))}]"
    return str(value).lower() if isinstance(value, bool) else str(value)
