"""One run: stages of learners on one task, with evaluation, saving, stopping and recovery.

Owns the order of a run: rounds of the stage's learner, regular evaluations, keeping the best
driver, saving the state, recovery from divergence. The algorithm is a ``Learner``, what it trains
on is a ``Task``; this file is the same for all of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from retroracer.agents.checkpoint import MISFIT, first_line
from retroracer.checks import number, switch
from retroracer.errors import NotFiniteError, UserError
from retroracer.training import learners
from retroracer.training.judging.evaluation import Evaluation
from retroracer.training.learners.learner import Clock, Learner, State, part, under
from retroracer.training.learners.task import Task
from retroracer.training.run.budget import Budget
from retroracer.training.run.divergence import Watch
from retroracer.training.run.folder import BEGINNING, LONGEST, RUN_NOTE, RunFolder
from retroracer.training.run.keeping import Keeper
from retroracer.training.run.progress import Screen
from retroracer.training.run.run_facts import MAX_RECOVERIES, RunFacts, StageLog
from retroracer.training.run.settings import RunSettings, Stage
from retroracer.training.run.stopping import check, held, stoppable, until
from retroracer.training.run.tracking import Tracking

LOG_EVERY = 10.0
"""Seconds between logged rows of losses and episode statistics."""

SAVED_BY = 1.3
"""Seconds after a stop by which replay memories must be written."""

PREPARATION = 0.5
"""Largest share of the minutes that preparing the first stage may take."""


@dataclass(frozen=True)
class Outcome:
    """The result of a run, for the command that started it.

    Attributes:
        steps: actions of all environments together.
        seconds: duration, earlier sessions included.
        stopped: True if the user stopped it; the same command resumes it.
        notes: what was cut short or left as it was, in words.
        last: when all that follows must be over (``time.monotonic``).
    """

    steps: int
    seconds: float
    stopped: bool
    notes: tuple[str, ...] = ()
    last: float = math.inf


class Run:
    """A run in a folder.

    Args:
        settings: settings of the run.
        table: the task's learners by name.
        make_task: builds the task; may take long.
        folder: folder of the run.
        keeper: writes its best driver.
        evaluated: called after every evaluation, to draw pictures.
    """

    def __init__(
        self,
        settings: RunSettings,
        table: dict[str, str],
        make_task: Callable[[Budget], Task],
        folder: RunFolder,
        keeper: Keeper,
        evaluated: Callable[[], object] = lambda: None,
    ) -> None:
        self.settings, self.table, self.make_task = settings, table, make_task
        self.folder, self.keeper, self.evaluated = folder, keeper, evaluated
        self.budget = Budget(settings.minutes, settings.steps)
        self.screen = Screen()
        self.watch = Watch()
        self.log = StageLog()
        self.facts = RunFacts()
        self.saved = -math.inf  # when the state was last saved [s of the run]
        self.judge_at = math.inf  # when the next evaluation is due [s of the run]
        self.losses: dict[str, float] = {}
        self.notes: list[str] = []
        self.learner: Learner | None = None

    def go(self, resume: bool) -> Outcome:
        """Train from the beginning, or from the state in the folder.

        Raises:
            UserError: if the run cannot be resumed, or keeps diverging.
            Stopped: if it was stopped before there was anything to save.
        """
        state = self.folder.load() if resume else None
        if not resume:
            with held():
                self.folder.begin(self.settings)
        self.keeper.run = self.folder.name
        with stoppable() as stop, self.screen:
            self.screen.stage("preparing")
            self.task = self.make_task(self.budget)
            self.screen.unit = self.task.unit
            try:
                self._start(None if state == ({}, BEGINNING) else state)
                with Tracking(self.settings.log_to, self.folder.path, self.task.steps) as tracking:
                    try:
                        self._train(tracking)
                    except BaseException as error:
                        if not stop.caused(error):
                            raise
                        stop.settle()
                        with held():
                            self._save(stop.at + SAVED_BY)
                            self.keeper.keep_any(lambda path: self._write(path, None))
                    else:
                        with held():
                            self._finish()
                return Outcome(
                    self.task.steps,
                    self.budget.seconds,
                    stop.requested,
                    tuple(self.notes),
                    self.budget.last,
                )
            finally:
                if self.learner is not None:
                    self.learner.close()
                self.task.close()

    def _start(self, state: tuple[State, dict[str, Any]] | None) -> None:
        """Restore a state, or prepare the first stage and evaluate the parent, if there is one."""
        if state is not None:
            self._restore(*state)
        else:
            self.learner = self._enter(self.settings.stages[0])
            if self.learner is None:
                self._leave()
            self.facts.first_step = self.task.steps  # the counter starts with the parent's steps
        self.task.begin(self.facts.sessions)
        with until(self.budget.last):  # only a better driver replaces another run's model
            self.keeper.find_other(self.task.score_of, **self.task.kind())
        if state is None:
            self.good = self.task.weights()
            if self.settings.parent is not None:
                self._judge(None, parent=True)
            self._save()

    def _train(self, tracking: Tracking) -> None:
        """Train all stages; the driver each of them ends with is evaluated."""
        stages = self.settings.stages
        self.judge_at = self.budget.seconds + self.settings.evaluate_every
        log_at = self.budget.seconds + LOG_EVERY
        while self.facts.stage < len(stages):
            stage = stages[self.facts.stage]
            if self.learner is None:
                self.learner = self._enter(stage)
            if self.learner is None or self.learner.finished or self._share() >= stage.until:
                if self.facts.stage + 1 < len(stages) and not self._evaluated():
                    self._judge(tracking)
                self._leave()
                continue
            before = self.task.steps
            self._round(stage)
            check()
            every = self.settings.checkpoint_every
            if every is not None and self.task.steps // every > before // every:
                with held():
                    self._write(self.folder.checkpoint(self.task.steps), None)
            now = self.budget.seconds
            if now >= log_at:
                tracking.log(self.task.steps, self._figures())
                log_at = self.budget.seconds + LOG_EVERY
            if now >= self.judge_at:
                self._judge(tracking)
            if now >= self.saved + self.settings.save_every:
                self._save()
        if not self._evaluated() and not self._judge(tracking):
            self.notes.append("no time was left to evaluate the last driver")

    def _round(self, stage: Stage) -> None:
        assert self.learner is not None
        clock = self._clock(stage)
        losses: dict[str, float] = {}
        trouble = None
        try:
            with until(self.budget.last), held(self.learner.patience):
                losses = self.learner.round(clock)
        except NotFiniteError as error:
            trouble = str(error)
        self.losses = losses or self.losses
        self.log.note(losses)
        trouble = trouble or self.watch.trouble(losses)
        if trouble is not None:
            self._recover(trouble)
        self.screen.update(
            self.budget.seconds,
            self._share(),
            self.task.steps,
            self.task.updates,
            self.task.episode_stats(),
        )

    def _finish(self) -> None:
        """End a finished run: make sure ``--out`` has a model, and remove the state."""
        self.keeper.keep_any(lambda path: self._write(path, None))
        if self.settings.parent is not None and not self.facts.improved:
            self.notes.append(f"no better driver than {self.settings.parent} was found")
        self.notes.extend(self.keeper.reasons())
        self.folder.finish()

    def _make(self, stage: Stage) -> Learner:
        """Build the learner of a stage; may take long where it solves lines or fills memories."""
        self.screen.stage(stage.learner)
        kind = learners.find(self.table, stage.learner)
        return kind(self.task, self.settings.of(stage.learner), first=not self.log.records)

    def _enter(self, stage: Stage) -> Learner | None:
        """Begin a stage; None if there is no time left to prepare it."""
        before = self.task.state() if self.facts.stage > 0 else None
        share = stage.until if self.facts.stage > 0 else min(stage.until, PREPARATION)
        made = None
        try:
            with until(self.budget.moment(share)):
                made = self._make(stage)
        finally:
            if made is None and before is not None:
                self.task.restore(before)
        if made is None:
            self.notes.append(f"no time was left for {stage.learner}")
            return None
        self.facts.stage_began = self._share()
        self.watch.forget()
        self.good = self.task.weights()
        self.log.begin(stage.learner, made, self.task)
        self.screen.say(f"{stage.learner}: {made.describe()}")
        return made

    def _leave(self) -> None:
        """End the stage and record what it has done."""
        if self.learner is not None:
            self.log.end(self.task)
            self.learner.close()
        self.learner = None
        self.facts.stage += 1

    def _stage(self) -> Stage:
        """The current stage; after the end of the last one, that."""
        return self.settings.stages[min(self.facts.stage, len(self.settings.stages) - 1)]

    def _share(self) -> float:
        """The share of the budget that is used up, 0 to 1."""
        return self.budget.share(self.task.steps - self.facts.first_step)

    def _clock(self, stage: Stage) -> Clock:
        share, began = self._share(), self.facts.stage_began
        stage_share = (share - began) / max(stage.until - began, 1e-9)
        return Clock(share, min(max(stage_share, 0.0), 1.0), self.facts.lr_scale, self.screen.part)

    def _judge(self, tracking: Tracking | None, parent: bool = False) -> bool:
        """Evaluate the driver and keep the result; returns False if there was no time for it."""
        with until(self.budget.last) as cut:
            self.screen.evaluating()
            self._keep(self.task.evaluate(parent), tracking, parent)
        self.judge_at = self.budget.seconds + self.settings.evaluate_every
        return not cut

    def _keep(self, found: Evaluation, tracking: Tracking | None, parent: bool) -> None:
        """Keep an evaluated driver if it is the best, and write the results."""
        better = found.score > self.facts.best_score or self._same_driver(found)
        best = found.acceptable and better
        with held():
            row = self._figures() | {"score": found.score, "best": best} | found.figures
            self.facts.rows.append(row)
            if best:
                self.facts.best_score = found.score
            if parent:  # it goes to --out only at the end, and only if no model is there
                self._write(self.folder.best, found)
            elif best:
                self.keeper.keep(lambda path: self._write(path, found), found.score)
                self.facts.improved = True
            if not parent:
                self._write(self.folder.checkpoint(self.task.steps), found)
            self.good = self.task.weights()
            self.folder.note(self.facts.rows)
            if tracking is not None:
                tracking.log(self.task.steps, row)
        self.screen.judged(self.budget.seconds, found.text, best, parent)
        if tracking is not None:
            self.evaluated()

    def _evaluated(self) -> bool:
        """True if nothing was driven or learned since the last evaluation."""
        now = {"steps": self.task.steps, "updates": self.task.updates}
        return bool(self.facts.rows) and now.items() <= self.facts.rows[-1].items()

    def _same_driver(self, found: Evaluation) -> bool:
        """True if the stage trains only the critics of the best driver: the newer zip is better."""
        fixed = not learners.find(self.table, self._stage().learner).moves_driver
        return fixed and found.score == self.facts.best_score

    def _figures(self) -> dict[str, Any]:
        """Where the run is, as plain figures."""
        return {
            "seconds": round(self.budget.seconds, 1),
            "steps": self.task.steps,
            "updates": self.task.updates,
            "stage": self._stage().learner,
            **{f"episode_{k}": v for k, v in self.task.episode_stats().items()},
            **self.losses,
        }

    def _write(self, path: Any, evaluation: Evaluation | None) -> None:
        stages = self.log.for_zip(self.task, self.learner is not None)
        notes = {"training_s": round(self.budget.seconds, 1), "stages": stages}
        self.task.write(path, evaluation, notes | {RUN_NOTE: self.folder.name})

    def _recover(self, trouble: str) -> None:
        """Restore the last good weights and halve the learning rate."""
        assert self.learner is not None
        self.facts.recoveries += 1
        name = self._stage().learner
        if self.facts.recoveries > MAX_RECOVERIES:
            raise UserError(
                f"training fails: {trouble}, for the {self.facts.recoveries}th time; the best "
                f"driver so far is in {self.folder.best}; try a lower "
                f"--set {learners.section(name)}.learning_rate"
            )
        self.facts.lr_scale *= 0.5
        self.task.rewind(self.good)
        self.learner.rewind()
        self.watch.forget()
        self.screen.say(f"{trouble}: back to the last good weights, learning rate halved")

    def _save(self, moment: float = math.inf) -> None:
        """Save what is needed to resume; replay memories only if there is time until ``moment``."""
        with held():
            self.folder.note(self.facts.rows)
            state = under("task", self.task.state())
            if self.learner is not None:
                if not self.learner.save_files(self.folder.path, moment):
                    self.notes.append("there was no time to save the latest of its replay")
                state |= under("learner", self.learner.state())
            facts = self.facts.plain() | {
                "entered": self.learner is not None,
                "done": self.log.records,
                "seconds": self.budget.seconds,
                "task": self.task.facts(),
            }
            self.folder.save(state, facts)
            self.saved = self.budget.seconds

    def _restore(self, state: State, facts: Mapping[str, Any]) -> None:
        try:
            self.facts = RunFacts.read(facts, len(self.settings.stages))
            self.log.restore(facts)
            made = self._make(self._stage())
            self.task.restore(part(state, "task"))
            self.task.restore_facts(facts["task"])
            entered = switch(facts, "entered")
            self.log.check(self.task, entered)
            if entered:
                made.restore(part(state, "learner"))
                made.load_files(self.folder.path)
                self.learner = made
            else:
                made.close()
            self.good = self.task.weights()
            if self.facts.first_step > self.task.steps:
                raise ValueError("its first step lies behind its last")
            self.budget.resume(number(facts, "seconds", 0.0, LONGEST))
        except MISFIT as error:
            raise self.folder.unfit(first_line(error)) from None
