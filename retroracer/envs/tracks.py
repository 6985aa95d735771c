"""The tracks that episodes are driven on: given ones, or endless random ones.

Owns the bank of a batch. Random tracks are kept in a pool of slots; slots that no car uses get
new tracks from time to time, so that training never runs out of tracks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from retroracer.checks import count, generator_state
from retroracer.envs.variety import Variety
from retroracer.track.bank import TrackBank, pack, put
from retroracer.track.generate import DEFAULT_RANGES, random_track
from retroracer.track.recipe import UNEVEN
from retroracer.track.track import Track

MIN_POOL, MAX_POOL = 16, 256
"""Bounds of the number of random tracks in the pool, which is otherwise the number of cars."""

FRESH = 0.25
"""Probability that the next episode of a single car is on a new track. Not always: a random driver
crashes every few seconds, and making a track takes as long as a hundred steps."""

RENEWAL = 32768
"""Steps, summed over all cars, after which one unused slot gets a new track."""


ROOM = 2400
"""Rows reserved for a random track: 4.8 km at 2 m spacing, more than the generator makes."""


class TrackPool:
    """Tracks by slot, and the bank that packs them.

    ``users`` is the number of cars on each slot; ``episodes`` updates it when it places cars.

    Args:
        tracks: the tracks to draw from; None = endless random tracks.
        n_cars: number of cars that drive.
        variety: probability of the other direction, range of widths, share of uneven tracks.
        rng: source of randomness.
    """

    def __init__(
        self,
        tracks: Sequence[Track] | None,
        n_cars: int,
        variety: Variety,
        rng: np.random.Generator,
    ) -> None:
        self.endless = tracks is None
        self._variety = variety
        self._given = [] if tracks is None else list(tracks)
        self._size = min(max(MIN_POOL, n_cars), MAX_POOL)
        self._alone = n_cars == 1
        self._fill(rng)
        self._kept = 0 if self.endless else len(self.tracks)
        self.users = np.zeros(len(self.tracks), np.int64)
        self.bank: TrackBank = pack(self.tracks, room=ROOM if self.endless else 0)

    def _fill(self, rng: np.random.Generator) -> None:
        self._steps = 0
        # The generator's state before a slot's random track was made, to make it again.
        self._origins: list[dict[str, Any]] = []
        if self.endless:
            self._origins = [dict(rng.bit_generator.state)] * self._size
            self.tracks = [self._random(rng)] * self._size
        else:
            self.tracks = [self._widened(t, rng) for t in self._given]
            if self._variety.reverse > 0.0:
                self.tracks += [t.reversed() for t in self.tracks]
        # A slot of a random pool gets its own track when it is first drawn.
        self._own = np.full(len(self.tracks), not self.endless)

    def reseed(self, rng: np.random.Generator) -> None:
        """Reset the pool to what a new one with ``rng`` would be; no episode may be under way."""
        self._steps = 0
        if self._same_everywhere:
            return
        self._fill(rng)
        if len(self.tracks) == len(self.users):
            for slot, track in enumerate(self.tracks):
                put(self.bank, slot, track)
        else:  # ``take`` has added slots
            self.users = np.zeros(len(self.tracks), np.int64)
            self.bank = pack(self.tracks, room=ROOM if self.endless else 0)

    @property
    def _same_everywhere(self) -> bool:
        """True if all pools of these tracks are equal, whatever their seed."""
        return not self.endless and self._variety.width[0] == self._variety.width[1] == 1.0

    def _widened(self, track: Track, rng: np.random.Generator) -> Track:
        low, high = self._variety.width
        if low == high == 1.0:
            return track
        factor = rng.uniform(low, high)
        # A half-width must stay below the radius of the bend.
        inside = np.maximum(np.abs(track.curvature), 1e-6)
        room = 0.9 / inside
        return replace(
            track,
            half_width_left=np.minimum(track.half_width_left * factor, np.maximum(room, 3.0)),
            half_width_right=np.minimum(track.half_width_right * factor, np.maximum(room, 3.0)),
        )

    def _random(self, rng: np.random.Generator) -> Track:
        share = self._variety.uneven
        # Without a share no number is drawn, so that a seed gives the tracks it always gave.
        uneven = share > 0.0 and rng.random() < share
        track = self._widened(random_track(rng, UNEVEN if uneven else DEFAULT_RANGES), rng)
        return track.reversed() if rng.random() < self._variety.reverse else track

    def draw(self, count: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
        """Choose the slots (count,) of the next episodes' tracks."""
        if self.endless:
            slots = (rng.random(count) * len(self.tracks)).astype(np.int64)
            for slot in np.unique(slots[~self._own[slots]]):
                self._renew(int(slot), rng)
            if self._alone and rng.random() < FRESH:
                self._renew(int(slots[0]), rng)
            return slots
        slots = (rng.random(count) * len(self._given)).astype(np.int64)
        if self._variety.reverse > 0.0:
            slots += len(self._given) * (rng.random(count) < self._variety.reverse)
        return slots

    def take(
        self,
        others: Sequence[TrackPool],
        drawn: Sequence[int],
        leaving: npt.NDArray[np.int64],
    ) -> npt.NDArray[np.int64]:
        """Copy tracks drawn from other pools (of the same tracks and variety) into this pool.

        Args:
            others: M pools.
            drawn: (M,) the slot drawn from each.
            leaving: (M,) slots that the cars concerned leave.

        Returns:
            (M,) slots in this pool.
        """
        if self._same_everywhere:
            return np.array(drawn, np.int64)  # the same tracks in the same slots
        others_tracks = [pool.tracks[slot] for pool, slot in zip(others, drawn, strict=True)]
        free = self.users - np.bincount(leaving, minlength=len(self.users)) == 0
        free[: self._kept] = False
        lacking = len(drawn) - int(free.sum())
        if lacking > 0:
            free = np.append(free, np.ones(lacking, np.bool_))
            self.users = np.append(self.users, np.zeros(lacking, np.int64))
            self._own = np.append(self._own, np.ones(lacking, np.bool_))
            self._origins += self._origins[:1] * lacking
            self.tracks += others_tracks[:1] * lacking
            longest = max(track.n for track in others_tracks + self.tracks)
            self.bank = pack(self.tracks, room=max(ROOM if self.endless else 0, longest))
        slots = np.flatnonzero(free)[: len(drawn)]
        for slot, pool, theirs in zip(slots.tolist(), others, drawn, strict=True):
            self._own[slot] = True
            if self.endless:
                self._origins[slot] = pool._origins[theirs]
            self.tracks[slot] = pool.tracks[theirs]
            put(self.bank, slot, self.tracks[slot])
        return slots

    def age(self, steps: int, rng: np.random.Generator) -> None:
        """Count ``steps`` more steps of cars; every RENEWAL steps renew an unused slot."""
        self._steps += steps
        if not self.endless or self._steps < RENEWAL:
            return
        self._steps = 0
        idle = np.flatnonzero(self.users == 0)
        if idle.size:
            self._renew(int(idle[rng.integers(idle.size)]), rng)

    def _renew(self, slot: int, rng: np.random.Generator) -> None:
        self._own[slot] = True
        self._origins[slot] = dict(rng.bit_generator.state)
        self.tracks[slot] = self._random(rng)
        put(self.bank, slot, self.tracks[slot])

    def state(self) -> dict[str, Any]:
        """Plain data from which ``restore`` makes the same tracks in an equal pool."""
        return {"steps": self._steps, "own": self._own.tolist(), "origins": self._origins}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore the tracks of a pool from what ``state`` returned.

        Raises:
            ValueError: if it belongs to another pool.
        """
        origins, own = state["origins"], state["own"]
        if not isinstance(origins, list) or not isinstance(own, list):
            raise ValueError("the pool of tracks is not a list")
        if len(origins) != len(self._origins) or len(own) != len(self._own):
            raise ValueError("the pool of tracks has another size")
        if not all(type(o) is bool for o in own):
            raise ValueError("the pool of tracks has flags that are not true or false")
        origins = [generator_state(o) for o in origins]
        for slot, origin in enumerate(origins):
            if origin != self._origins[slot]:
                rng = np.random.Generator(np.random.PCG64())
                rng.bit_generator.state = origin
                self._renew(slot, rng)
                self._origins[slot] = origin
        self._own[:] = own
        self._steps = count(state, "steps")
