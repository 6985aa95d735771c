"""A learner at work: cars that gather experience, the memory of it, and the model it goes into.

Owns the loop's two halves, ``drive`` and ``learn``, and its whole state, so that a run can stop
and go on to the last bit. Does not own when to stop, what is saved where (``run_folder``) or how
good the driver is (``course``).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch

from retroracer.agents.facts import plain_json
from retroracer.agents.fast_sac import FastSAC
from retroracer.agents.fused_sac import Sampled
from retroracer.agents.memory import Memory
from retroracer.checks import Form, count, demand_array, number
from retroracer.envs import task
from retroracer.envs.batch import RacingBatch
from retroracer.physics.car import Car
from retroracer.track.track import Track
from retroracer.training.imitation import imitate
from retroracer.training.lessons import gather
from retroracer.training.making import model_of, reward_of
from retroracer.training.practice import Practice
from retroracer.training.progress import Tally
from retroracer.training.run.stopping import until
from retroracer.training.run_settings import RunSettings

HELD = 0.1
"""Chance that a random driver of the warm-up changes its action: it holds one half a second."""


class Came(NamedTuple):
    """What came of a vector step.

    Attributes:
        reward: (N,).
        terminated: (N,) bool.
        truncated: (N,) bool.
        rows: (M,) of cars whose episodes ended.
        final_obs: (M, O) what they saw last.
    """

    reward: np.ndarray[Any, Any]
    terminated: np.ndarray[Any, Any]
    truncated: np.ndarray[Any, Any]
    rows: np.ndarray[Any, Any]
    final_obs: np.ndarray[Any, Any]


class Learner:
    """Cars, memory and model of one run.

    Args:
        settings: of the run.
        car: what is driven.
        tracks: driven on; None = endless random ones.
        moment: by which lessons must be gathered (``time.monotonic``), or there are none.

    Attributes:
        batch: the cars.
        memory: of what they did.
        lessons: of what a line driver did, or None; the same every time the run goes on.
        model: what learns.
        average: (P,) the actor's weights averaged over the last ``settings.averaging`` updates:
            the driver that is judged and kept. Single weights swing from update to update.
        steps: control steps of all cars together, a parent's included.
        tally: of the episodes that ended lately.
        ready: True once lessons have begun.
    """

    def __init__(
        self,
        settings: RunSettings,
        car: Car,
        tracks: list[Track] | None,
        moment: float = float("inf"),
    ) -> None:
        self.settings = settings
        self.batch = RacingBatch(
            settings.cars,
            tracks=tracks,
            car=car,
            variety=settings.variety,
            reward=reward_of(settings.caution),
            ending=task.Ending(
                time=settings.episode, off_track=settings.patience, stall=settings.patience
            ),
            seed=settings.seed,
        )
        self.obs = self.batch.reset(settings.seed)
        self.batch.stagger()
        self.model = model_of(settings, self.batch)
        fused = self.model.fused
        self.memory = Memory(
            settings.memory, settings.cars, fused.n_obs, fused.n_actions, self.model.device
        )
        self.lessons: Memory | None = None
        with until(moment):
            self.lessons = gather(
                settings.lessons,
                car,
                tracks,
                settings.variety,
                self.batch.reward,
                self.batch.ending,
                settings.seed,
                self.model.device,
            )
        self.average = fused.actor.flat.clone()
        self.tally = Tally()
        self.ready = False
        self._returns = np.zeros(settings.cars)
        self.practice = Practice(settings, self) if settings.practice.share > 0.0 else None
        if self.practice is not None:
            self.average.copy_(fused.actor.flat)
        self.critics_only = settings.practice.critics_first if self.practice else 0
        self._marked: dict[str, np.ndarray[Any, Any]] | None = None

    @property
    def steps(self) -> int:
        """Control steps experienced."""
        return self.model.num_timesteps

    @property
    def updates(self) -> int:
        """Gradient updates done."""
        return self.model._n_updates

    def warm_up(self, tell: Callable[[float], None], moment: float = float("inf")) -> None:
        """Fill the memory before the first update.

        From nothing, with smooth random actions; by who can drive, with its own driving:
        uniform noise in its memory would teach it to expect crashes (SB3's ``learning_starts``
        does that to a loaded model).

        Args:
            tell: called with the share done.
            moment: by which it must be over (``time.monotonic``).
        """
        n = self.batch.n
        rng = np.random.default_rng([self.settings.seed, 1])
        actions = np.zeros((n, 2), np.float32)
        taught = self.settings.parent is not None or self.settings.teacher.rounds > 0
        for done in range(0, self.settings.warm_up, n):
            if done and time.monotonic() >= moment:
                break
            if taught:
                actions = self.model.explore(self.obs)
            else:
                drawn = rng.uniform(-1.0, 1.0, (n, 2)).astype(np.float32)
                actions = np.where(rng.random((n, 1)) < HELD, drawn, actions)
            self.take(actions)
            tell(done / self.settings.warm_up)

    def heed(self, caution: float) -> None:
        """Let leaving the road cost ``caution`` times what the task says, from now on."""
        self.batch.reward = reward_of(caution)

    def drive(self) -> None:
        """Gather experience: ``train_freq`` control steps of every car."""
        for _ in range(self.settings.sac.train_freq):
            self.take(self.model.explore(self.obs))

    def take(self, actions: np.ndarray[Any, np.dtype[np.float32]]) -> Came:
        """Let all cars act (N, 2) for a step, and remember it."""
        batch = self.batch
        obs, reward, terminated, truncated = batch.step(actions)
        self._returns += reward
        seen = obs
        rows = np.flatnonzero(terminated | truncated)
        if len(rows):
            seen = obs.copy()
            seen[rows] = batch.final_obs
            self.tally.add(
                self._returns[rows], batch.ended["time"], batch.ended["progress"], truncated[rows]
            )
            self._returns[rows] = 0.0
        self.memory.add(self.obs, actions, reward.astype(np.float32), seen, terminated, truncated)
        self.model.num_timesteps += batch.n
        self.obs = obs
        final = batch.final_obs if len(rows) else batch.final_obs[:0]
        return Came(reward, terminated, truncated, rows, final)

    def imitate(self, tell: Callable[[float], None], moment: float = float("inf")) -> None:
        """Be shown how to drive, if a driver without a parent is to be (``imitation``).

        Args:
            tell: called with the share done.
            moment: by which it must be over (``time.monotonic``).
        """
        settings = self.settings
        if settings.parent is None and settings.teacher.rounds > 0:
            fused = self.model.fused
            driven = imitate(fused, settings.teacher, self.batch.car, settings.seed, tell, moment)
            self.model.num_timesteps += driven
            self.average.copy_(fused.actor.flat)

    @property
    def critics_alone(self) -> bool:
        """Whether SAC's actor stays as practice has left it."""
        wanted = self.settings.practice
        return wanted.share > 0.0 and (self.critics_only > 0 or not wanted.refine)

    def practise(self, rate: float) -> dict[str, float]:
        """A round of practice: PPO's share of a run.

        Args:
            rate: the learning rate.

        Returns:
            Means over its updates, by name.
        """
        assert self.practice is not None
        losses, updates = self.practice.round(self, rate)
        self.model._n_updates += updates
        self._follow(updates)
        return losses

    def end_practice(self) -> None:
        """Go on with SAC, from as much noise as practice has left."""
        self.practice = None
        self.model.target_entropy = self._entropy()

    def _entropy(self) -> float:
        """Mean entropy of the actor's squashed actions, over places it has lately been in."""
        batch = self.memory.sample(1, 4096, 1.0)[0]
        with torch.no_grad():
            head = self.model.fused.actor.forward(batch.obs[None], "entropy")[0]
            noise = torch.randn(len(head), head.shape[1] // 2, device=head.device)
            return -float(Sampled(head, noise, head.shape[1] // 2).log_prob.mean())

    def _follow(self, count: int) -> None:
        """Let the averaged weights follow ``count`` updates."""
        window = self.settings.averaging
        share = 1.0 if window == 0 else min(1.0, count / window)
        self.average.lerp_(self.model.fused.actor.flat, share)

    def learn(self, rate: float, share: float) -> dict[str, float]:
        """A round of updates.

        Args:
            rate: the learning rate.
            share: of the run's budget that is used up.

        Returns:
            Means over them, by name (``FastSAC.study``).
        """
        sac = self.settings.sac
        count = sac.gradient_steps if sac.gradient_steps > 0 else sac.train_freq * self.batch.n
        wanted = self.settings.lessons
        self.ready = self.ready or share >= wanted.latest or self.tally.survived >= wanted.ready
        lessons = self.lessons if self.ready else None
        taught = round(wanted.share * sac.batch_size) if lessons else 0
        batches = self.memory.sample(count, sac.batch_size - taught, sac.gamma, sac.n_steps)
        if lessons and taught:
            shown = lessons.sample(count, taught, sac.gamma, sac.n_steps)
            batches = [own.beside(other) for own, other in zip(batches, shown, strict=True)]
        if self.critics_alone:
            self.critics_only = max(self.critics_only - count, 0)
            return self.model.study(batches, rate, actor_too=False)
        losses = self.model.study(batches, rate)
        self._follow(count)
        return losses

    @contextmanager
    def averaged(self) -> Iterator[FastSAC]:
        """The model with the averaged driver in the place of the one that learns."""
        actor = self.model.fused.actor
        own = actor.flat.clone()
        actor.flat.copy_(self.average)
        try:
            yield self.model
        finally:
            actor.flat.copy_(own)

    def weights(self) -> dict[str, np.ndarray[Any, Any]]:
        """The part of the state that learning changes: weights, moments, averages."""
        return {"average": self.average.cpu().numpy().copy()} | {
            f"model.{k}": v for k, v in self.model.fused.state().items()
        }

    def rewind(self, weights: Mapping[str, np.ndarray[Any, Any]]) -> None:
        """Take over what ``weights`` returned; cars and memory stay."""
        self.model.fused.restore(_part(weights, "model"))
        self.average.copy_(torch.from_numpy(weights["average"]))

    def mark(self) -> None:
        """Remember where this is now: ``go_back`` returns here."""
        self.memory.mark()
        self._marked = {name: np.array(values) for name, values in self._state().items()}

    def go_back(self) -> None:
        """Return to the last ``mark``, from wherever a round was left."""
        assert self._marked is not None
        self.memory.go_back()
        self._restore(self._marked)

    def state(self) -> dict[str, np.ndarray[Any, Any]]:
        """All that the future of this run depends on, as plain arrays by name."""
        memory = {f"memory.{k}": np.asarray(v) for k, v in self.memory.state().items()}
        return self._state() | memory

    def _state(self) -> dict[str, np.ndarray[Any, Any]]:
        """The state without the memory; arrays may be views of live ones."""
        plain = {
            "steps": self.model.num_timesteps,
            "updates": self.model._n_updates,
            "batch": self.batch.state_facts(),
            "ready": self.ready,
            "tally": self.tally.state(),
            "practising": self.practice is not None,
            "critics_only": self.critics_only,
            "target_entropy": float(self.model.target_entropy),
        }
        state: dict[str, np.ndarray[Any, Any]] = {
            "learner": np.frombuffer(json.dumps(plain).encode(), np.uint8),
            "returns": self._returns,
            "obs": self.obs,
            "torch_rng": torch.get_rng_state().numpy(),
        }
        if self.model.device.type == "cuda":
            state["cuda_rng"] = torch.cuda.get_rng_state().cpu().numpy()
        state |= self.weights()
        parts: dict[str, Mapping[str, Any]] = {"batch": self.batch.state_arrays()}
        if self.practice is not None:
            parts["practice"] = self.practice.state()
        for name, part in parts.items():
            state |= {f"{name}.{k}": np.asarray(v) for k, v in part.items()}
        return state

    def restore(self, state: Mapping[str, np.ndarray[Any, Any]]) -> None:
        """Go on where ``state`` was taken, by a learner of the same settings.

        Args:
            state: what ``state`` returned.

        Raises:
            ValueError: if it does not fit.
            KeyError: if something is missing.
        """
        average = Form(tuple(self.average.shape), np.float32)
        demand_array("the averaged driver", state["average"], average)
        self.memory.restore(_part(state, "memory"))
        self._restore(state)

    def _restore(self, state: Mapping[str, np.ndarray[Any, Any]]) -> None:
        n, width = self.obs.shape
        self.rewind(state)
        plain = plain_json(bytes(state["learner"]), bits=160)
        self.model.num_timesteps = count(plain, "steps")
        self.model._n_updates = count(plain, "updates")
        self.ready = bool(plain["ready"])
        self.critics_only = count(plain, "critics_only")
        self.model.target_entropy = number(plain, "target_entropy", -1e6, 1e6)
        if not plain["practising"]:
            self.practice = None
        elif self.practice is not None:
            self.practice.restore(_part(state, "practice"))
        self.tally.restore(plain["tally"])
        self.batch.restore(plain["batch"], _part(state, "batch"))
        seen = Form((n, width), np.float32, -task.LIMIT, task.LIMIT)
        self.obs = demand_array("what the drivers see", state["obs"], seen).copy()
        returns = Form((n,), np.float64, -1e12, 1e12)
        self._returns = demand_array("the returns", state["returns"], returns).copy()
        torch.set_rng_state(torch.from_numpy(state["torch_rng"].copy()))
        if self.model.device.type == "cuda" and "cuda_rng" in state:
            torch.cuda.set_rng_state(torch.from_numpy(state["cuda_rng"].copy()))


def _part(state: Mapping[str, np.ndarray[Any, Any]], name: str) -> dict[str, np.ndarray[Any, Any]]:
    """The entries called ``name.something``, without the name."""
    return {k[len(name) + 1 :]: v for k, v in state.items() if k.startswith(f"{name}.")}
