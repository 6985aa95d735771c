"""The limit of a track and car, solved beside the game: a frame never waits for it.

Owns the asking. The solver and its cache are ``laptime.limit``'s.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from retroracer.game.race.background_process import BackgroundProcess
from retroracer.physics.car import Car
from retroracer.track.track import Track

if TYPE_CHECKING:
    from retroracer.laptime.limit import Limit


def _solve(track: Track, car: Car) -> None:
    from retroracer.laptime.limit import limit_of

    limit_of(track, car)


class LimitFinder:
    """Finds one limit: from the cache at once, else when a process of its own has solved it.

    Args:
        track: the track.
        car: the car.
        solve: False only looks in the cache.
    """

    def __init__(self, track: Track, car: Car, solve: bool = True) -> None:
        self._track, self._car = track, car
        self._found: Limit | None = None
        self._process: BackgroundProcess | None = None
        self._asked = False
        self._solve = solve

    @property
    def working(self) -> bool:
        """True while it is being solved."""
        return self._process is not None

    def get(self) -> Limit | None:
        """The limit, None while it is not known (yet)."""
        if self._found is not None or (self._asked and self._process is None):
            return self._found
        from retroracer.laptime.limit import known_limit

        if self._process is not None:
            if self._process.running:
                return None
            self._process = None
            self._found = known_limit(self._track, self._car)
            return self._found
        self._asked = True
        self._found = known_limit(self._track, self._car)
        if self._found is None and self._solve:
            self._process = BackgroundProcess(_solve, self._track, self._car)
        return self._found

    def close(self) -> None:
        """Stop solving."""
        if self._process is not None:
            self._process.close()
            self._process = None
