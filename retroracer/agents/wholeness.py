"""Reports whether a model's zip is complete for further SAC training.

It looks for critics, entropy coefficient and optimiser moments, without torch and without
unpickling. How good they are, only driving shows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from retroracer.agents.model_file import damaged, find_model, read_states

OPTIMISERS = {
    "actor": "actor.optimizer",
    "critic": "critic.optimizer",
    "ent_coef": "ent_coef_optimizer",
}
"""Names of the optimisers' states in a zip."""


class Wholeness(NamedTuple):
    """What a zip holds for further training.

    Attributes:
        critics: number of critics; 0 = none.
        critics_trained: True if they were ever updated: they have moments, or differ from their
            targets, which start as copies of them.
        entropy_coefficient: its current value; None = it is not learned, or there is none.
        updates: steps of each optimiser by name; 0 = it has no moments. A fixed entropy
            coefficient has no optimiser.
    """

    critics: int
    critics_trained: bool
    entropy_coefficient: float | None
    updates: Mapping[str, int]

    @property
    def whole(self) -> bool:
        """True if training can continue where it ended: everything is there and was trained."""
        return self.critics_trained and all(self.updates.values())

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for ``--json``."""
        return {**self._asdict(), "updates": dict(self.updates), "whole": self.whole}


def wholeness(name_or_path: str | Path) -> Wholeness:
    """Inspect a SAC model; a ``UserError`` if the file is missing or damaged."""
    path = find_model(name_or_path)
    try:
        states = read_states(path)
        weights = states.get("policy")
        tensors = weights if isinstance(weights, dict) else {}
        alpha = _entropy_coefficient(states.get("pytorch_variables"))
        needed = [who for who in OPTIMISERS if who != "ent_coef" or alpha is not None]
        updates = {who: _steps(states.get(OPTIMISERS[who])) for who in needed}
        return Wholeness(
            len({n.split(".")[1] for n in tensors if n.startswith("critic.qf")}),
            updates["critic"] > 0 or _differs_from_targets(tensors),
            alpha,
            updates,
        )
    except (ValueError, TypeError, AttributeError, KeyError, OverflowError) as error:
        raise damaged(path, str(error)) from None


def _steps(state: Any) -> int:
    """Number of steps behind an optimiser's moments."""
    records = state.get("state") if isinstance(state, dict) else None
    steps = [float(np.asarray(r["step"]).reshape(-1)[0]) for r in (records or {}).values()]
    if not all(0.0 <= step < 2**53 for step in steps):
        raise ValueError("an optimiser's step is not a valid number")
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
        raise ValueError("the logarithm of its entropy coefficient is not from -50 to 50")
    return math.exp(logarithm)
