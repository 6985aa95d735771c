"""Which driver of a run in company is kept: its races on unseen tracks, and its laps alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from retroracer.agents.model_file import Layers
from retroracer.agents.policy import Policy, load_policy, policy_of
from retroracer.checks import number
from retroracer.training.judging.choice import LapJudge
from retroracer.training.judging.evaluation import Evaluation
from retroracer.training.judging.races import Racer, figures, race

FAULT = 0.02
"""What a contact at fault in 100 km takes from a driver's score; a win in every race is worth 1."""

SLOWER = 1.01
"""No driver is acceptable whose median lap alone is this much slower than its parent's."""


class RaceJudge:
    """Evaluates the drivers of a run in company: from the last place of the grid.

    The driver ``against`` drives the ``rivals`` beside them; each track is raced ``days`` times.
    ``laps`` judges them alone on the same tracks.

    Raises:
        UserError: if there is no driver ``against``.
    """

    def __init__(
        self, laps: LapJudge, rivals: int, against: str, race_laps: int, days: int
    ) -> None:
        self.laps, self.race_laps, self.days = laps, race_laps, days
        rival = load_policy(against)
        self._rivals = [Racer(rival.name, rival, laps.car)] * rivals
        self._parent: float | None = None

    def __call__(self, layers: Layers, activation: str, parent: bool = False) -> Evaluation:
        """Evaluate an actor; see ``LapJudge``."""
        alone = self.laps(layers, activation)
        driver = policy_of(layers, activation)
        driver.action_repeat = self.laps.action_repeat
        raced = self._race(driver)
        ratio = alone.figures["median_ratio"]
        if parent:
            self._parent = ratio
        slow = self._parent is not None and (ratio is None or ratio > SLOWER * self._parent)
        total = alone.score + _worth(raced)
        text = (
            f"wins {raced['wins']}/{raced['races']} from last, finishes {raced['finished']}, "
            f"{raced['contacts_at_fault_per_100km']:.1f} contacts at fault in 100 km; "
            f"alone {alone.text}"
        )
        races = {f"race_{name}": value for name, value in raced.items() if name != "win_interval"}
        return Evaluation(total, not slow, alone.figures | races, text)

    def _race(self, driver: Any) -> dict[str, Any]:
        racers = [Racer("training", driver, self.laps.car), *self._rivals]
        raced = race(racers, self.laps.tracks, "last", self.race_laps, range(self.days))
        return figures(raced, 0)

    def score_of(self, driver: Policy) -> float:
        """The score of any driver on the same tracks."""
        return self.laps.score_of(driver) + _worth(self._race(driver))

    def state(self) -> dict[str, Any]:
        """What a run that goes on must know, as plain data."""
        return {"laps": self.laps.state(), "parent": self._parent}

    def restore(self, facts: Mapping[str, Any]) -> None:
        """Go on where ``state`` was taken; a ValueError if it is of other tracks."""
        self.laps.restore(facts["laps"])
        told = facts["parent"]
        self._parent = None if told is None else number({"parent": told}, "parent", 0.0, 1e9)


def _worth(raced: Mapping[str, Any]) -> float:
    """How good races were: wins, less what was not finished and contacts at fault."""
    lost = 1.0 - raced["completion"]
    return float(raced["win_rate"] - lost - FAULT * raced["contacts_at_fault_per_100km"])
