"""Who a learner races: its own earlier selves, its latest, and the ladder, drawn for each race.

A league of fast rivals alone is abandoned by whoever learns to drive out of range; slow ones teach
to pass, earlier selves to be passed and to hold a place. Owns who is in it and the drawing, not
the driving (``envs.crew``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from retroracer.agents.facts import Facts
from retroracer.agents.model_file import Layers
from retroracer.agents.policy import Policy, load_policy
from retroracer.checks import Form, count, demand_array
from retroracer.config import Range
from retroracer.envs.race_task import RACE_LAYOUT
from retroracer.errors import about
from retroracer.physics.race import CONTROL_DT
from retroracer.track.geometry import Ints
from retroracer.training.learners.learner import State

MOST_WEIGHT = 1e6
"""No weight of an earlier self is larger."""


@dataclass(frozen=True)
class LeagueSettings:
    """Who a learner races.

    Attributes:
        ladder: names or paths of drivers, each as likely as the others.
        latest: share of the rivals that are the learner as it was a moment ago.
        past: share of them that are earlier selves; the rest are of the ladder.
        kept: earlier selves kept, the oldest leave first.
        refresh: vector steps after which the latest is taken anew.
        remember: vector steps after which it becomes one of the earlier selves, too.
    """

    ladder: tuple[str, ...] = ("rookie", "club", "pro", "base")
    latest: Annotated[float, Range(low=0, high=1)] = 0.25
    past: Annotated[float, Range(low=0, high=1)] = 0.25
    kept: Annotated[int, Range(low=1, high=100)] = 10
    refresh: Annotated[int, Range(low=1, high=10**9)] = 100
    remember: Annotated[int, Range(low=1, high=10**9)] = 500

    def __post_init__(self) -> None:
        """Check what types cannot say."""
        if self.latest + self.past > 1.0:
            raise ValueError("latest and past are shares of the same rivals: at most 1 in all")
        if not self.ladder and self.latest + self.past < 1.0:
            raise ValueError("ladder: name at least one driver, or let latest and past make 1")


class League:
    """The rivals of a run.

    Args:
        settings: who they are.
        layers: of the driver the run begins with: the first of its earlier selves.
        action_repeat: control steps of 50 ms that the learner holds an action.

    Attributes:
        drivers: by seat: the ladder, the latest, then the earlier selves; entries are replaced.

    Raises:
        UserError: for a driver of the ladder that there is not.
    """

    def __init__(self, settings: LeagueSettings, layers: Layers, action_repeat: int) -> None:
        self.settings, self._repeat = settings, action_repeat
        with about("race.league.ladder"):
            self.drivers: list[Any] = [load_policy(name) for name in settings.ladder]
        self.steps = self.remembered = 0
        own = self._driver(layers)
        self.drivers += [own] * (1 + settings.kept)

    def _driver(self, layers: Layers) -> Policy:
        copies = [(np.array(w), np.array(b)) for w, b in layers]
        notes = {"control_dt": CONTROL_DT * self._repeat}
        return Policy(copies, Facts(RACE_LAYOUT, 0, notes=notes), "earlier self")

    @property
    def selves(self) -> int:
        """Earlier selves there are."""
        return min(1 + self.remembered, self.settings.kept)

    def draw(self, count: int, rivals: int, rng: np.random.Generator) -> Ints:
        """Seats (count, rivals) of the next races' rivals."""
        s, shape = self.settings, (count, rivals)
        ladder = len(s.ladder)
        kind = rng.random(shape)
        of_ladder = rng.integers(max(ladder, 1), size=shape)
        of_past = ladder + 1 + rng.integers(self.selves, size=shape)
        seats = np.where(kind < s.latest + s.past, of_past, of_ladder)
        return np.asarray(np.where(kind < s.latest, ladder, seats), np.int64)

    def due(self) -> bool:
        """Count a vector step; whether the latest is to be taken anew."""
        self.steps += 1
        return self.steps % self.settings.refresh == 0 or self._remembers()

    def _remembers(self) -> bool:
        return self.steps % self.settings.remember == 0

    def take(self, layers: Layers) -> None:
        """The learner is like this now."""
        s, own = self.settings, self._driver(layers)
        self.drivers[len(s.ladder)] = own
        if self._remembers():
            self.remembered += 1
            self.drivers[len(s.ladder) + 1 + self.remembered % s.kept] = own

    def state_facts(self) -> dict[str, Any]:
        """Its counters, as JSON can hold them."""
        return {"steps": self.steps, "remembered": self.remembered}

    def state_arrays(self) -> State:
        """The weights of the latest and of the earlier selves, one row each."""
        own = self.drivers[len(self.settings.ladder) :]
        return {"selves": np.stack([_flat(driver.layers) for driver in own])}

    def restore(self, facts: Mapping[str, Any], arrays: Mapping[str, Any]) -> None:
        """Go on where the state was taken.

        Raises:
            ValueError: if it is of another league.
            KeyError: if something is missing.
        """
        first = len(self.settings.ladder)
        like = self.drivers[first].layers
        shape = (1 + self.settings.kept, len(_flat(like)))
        form = Form(shape, np.float32, -MOST_WEIGHT, MOST_WEIGHT)
        selves = demand_array("the earlier selves", arrays["selves"], form)
        self.steps, self.remembered = count(facts, "steps"), count(facts, "remembered")
        for k, flat in enumerate(selves):
            self.drivers[first + k] = self._driver(_layers(flat, like))


def _flat(layers: Layers) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.concatenate([part.ravel() for layer in layers for part in layer]).astype(np.float32)


def _layers(flat: np.ndarray[Any, Any], like: Layers) -> Layers:
    out, at = [], 0
    for weight, bias in like:
        w = flat[at : at + weight.size].reshape(weight.shape)
        b = flat[at + weight.size : at + weight.size + bias.size]
        out.append((w, b))
        at += weight.size + bias.size
    return out
