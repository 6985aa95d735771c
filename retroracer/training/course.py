"""The course of a run: how good the driver is by now, which one is kept, what is written down.

Owns evaluations during training and the choice of the best. Does not own learning (``learner``),
files (``run_folder``, ``checkpoint``) or the screen (``progress``).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from retroracer.agents.facts import Facts
from retroracer.agents.model_file import read_facts
from retroracer.agents.policy import load_policy, policy_of
from retroracer.checks import number, records
from retroracer.envs import task
from retroracer.laptime.limit import known_time
from retroracer.laptime.many import lap_limits
from retroracer.physics.car import Car, car_facts
from retroracer.physics.race import CONTROL_DT
from retroracer.track.track import Track
from retroracer.training import checkpoint
from retroracer.training.evaluate import Act, Entry, Report, evaluate
from retroracer.training.learner import Learner
from retroracer.training.run.keeping import Keeper
from retroracer.training.run.stopping import until
from retroracer.training.run_folder import RUN_NOTE
from retroracer.training.run_settings import RunSettings

Lap = tuple[float | None, float]
"""A lap time [s], None if not completed, and the time spent off the track [s]."""

UNCLEAN, FAILED = 0.2, 1.0
"""What a lap that was not clean, and one not completed, cost of a driver's ``score``."""


@dataclass
class Judgement:
    """One evaluation of a run.

    Attributes:
        seconds: of the run until then.
        steps: control steps of all cars until then.
        updates: until then.
        report: of the evaluation.
        score: of it.
        best: True if no earlier one was better.
        figures: losses and means over episodes, by name.
    """

    seconds: float
    steps: int
    updates: int
    report: Report
    score: float
    best: bool
    figures: dict[str, float] = field(default_factory=dict)

    def row(self) -> dict[str, Any]:
        """Plain data, as it is written down."""
        plain = {k: v for k, v in vars(self).items() if k not in ("report", "figures")}
        return plain | self.report.summary() | self.figures


class Course:
    """Judges a learner now and then, and keeps the best driver.

    Args:
        settings: of the run.
        car: what is driven.
        tracks: judged on, none of which is trained on (but a specialist's own).
        keeper: of the best driver.
        moment: after which limits are no longer solved (``time.monotonic``).

    Attributes:
        limits: minimum lap times [s], one a track; None where not known.
    """

    def __init__(
        self,
        settings: RunSettings,
        car: Car,
        tracks: list[Track],
        keeper: Keeper,
        moment: float = float("inf"),
    ) -> None:
        self.settings = settings
        self.car = car
        self.tracks = tracks
        self.keeper = keeper
        self.limits: list[float | None] = []
        with until(moment):
            self.limits = lap_limits([(track, car) for track in tracks])
        if not self.limits:  # those that were solved in time
            self.limits = [known_time(track, car) for track in tracks]
        self.rows: list[dict[str, Any]] = []
        self.best_score = -np.inf
        self.best: Report | None = None
        self.floor: list[Lap] = []

    def driver(self, learner: Learner) -> Act:
        """The averaged driver as it is now; learning on does not change it."""
        with learner.averaged() as model:
            return policy_of(*checkpoint.actor_layers(model)).act

    def record(
        self, learner: Learner, report: Report, seconds: float, losses: dict[str, float]
    ) -> Judgement:
        """Note an evaluation of the learner's driver; keep it if it is the best so far.

        Args:
            learner: it is of.
            report: of the evaluation.
            seconds: of the run until then.
            losses: of the last round.
        """
        value = score(report)
        best = value > self.best_score and _no_worse(report, self.floor)
        judgement = Judgement(
            seconds, learner.steps, learner.updates, report, value, best,
            losses | {f"episode_{k}": v for k, v in learner.tally.means().items()},
        )  # fmt: skip
        if best:
            self.best_score, self.best = value, report
            self.keeper.keep(lambda path: self.save(learner, path, report, seconds), value)
        self.rows.append(judgement.row())
        return judgement

    def record_parent(self, learner: Learner, report: Report) -> Judgement:
        """Note how the driver the run begins with fares: a specialist must be better.

        On the tracks of a specialist it must be no worse on any. The parent is the run's best
        until then, but is put at ``--out`` only in the end, and only if nothing lies there.
        """
        value = score(report)
        if self.settings.track:
            self.floor = [(r.lap_time_s, r.off_track_s) for r in report.results]
        self.best_score, self.best = value, report
        judgement = Judgement(0.0, learner.steps, learner.updates, report, value, False)
        self.rows.append(judgement.row())
        return judgement

    def judge_stranger(self) -> None:
        """See how good the driver of another run at ``--out`` is: only a better one replaces it.

        Raises:
            UserError: if what lies there is no driver of the same kind.
        """
        settings = self.settings
        tracks = tuple(map(_known_as, settings.track or ("random",)))
        path = self.keeper.stranger(observation_layout=task.LAYOUT)
        if path is None:
            return
        facts = read_facts(path)
        if tuple(map(_known_as, facts.tracks)) != tracks:
            raise self.keeper.unlike("tracks", facts.tracks, settings.track or ("random",))
        if dict(facts.car) != dict(car_facts(self.car)):
            raise self.keeper.unlike("car", facts.car.get("name"), self.car.name)
        self.keeper.to_beat = float("inf")
        self.keeper.to_beat = score(self.report(load_policy(path).act))

    def report(self, act: Any) -> Report:
        """How a driver fares on the tracks it is judged on."""
        report = evaluate([Entry("training", act, self.car)], self.tracks)[0]
        return report.with_limits(self.limits)

    def save(self, learner: Learner, path: Path, report: Report | None, seconds: float) -> None:
        """Write the averaged driver as a model, with what is known of it."""
        settings = self.settings
        path.parent.mkdir(parents=True, exist_ok=True)
        evaluation: dict[str, Any] = {}
        if report is not None:
            on = settings.track or (f"{len(self.tracks)} random tracks",)
            evaluation = report.summary() | {"on": list(on)}
        with learner.averaged() as model:
            checkpoint.save(
                model,
                path,
                Facts(
                    observation_layout=task.LAYOUT,
                    steps=learner.steps,
                    seed=settings.seed,
                    car=car_facts(self.car),
                    tracks=settings.track or ("random",),
                    parent=Path(settings.parent).stem if settings.parent else None,
                    evaluation=evaluation,
                    notes={
                        "control_dt": CONTROL_DT,
                        "training_s": round(seconds, 1),
                        RUN_NOTE: self.keeper.run,
                    },
                ),
                moments=False,
            )

    def facts(self) -> dict[str, Any]:
        """What a run that goes on must know of its course, as plain data."""
        score = None if self.best_score == -np.inf else self.best_score
        return {
            "rows": self.rows,
            "best_score": score,
            "floor": self.floor,
            "limits": self.limits,
        }

    def restore(self, facts: dict[str, Any]) -> None:
        """Go on where ``facts`` was taken; the best model is in its file."""
        self.rows = records(facts, "rows")
        self.floor = [
            (None if lap is None else number({"lap": lap}, "lap", 0.0), float(off))
            for lap, off in facts["floor"]
        ]
        known = facts["best_score"] is not None
        self.best_score = number(facts, "best_score") if known else -np.inf
        limits = [
            None if t is None else number({"limit": t}, "limit", 0.0) for t in facts["limits"]
        ]
        if len(limits) != len(self.tracks):
            raise ValueError("it was judged on other tracks")
        self.limits = limits  # scores are compared with those of earlier sessions


def score(report: Report) -> float:
    """How good a driver is: the mean share of the limit's speed it makes of its flying laps.

    A lap that was not clean costs UNCLEAN, one not completed FAILED. Where no limit is known, a
    completed lap counts half.
    """
    values = []
    for result in report.results:
        if not result.completed:
            values.append(-FAILED)
            continue
        share = 0.5 if result.ratio is None else 1.0 / result.ratio
        values.append(share - (0.0 if result.clean else UNCLEAN))
    return float(np.mean(values))


def _no_worse(report: Report, floor: list[Lap]) -> bool:
    """Whether no lap is slower, less clean or less complete than those of ``floor``."""
    for result, (lap, off) in zip(report.results, floor, strict=bool(floor)):
        if lap is None:
            continue
        if result.lap_time_s is None or result.lap_time_s > lap or result.off_track_s > off:
            return False
    return True


def _known_as(track: str) -> str:
    """A track's name, however it was given."""
    return Path(track).stem
