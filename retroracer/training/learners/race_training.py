"""The racing task in company: one learner a race among a league, the rest as in ``racing``."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from retroracer import config
from retroracer.agents import checkpoint
from retroracer.agents.facts import Facts
from retroracer.agents.fast_sac import FastSAC
from retroracer.agents.model_file import find_model, read_facts
from retroracer.agents.widening import Kept
from retroracer.envs.observation import N_OBS
from retroracer.envs.race_task import N_RACE_OBS, RACE_LAYOUT
from retroracer.errors import UserError
from retroracer.physics.car import Car
from retroracer.reading import shown_path
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

    def _load(
        self, settings: RacingSettings, parent: str, env: Any, arguments: dict[str, Any]
    ) -> FastSAC:
        facts, added = read_facts(find_model(parent)), settings.race.added
        layout = facts.observation_layout
        model = checkpoint.load_sac(
            parent, env, layout=layout, widen=True, added=added, **arguments
        )
        if added and model.kept is None:
            model.kept = _kept(facts, parent)
        return model

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
        kept = self.model.kept
        notes = (
            {} if kept is None else {"kept": {"inputs": kept.inputs, "hidden": list(kept.hidden)}}
        )
        return {"race": config.to_dict(self.settings.race), **notes}

    def step(self, actions: np.ndarray[Any, Any]) -> StepResult:
        """Let the learner's cars act; now and then the league takes it over as it is now."""
        result = super().step(actions)
        if self.league.due():
            with self.averaged() as model:
                self.league.take(checkpoint.actor_layers(model)[0])
        return result


def _kept(facts: Facts, parent: str) -> Kept:
    """What was kept in a parent that already sees others."""
    told: Any = facts.notes.get("kept")
    widths = facts.layers
    try:
        inputs, hidden = int(told["inputs"]), tuple(int(width) for width in told["hidden"])
        if (
            inputs != N_OBS
            or len(hidden) != len(widths)
            or any(not 0 < own <= all_ for own, all_ in zip(hidden, widths, strict=True))
        ):
            raise ValueError
    except (KeyError, TypeError, ValueError, OverflowError):
        raise UserError(
            f"race.added: {shown_path(find_model(parent))} already sees others and no part of it "
            "was kept; set race.added to 0, or name a parent that laps alone"
        ) from None
    return Kept(inputs, hidden)
