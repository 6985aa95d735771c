"""The racing task in company: one learner a race among a league, the rest as in ``racing``."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from retroracer import config
from retroracer.agents import checkpoint
from retroracer.agents.fast_sac import FastSAC
from retroracer.agents.model_file import find_model, read_facts
from retroracer.envs.race_task import N_RACE_OBS, RACE_LAYOUT
from retroracer.physics.car import Car
from retroracer.track.track import Track
from retroracer.training.learners.league import League
from retroracer.training.learners.race_field import RaceField
from retroracer.training.learners.racing import Racing, StepResult, ending_of
from retroracer.training.learners.racing_settings import RacingSettings


class RaceTraining(Racing):
    """Races, and the model that drives one car in each; arguments as ``Racing``'s.

    A parent that laps alone sees nobody at first: what it is told of others has zero weight, so
    that the run begins with a driver that drives exactly as its parent.
    """

    layout: ClassVar[str] = RACE_LAYOUT
    sees: ClassVar[int] = N_RACE_OBS

    def _load(self, parent: str, env: Any, arguments: dict[str, Any]) -> FastSAC:
        layout = read_facts(find_model(parent)).observation_layout
        return checkpoint.load_sac(parent, env, layout=layout, widen=True, **arguments)

    def _cars(self, settings: RacingSettings, car: Car, tracks: list[Track] | None) -> RaceField:
        layers, _ = checkpoint.actor_layers(self.model)
        self.league = League(settings.race.league, layers, settings.action_repeat)
        return RaceField(
            settings.cars,
            settings.race.rivals,
            self.league,
            alone=settings.race.alone,
            tracks=tracks,
            car=car,
            variety=settings.variety,
            reward=settings.weights(0.0),
            racing=settings.race.weights(),
            ending=ending_of(settings),
            seed=settings.seed,
            action_repeat=settings.action_repeat,
        )

    def _notes(self) -> dict[str, Any]:
        return {"race": config.to_dict(self.settings.race)}

    def step(self, actions: np.ndarray[Any, Any]) -> StepResult:
        """Let the learner's cars act; now and then the league takes it over as it is now."""
        result = super().step(actions)
        if self.league.due():
            with self.averaged() as model:
                self.league.take(checkpoint.actor_layers(model)[0])
        return result
