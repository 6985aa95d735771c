"""Limits, and lines to follow, of many tracks: the work shared between processes."""

from __future__ import annotations

import multiprocessing
import os
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
    """Lines a line driver can hold, one a track, None where none was found; solved coarsely.

    Args:
        tracks: the tracks.
        car: the car.
        grip_used: share of its grip.
        margin: left free beside the edges of the road [m].
        moment: when to stop solving (``time.monotonic``); the rest are None.
    """
    tasks = [(track, car, grip_used, margin) for track in tracks]
    return shared_out(_line, tasks, None, moment)


def shared_out(
    solve: Callable[..., R | None],
    tasks: Sequence[tuple[Any, ...]],
    tell: Callable[[int, int], None] | None = None,
    moment: float = float("inf"),
) -> list[R | None]:
    """Results of ``solve(*task)`` for each task, in order, over processes if that pays.

    However it is left, by an exception too, no process is left behind.

    Args:
        solve: a function of a module.
        tasks: its arguments.
        tell: called with how many are done, and how many there are.
        moment: when to stop (``time.monotonic``); what is not done by then is None.
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
    workers = min(len(tasks), os.cpu_count() or 1, 8)
    context = multiprocessing.get_context("spawn")  # threads of this process do not survive a fork
    left = None if moment == float("inf") else max(moment - time.monotonic(), 0.0)
    # What is cut short must end at once too, so the pool is left by the exception.
    with suppress(TooLateError), pool(workers, context, serve_only_the_parent, ()) as executor:
        with stops_held_back():
            index = {executor.submit(solve, *task): i for i, task in enumerate(tasks)}
        for count, future in enumerate(as_completed(index, left)):
            out[index[future]] = future.result()
            done(count + 1)
    return out


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
