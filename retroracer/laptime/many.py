"""Limits, and lines to follow, of many tracks over processes. Owns only the sharing out."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Sequence
from concurrent.futures import as_completed
from typing import Any, TypeVar

from retroracer.errors import UserError
from retroracer.laptime.limit import Limit, known_time, limit_of
from retroracer.laptime.line_driver import line_to_follow
from retroracer.physics.car import Car
from retroracer.processes import pool, serve_only_the_parent, stops_held_back
from retroracer.track.track import Track

R = TypeVar("R")

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
        out[i] = known_time(track, car)
        if out[i] is None:
            todo.append(i)
    solved = shared_out(lap_limit, [pairs[i] for i in todo], tell)
    for i, time in zip(todo, solved, strict=True):
        out[i] = time
    return out


def lines_to_follow(
    tracks: Sequence[Track], car: Car, grip_used: float, margin: float
) -> list[Limit | None]:
    """Lines a line driver can hold, one a track, None where none was found; solved coarsely.

    Args:
        tracks: the tracks.
        car: the car.
        grip_used: share of its grip.
        margin: left free beside the edges of the road [m].
    """
    return shared_out(_line, [(track, car, grip_used, margin) for track in tracks])


def shared_out(
    solve: Callable[..., R],
    tasks: Sequence[tuple[Any, ...]],
    tell: Callable[[int, int], None] | None = None,
) -> list[R]:
    """Results of ``solve(*task)`` for each task, in order, over processes if that pays.

    Args:
        solve: a function of a module.
        tasks: its arguments.
        tell: called with how many are done, and how many there are.
    """

    def done(count: int) -> None:
        if tell is not None:
            tell(count, len(tasks))

    if not tasks:
        return []
    done(0)
    if len(tasks) < WORTH_A_POOL:
        results = []
        for task in tasks:
            results.append(solve(*task))
            done(len(results))
        return results
    out: dict[int, R] = {}
    workers = min(len(tasks), os.cpu_count() or 1, 8)
    context = multiprocessing.get_context("spawn")  # threads of this process do not survive a fork
    with pool(workers, context, serve_only_the_parent, ()) as executor:
        with stops_held_back():
            index = {executor.submit(solve, *task): i for i, task in enumerate(tasks)}
        for future in as_completed(index):
            out[index[future]] = future.result()
            done(len(out))
    return [out[i] for i in range(len(tasks))]


def lap_limit(track: Track, car: Car) -> float | None:
    """Minimum lap time [s] of one track and car, None where none was found."""
    try:
        return limit_of(track, car).lap_time
    except UserError:
        return None


def _line(track: Track, car: Car, grip_used: float, margin: float) -> Limit | None:
    try:
        return line_to_follow(track, car, grip_used, margin, coarsest=10.0, finest=4.0)
    except UserError:
        return None
