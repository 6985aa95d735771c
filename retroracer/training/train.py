"""Training: from settings to a model on disk. A generalist and a specialist are one function.

Owns the course of a run: env, model, warm-up, learning, saving. Uses stock SB3 SAC. Does not
own the task (``envs``), the score (``evaluate``), the file (``checkpoint``) or the screen
(``progress``).
"""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from stable_baselines3 import SAC
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Logger, configure

from retroracer.agents.facts import Facts
from retroracer.agents.model_file import find_model, read_facts
from retroracer.envs import task
from retroracer.envs.batch import RacingBatch
from retroracer.physics.car import Car, car_facts, car_from, load_car
from retroracer.physics.race import CONTROL_DT
from retroracer.track.files import load_track
from retroracer.track.generate import random_tracks
from retroracer.track.track import Track
from retroracer.training import checkpoint
from retroracer.training.evaluate import Entry, Report, evaluate
from retroracer.training.progress import Screen, Tally
from retroracer.training.run_settings import RunSettings
from retroracer.training.vec_env import RacingVecEnv

EVALUATION_SEED = 977_000_001
"""Of the tracks a run is judged on: far from any seed a person gives a run."""


@dataclass(frozen=True)
class Outcome:
    """What a run came to.

    Attributes:
        path: of the model: the best by evaluation.
        report: of that evaluation; None if the run was stopped before its first.
        steps: control steps of all cars together.
        seconds: it took.
        interrupted: True if Ctrl+C ended it.
    """

    path: Path
    report: Report | None
    steps: int
    seconds: float
    interrupted: bool


def train(settings: RunSettings, out: Path, log_dir: Path | None = None) -> Outcome:
    """Train a driver and keep the best one seen, judged on tracks it does not train on.

    Args:
        settings: the run.
        out: the model's file; written at every evaluation that beats the last best.
        log_dir: folder for TensorBoard; None = no log.

    Returns:
        The outcome. Ctrl+C ends the run early; what was learned is saved.

    Raises:
        UserError: for a missing or unfit track, parent or car, or an unwritable place.
    """
    started = time.monotonic()
    tracks = None if settings.track is None else [load_track(settings.track)]
    car = _car(settings)
    batch = RacingBatch(
        settings.cars,
        tracks=tracks,
        car=car,
        variety=settings.variety,
        ending=task.Ending(time=settings.episode),
        seed=settings.seed,
    )
    env = RacingVecEnv(batch)
    env.seed(settings.seed)
    model = _model(settings, env)
    logger = _logger(log_dir)
    model.set_logger(logger)
    judged_on = tracks or random_tracks(EVALUATION_SEED, settings.evaluate_on)
    callback = _Course(settings, out, car, judged_on, started, model.num_timesteps)
    interrupted = False
    with callback.screen:
        try:
            warm_up(model, env, settings, callback.screen)
            model.learn(
                total_timesteps=_steps_left(settings, callback.first_step, model),
                callback=callback,
                reset_num_timesteps=False,
                log_interval=None,  # type: ignore[arg-type]
            )
        except KeyboardInterrupt:
            interrupted = True
        callback.finish(model, interrupted)
    logger.close()
    return Outcome(out, callback.best, model.num_timesteps, time.monotonic() - started, interrupted)


def _steps_left(settings: RunSettings, first_step: int, model: SAC) -> int:
    if settings.steps is None:
        return 10**12
    return max(settings.steps - (model.num_timesteps - first_step), 0)


def _car(settings: RunSettings) -> Car:
    if settings.car is not None:
        return load_car(settings.car)
    if settings.parent is not None:
        path = find_model(settings.parent)
        known = read_facts(path).car
        if known:
            return car_from(dict(known), f"the car of {path.name}")
    return load_car()


def _model(settings: RunSettings, env: RacingVecEnv) -> SAC:
    arguments: dict[str, Any] = dataclasses.asdict(settings.sac) | {
        "buffer_size": settings.memory,
        "learning_starts": 0,  # the warm-up below fills the memory, by better drivers than chance
        "seed": settings.seed,
        "device": settings.device,
    }
    if settings.parent is not None:
        return checkpoint.load_sac(settings.parent, env, layout=task.LAYOUT, **arguments)
    return SAC("MlpPolicy", env, policy_kwargs={"net_arch": list(settings.hidden)}, **arguments)


def _logger(log_dir: Path | None) -> Logger:
    # No console output of SB3's: the screen has its own.
    return configure(str(log_dir), ["tensorboard"]) if log_dir else Logger(None, [])


def warm_up(model: SAC, env: RacingVecEnv, settings: RunSettings, screen: Screen) -> None:
    """Fill the replay memory before the first update.

    From nothing, with smooth random actions; from a parent, with the parent's own driving:
    uniform noise in its memory would teach it to expect crashes (SB3's ``learning_starts``
    does that to a loaded model).
    """
    buffer = model.replay_buffer
    assert buffer is not None
    rng = np.random.default_rng([settings.seed, 1])
    obs = env.reset()
    actions = np.zeros((env.num_envs, 2), np.float32)
    for done_steps in range(0, settings.warm_up, env.num_envs):
        if settings.parent is not None:
            actions, _ = model.predict(obs, deterministic=False)
        else:
            fresh = rng.random(env.num_envs) < 0.1  # hold an action for half a second or so
            drawn = rng.uniform(-1.0, 1.0, (env.num_envs, 2)).astype(np.float32)
            actions = np.where(fresh[:, None], drawn, actions)
        env.step_async(actions)
        after, reward, dones, infos = env.step_wait()
        last = after.copy()
        for i in np.flatnonzero(dones):
            last[i] = infos[i]["terminal_observation"]
        buffer.add(obs, last, actions, reward, dones, infos)
        model.num_timesteps += env.num_envs
        obs = after
        screen.warm(done_steps / max(settings.warm_up, 1))
    model._last_obs = obs
    model._last_episode_starts = np.ones(env.num_envs, bool)


class _Course(BaseCallback):
    """Follows a run: clock, screen, evaluations, best model."""

    def __init__(
        self,
        settings: RunSettings,
        out: Path,
        car: Car,
        judged_on: list[Track],
        started: float,
        first_step: int,
    ) -> None:
        super().__init__()
        self.settings = settings
        self.out = out
        self.car = car
        self.judged_on = judged_on
        self.started = started
        self.first_step = first_step
        self.next_evaluation = settings.evaluate_every
        self.best: Report | None = None
        self.best_score = -1.0
        self.tally = Tally()
        self.screen = Screen(settings.minutes, settings.steps)

    def _on_step(self) -> bool:
        elapsed = time.monotonic() - self.started
        steps = self.num_timesteps - self.first_step
        self.tally.add(self.locals["infos"])
        self.screen.update(elapsed, steps, self.model._n_updates, self.tally)  # type: ignore[attr-defined]
        minutes = self.settings.minutes
        if minutes is not None and elapsed >= 60.0 * minutes:
            return False
        if elapsed >= self.next_evaluation:
            assert isinstance(self.model, SAC)
            self.judge(self.model)
            self.next_evaluation = time.monotonic() - self.started + self.settings.evaluate_every
        return True

    def judge(self, model: SAC) -> None:
        """Evaluate; keep the model if it is the best so far; log."""
        self.screen.say_evaluating()

        def act(obs: Any) -> Any:
            return model.predict(obs, deterministic=True)[0]

        report = evaluate([Entry("training", act, self.car)], self.judged_on)[0]
        value = score(report, self.judged_on)
        better = value > self.best_score
        if better:
            self.best, self.best_score = report, value
            self.save(model, report)
        elapsed = time.monotonic() - self.started
        self.screen.judged(elapsed, report, self.judged_on, better)
        summary = report.summary()
        share = 1.0 / len(self.judged_on)
        model.logger.record("eval/completed", summary["completed"] * share)
        model.logger.record("eval/clean", summary["clean"] * share)
        model.logger.record("eval/score", value)
        for name, number in self.tally.means().items():
            model.logger.record(f"rollout/{name}", number)
        model.logger.record("time/minutes", elapsed / 60.0)
        model.logger.record("time/updates", model._n_updates)
        model.logger.dump(model.num_timesteps)

    def save(self, model: SAC, report: Report | None) -> None:
        """Write the model with what is known of it."""
        settings = self.settings
        self.out.parent.mkdir(parents=True, exist_ok=True)
        evaluation: dict[str, Any] = {}
        if report is not None:
            evaluation = report.summary() | {
                "on": settings.track or f"{len(self.judged_on)} random tracks"
            }
        checkpoint.save(
            model,
            self.out,
            Facts(
                observation_layout=task.LAYOUT,
                steps=model.num_timesteps,
                seed=settings.seed,
                car=car_facts(self.car),
                tracks=(settings.track or "random",),
                parent=settings.parent,
                evaluation=evaluation,
                notes={
                    "control_dt": CONTROL_DT,
                    "training_s": round(time.monotonic() - self.started, 1),
                },
            ),
        )

    def finish(self, model: SAC, interrupted: bool) -> None:
        """Judge once more at a regular end; after Ctrl+C only make sure something is saved."""
        if not interrupted:
            self.judge(model)
        elif self.best is None:
            self.save(model, None)


def score(report: Report, tracks: list[Track]) -> float:
    """How good a driver is: mean speed [m/s] of flying laps, a lap not completed counting 0.

    Time beyond track limits counts as lost three times over, so that of two equally fast
    drivers the clean one is kept.
    """
    speeds = [
        track.length / (result.lap_time_s + 3.0 * result.off_track_s)
        if result.lap_time_s is not None
        else 0.0
        for result, track in zip(report.results, tracks, strict=True)
    ]
    return float(np.mean(speeds))


def threads(device: str) -> None:
    """Give torch the cores there are, unless the user has set OMP_NUM_THREADS."""
    import os

    if device != "cuda" and "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(min(os.cpu_count() or 1, 8))
