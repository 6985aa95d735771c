"""Checks the arguments of the envs, once for all of them.

Raises what Gymnasium's own envs raise: TypeError for a wrong type, ValueError for a value out of
bounds. The defaults are defined by the envs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from types import NoneType
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium.error import ResetNeeded
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode

from retroracer.envs import task
from retroracer.envs.batch import RacingBatch
from retroracer.envs.variety import Variety
from retroracer.physics.car import Car
from retroracer.reading import shown
from retroracer.track.track import Track

Bools = npt.NDArray[np.bool_]
Where = str | Path | Track


def whole_number(name: str, value: Any, least: int) -> int:
    """``value`` as an int of at least ``least``.

    Raises:
        TypeError: if it is not an integer.
        ValueError: if it is smaller.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name} must be a whole number, not {shown(value)}")
    if value < least:
        raise ValueError(f"{name} must be at least {least}, not {shown(value)}")
    return int(value)


def one_of(name: str, value: Any, known: Sequence[str]) -> str | None:
    """``value``, which must be None or one of ``known``.

    Raises:
        ValueError: if it is neither.
    """
    if value is not None and value not in known:
        raise ValueError(f"{name} must be {', '.join(known)} or None, not {shown(value)}")
    return None if value is None else str(value)


def of_type(name: str, value: Any, *kinds: type) -> None:
    """Check the type of an argument.

    Raises:
        TypeError: if it is none of ``kinds``.
    """
    if not isinstance(value, kinds) or isinstance(value, bool):
        wanted = " or ".join("None" if k is NoneType else k.__name__ for k in kinds)
        raise TypeError(f"{name} must be {wanted}, not {shown(value)}")


def finite(weights: Any) -> None:
    """Check the weights of a reward, a NamedTuple of numbers.

    Raises:
        ValueError: if one is not finite.
    """
    for name, value in weights._asdict().items():
        if not math.isfinite(value):
            raise ValueError(f"the reward's {name} must be a finite number, not {shown(value)}")


def autoreset(value: Any) -> AutoresetMode:
    """The autoreset mode for a member of AutoresetMode or its value."""
    try:
        return AutoresetMode(value)
    except ValueError:
        known = ", ".join(mode.value for mode in AutoresetMode)
        raise ValueError(f"autoreset_mode must be one of {known}, not {shown(value)}") from None


def tracks_of(track: Any) -> list[Track] | None:
    """The tracks of a ``track=`` argument: a name, a path, a Track, or several; None = random."""
    if track is None:
        return None
    given = [track] if isinstance(track, Where) else track
    if not isinstance(given, list | tuple) or not all(isinstance(t, Where) for t in given):
        raise TypeError(
            "track must be a name, a path, a Track, a list of them, or None for random tracks,"
            f" not {shown(track)}"
        )
    if not given:
        raise ValueError(
            "track is an empty list: give at least one track, or None for random tracks"
        )
    from retroracer.track.files import load_track

    return [t if isinstance(t, Track) else load_track(t) for t in given]


def make_batch(
    n: int,
    track: Any,
    car: Any,
    variety: Any,
    reward: Any,
    laps: Any,
    time: Any,
    action_repeat: Any,
    kind: type[RacingBatch],
    **more: Any,
) -> tuple[RacingBatch, int]:
    """Build the batch for the arguments of a RacingEnv or RacingVectorEnv; returns it and its seed.

    ``kind`` is the batch's class, and ``more`` are further arguments of that class.
    """
    of_type("car", car, str, Path, Car)
    of_type("variety", variety, NoneType, Variety)
    of_type("reward", reward, NoneType, task.Reward)
    of_type("time", time, int, float, np.integer, np.floating)
    if not time > 0.0:
        raise ValueError(
            f"time must be more than 0 s, not {shown(time)}; inf never ends an episode"
        )
    finite(reward or task.Reward())
    ending = task.Ending(laps=whole_number("laps", laps, 0), time=float(time))
    _, seed = seeding.np_random()
    batch = kind(
        n,
        tracks=tracks_of(track),
        car=str(car) if isinstance(car, Path) else car,
        variety=variety,
        reward=reward,
        ending=ending,
        action_repeat=whole_number("action_repeat", action_repeat, 1),
        seed=seed,
        **more,
    )
    return batch, seed


def seeds_of(seed: Any, n: int) -> list[int | None]:
    """A seed for each of N rows; an int s gives s, s + 1, ..., as in Gymnasium's vector envs."""
    if seed is None:
        return [None] * n
    if isinstance(seed, int | np.integer):
        seed = [int(seed) + i for i in range(n)]
    if len(seed) != n:
        raise ValueError(f"{n} envs need as many seeds, not {len(seed)}")
    seeds = [int(s) if isinstance(s, np.integer) else s for s in seed]
    for s in seeds:
        if s is not None:
            seeding.np_random(s)  # raises Gymnasium's error if it is not a seed
    return seeds


def reset_mask(
    options: dict[str, Any] | None, n: int, begun: bool
) -> tuple[Bools | None, dict[str, Any] | None]:
    """The rows of n that ``reset(options=...)`` selects (None = all), and the other options.

    ``begun`` is True if all rows have episodes that can continue.
    """
    if options is None or "reset_mask" not in options:
        return None, options
    mask = options["reset_mask"]
    if not isinstance(mask, np.ndarray) or mask.dtype != np.bool_:
        raise TypeError(f"options['reset_mask'] must be an array of bool, not {shown(mask)}")
    if mask.shape != (n,):
        raise ValueError(f"options['reset_mask'] must be of shape ({n},), not {mask.shape}")
    if not mask.any():
        raise ValueError("options['reset_mask'] must be True for at least one row")
    if not begun and not mask.all():
        raise ResetNeeded("the first reset() must begin all rows: call it without reset_mask")
    return mask, {key: value for key, value in options.items() if key != "reset_mask"}


def still_over(rows: Bools) -> ResetNeeded:
    """The error for a step of rows whose episodes are over and that are not reset automatically."""
    over = ", ".join(map(str, np.flatnonzero(rows)[:8])) + (", ..." if rows.sum() > 8 else "")
    return ResetNeeded(
        f"the episodes of rows {over} are over: reset them before step(), with"
        " reset(options={'reset_mask': terminated | truncated})"
    )
