"""What a model's zip holds for learning to go on: critics, entropy coefficient, moments.

Owns telling it, without torch and without unpickling. Does not own whether it is any good: that
is judged by driving.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from retroracer.agents.model_file import MAX_ENTRIES, damaged, find_model
from retroracer.agents.tensor_file import read_plain
from retroracer.archive import Archive

MAX_STATE_BYTES = 256_000_000

OPTIMISERS = ("actor", "critic", "ent_coef")


class Wholeness(NamedTuple):
    """What there is to go on from.

    Attributes:
        critics: how many; 0 = none.
        critics_trained: whether they were ever updated: they have moments, or differ from
            their targets, of which they are copies at first.
        entropy_coefficient: in effect; None = it is not learned, or there is none.
        updates: that each optimiser remembers, by name; 0 = it remembers none. A fixed
            entropy coefficient has no optimiser.
    """

    critics: int
    critics_trained: bool
    entropy_coefficient: float | None
    updates: Mapping[str, int]

    @property
    def whole(self) -> bool:
        """Whether training goes on where it ended: all is there and all was trained."""
        return self.critics_trained and all(self.updates.values())

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for ``--json``."""
        return {**self._asdict(), "updates": dict(self.updates), "whole": self.whole}


def wholeness(name_or_path: str | Path) -> Wholeness:
    """Look into a model that SAC goes on from.

    Raises:
        UserError: if it is missing or damaged.
    """
    path = find_model(name_or_path)
    try:
        states = _states(path)
        weights = states.get("policy")
        tensors = weights if isinstance(weights, dict) else {}
        alpha = _entropy_coefficient(states.get("pytorch_variables"))
        needed = OPTIMISERS if alpha is not None else OPTIMISERS[:2]
        updates = {who: _steps(_optimiser(states, who)) for who in needed}
        return Wholeness(
            len({n.split(".")[1] for n in tensors if n.startswith("critic.qf")}),
            updates["critic"] > 0 or _differs_from_targets(tensors),
            alpha,
            updates,
        )
    except (ValueError, TypeError, AttributeError, KeyError, OverflowError) as error:
        raise damaged(path, str(error)) from None


def _states(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    left = MAX_STATE_BYTES
    with Archive(path, MAX_ENTRIES) as archive:
        for name in archive.names:
            if name.endswith(".pth"):
                raw = archive.read(name, left)
                left -= len(raw)
                found[name.removesuffix(".pth")] = read_plain(raw, MAX_STATE_BYTES)
    return found


def _optimiser(states: Mapping[str, Any], who: str) -> Any:
    return states.get("ent_coef_optimizer" if who == "ent_coef" else f"{who}.optimizer")


def _steps(state: Any) -> int:
    """Updates an optimiser's moments are of."""
    records = state.get("state") if isinstance(state, dict) else None
    steps = [float(np.asarray(r["step"]).reshape(-1)[0]) for r in (records or {}).values()]
    if not all(0.0 <= step < 2**53 for step in steps):
        raise ValueError("an optimiser's steps are no number")
    return int(min(steps, default=0.0))


def _differs_from_targets(tensors: Mapping[str, Any]) -> bool:
    pairs = [
        (value, tensors.get(name.replace("critic.", "critic_target.", 1)))
        for name, value in tensors.items()
        if name.startswith("critic.")
    ]
    return any(target is not None and not np.array_equal(own, target) for own, target in pairs)


def _entropy_coefficient(variables: Any) -> float | None:
    value = variables.get("log_ent_coef") if isinstance(variables, dict) else None
    if value is None:
        return None
    logarithm = float(np.asarray(value, np.float64).reshape(-1)[0])
    if not -50.0 < logarithm < 50.0:
        raise ValueError("its entropy coefficient is beyond reason")
    return math.exp(logarithm)
