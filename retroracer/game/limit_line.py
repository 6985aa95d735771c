"""The limit of a track and car, solved beside the game: a frame never waits for it.

Owns the background process and the asking. The solver and its cache are ``laptime.limit``'s.
"""

from __future__ import annotations

import multiprocessing
import os
from contextlib import suppress
from typing import TYPE_CHECKING

from retroracer.errors import UserError
from retroracer.physics.car import Car
from retroracer.track.track import Track

if TYPE_CHECKING:
    from retroracer.laptime.limit import Limit


def _solve(track: Track, car: Car) -> None:
    from retroracer.laptime.limit import limit_of

    with suppress(AttributeError, OSError):
        os.nice(10)  # the race comes first
    with suppress(UserError):
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
        self._process: multiprocessing.process.BaseProcess | None = None
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
            if self._process.is_alive():
                return None
            self._process.join()
            self._process = None
            self._found = known_limit(self._track, self._car)
            return self._found
        self._asked = True
        self._found = known_limit(self._track, self._car)
        if self._found is None and self._solve:
            context = multiprocessing.get_context("spawn")
            try:
                self._process = context.Process(
                    target=_solve, args=(self._track, self._car), daemon=True
                )
                self._process.start()
            except OSError:
                self._process = None  # no more processes to be had: no limit
        return self._found

    def close(self) -> None:
        """Stop solving."""
        if self._process is not None:
            self._process.terminate()
            self._process.join()
            self._process = None
