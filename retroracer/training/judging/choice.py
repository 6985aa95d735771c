"""Evaluation of the drivers of one run, and the score that decides which one is kept.

A generalist is evaluated on tracks it does not train on, a specialist on its own tracks.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from retroracer.agents.model_file import Layers
from retroracer.agents.policy import Policy, policy_of
from retroracer.checks import number
from retroracer.laptime.limit import known_time
from retroracer.laptime.many import lap_limits
from retroracer.physics.car import Car
from retroracer.track.track import Track
from retroracer.training.judging.evaluation import Evaluation
from retroracer.training.judging.laps import Act, Entry, Report, evaluate
from retroracer.training.run.stopping import until

Lap = tuple[float | None, float]
"""A lap time [s], None if not completed, and the time spent off the track [s]."""

UNCLEAN, FAILED = 0.2, 1.0
"""What a lap beyond track limits, and one not completed, subtract from a driver's ``score``."""


class LapJudge:
    """Evaluates the drivers of one run.

    Args:
        tracks: driven in an evaluation.
        car: they are driven in.
        own: True if these are the tracks a specialist trains on: no driver is acceptable that
            is slower or less clean than its parent on one of them.
        moment: after which limits are no longer solved (``time.monotonic``).
        action_repeat: control steps of 50 ms for which the drivers hold an action.
    """

    def __init__(
        self,
        tracks: list[Track],
        car: Car,
        own: bool,
        moment: float = math.inf,
        action_repeat: int = 1,
    ) -> None:
        self.action_repeat = action_repeat
        self.tracks, self.car, self.own = tracks, car, own
        self.limits: list[float | None] = []
        with until(moment):
            self.limits = lap_limits([(track, car) for track in tracks])
        if not self.limits:  # time was up: take those that were solved
            self.limits = [known_time(track, car) for track in tracks]
        self._parent: list[Lap] = []

    def __call__(self, layers: Layers, activation: str, parent: bool = False) -> Evaluation:
        """Evaluate an actor; ``parent`` is True if it is the driver the run starts from."""
        report = self._report(policy_of(layers, activation).act)
        summary = report.summary()
        if parent and self.own:
            self._parent = [(r.lap_time_s, r.off_track_s) for r in report.results]
        on = [t.name for t in self.tracks] if self.own else [f"{len(self.tracks)} random tracks"]
        one = len(self.tracks) == 1
        of = f" of {self.tracks[0].title}" if one else f"/{summary['tracks']} tracks"
        ratio = summary["median_ratio"]
        speed = "no lap yet" if ratio is None else f"x{ratio:.3f} of the limit"
        text = f"laps {summary['completed']}{of}, clean {summary['clean']}, {speed}"
        acceptable = no_worse(report, self._parent)
        return Evaluation(score(report), acceptable, summary | {"on": on}, text)

    def _report(self, act: Act) -> Report:
        entry = Entry("training", act, self.car, self.action_repeat)
        return evaluate([entry], self.tracks)[0].with_limits(self.limits)

    def score_of(self, driver: Policy) -> float:
        """The score of any driver on the same tracks."""
        return score(self._report(driver.act))

    def state(self) -> dict[str, Any]:
        """What a resumed run needs, as plain data: the parent's laps and the limits."""
        return {"parent": self._parent, "limits": self.limits}

    def restore(self, facts: Mapping[str, Any]) -> None:
        """Continue from what ``state`` returned; a ValueError if it belongs to other tracks."""
        limits = [_time(t) for t in facts["limits"]]
        parent = [(_time(lap), _time(off) or 0.0) for lap, off in facts["parent"]]
        if len(limits) != len(self.tracks) or len(parent) not in (0, len(self.tracks)):
            raise ValueError("it was evaluated on other tracks")
        self.limits = limits  # scores are compared with those of earlier sessions
        self._parent = parent


def _time(value: Any) -> float | None:
    return None if value is None else number({"time": value}, "time", 0.0, 1e9)


def score(report: Report) -> float:
    """How good a driver is: the mean over tracks of limit / lap time, with penalties.

    A lap that was not clean loses UNCLEAN; one that was not completed counts -FAILED. Where no
    limit is known, a completed lap counts 0.5.
    """
    values = []
    for result in report.results:
        if not result.completed:
            values.append(-FAILED)
            continue
        share = 0.5 if result.ratio is None else 1.0 / result.ratio
        values.append(share - (0.0 if result.clean else UNCLEAN))
    return float(np.mean(values))


def no_worse(report: Report, laps: list[Lap]) -> bool:
    """True if no lap is slower, less clean or less complete than that of ``laps``, if any."""
    for result, (lap, off) in zip(report.results, laps, strict=bool(laps)):
        if lap is None:
            continue
        if result.lap_time_s is None or result.lap_time_s > lap or result.off_track_s > off:
            return False
    return True
