"""The track of the day: random by its date, the same for all with this version of the game."""

from __future__ import annotations

import datetime
from dataclasses import replace
from functools import lru_cache

from retroracer.track.generate import track_from_seed
from retroracer.track.track import Track

DAILY = "daily"
"""Its name in the settings and on the command line."""


def today() -> datetime.date:
    """The date in UTC, so that a day begins for all at once."""
    return datetime.datetime.now(datetime.UTC).date()


@lru_cache(maxsize=4)
def daily_track(day: datetime.date) -> Track:
    """The track of a date."""
    track = track_from_seed(day.year * 10_000 + day.month * 100 + day.day)
    return replace(track, name=f"daily-{day.isoformat()}", title=f"Daily {day.day} {day:%b}")
