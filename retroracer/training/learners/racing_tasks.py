"""Which racing task a run's settings ask for: cars that are alone, or races among rivals."""

from __future__ import annotations

from retroracer.training.judging.race_choice import RaceJudge
from retroracer.training.learners.race_training import RaceTraining
from retroracer.training.learners.racing import Racing, racing_parts
from retroracer.training.learners.racing_settings import RacingSettings
from retroracer.training.run.budget import Budget


def make_racing(settings: RacingSettings, budget: Budget) -> Racing:
    """Build the racing task of a run.

    Args:
        settings: settings of the run.
        budget: part of it may be spent on solving limits.

    Raises:
        UserError: for what is missing or unfit.
    """
    car, tracks, laps = racing_parts(settings, budget)
    race = settings.race
    if not race.rivals:
        return Racing(settings, car, tracks, laps)
    judge = RaceJudge(laps, race.rivals, race.against, race.laps, race.days)
    return RaceTraining(settings, car, tracks, judge)
