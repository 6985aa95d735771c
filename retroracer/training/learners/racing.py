"""The racing task: cars on tracks side by side, the model that drives them, its zip.

Owns what the stages of a run share: the cars, the SAC model whose actor drives them, the
averaged weights that are evaluated and kept, and episode statistics. The evaluation is in
``judging.choice``; the learners update the model.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
from stable_baselines3.common.vec_env import DummyVecEnv

from retroracer.agents import checkpoint
from retroracer.agents.facts import Facts, plain_json
from retroracer.agents.fast_sac import FastSAC
from retroracer.agents.model_file import car_of, find_model, read_facts
from retroracer.agents.policy import N_ACTIONS, action_repeat_of, load_policy
from retroracer.checks import Form, demand_array
from retroracer.envs import task
from retroracer.envs.batch import RacingBatch
from retroracer.envs.named import SpacesOnly
from retroracer.errors import UserError, about
from retroracer.physics.car import Car, car_facts, load_car
from retroracer.physics.race import CONTROL_DT
from retroracer.reading import shown_path
from retroracer.track.files import load_track
from retroracer.track.generate import random_tracks
from retroracer.track.track import Track
from retroracer.training.judging.choice import LapJudge
from retroracer.training.judging.evaluation import Evaluation
from retroracer.training.judging.race_choice import RaceJudge
from retroracer.training.learners.learner import State, part, under
from retroracer.training.learners.racing_settings import RacingSettings
from retroracer.training.learners.sac_task import SACTask
from retroracer.training.run.budget import LIMITS, Budget
from retroracer.training.run.settings import EVALUATION_SEED

PLAIN: dict[str, float] = {
    "buffer_size": 200_000,
    "learning_starts": 0,
    "train_freq": 500,
    "gradient_steps": 100,
    "n_envs": 1,
    "learning_rate": 1e-5,
}
"""Arguments written into a run's zip for plain ``SAC.load``, which continues in one env: a replay
buffer of its own (a run keeps its transitions elsewhere) and an update for every five steps. The
driver acts from the first step, without random actions, and drives 25 s before the first update,
because critics fitted to a handful of transitions spoil a driver."""


class StepResult(NamedTuple):
    """The result of a vector step of N cars.

    Attributes:
        reward: (N,).
        terminated: (N,) bool.
        truncated: (N,) bool.
        next_obs: (N, O) float32; where an episode ended, its last observation.
        rows: (M,) indices of the cars whose episodes ended.
        final_obs: (M, O) their last observations.
    """

    reward: np.ndarray[Any, Any]
    terminated: np.ndarray[Any, Any]
    truncated: np.ndarray[Any, Any]
    next_obs: np.ndarray[Any, Any]
    rows: np.ndarray[Any, Any]
    final_obs: np.ndarray[Any, Any]


class Racing(SACTask):
    """Cars and the model that drives them.

    Args:
        settings: settings of the run.
        car: the car that is driven.
        tracks: driven on; None = endless random ones.
        judge: evaluates its drivers.

    Attributes:
        batch: the cars.
        obs: (N, O) float32, their current observations.
        layout: id of these observations.
    """

    layout: ClassVar[str] = task.LAYOUT
    sees: ClassVar[int] = task.N_OBS
    batch: Any

    def __init__(
        self,
        settings: RacingSettings,
        car: Car,
        tracks: list[Track] | None,
        judge: LapJudge | RaceJudge,
    ) -> None:
        self.judge = judge
        super().__init__(settings, self._model(settings))
        self.batch = self._cars(settings, car, tracks)
        self.obs = self.batch.reset(settings.seed)
        self.batch.stagger()
        self._returns = np.zeros(settings.cars)

    def _cars(self, settings: RacingSettings, car: Car, tracks: list[Track] | None) -> Any:
        return RacingBatch(
            settings.cars,
            tracks=tracks,
            car=car,
            variety=settings.variety,
            reward=settings.weights(0.0),
            ending=ending_of(settings),
            seed=settings.seed,
            action_repeat=settings.action_repeat,
        )

    def _model(self, settings: RacingSettings) -> FastSAC:
        env = DummyVecEnv([lambda: SpacesOnly(self.sees, N_ACTIONS, task.LIMIT)])
        arguments = settings.sac_arguments() | {
            "buffer_size": 1,  # SB3's own replay stays unused
            "seed": settings.seed,
            "device": settings.device,
        }
        if settings.parent is not None:
            model = self._load(settings, settings.parent, env, arguments)
        else:
            kwargs = {"net_arch": list(settings.hidden)}
            model = FastSAC("MlpPolicy", env, policy_kwargs=kwargs, **arguments)
        model.half = settings.half()
        return model

    def _load(
        self, settings: RacingSettings, parent: str, env: Any, arguments: dict[str, Any]
    ) -> FastSAC:
        return checkpoint.load_sac(parent, env, layout=self.layout, **arguments)

    def begin(self, session: int) -> None:
        """Do nothing: the cars continue from where they are."""

    def step(self, actions: np.ndarray[Any, Any]) -> StepResult:
        """Drive all cars for one decision, that is ``action_repeat`` control steps.

        Args:
            actions: (N, 2) in [-1, 1].
        """
        batch = self.batch
        obs, reward, terminated, truncated = batch.step(actions)
        self._returns += reward
        seen, rows = obs, np.flatnonzero(terminated | truncated)
        if len(rows):
            seen = obs.copy()
            seen[rows] = batch.final_obs
            self._stats.add(
                self._returns[rows], batch.ended["time"], batch.ended["progress"], truncated[rows]
            )
            self._returns[rows] = 0.0
        self.model.num_timesteps += batch.n
        self.obs = obs
        final = batch.final_obs if len(rows) else batch.final_obs[:0]
        return StepResult(reward, terminated, truncated, seen, rows, final)

    def set_reward(self, share: float) -> None:
        """Use the reward's weights for the moment when ``share`` of the budget is used up."""
        self.batch.reward = self.settings.weights(share)

    def evaluate(self, parent: bool = False) -> Evaluation:
        """Evaluate the averaged driver on the judge's tracks."""
        with self.averaged() as model:
            layers, activation = checkpoint.actor_layers(model)
        return self.judge(layers, activation, parent)

    def kind(self) -> dict[str, Any]:
        """Layout, tracks and car."""
        return {
            "observation_layout": self.layout,
            "tracks": self.settings.track or ("random",),
            "car": car_facts(self.batch.car),
        }

    def score_of(self, path: Path) -> float:
        """The score of another run's model."""
        return self.judge.score_of(load_policy(path, self.layout))

    def write(self, path: Path, evaluation: Evaluation | None, notes: Mapping[str, Any]) -> None:
        """Write the averaged driver as a zip that plain ``SAC.load`` opens."""
        settings = self.settings
        figures = {} if evaluation is None else dict(evaluation.figures)
        path.parent.mkdir(parents=True, exist_ok=True)
        facts = Facts(
            observation_layout=self.layout,
            steps=self.steps,
            seed=settings.seed,
            car=car_facts(self.batch.car),
            tracks=settings.track or ("random",),
            parent=Path(settings.parent).stem if settings.parent else None,
            evaluation=figures,
            reward=self.batch.reward._asdict(),
            notes={"control_dt": CONTROL_DT * settings.action_repeat, **self._notes(), **notes},
        )
        with self.averaged() as model, model.in_plain_rewards():
            checkpoint.save(model, path, facts, plain=PLAIN)

    def _notes(self) -> dict[str, Any]:
        """What else a zip tells of how its driver was trained."""
        return {}

    def state(self) -> State:
        """Model, cars, statistics and random state, as plain arrays."""
        cars = {name: values.copy() for name, values in self.batch.state_arrays().items()}
        return super().state() | {"returns": self._returns.copy()} | under("batch", cars)

    def _plain(self) -> dict[str, Any]:
        cars = {"batch": self.batch.state_facts(), "privileged": self.batch.privileged}
        return super()._plain() | cars

    def restore(self, state: Mapping[str, np.ndarray[Any, Any]]) -> None:
        """Continue from what ``state`` returned."""
        super().restore(state)
        plain = plain_json(bytes(state["facts"]), bits=160)
        self.batch.restore(plain["batch"], part(state, "batch"))
        self.batch.privileged = bool(plain["privileged"])
        self.obs = self.batch.obs
        returns = Form(self._returns.shape, np.float64, -1e12, 1e12)
        self._returns = demand_array("the returns", state["returns"], returns).copy()

    def facts(self) -> dict[str, Any]:
        """What the judge needs to resume."""
        return self.judge.state()

    def restore_facts(self, facts: Mapping[str, Any]) -> None:
        """Continue from what ``facts`` returned."""
        self.judge.restore(facts)


def ending_of(settings: RacingSettings) -> task.Ending:
    """When an episode of a run ends."""
    patience = settings.patience
    return task.Ending(time=settings.episode, off_track=patience, stall=patience)


def look_for(settings: RacingSettings) -> tuple[list[Track] | None, Car]:
    """Find the tracks (None = random ones) and the car of a run; check its parent too.

    Raises:
        UserError: if a track, car or parent is missing or does not fit.
    """
    with about("track"):
        tracks = [load_track(name) for name in settings.track] or None
    with about("parent"):
        parent = None if settings.parent is None else find_model(settings.parent)
        facts = None if parent is None else read_facts(parent)
    if facts is not None and facts.activation != "relu":
        raise UserError(
            f"{shown_path(settings.parent or '')} has {facts.activation} layers and runs train "
            "relu ones: it can be evaluated and raced; train it further with plain SAC.load"
        )
    with about("parent"):
        repeat = settings.action_repeat if facts is None else action_repeat_of(facts)
        if repeat != settings.action_repeat:
            raise UserError(
                f"{shown_path(settings.parent or '')} decides every {repeat * 50} ms, and this run "
                f"every {settings.action_repeat * 50}: add --set action_repeat={repeat}"
            )
    if settings.car is not None:
        with about("car"):
            return tracks, load_car(settings.car)
    if facts is not None and parent is not None:
        return tracks, car_of(facts, parent)
    return tracks, load_car()


def racing_parts(
    settings: RacingSettings, budget: Budget
) -> tuple[Car, list[Track] | None, LapJudge]:
    """Car, tracks (None = random ones) and judge of a run.

    Args:
        settings: settings of the run.
        budget: part of it may be spent on solving limits.
    """
    tracks, car = look_for(settings)
    judged_on = tracks or random_tracks(EVALUATION_SEED, settings.evaluate_on)
    judge = LapJudge(judged_on, car, bool(tracks), budget.moment(LIMITS), settings.action_repeat)
    return car, tracks, judge
