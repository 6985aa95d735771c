"""The limit of a track and car, solved beside the game: a frame never waits for it.

Owns the asking. The solver and its cache are ``laptime.limit``'s.
"""

from __future__ import annotations

from retroracer.game.race.background_process import BackgroundProcess
from retroracer.laptime.limit import Limit, known_limit, limit_of
from retroracer.physics.car import Car
from retroracer.track.track import Track


class LimitFinder:
    """Finds one limit: from the cache at once, else when a process of its own has solved it.

    Without ``solve`` it only looks in the cache.
    """

    def __init__(self, track: Track, car: Car, solve: bool = True) -> None:
        self._of, self._solve = (track, car), solve
        self._found: Limit | None = None
        self._process: BackgroundProcess | None = None
        self._asked = False

    @property
    def working(self) -> bool:
        """True while it is being solved."""
        return self._process is not None

    def get(self) -> Limit | None:
        """The limit, None while it is not known (yet)."""
        if self._process is not None and not self._process.running:
            self._process = None
            self._found = known_limit(*self._of)
        elif not self._asked:
            self._asked = True
            self._found = known_limit(*self._of)
            if self._found is None and self._solve:
                self._process = BackgroundProcess(limit_of, *self._of)
        return self._found

    def close(self) -> None:
        """Stop solving."""
        if self._process is not None:
            self._process.close()
            self._process = None
