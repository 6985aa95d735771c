"""Limits, and lines to follow, of many tracks, solved in several processes."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Sequence
from concurrent.futures import TimeoutError as TooLateError
from concurrent.futures import as_completed
from contextlib import suppress
from typing import Any, TypeVar

from retroracer.errors import UserError
from retroracer.laptime.limit import Limit, known_time, limit_of
from retroracer.laptime.line_driver import line_to_follow
from retroracer.physics.car import Car
from retroracer.processes import cores, pool, serve_only_the_parent, stops_held_back
from retroracer.track.track import Track

R = TypeVar("R")

WORTH_A_POOL = 4
"""Fewer tasks than this are done in this process, because starting others takes a second."""


def lap_limits(
    pairs: Sequence[tuple[Track, Car]], tell: Callable[[int, int], None] | None = None
) -> list[float | None]:
    """Minimum lap times [s] of tracks and cars, from the cache or solved and cached.

    Args:
        pairs: tracks with their cars.
        tell: called with the numbers of limits solved and to be solved.

    Returns:
        One time per pair, None where no limit was found.
    """
    out = [known_time(track, car) for track, car in pairs]
    todo = [i for i, time in enumerate(out) if time is None]
    solved = solve_all(lap_limit, [pairs[i] for i in todo], tell)
    for i, seconds in zip(todo, solved, strict=True):
        out[i] = seconds
    return out


def lines_to_follow(
    tracks: Sequence[Track],
    car: Car,
    grip_used: float,
    margin: float,
    moment: float = float("inf"),
) -> list[Limit | None]:
    """Lines that a line driver can follow (``line_to_follow``), solved with coarse nodes.

    Args:
        tracks: the tracks.
        car: the car.
        grip_used: fraction of its grip that the lines use.
        margin: distance the lines keep from the edges of the road [m].
        moment: when to stop solving (``time.monotonic``).

    Returns:
        One line per track, None where none was found in time.
    """
    tasks = [(track, car, grip_used, margin) for track in tracks]
    return solve_all(_line, tasks, None, moment)


def solve_all(
    solve: Callable[..., R | None],
    tasks: Sequence[tuple[Any, ...]],
    tell: Callable[[int, int], None] | None = None,
    moment: float = float("inf"),
) -> list[R | None]:
    """Results of ``solve(*task)`` for each task, in order; in several processes if that is faster.

    No process is left running, even after an exception.

    Args:
        solve: a function defined in a module.
        tasks: its arguments.
        tell: called with the number of tasks done and the number of all.
        moment: when to stop (``time.monotonic``); results not ready by then are None.
    """

    def done(count: int) -> None:
        if tell is not None:
            tell(count, len(tasks))

    out: list[R | None] = [None] * len(tasks)
    if not tasks:
        return out
    done(0)
    if len(tasks) < WORTH_A_POOL:
        for k, task in enumerate(tasks):
            if time.monotonic() >= moment:
                break
            out[k] = solve(*task)
            done(k + 1)
        return out
    workers = min(len(tasks), cores(), 8)
    context = multiprocessing.get_context("spawn")  # threads of this process do not survive a fork
    left = None if moment == float("inf") else max(moment - time.monotonic(), 0.0)
    # On a time-out the exception leaves the pool's block, which ends its processes at once.
    with suppress(TooLateError), pool(workers, context, serve_only_the_parent, ()) as executor:
        with stops_held_back():
            index = {executor.submit(solve, *task): i for i, task in enumerate(tasks)}
        for count, future in enumerate(as_completed(index, left)):
            out[index[future]] = future.result()
            done(count + 1)
    return out


def lap_limit(track: Track, car: Car) -> float | None:
    """Minimum lap time [s] of one track and car; None if no limit was found."""
    try:
        return limit_of(track, car).lap_time
    except UserError:
        return None


def _line(track: Track, car: Car, grip_used: float, margin: float) -> Limit | None:
    try:
        return line_to_follow(track, car, grip_used, margin, coarsest=10.0, finest=4.0)
    except UserError:
        return None
