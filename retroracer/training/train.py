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

from retroracer.checks import count, number
from retroracer.errors import UserError
from retroracer.physics.car import Car
from retroracer.track.generate import random_tracks
from retroracer.track.track import Track
from retroracer.training import checkpoint
from retroracer.training.course import Course
from retroracer.training.evaluate import Report
from retroracer.training.health import Watch
from retroracer.training.learner import Learner
from retroracer.training.needs import look_for
from retroracer.training.progress import Screen
from retroracer.training.run.budget import LESSONS, LIMITS, Budget
from retroracer.training.run.keeping import Keeper
from retroracer.training.run.stopping import PATIENCE, Stopped, check, held, stoppable, until
from retroracer.training.run_folder import BEGINNING, LONGEST, RunFolder
from retroracer.training.run_settings import EVALUATION_SEED, RunSettings
from retroracer.training.tracking import Tracking

MAX_RECOVERIES = 5
"""Times a run goes back to its last good state before it gives up."""

MARK_EVERY = 5.0
"""Seconds of short rounds that a stop loses at most, if it has to be left in the midst of one."""

LAST_OF_PRACTICE = 0.02
"""Share of practice's learning rate that is left at its end."""


@dataclass(frozen=True)
class Outcome:
    """What a run came to.

    Attributes:
        path: of the model.
        report: of the best evaluation of this session; None if there was none.
        steps: control steps of all cars together.
        seconds: it took, earlier sessions included.
        interrupted: True if a stop ended it; it can be continued if it has a folder.
        tracks: it was judged on.
        car: driven.
        notes: what was cut short or stays as it was, in words.
        last: when all that follows must be over (``time.monotonic``).
    """

    path: Path
    report: Report | None
    steps: int
    seconds: float
    interrupted: bool
    tracks: list[Track]
    car: Car
    notes: tuple[str, ...] = ()
    last: float = math.inf


def train(
    settings: RunSettings, out: Path, folder: Path | None = None, resume: bool = False
) -> Outcome:
    """Train a driver and keep the best one seen, judged on tracks it does not train on.

    Args:
        settings: the run.
        out: the model's file; written at every evaluation that beats the last best, and the
            model of another run that lies there.
        folder: of the run (``run_folder``); None = nothing is kept to go on with.
        resume: go on with the run that stopped in ``folder``.

    Returns:
        The outcome. A stop (``run.stopping``) is obeyed within a second or two; everything but
        the round it came in is saved.

    Raises:
        UserError: for a missing or unfit track, parent or car, an unwritable place, a run that
            cannot be gone on with, or a learner that cannot be kept from diverging.
        Stopped: if a stop came before there was anything to save but the run's beginning.
    """
    with stoppable():
        if folder is None:
            with tempfile.TemporaryDirectory() as temporary:
                return _run(settings, out, RunFolder(Path(temporary) / "run"), False, False)
        return _run(settings, out, RunFolder(folder), True, resume)


def _run(settings: RunSettings, out: Path, folder: RunFolder, keep: bool, resume: bool) -> Outcome:
    tracks, car = look_for(settings)
    if not resume:
        with held():
            folder.begin(settings)
    run = _Run(settings, out, folder, keep, tracks, car)
    return run.go(resume)


class _Run:
    def __init__(
        self,
        settings: RunSettings,
        out: Path,
        folder: RunFolder,
        keep: bool,
        tracks: list[Track] | None,
        car: Car,
    ) -> None:
        self.settings, self.out, self.folder, self.keep = settings, out, folder, keep
        self.budget = Budget(settings.minutes, settings.steps)
        self.screen = Screen()
        self.notes: list[str] = []
        self.screen.stage("finding the limits of the tracks it is judged on")
        judged_on = tracks or random_tracks(EVALUATION_SEED, settings.evaluate_on)
        keeper = Keeper(out, folder.best, folder.name)
        self.course = Course(settings, car, judged_on, keeper, self.budget.moment(LIMITS))
        self.learner = Learner(settings, car, tracks, self.budget.moment(LESSONS))
        self.first_step = self.learner.steps  # a parent's come before
        self.first_entropy = float(self.learner.model.target_entropy)  # of SAC's part of the run
        self.watch = Watch()
        self.good = self.learner.weights()
        self.brake = 1.0  # factor on the learning rate
        self.recoveries = 0
        self.saved = -math.inf  # when the state was last saved [s]
        self.marked = -math.inf  # when the learner was last marked (``time.monotonic``)
        self.whole = True  # False within a round

    @property
    def seconds(self) -> float:
        return self.budget.seconds

    @property
    def share(self) -> float:
        """How much of the budget is used up."""
        return self.budget.share(self.learner.steps - self.first_step)

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
            self._mark()
            self.screen.say("practice is over: SAC goes on, its critics first")
        learner.drive()
        learner.model.target_entropy = self.entropy()
        return learner.learn(self.rate, self.share)

    def go(self, resume: bool) -> Outcome:
        """Train from the state in the folder, or from the beginning."""
        with stoppable() as stop, self.screen:
            resumed = resume and self._restore()
            self._judge_stranger()
            with Tracking(self.settings.log_to, self.folder.path) as tracking:
                if not resumed:
                    self._prepare()
                with held():
                    self._mark()
                    if self.saved < 0.0:
                        self._save()
                try:
                    self._learn(tracking)
                except Stopped:
                    stop.settle()
                    if not self.whole:
                        self.learner.go_back()
                    with held():
                        self._save()
                        self._keep_any()
            with held():
                if not stop.requested:
                    self._finish()
        return Outcome(
            self.out,
            self.course.best,
            self.learner.steps,
            self.seconds,
            stop.requested,
            self.course.tracks,
            self.course.car,
            tuple(self.notes),
            self.budget.last,
        )

    def _prepare(self) -> None:
        """All that comes before the first round."""
        settings, learner = self.settings, self.learner
        self._judge_parent()
        by = self.budget.moment(LESSONS)
        if settings.parent is None and settings.teacher.rounds > 0:
            self.screen.stage(f"being shown how on {settings.teacher.tracks} tracks")
        learner.imitate(self.screen.shown, by)
        self.first_step = learner.steps
        if learner.practice is None or self.share >= settings.practice.share:
            self.screen.stage("warming up")
            learner.warm_up(self.screen.warm, by)
        if time.monotonic() >= by:
            self.notes.append("limits, lessons and warm-up were cut short by the budget")

    def _finish(self) -> None:
        """The run has come to its end: its model lies at ``out``, and no state is needed."""
        self._keep_any()
        if self.course.keeper.to_beat is not None:
            best = f"; this run's best is {self.folder.best}" if self.keep else ""
            self.notes.append(f"the driver in {self.out} is better and stays{best}")
        if self.keep:
            self.folder.finish()

    def _keep_any(self) -> None:
        self.course.keeper.keep_any(
            lambda path: self.course.save(self.learner, path, None, self.seconds)
        )

    def _learn(self, tracking: Tracking) -> None:
        settings, learner = self.settings, self.learner
        next_judging = self.seconds + settings.evaluate_every
        losses: dict[str, float] = {}
        self.screen.stage("training")
        while True:
            if self.share < 1.0:
                losses = self._whole_round(losses)
            check()
            over = self.share >= 1.0
            if over or self.seconds >= next_judging:
                self._judge(losses, tracking, over)
                next_judging = self.seconds + settings.evaluate_every
            if over:
                return
            self.screen.update(
                self.seconds, self.share, learner.steps, learner.updates, learner.tally
            )

    def _whole_round(self, losses: dict[str, float]) -> dict[str, float]:
        """A round; one that takes far too long for the budget or a stop is as if it had not been.

        Returns:
            Its losses; ``losses`` if it was left.
        """
        with until(self.budget.end) as cut, held(PATIENCE):
            if time.monotonic() >= self.marked + MARK_EVERY or self.learner.practice is not None:
                self._mark()
            self.whole = False
            losses = self._round()
            self.whole = True
            trouble = self.watch.trouble(losses)
            if trouble is not None:
                self._recover(trouble)
        if cut and not self.whole:
            with held():
                self.learner.go_back()
                self.whole = True
            self.notes.append("its last round was left out: it would have gone beyond the budget")
        return losses

    def _mark(self) -> None:
        self.learner.mark()
        self.marked = time.monotonic()

    def _judge(self, losses: dict[str, float], tracking: Tracking, over: bool) -> None:
        """Evaluate the driver, keep it if it is the best, note it all down, save."""
        learner, course = self.learner, self.course
        self.screen.say_evaluating()
        with held():
            act = course.driver(learner)
        report = None
        with until(self.budget.last) as cut:
            report = course.report(act)
        with held():
            if report is None or cut:
                self.notes.append("its last driver was not judged: the budget was used up")
                return
            judgement = course.record(learner, report, self.seconds, losses)
            self.good = learner.weights()
            self.screen.judged(judgement, course.tracks)
            tracking.log(judgement.steps, judgement.row())
            if over or self.seconds >= self.saved + self.settings.save_every:
                self._save()
            if self.keep:
                path = self.folder.checkpoint(learner.steps)
                course.save(learner, path, report, self.seconds)

    def _judge_parent(self) -> None:
        """A specialist is kept only if it beats the driver it was made from."""
        if self.settings.parent is not None:
            self.screen.stage("judging the driver it begins with")
            self.course.save(self.learner, self.folder.best, None, 0.0)
            report = None
            with until(self.budget.last):
                report = self.course.report(self.course.driver(self.learner))
            if report is not None:
                with held():
                    judgement = self.course.record_parent(self.learner, report)
                self.screen.judged(judgement, self.course.tracks)

    def _judge_stranger(self) -> None:
        with until(self.budget.last) as cut:
            self.course.judge_stranger()
        if cut:
            self.notes.append(f"the driver in {self.out} could not be judged in so short a time")

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

    def _restore(self) -> bool:
        """Go on from the state in the folder; False if that is the beginning."""
        state, facts = self.folder.load()
        if (state, facts) == ({}, BEGINNING):
            return False
        try:
            self.course.restore(facts)
            self.learner.restore(state)
            self.budget.go_on(number(facts, "seconds", 0.0, LONGEST))
            self.saved = self.seconds
            self.first_step = count(facts, "first_step", self.learner.steps)
            self.brake = number(facts, "brake", 1e-9, 1.0)
            self.recoveries = count(facts, "recoveries", MAX_RECOVERIES)
            self.first_entropy = number(facts, "first_entropy", -1e6, 1e6)
        except checkpoint.MISFIT as error:
            raise self.folder.unfit(str(error)) from None
        self.good = self.learner.weights()
        return True
