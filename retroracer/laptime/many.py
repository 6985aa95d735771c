"""Limits of many tracks at once, over processes. Owns only the sharing out of the work."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed

from retroracer.errors import UserError
from retroracer.laptime.limit import known_limit, limit_of
from retroracer.physics.car import Car
from retroracer.track.track import Track

WORTH_A_POOL = 4
"""Fewer unsolved tracks than this are solved right here; starting processes takes a second."""


def lap_limits(
    pairs: Sequence[tuple[Track, Car]], tell: Callable[[int, int], None] | None = None
) -> list[float | None]:
    """Minimum lap times [s] of tracks and cars, from the cache or solved and cached.

    Args:
        pairs: tracks with their cars.
        tell: called with how many of the unsolved ones are done, and how many there are.

    Returns:
        One time a pair, None where no limit was found.
    """
    out: list[float | None] = [None] * len(pairs)
    todo = []
    for i, (track, car) in enumerate(pairs):
        known = known_limit(track, car)
        if known is None:
            todo.append(i)
        else:
            out[i] = known.lap_time
    if not todo:
        return out

    def done(count: int) -> None:
        if tell is not None:
            tell(count, len(todo))

    done(0)
    if len(todo) < WORTH_A_POOL:
        for count, i in enumerate(todo):
            out[i] = lap_limit(*pairs[i])
            done(count + 1)
        return out
    workers = min(len(todo), os.cpu_count() or 1, 8)
    context = multiprocessing.get_context("spawn")  # threads of this process do not survive a fork
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        index = {pool.submit(lap_limit, *pairs[i]): i for i in todo}
        try:
            for count, future in enumerate(as_completed(index)):
                out[index[future]] = future.result()
                done(count + 1)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return out


def lap_limit(track: Track, car: Car) -> float | None:
    """Minimum lap time [s] of one track and car, None where none was found."""
    try:
        return limit_of(track, car).lap_time
    except UserError:
        return None
