"""A run of ``train-pixels``, from settings to a driver on disk.

Owns the order: drive and learn in turns, judge now and then, keep the best, save, go on after
any stop. What learns is ``off_policy`` or ``on_policy``.

In the run's folder, beside ``run_folder``'s files, lies the replay (``replay.bin``). It is
written before the state: a kill between the two leaves a replay a few minutes newer than the
weights, which is experience as good as any.
"""

from __future__ import annotations

import io
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from retroracer import config
from retroracer.agents.facts import Facts
from retroracer.carracing import ENV_ID
from retroracer.checks import count, number, records
from retroracer.errors import UserError
from retroracer.training import pixel_checkpoint
from retroracer.training.checkpoint import MISFIT, first_line, read_torch
from retroracer.training.pixel_evaluate import drive, summary
from retroracer.training.pixels.gathering import Learner, check_parent, named
from retroracer.training.pixels.off_policy import OffPolicyLearner
from retroracer.training.pixels.on_policy import OnPolicyLearner
from retroracer.training.pixels.screen import Screen
from retroracer.training.pixels.settings import PixelRun
from retroracer.training.run_folder import LONGEST, RunFolder
from retroracer.training.stopping import Stop, stop_requested
from retroracer.training.tracking import Tracking

EVALUATION_SEED = 977_000_001
"""Of the first track a run is judged on; ``evaluate``'s own begin at 0, training's elsewhere."""

MAX_RECOVERIES = 5
"""Times a run goes back to its last good weights before it gives up."""

LOG_EVERY = 10.0
"""Seconds between the figures of losses and episodes that TensorBoard gets."""

ALPHA_MOST, ALPHA_LEAST = 100.0, 1e-8
"""Entropy coefficients beyond these mean nothing any more: the run is stuck."""


class PixelRunFolder(RunFolder):
    """The folder of such a run."""

    def unfinished(self) -> PixelRun | None:  # type: ignore[override]
        """The settings of the run that is here; None if there is none to go on with."""
        if not self.unfinished_here():
            return None
        return config.load(PixelRun, self.path / "settings.yaml")


@dataclass(frozen=True)
class PixelOutcome:
    """What a run came to.

    Attributes:
        path: of the best driver.
        mean: raw return it was kept for; None if it was never judged.
        steps: actions of all envs together.
        seconds: it took, earlier sessions included.
        interrupted: whether Ctrl+C ended it.
    """

    path: Path
    mean: float | None
    steps: int
    seconds: float
    interrupted: bool


def train_pixels(
    settings: PixelRun, out: Path, folder: PixelRunFolder, resume: bool = False
) -> PixelOutcome:
    """Train a driver of CarRacing and keep the best one seen.

    Args:
        settings: the run.
        out: the driver's file; written at every evaluation that beats the last best.
        folder: of the run.
        resume: go on with the run that is there.

    Returns:
        The outcome. Ctrl+C ends the run after the round it is in; everything is saved.

    Raises:
        UserError: for an unfit parent, an unwritable place, a run that cannot be gone on with,
            or a learner that cannot be kept from diverging.
    """
    check_parent(settings)
    run = _Run(settings, out, folder)
    try:
        return run.go(resume)
    finally:
        run.learner.close()


class _Run:
    def __init__(self, settings: PixelRun, out: Path, folder: PixelRunFolder) -> None:
        self.settings, self.out, self.folder = settings, out, folder
        kind = OnPolicyLearner if settings.algorithm == "PPO" else OffPolicyLearner
        self.learner: Learner = kind(settings)
        self.first_step = self.learner.steps  # a parent's come before
        self.rows: list[dict[str, Any]] = []
        self.best: float | None = None
        self.sessions, self.recoveries = 0, 0
        self.good = self.learner.weights()
        self.before = 0.0  # seconds of earlier sessions
        self.started = time.monotonic()
        self.losses: dict[str, float] = {}
        self.returns: list[float] = []
        self.screen = Screen()

    @property
    def seconds(self) -> float:
        return self.before + time.monotonic() - self.started

    @property
    def share(self) -> float:
        """How much of the budget is used up."""
        settings, used = self.settings, 0.0
        if settings.minutes is not None:
            used = self.seconds / (60.0 * settings.minutes)
        if settings.steps is not None:
            used = max(used, (self.learner.steps - self.first_step) / settings.steps)
        return used

    def go(self, resume: bool) -> PixelOutcome:
        if resume:
            self._restore()
        else:
            self.folder.begin(self.settings)
        self.learner.begin(self.sessions)
        with Tracking(self.settings.log_to, self.folder.path) as tracking, self.screen:
            with stop_requested() as stop:
                self._learn(stop, tracking)
            self._save()
            if not self.out.exists():
                self._write(self.out, {})
        interrupted = stop.requested and self.share < 1.0
        steps = self.learner.steps
        return PixelOutcome(self.out, self.best, steps, self.seconds, interrupted)

    def _learn(self, stop: Stop, tracking: Tracking) -> None:
        settings, learner = self.settings, self.learner
        judge_at = self.seconds + settings.evaluate_every
        save_at = self.seconds + settings.save_every
        log_at = self.seconds + LOG_EVERY
        recent: float | None = None
        while self.share < 1.0 and not stop.requested:
            losses = learner.round(self.share)
            self.losses = losses or self.losses
            trouble = _trouble(losses)
            if trouble is not None:
                self._recover(trouble)
            new = learner.take_returns()
            self.returns += new
            if new:
                recent = float(np.mean(self.returns[-20:]))
            self.screen.update(self.share, learner.steps, learner.updates, recent)
            if self.seconds >= log_at:
                figures = {} if recent is None else {"episode_recent": recent}
                tracking.log(learner.steps, self.losses | figures)
                log_at = self.seconds + LOG_EVERY
            if self.seconds >= judge_at or (self.share >= 1.0 and not stop.requested):
                self._judge(tracking)
                judge_at = self.seconds + settings.evaluate_every
            if self.seconds >= save_at:
                self._save()
                save_at = self.seconds + settings.save_every

    def _judge(self, tracking: Tracking) -> None:
        """Drive the fixed seeds, keep the driver if it is the best, write it all down."""
        settings, learner = self.settings, self.learner
        seeds = range(EVALUATION_SEED, EVALUATION_SEED + settings.evaluate_on)
        episodes = drive(learner.act, settings.pipeline, seeds, ENV_ID, width=len(seeds))
        found = summary(episodes)
        best = self.best is None or found["mean"] > self.best
        row = {
            "seconds": round(self.seconds, 1),
            "steps": learner.steps,
            "frames": learner.steps * settings.pipeline.action_repeat,
            "updates": learner.updates,
            "best": best,
            **found,
        }
        if self.returns:
            row |= {
                "episode_min": min(self.returns),
                "episode_mean": float(np.mean(self.returns)),
                "episode_max": max(self.returns),
                "episode_count": len(self.returns),
            }
            self.returns = []
        switched = getattr(learner, "switched_at", None)
        if switched is not None:
            row["phase_switch"] = switched * settings.pipeline.action_repeat
        row |= self.losses
        self.rows.append(row)
        evaluation = found | {"env": ENV_ID, "first_seed": EVALUATION_SEED}
        if best:
            self.best = found["mean"]
            self._write(self.out, evaluation)
        self._write(self.folder.checkpoint(learner.steps), evaluation)
        self.folder.note(self.rows)
        tracking.log(learner.steps, row)
        self.screen.judged(row)

    def _write(self, path: Path, evaluation: Mapping[str, Any]) -> None:
        settings = self.settings
        path.parent.mkdir(parents=True, exist_ok=True)
        facts = Facts(
            observation_layout="",
            steps=0,
            seed=settings.seed,
            parent=named(settings.parent),
            settings=config.to_dict(settings.ppo if settings.algorithm == "PPO" else settings.off),
            evaluation=evaluation,
            notes={"training_s": round(self.seconds, 1)},
        )
        pixel_checkpoint.save(self.learner.model, path, settings.pipeline, facts)

    def _recover(self, trouble: str) -> None:
        """Go back to the last good weights, and on from there with half the learning rate."""
        self.recoveries += 1
        if self.recoveries > MAX_RECOVERIES:
            raise UserError(
                f"training fails: {trouble}, for the {self.recoveries}th time; the best driver so "
                f"far is in {self.out}; try a lower learning rate (--set off.learning_rate=... or "
                "ppo.learning_rate=...)"
            )
        self.learner.caution *= 0.5
        self.learner.rewind(self.good)
        self.screen.say(f"{trouble}: back to the last good weights, learning rate halved")

    def _save(self) -> None:
        """Write all that is needed to go on."""
        self.good = self.learner.weights()
        self.learner.save_memory(self.folder.path)
        raw = io.BytesIO()
        torch.save(self.learner.state(), raw)
        facts = {
            "rows": self.rows,
            "best": self.best,
            "seconds": self.seconds,
            "first_step": self.first_step,
            "sessions": self.sessions,
            "recoveries": self.recoveries,
            "returns": self.returns,
        }
        self.folder.save({"learner": np.frombuffer(raw.getvalue(), np.uint8)}, facts)

    def _restore(self) -> None:
        state, facts = self.folder.load()
        try:
            self.learner.restore(read_torch(state["learner"].tobytes()))
            self.learner.load_memory(self.folder.path)
            self.rows = records(facts, "rows")
            self.best = None if facts["best"] is None else number(facts, "best")
            self.before = number(facts, "seconds", 0.0, LONGEST)
            self.first_step = count(facts, "first_step", self.learner.steps)
            self.sessions = count(facts, "sessions") + 1
            self.recoveries = count(facts, "recoveries", MAX_RECOVERIES)
            self.returns = [float(r) for r in facts["returns"]]
        except MISFIT as error:
            raise self.folder.unfit(first_line(error)) from None
        self.good = self.learner.weights()
        self.started = time.monotonic()


def _trouble(losses: Mapping[str, float]) -> str | None:
    """What is wrong with a round, in words; None if nothing is."""
    for name, value in losses.items():
        # Without spread in the returns, the share of it that is explained is not a number.
        if not math.isfinite(value) and name != "explained_variance":
            return f"{name} is {value}"
    alpha = losses.get("ent_coef")
    if alpha is not None and not ALPHA_LEAST <= alpha <= ALPHA_MOST:
        return f"the entropy coefficient is stuck at {alpha:.3g}"
    return None
