"""A run of ``train-pixels``, from settings to a driver on disk.

Owns the order: drive and learn in turns, judge now and then, keep the best, save, go on after
any stop. What learns is ``off_policy`` or ``on_policy``.

In the run's folder, beside ``run_folder``'s files, lies the replay (``replay.bin``). A kill
between the two, or a stop that leaves no time for the replay, leaves one a few minutes newer or
older than the weights, which is experience as good as any.
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
from retroracer.carracing.pipeline import Pipeline
from retroracer.checks import count, number, records
from retroracer.errors import UserError
from retroracer.training import pixel_checkpoint
from retroracer.training.checkpoint import MISFIT, first_line, read_torch
from retroracer.training.pixel_evaluate import Act, drive, summary
from retroracer.training.pixels.gathering import Learner, check_parent, named
from retroracer.training.pixels.off_policy import OffPolicyLearner
from retroracer.training.pixels.on_policy import OnPolicyLearner
from retroracer.training.pixels.screen import Screen
from retroracer.training.pixels.settings import PixelRun
from retroracer.training.run.budget import Budget
from retroracer.training.run.keeping import Keeper
from retroracer.training.run.stopping import PATIENCE, Stopped, check, held, stoppable, until
from retroracer.training.run_folder import BEGINNING, LONGEST, RUN_NOTE, RunFolder
from retroracer.training.tracking import Tracking

EVALUATION_SEED = 977_000_001
"""Of the first track a run is judged on; ``evaluate``'s own begin at 0, training's elsewhere."""

MAX_RECOVERIES = 5
"""Times a run goes back to its last good weights before it gives up."""

LOG_EVERY = 10.0
"""Seconds between the figures of losses and episodes that TensorBoard gets."""

MARK_EVERY = 5.0
"""Seconds of short rounds that a stop loses at most, if it has to be left in the midst of one."""

SAVED_BY = 1.3
"""Seconds after a stop until which a replay may be written."""

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
        interrupted: whether a stop ended it.
        notes: what was cut short or stays as it was, in words.
    """

    path: Path
    mean: float | None
    steps: int
    seconds: float
    interrupted: bool
    notes: tuple[str, ...] = ()


def train_pixels(
    settings: PixelRun, out: Path, folder: PixelRunFolder, resume: bool = False
) -> PixelOutcome:
    """Train a driver of CarRacing and keep the best one seen.

    Args:
        settings: the run.
        out: the driver's file; written at every evaluation that beats the last best, and the
            driver of another run that lies there.
        folder: of the run.
        resume: go on with the run that is there.

    Returns:
        The outcome. A stop (``run.stopping``) is obeyed within a second or two; what is lost is
        a round, or a few seconds of short ones.

    Raises:
        UserError: for an unfit parent, an unwritable place, a run that cannot be gone on with,
            or a learner that cannot be kept from diverging.
        Stopped: if a stop came before there was anything to save but the run's beginning.
    """
    with stoppable():
        check_parent(settings)
        if not resume:
            with held():
                folder.begin(settings)
        run = _Run(settings, out, folder)
        try:
            return run.go(resume)
        finally:
            with held():
                run.learner.close()


class _Run:
    def __init__(self, settings: PixelRun, out: Path, folder: PixelRunFolder) -> None:
        self.settings, self.out, self.folder = settings, out, folder
        self.budget = Budget(settings.minutes, settings.steps)
        kind = OnPolicyLearner if settings.algorithm == "PPO" else OffPolicyLearner
        self.learner: Learner = kind(settings)
        self.first_step = self.learner.steps  # a parent's come before
        self.keeper = Keeper(out, folder.best, folder.name)
        self.rows: list[dict[str, Any]] = []
        self.best: float | None = None
        self.sessions, self.recoveries = 0, 0
        self.good = self.learner.weights()
        self.losses: dict[str, float] = {}
        self.returns: list[float] = []
        self.screen = Screen()
        self.notes: list[str] = []
        self.marked = -math.inf  # when the learner was last marked (``time.monotonic``)
        self.whole = True  # False within a round

    @property
    def seconds(self) -> float:
        return self.budget.seconds

    @property
    def share(self) -> float:
        """How much of the budget is used up."""
        return self.budget.share(self.learner.steps - self.first_step)

    def go(self, resume: bool) -> PixelOutcome:
        """Train from the state in the folder, or from the beginning."""
        with stoppable() as stop, self.screen:
            resumed = resume and self._restore()
            self._judge_stranger()
            self.learner.begin(self.sessions)
            with Tracking(self.settings.log_to, self.folder.path) as tracking:
                with held():
                    self._mark()
                    if not resumed:
                        self._save()
                try:
                    self._learn(tracking)
                except Stopped:
                    stop.settle()
                    self._last_save(stop.at + SAVED_BY)
            with held():
                if not stop.requested:
                    self._save()
                    self._keep_any()
                    if self.keeper.to_beat is not None:
                        self.notes.append(
                            f"the driver in {self.out} is better and stays; "
                            f"this run's best is {self.folder.best}"
                        )
        steps, notes = self.learner.steps, tuple(self.notes)
        return PixelOutcome(self.out, self.best, steps, self.seconds, stop.requested, notes)

    def _last_save(self, moment: float) -> None:
        """Save after a stop; the memory too if that can be done by ``moment``."""
        with held():
            if not self.whole:
                self.learner.go_back()
            self._save_state()
            self._keep_any()
            if not self.learner.save_memory(self.folder.path, moment):
                self.notes.append("there was no time to save the latest of its replay")

    def _keep_any(self) -> None:
        self.keeper.keep_any(lambda path: self._write(path, {}))

    def _learn(self, tracking: Tracking) -> None:
        settings, learner = self.settings, self.learner
        judge_at = self.seconds + settings.evaluate_every
        save_at = self.seconds + settings.save_every
        log_at = self.seconds + LOG_EVERY
        recent: float | None = None
        judged = self.rows[-1]["steps"] if self.rows else None
        self.screen.stage("training")
        while self.share < 1.0 or judged != learner.steps:
            if self.share < 1.0:
                self._whole_round()
            check()
            new = learner.take_returns()
            self.returns += new
            if new:
                recent = float(np.mean(self.returns[-20:]))
            self.screen.update(self.share, learner.steps, learner.updates, recent)
            if self.seconds >= log_at:
                figures = {} if recent is None else {"episode_recent": recent}
                tracking.log(learner.steps, self.losses | figures)
                log_at = self.seconds + LOG_EVERY
            over = self.share >= 1.0
            if self.seconds >= judge_at or over:
                self._judge(tracking)
                judged = learner.steps
                judge_at = self.seconds + settings.evaluate_every
            if self.seconds >= save_at:
                with held():
                    self._save()
                save_at = self.seconds + settings.save_every
            if over:
                return

    def _whole_round(self) -> None:
        """A round; one that goes far beyond the budget is as if it had not been."""
        learner = self.learner
        with until(self.budget.end) as cut, held(PATIENCE):
            if learner.rounds_are_long or time.monotonic() >= self.marked + MARK_EVERY:
                self._mark()
            self.whole = False
            losses = learner.round(self.share)
            self.whole = True
            self.losses = losses or self.losses
            trouble = _trouble(losses)
            if trouble is not None:
                self._recover(trouble)
        if cut and not self.whole:
            with held():
                learner.go_back()
                self.whole = True
            self.notes.append("its last round was left out: it would have gone beyond the budget")

    def _mark(self) -> None:
        self.learner.mark()
        self.marked = time.monotonic()

    def _drive(self, act: Act, pipeline: Pipeline) -> dict[str, Any]:
        """How a driver fares on the tracks a run is judged on."""
        seeds = range(EVALUATION_SEED, EVALUATION_SEED + self.settings.evaluate_on)
        return summary(drive(act, pipeline, seeds, ENV_ID, width=len(seeds)))

    def _judge_stranger(self) -> None:
        """See how good the driver of another run at ``--out`` is: only a better one replaces it."""
        path = self.keeper.stranger(
            observation_layout=pixel_checkpoint.LAYOUT, algorithm=self.settings.algorithm
        )
        if path is None:
            return
        self.keeper.to_beat = math.inf
        self.screen.stage(f"judging the driver that is in {path}")
        with until(self.budget.last) as cut:
            driver = pixel_checkpoint.load_driver(path)
            self.keeper.to_beat = self._drive(driver.act, driver.records.pipeline)["mean"]
        if cut:
            self.notes.append(f"the driver in {path} could not be judged in so short a time")

    def _judge(self, tracking: Tracking) -> None:
        """Drive the fixed seeds, keep the driver if it is the best, write it all down."""
        settings, learner = self.settings, self.learner
        self.screen.stage("judging")
        with until(self.budget.last) as cut:
            found = self._drive(learner.act, settings.pipeline)
        if cut:
            self.notes.append("its last driver was not judged: the budget was used up")
            return
        with held():
            self._record(found, tracking)

    def _record(self, found: dict[str, Any], tracking: Tracking) -> None:
        settings, learner = self.settings, self.learner
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
            self.keeper.keep(lambda path: self._write(path, evaluation), found["mean"])
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
            notes={"training_s": round(self.seconds, 1), RUN_NOTE: self.folder.name},
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
        self._save_state()

    def _save_state(self) -> None:
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

    def _restore(self) -> bool:
        """Go on from the state in the folder; False if that is the beginning."""
        state, facts = self.folder.load()
        if (state, facts) == ({}, BEGINNING):
            return False
        try:
            self.learner.restore(read_torch(state["learner"].tobytes()))
            self.learner.load_memory(self.folder.path)
            self.rows = records(facts, "rows")
            self.best = None if facts["best"] is None else number(facts, "best")
            self.budget.go_on(number(facts, "seconds", 0.0, LONGEST))
            self.first_step = count(facts, "first_step", self.learner.steps)
            self.sessions = count(facts, "sessions") + 1
            self.recoveries = count(facts, "recoveries", MAX_RECOVERIES)
            self.returns = [float(r) for r in facts["returns"]]
        except MISFIT as error:
            raise self.folder.unfit(first_line(error)) from None
        self.good = self.learner.weights()
        return True


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
