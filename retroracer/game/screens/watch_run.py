"""Watch it learn: a run's checkpoints as coloured cars from one start, new ones as they come."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np

from retroracer.agents.model_file import car_of, read_facts
from retroracer.agents.policy import Policy, load_policy
from retroracer.errors import UserError
from retroracer.game.race.garage import Setup
from retroracer.game.screens.race import RaceScreen
from retroracer.game.screens.screen import AppServices
from retroracer.render.palette import Colour, mix
from retroracer.track.files import find_track, load_track
from retroracer.track.track import Track

MOST = 8
"""Cars on the road at once."""

EVERY = 1.0
"""Seconds between two looks into the folder."""

EARLY, MIDDLE, LATE = (70, 88, 190), (198, 96, 140), (255, 222, 90)
"""Colours of the first checkpoint, of one halfway, and of the newest: dark to light."""


class Checkpoint(NamedTuple):
    """A driver on its way: the steps it experienced, its zip."""

    steps: int
    path: Path


def checkpoints(run: Path) -> list[Checkpoint]:
    """The checkpoints of a run by their steps; broken or half-written ones are left out."""
    folder = run / "checkpoints" if (run / "checkpoints").is_dir() else run
    found = []
    for path in folder.glob("*.zip"):
        with suppress(UserError):
            found.append(Checkpoint(read_facts(path).steps, path))
    return sorted(found)


def spread(found: list[Checkpoint], most: int = MOST) -> list[Checkpoint]:
    """At most ``most`` of them, evenly spread, the first and the newest always among them."""
    if len(found) <= most:
        return found
    places = np.unique(np.linspace(0, len(found) - 1, most).round().astype(int))
    return [found[i] for i in places.tolist()]


def steps_text(steps: int) -> str:
    """Steps in a few characters."""
    if steps >= 1_000_000:
        return f"{steps / 1e6:.1f}M"
    return f"{steps / 1e3:.0f}k" if steps >= 1000 else str(steps)


def colour_at(share: float) -> Colour:
    """The colour of a checkpoint, 0 the first to 1 the newest."""
    if share < 0.5:
        return mix(EARLY, MIDDLE, 2.0 * share)
    return mix(MIDDLE, LATE, 2.0 * share - 1.0)


def run_setup(run: Path, track: Track, page: Path) -> Setup:
    """A race of a run's checkpoints.

    Raises:
        UserError: if there is none that can be raced.
    """
    if not run.is_dir():
        raise UserError(f"no run at {run}; a run is a folder that training wrote, e.g. runs/base")
    policies: list[Policy] = []
    names: list[str] = []
    for checkpoint in reversed(spread(checkpoints(run))):  # the camera follows the first car
        with suppress(UserError):
            policies.append(load_policy(checkpoint.path))
            names.append(steps_text(checkpoint.steps))
    if not policies:
        raise UserError(f"no checkpoints in {run} yet: they are saved as the run evaluates")
    last = max(len(policies) - 1, 1)
    return Setup(
        track=track,
        path=page,
        policies=tuple(policies),
        cars=tuple(car_of(policy.facts, policy.name) for policy in policies),
        human=False,
        laps=1,
        names=tuple(names),
        colours=tuple(colour_at(i / last) for i in reversed(range(len(policies)))),
        one_start=True,
    )


class RunScreen(RaceScreen):
    """A race of a run's checkpoints that begins again when a new one has come and a lap is over."""

    def __init__(self, app: AppServices, run: Path, track: str) -> None:
        self.run = run
        self._page = find_track(track)
        super().__init__(app, run_setup(run, load_track(self._page), self._page), lights=False)
        self._seen = checkpoints(run)
        self._since = 0.0
        self._fresh = False

    def advance(self, elapsed: float) -> None:
        """Let real time [s] pass."""
        super().advance(elapsed)
        self._since += elapsed
        if self._since >= EVERY:
            self._since = 0.0
            now = checkpoints(self.run)
            if now != self._seen:
                self._seen, self._fresh = now, True
                self.app.tell(f"new checkpoint: {steps_text(now[-1].steps)} steps" if now else "")
        if self.session.finish[0] is not None and self.since_over == 0.0:
            self.since_over = 1e-9  # the newest has finished: do not wait for slower ones
        if self._fresh and (self.session.finish[0] is not None or self.session.time > 20.0):
            self._again()
        elif self.showing_results and self.since_over > 8.0:
            self.restart()

    def _again(self) -> None:
        """Race the checkpoints there are now."""
        self._fresh = False
        try:
            setup = run_setup(self.run, self.setup.track, self._page)
        except UserError as error:
            self.app.tell(str(error), bad=True)
            return
        if setup.names != self.setup.names:
            self.take(setup, self.scene)
        else:
            self.restart()
