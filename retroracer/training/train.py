"""Training: from settings to a model on disk. A generalist and a specialist are one function.

Owns the order of a run: warm up, then drive and learn in turn, judge now and then, save. What
learns is ``learner``, how good it is ``course``, what is on disk ``run_folder``, what a person
sees ``progress``.
"""

from __future__ import annotations

import math
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from retroracer.agents.model_file import car_of, find_model, read_facts
from retroracer.checks import count, number
from retroracer.errors import UserError
from retroracer.physics.car import Car, load_car
from retroracer.track.files import load_track
from retroracer.track.generate import random_tracks
from retroracer.track.track import Track
from retroracer.training import checkpoint
from retroracer.training.course import Course
from retroracer.training.evaluate import Report
from retroracer.training.health import Watch
from retroracer.training.learner import Learner
from retroracer.training.progress import Screen
from retroracer.training.run_folder import LONGEST, RunFolder
from retroracer.training.run_settings import EVALUATION_SEED, RunSettings
from retroracer.training.stopping import Stop, stop_requested
from retroracer.training.tracking import Tracking

MAX_RECOVERIES = 5
"""Times a run goes back to its last good state before it gives up."""

LAST_OF_PRACTICE = 0.02
"""Share of practice's learning rate that is left at its end."""


@dataclass(frozen=True)
class Outcome:
    """What a run came to.

    Attributes:
        path: of the model: the best by evaluation.
        report: of that evaluation; None if the run was stopped before its first.
        steps: control steps of all cars together.
        seconds: it took, earlier sessions included.
        interrupted: True if Ctrl+C ended it; it can be continued if it has a folder.
        tracks: it was judged on.
        car: driven.
    """

    path: Path
    report: Report | None
    steps: int
    seconds: float
    interrupted: bool
    tracks: list[Track]
    car: Car


def train(
    settings: RunSettings, out: Path, folder: Path | None = None, resume: bool = False
) -> Outcome:
    """Train a driver and keep the best one seen, judged on tracks it does not train on.

    Args:
        settings: the run.
        out: the model's file; written at every evaluation that beats the last best.
        folder: of the run (``run_folder``); None = nothing is kept to go on with.
        resume: go on with the run that stopped in ``folder``.

    Returns:
        The outcome. Ctrl+C ends the run after the round it is in; everything is saved.

    Raises:
        UserError: for a missing or unfit track, parent or car, an unwritable place, a run that
            cannot be gone on with, or a learner that cannot be kept from diverging.
    """
    if folder is None:
        with tempfile.TemporaryDirectory() as temporary:
            return _Run(settings, out, RunFolder(Path(temporary)), keep=False).go(False)
    return _Run(settings, out, RunFolder(folder), keep=True).go(resume)


class _Run:
    def __init__(self, settings: RunSettings, out: Path, folder: RunFolder, keep: bool) -> None:
        self.settings = settings
        self.folder = folder
        self.keep = keep
        tracks = [load_track(name) for name in settings.track] or None
        car = _car(settings)
        self.screen = Screen()
        self.learner = Learner(settings, car, tracks)
        judged_on = tracks or random_tracks(EVALUATION_SEED, settings.evaluate_on)
        self.course = Course(settings, car, judged_on, out)
        self.out = out
        self.first_step = self.learner.steps  # a parent's come before
        self.first_entropy = float(self.learner.model.target_entropy)  # of SAC's part of the run
        self.watch = Watch()
        self.good = self.learner.weights()
        self.brake = 1.0  # factor on the learning rate
        self.recoveries = 0
        self.before = 0.0  # seconds of earlier sessions
        self.saved = -math.inf  # when the state was last saved [s]
        self.started = time.monotonic()

    @property
    def seconds(self) -> float:
        return self.before + time.monotonic() - self.started

    @property
    def share(self) -> float:
        """How much of the budget is used up."""
        settings = self.settings
        used = 0.0
        if settings.minutes is not None:
            used = self.seconds / (60.0 * settings.minutes)
        if settings.steps is not None:
            used = max(used, (self.learner.steps - self.first_step) / settings.steps)
        return used

    @property
    def phase_share(self) -> float:
        """How much of the budget of practice, or of SAC after it, is used up."""
        ends = self.settings.practice.share
        if self.learner.practice is not None:
            return min(self.share / ends, 1.0)
        return min((self.share - ends) / max(1.0 - ends, 1e-9), 1.0)

    @property
    def rate(self) -> float:
        """The learning rate now: half a cosine from all of it down to its last share."""
        settings = self.settings
        practising = self.learner.practice is not None
        first = settings.practice.rate if practising else settings.sac.learning_rate
        last = LAST_OF_PRACTICE if practising else settings.final_rate
        fall = 0.5 * (1.0 + math.cos(math.pi * self.phase_share))
        return first * self.brake * (last + (1.0 - last) * fall)

    def entropy(self) -> float:
        """The target entropy now: evenly from the first to the last."""
        first, last = self.first_entropy, self.settings.final_entropy
        if last is None or first < last:  # calmer already than it shall be
            return first
        return first + self.phase_share * (last - first)

    def caution(self) -> float:
        """The caution now: evenly from the first to the last."""
        first, last = self.settings.caution, self.settings.final_caution
        return first if last is None else first + min(self.share, 1.0) * (last - first)

    def _round(self) -> dict[str, float]:
        """Drive and learn: by practice at first, by SAC after it."""
        learner, ends = self.learner, self.settings.practice.share
        learner.heed(self.caution())
        if learner.practice is not None and self.share < ends:
            return learner.practise(self.rate)
        if learner.practice is not None:
            learner.end_practice()
            self.watch.forget()
            self.first_entropy = float(learner.model.target_entropy)
            self.screen.say("practice is over: SAC goes on, its critics first")
        learner.drive()
        learner.model.target_entropy = self.entropy()
        return learner.learn(self.rate, self.share)

    def go(self, resume: bool) -> Outcome:
        settings = self.settings
        if resume:
            self._restore()
        elif self.keep:
            self.folder.begin(self.settings)
        with Tracking(self.settings.log_to, self.folder.path) as tracking, self.screen:
            with stop_requested() as stop:
                if not resume:
                    self._judge_parent()
                    self.learner.imitate(self.screen.shown)
                    self.first_step = self.learner.steps
                    if self.learner.practice is None or self.share >= settings.practice.share:
                        self.learner.warm_up(self.screen.warm)
                self._learn(stop, tracking)
            interrupted = stop.requested and self.share < 1.0
            if interrupted:
                self._save()
                if self.course.best is None and not self.out.exists():
                    self.course.save(self.learner, self.out, None, self.seconds)
            elif self.keep:
                self.folder.finish()
        return Outcome(
            self.out,
            self.course.best,
            self.learner.steps,
            self.seconds,
            interrupted,
            self.course.tracks,
            self.course.car,
        )

    def _learn(self, stop: Stop, tracking: Tracking) -> None:
        settings, learner = self.settings, self.learner
        next_judging = self.seconds + settings.evaluate_every
        while True:
            losses = self._round()
            trouble = self.watch.trouble(losses)
            if trouble is not None:
                self._recover(trouble)
            over = self.share >= 1.0
            if (over or self.seconds >= next_judging) and not stop.requested:
                self.screen.say_evaluating()
                judgement = self.course.judge(learner, self.seconds, losses)
                self.good = learner.weights()
                self.screen.judged(judgement, self.course.tracks)
                tracking.log(judgement.steps, judgement.row())
                if self.keep:
                    path = self.folder.checkpoint(learner.steps)
                    self.course.save(learner, path, judgement.report, self.seconds)
                if over or self.seconds >= self.saved + settings.save_every:
                    self._save()
                next_judging = self.seconds + settings.evaluate_every
            if over or stop.requested:
                return
            self.screen.update(
                self.seconds, self.share, learner.steps, learner.updates, learner.tally
            )

    def _judge_parent(self) -> None:
        """A specialist is kept only if it beats the driver it was made from."""
        if self.settings.parent is not None:
            judgement = self.course.judge_parent(self.learner)
            self.screen.judged(judgement, self.course.tracks)

    def _recover(self, trouble: str) -> None:
        """Go back to the last good weights, and on from there with half the learning rate."""
        self.recoveries += 1
        if self.recoveries > MAX_RECOVERIES:
            raise UserError(
                f"training fails: {trouble}, for the {self.recoveries}th time; the best driver "
                f"so far is in {self.out}; try a lower --set sac.learning_rate"
            )
        self.brake *= 0.5
        self.learner.rewind(self.good)
        self.watch.forget()
        self.screen.say(
            f"{trouble}: back to the last good weights, learning rate halved to {self.rate:.2g}"
        )

    def _save(self) -> None:
        if not self.keep:
            return
        self.folder.note(self.course.rows)
        facts = self.course.facts() | {
            "seconds": self.seconds,
            "first_step": self.first_step,
            "brake": self.brake,
            "recoveries": self.recoveries,
            "first_entropy": self.first_entropy,
        }
        self.folder.save(self.learner.state(), facts)
        self.saved = self.seconds

    def _restore(self) -> None:
        state, facts = self.folder.load()
        try:
            self.course.restore(facts)
            self.learner.restore(state)
            self.before = number(facts, "seconds", 0.0, LONGEST)
            self.first_step = count(facts, "first_step", self.learner.steps)
            self.brake = number(facts, "brake", 1e-9, 1.0)
            self.recoveries = count(facts, "recoveries", MAX_RECOVERIES)
            self.first_entropy = number(facts, "first_entropy", -1e6, 1e6)
        except checkpoint.MISFIT as error:
            raise self.folder.unfit(str(error)) from None
        self.good = self.learner.weights()


def _car(settings: RunSettings) -> Car:
    if settings.car is not None:
        return load_car(settings.car)
    if settings.parent is not None:
        path = find_model(settings.parent)
        return car_of(read_facts(path), path)
    return load_car()
