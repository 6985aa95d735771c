"""A search over settings: trials side by side on Ray Tune, weak ones stopped early by ASHA.

Owns starting the trials of a search page and reporting the best. A trial is the ordinary training
command in its own process (``trial``); rungs and the record on disk are in ``rungs``.
"""

from __future__ import annotations

import dataclasses
import logging
import os
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retroracer.errors import UserError
from retroracer.processes import cores
from retroracer.scale.cluster import ONE_THREAD, join, leave, load_ray, start
from retroracer.scale.ranges import SearchPage
from retroracer.scale.rungs import FAILED, FINISHED, RUNNING, STOPPED, Record, Rungs, Trial
from retroracer.scale.trial import base_command, drive_trial, last_line
from retroracer.training.run.folder import RunFolder

SAVE_EVERY = 5.0
"""Seconds between saves of the record, in addition to those at every decision."""


@dataclass(frozen=True)
class Plan:
    """The settings of a search: ``samples`` trials of so many iterations, ``together`` at a time.

    Attributes:
        grace: iteration of the first rung; None = one trial that is never stopped.
        reduction: the best 1 / reduction of the trials continue from a rung.
        seed: seed of the draws and of every trial.
        arguments: arguments of every trial's command, in addition to its settings.
        address: HOST:PORT of a Ray cluster; None = this machine.
    """

    page: SearchPage
    samples: int
    iterations: int
    grace: int | None
    reduction: float
    seed: int
    arguments: tuple[str, ...]
    folder: Path
    together: int
    address: str | None = None

    def record(self) -> Record:
        """A new record of it, its trials drawn."""
        drawn = [{}] if self.grace is None else self.page.draw(self.samples, self.seed)
        trials = [Trial(k, sets) for k, sets in enumerate(drawn)]
        rungs = None
        if self.grace is not None:
            rungs = Rungs(self.grace, self.reduction, self.iterations)
        facts = {
            "config": self.page.config,
            "command": self.page.command,
            "metric": self.page.metric,
            "iterations": self.iterations,
            "grace": self.grace,
            "reduction": self.reduction,
            "seed": self.seed,
            "samples": len(trials),
            "arguments": list(self.arguments),
        }
        return Record(self.folder, facts, trials, rungs)

    def command(self, trial: Trial) -> list[str]:
        """The command of a trial."""
        sets = [*self.page.sets, *(f"{k}={v}" for k, v in trial.sets.items())]
        where = self.folder / trial.name
        made = base_command(self.page.command, self.page.trained_page(), where, sets)
        return [*made, "--seed", str(self.seed), *self.arguments]


def search(plan: Plan, say: Callable[[str], object]) -> Record:
    """Run a search to its end, or resume it; ``say`` prints a line.

    Raises:
        UserError: if every trial failed, or the folder belongs to another search.
    """
    record = plan.record()
    if record.load():
        say(f"going on with the search in {plan.folder}")
    left = [t for t in record.trials if t.state == RUNNING]
    record.save()
    if left:
        if plan.address is None:
            each = max(cores() // plan.together, 1)
            start(plan.together, dict.fromkeys(ONE_THREAD, str(each)))
        else:
            join(plan.address)
        try:
            _run(plan, record, left, say)
        finally:
            record.save()
            leave()
    if all(t.state == FAILED for t in record.trials):
        raise UserError(
            f"every trial failed: {record.trials[0].why} (in {plan.folder / 'trial-000.log'})"
        )
    if any(t.state == RUNNING for t in record.trials):
        say("stopped; the same command resumes the search")
    return record


def _run(plan: Plan, record: Record, left: Sequence[Trial], say: Callable[[str], object]) -> None:
    os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")  # what is printed is ours
    load_ray()
    from ray import tune

    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)

    space = {"number": tune.grid_search([t.number for t in left])}
    commands = {t.number: plan.command(t) for t in left}
    names = {t.number: t.name for t in left}
    metric, iterations, folder = plan.page.metric, plan.iterations, plan.folder.resolve()
    here = Path.cwd()  # a trial of Tune's has a folder of its own

    def trainable(drawn: dict[str, Any]) -> None:
        number = drawn["number"]

        def tell(iteration: float, value: float) -> bool:
            tune.report({"iteration": iteration, "value": value})
            return True

        where = folder / names[number]
        code = drive_trial(commands[number], where, metric, iterations, tell, here)
        if code or RunFolder(where).unfinished_here():
            tune.report({"exit_code": code})  # an exception would be printed as a traceback

    shutil.rmtree(folder / "ray", ignore_errors=True)  # of an earlier session: Tune's, not ours
    tuner = tune.Tuner(
        tune.with_resources(trainable, {"cpu": 1}),
        param_space=space,
        tune_config=tune.TuneConfig(
            scheduler=_scheduler(record, say), max_concurrent_trials=plan.together
        ),
        run_config=tune.RunConfig(
            name="ray", storage_path=str(folder), verbose=0, log_to_file=False
        ),
    )
    tuner.fit()


def _scheduler(record: Record, say: Callable[[str], object]) -> Any:
    """A scheduler for Ray Tune that decides by our rungs."""
    from ray.tune.schedulers import FIFOScheduler, TrialScheduler

    trials = {t.number: t for t in record.trials}
    interrupted: set[int] = set()

    class Asha(FIFOScheduler):
        """Stops a trial at a rung it does not pass."""

        saved = 0.0

        def on_trial_result(self, controller: Any, trial: Any, result: dict[str, Any]) -> str:
            mine = trials[trial.config["number"]]
            if "exit_code" in result:
                self.ended(mine, result["exit_code"])
                return TrialScheduler.STOP
            iteration, value = float(result["iteration"]), float(result["value"])
            mine.iteration = max(mine.iteration, iteration)
            mine.best = value if mine.best is None else max(mine.best, value)
            rungs = record.rungs
            before = sum(map(len, rungs.seen.values())) if rungs is not None else 0
            go = rungs is None or rungs.goes_on(mine.number, iteration, value)
            decided = rungs is not None and sum(map(len, rungs.seen.values())) > before
            if not go:
                mine.state = STOPPED
                mine.why = f"stopped at iteration {iteration:.0f} with {value:.4g}"
                say(f"{mine.name}: {mine.why}")
            now = time.monotonic()
            if decided or now >= self.saved + SAVE_EVERY:
                record.save()
                self.saved = now
            return TrialScheduler.CONTINUE if go else TrialScheduler.STOP

        def on_trial_complete(self, controller: Any, trial: Any, result: Any) -> None:
            mine = trials[trial.config["number"]]
            if mine.state == RUNNING and mine.number not in interrupted:
                mine.state = FINISHED
                best = "no value" if mine.best is None else f"best {mine.best:.4g}"
                say(f"{mine.name}: finished, {best}")
            record.save()

        def on_trial_error(self, controller: Any, trial: Any) -> None:
            self.ended(trials[trial.config["number"]], 1)

        def ended(self, mine: Trial, code: int) -> None:
            """Its command has ended before its end: failed, or was stopped from outside."""
            if code:
                mine.state, mine.why = FAILED, last_line(record.folder / f"{mine.name}.log")
                say(f"{mine.name}: failed: {mine.why}")
            else:
                interrupted.add(mine.number)
                say(f"{mine.name}: stopped from outside; the same search command resumes it")
            record.save()

    made: Any = Asha
    return made()


def told(plan: Plan, record: Record) -> list[str]:
    """Lines about the best trial: its settings, its page and its model."""
    best = record.best()
    if best is None:
        return ["no trial has reported a value yet"]
    where = record.folder / best.name
    sets = " ".join(f"--set {k}={v}" for k, v in best.sets.items()) or "the page's own settings"
    model = record.folder / f"{best.name}.zip"
    return [
        f"best: {best.name}, {plan.page.metric} {best.best:.4g} ({best.state})",
        f"settings: {sets}",
        f"page:     {where / 'settings.yaml'}",
        f"model:    {model if model.is_file() else where / 'best.zip'}",
    ]


def plain(record: Record) -> dict[str, Any]:
    """A search as plain data, for ``--json``."""
    best = record.best()
    return {
        "folder": str(record.folder),
        "best": None if best is None else dataclasses.asdict(best),
        "trials": [dataclasses.asdict(t) for t in record.trials],
    }
