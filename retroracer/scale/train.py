"""``scale train``: makes the feed, the actors' simulators and the task from a run's settings.

Owns nothing of the run itself; that is ``training.run``.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from retroracer.agents.rows import Contract
from retroracer.envs import task as racing_task
from retroracer.errors import UserError
from retroracer.physics.car import Car
from retroracer.scale.cars import Cars, CarsPlan
from retroracer.scale.driving import AnyEnv, maker
from retroracer.scale.feed import RayFeed
from retroracer.scale.table import learner_line, table_of
from retroracer.scale.work import Build
from retroracer.track.track import Track
from retroracer.training.learners.racing import look_for, racing_parts
from retroracer.training.learners.stream_settings import LIDAR, NOBODY, RACING, StreamSettings
from retroracer.training.learners.streamed import demand_sac
from retroracer.training.learners.streamed_task import OtherSimulator, Streamed, StreamedRacing
from retroracer.training.run.budget import Budget
from retroracer.training.run.hardware import leave_cores, machine
from retroracer.training.run.progress import Screen

LINE_EVERY = 30.0
"""Seconds between lines about the actors where there is no terminal for a table."""


class TableScreen(Screen):
    """A run's screen with the table of its actors."""

    def __init__(self) -> None:
        super().__init__(above=self._table)
        self.feed: RayFeed | None = None
        self._told = time.monotonic()

    def _table(self) -> Any:
        return None if self.feed is None else table_of(self.feed.seen)

    def update(self, *args: Any) -> None:
        """Update the bar; without a terminal, print a line about the actors now and then."""
        super().update(*args)
        now = time.monotonic()
        if self._bar.disable and now >= self._told + LINE_EVERY and self.feed is not None:
            self._told = now
            if self.feed.seen:
                self.say(learner_line(self.feed.seen))


def look(settings: StreamSettings) -> str:
    """Check that what the settings name exists; returns what is trained on, in words."""
    demand_sac(settings.stages)
    env = settings.stream.env
    if env == RACING:
        look_for(settings)
        return " and ".join(settings.track) or "endless random tracks"
    if env == NOBODY:
        return "whatever its actors drive"
    share = settings.sac.demonstrations.share  # type: ignore[attr-defined]
    if share:
        raise UserError(f"there are no demonstrations of {env}: sac.demonstrations.share=0")
    if env == LIDAR:
        look_for(settings)
        return f"{' and '.join(settings.track) or 'endless random tracks'}, seen by lidar"
    maker(env)
    return env


def make_task(
    settings: StreamSettings, budget: Budget, folder: Path, address: str | None, screen: TableScreen
) -> Streamed:
    """The task of a run with actors, its feed not yet open.

    Part of the budget may be spent on solving minimum-time laps. ``address`` is HOST:PORT of a Ray
    cluster; None = this machine.
    """
    stream = settings.stream

    def feed(contract: Contract, builds: Sequence[Build]) -> RayFeed:
        made = RayFeed(
            contract, builds, folder.name, address, settings.seed + 1, stream.rollout, screen.say
        )
        screen.feed = made
        if address is None and builds:
            leave_cores(len(builds))
            screen.say(f"updates on {machine(settings.device)}; actors have the other cores")
        return made

    def cars(car: Car, tracks: list[Track] | None) -> RayFeed:
        plans = plans_of(settings, car, tracks)
        builds = [functools.partial(Cars, plan) for plan in plans if plan.n]
        return feed(plans[0].contract(), builds)

    made: Streamed
    if stream.env == RACING:
        parts = racing_parts(settings, budget)
        made = StreamedRacing(settings, parts, cars(*parts[:2]), folder)
    elif stream.env == LIDAR:
        tracks, car = look_for(settings)
        made = OtherSimulator(settings, cars(car, tracks), folder)
    elif stream.env == NOBODY:
        contract = Contract("", stream.obs_dim or 0, stream.act_dim or 0)
        made = OtherSimulator(settings, feed(contract, []), folder)
    else:
        builds = [
            functools.partial(AnyEnv, stream.env, stream.envs, settings.seed + 1000 * (k + 1))
            for k in range(stream.actors)
        ]
        made = OtherSimulator(settings, feed(AnyEnv(stream.env, 1, 0).contract, builds), folder)
    made.tell = screen.say
    return made


def plans_of(settings: StreamSettings, car: Car, tracks: list[Track] | None) -> list[CarsPlan]:
    """One plan per actor, the run's cars divided among them; without actors one plan of no cars."""
    stream = settings.stream
    plans = []
    for k in range(max(stream.actors, 1)):
        share = settings.cars // max(stream.actors, 1)
        n = max(share + (k < settings.cars - share * stream.actors), 1) if stream.actors else 0
        plan = CarsPlan(
            n,
            car,
            tracks,
            settings.variety,
            racing_task.Ending(
                time=settings.episode, off_track=settings.patience, stall=settings.patience
            ),
            settings.weights(0.0),
            settings.action_repeat,
            settings.seed + 1000 * (k + 1),
            stream.accel_scales[k % len(stream.accel_scales)],
            stream.steer_scale,
            stream.env == LIDAR,
        )
        plans.append(plan)
    return plans
