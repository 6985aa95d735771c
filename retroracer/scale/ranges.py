"""The page of a search: the training command, and the ranges its settings are drawn from.

Owns the page and the random draws. A range may be given for any setting, by its ``--set`` name.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from retroracer import config
from retroracer.errors import UserError
from retroracer.resources import configs_dir


@dataclass(frozen=True)
class Drawn:
    """The range of one setting; exactly one of the four is given.

    ``loguniform`` is uniform in the logarithm, ``randint`` includes both numbers, and the values of
    ``choice`` are equally likely.
    """

    loguniform: tuple[float, float] | None = None
    uniform: tuple[float, float] | None = None
    randint: tuple[int, int] | None = None
    choice: tuple[float | str, ...] | None = None

    def __post_init__(self) -> None:
        """Check what types cannot express."""
        given = [n for n in ("loguniform", "uniform", "randint", "choice") if getattr(self, n)]
        if len(given) != 1:
            raise ValueError("give one of loguniform, uniform, randint and choice")
        pair = self.loguniform or self.uniform or self.randint
        if pair is not None and not pair[0] < pair[1]:
            raise ValueError(f"{given[0]} must go from a lower to a higher number: {list(pair)}")
        if self.loguniform is not None and self.loguniform[0] <= 0:
            raise ValueError("loguniform needs a lower bound above 0")

    def draw(self, rng: np.random.Generator) -> str:
        """A random value, as ``--set`` reads it."""
        if self.choice is not None:
            value = self.choice[int(rng.integers(len(self.choice)))]
            whole = isinstance(value, float) and value == int(value)
            return str(int(value)) if whole else str(value)
        if self.randint is not None:
            return str(int(rng.integers(self.randint[0], self.randint[1] + 1)))
        if self.loguniform is not None:
            low, high = map(math.log, self.loguniform)
            return f"{math.exp(rng.uniform(low, high)):.6g}"
        assert self.uniform is not None
        return f"{rng.uniform(*self.uniform):.6g}"


@dataclass(frozen=True)
class SearchPage:
    """A search page.

    Attributes:
        command: training command of the trials: train-base, fine-tune or train-pixels.
        config: its settings page: a path, or a name in ``configs/``.
        metric: column of ``progress.csv`` that is maximised.
        ranges: range of each setting that varies, by its ``--set`` name.
        sets: settings that all trials share, as ``--set`` texts.
    """

    command: Literal["train-base", "fine-tune", "train-pixels"] = "train-pixels"
    config: str = ""
    metric: str = "episode_return"
    ranges: dict[str, Drawn] = field(default_factory=dict)
    sets: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check what types cannot express."""
        if not self.ranges:
            raise ValueError("ranges: name at least one setting to vary")

    def trained_page(self) -> Path:
        """Path of the settings page that trials start from; a ``UserError`` without it."""
        for path in (Path(self.config), configs_dir() / self.config):
            if path.is_file():
                return path
        raise UserError(
            f"config: {self.config!r} of the search page is neither a file nor a page in configs/"
        )

    def draw(self, trials: int, seed: int) -> list[dict[str, str]]:
        """The settings of each trial, by name; the same for the same seed."""
        rng = np.random.default_rng(seed)
        return [{n: d.draw(rng) for n, d in self.ranges.items()} for _ in range(trials)]


def read_search(name: str) -> SearchPage:
    """Read a search page by its path, or by its name in ``configs/search``.

    Raises:
        UserError: if there is no such page, or it has mistakes.
    """
    path = Path(name)
    if not path.is_file():
        path = configs_dir() / "search" / f"{name}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in (configs_dir() / "search").glob("*.yaml")))
        raise UserError(f"no search page {name!r}; there are: {known}, or give a path")
    return config.load(SearchPage, path)
