"""What is known of a track and car before they are raced: the limit, your best, the author's lap.

Owns the looking up, once for each choice, and having a limit solved where one rests on a track.
"""

from __future__ import annotations

from retroracer.game.race.author import author_lap, authors
from retroracer.game.race.limit_line import LimitFinder
from retroracer.game.replay.records import Records, kind_of
from retroracer.laptime.limit import known_time
from retroracer.physics.car import Car
from retroracer.track.track import Track

REST = 1.0
"""Seconds on a track after which its limit is solved."""

Choice = tuple[str, Car]


class TrackTimes:
    """The times of what is chosen.

    Args:
        records: the player's.
        solve: False never has a limit solved.
    """

    def __init__(self, records: Records, solve: bool = True) -> None:
        self._records, self._solve = records, solve
        self._limits: dict[Choice, float | None] = {}
        self._unsolved: set[Choice] = set()
        self._bests: dict[tuple[str, Car, str], float | None] = {}
        self._authors: dict[Choice, float | None] = {}
        self._revision = records.revision
        self._chosen: Choice | None = None
        self._finder: LimitFinder | None = None
        self._rested = 0.0

    def rest(self, elapsed: float) -> None:
        """Let time [s] pass."""
        self._rested += elapsed

    def close(self) -> None:
        """Stop solving."""
        if self._finder is not None:
            self._finder.close()
            self._finder = None

    def limit(self, track: Track, car: Car) -> float | None:
        """The limit [s], None while it is not known; called for every picture."""
        chosen = (track.digest, car)
        if chosen != self._chosen:
            self.close()
            self._chosen, self._rested = chosen, 0.0
        if chosen not in self._limits:
            self._limits[chosen] = known_time(track, car)
        elif self._finder is not None:
            found = self._finder.get()
            if not self._finder.working:
                self._finder = None
                self._limits[chosen] = found.lap_time if found else None
                self._unsolved.add(chosen)
        elif (
            self._limits[chosen] is None
            and self._solve
            and self._rested > REST
            and chosen not in self._unsolved
        ):
            self._finder = LimitFinder(track, car)
            self._finder.get()
        return self._limits[chosen]

    def _ask_anew(self) -> None:
        """Forget what was read while the records were locked."""
        if self._revision != self._records.revision:
            self._revision = self._records.revision
            self._bests.clear()
            self._authors.clear()

    def best(self, track: Track, car: Car, assists: str) -> float | None:
        """Your best lap [s]."""
        self._ask_anew()
        key = (track.digest, car, assists)
        if key not in self._bests:
            found = self._records.best(kind_of(track, car, assists))
            self._bests[key] = found[1] if found else None
        return self._bests[key]

    def author(self, track: Track, car: Car) -> float | None:
        """The fastest valid lap [s] of a shipped driver in this car."""
        self._ask_anew()
        chosen = (track.digest, car)
        if chosen not in self._authors:
            self._authors[chosen] = author_lap(self._records, authors(car), track, car)
        return self._authors[chosen]
