"""Watches a learner for the ways SAC goes wrong. Owns the symptoms, not the cure."""

from __future__ import annotations

import math
from collections.abc import Mapping

PATIENCE = 200
"""Rounds before a critic's loss has a usual size, and an entropy coefficient counts as stuck."""

BLOWN_UP = 1000.0
"""Times its usual size at which a critic's loss has left the ground."""

ALPHA_MOST, ALPHA_LEAST = 100.0, 1e-8
"""Entropy coefficients beyond which exploring is all there is, or has long meant nothing."""


class Watch:
    """Looks at the losses of every round of updates."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Start anew: the learner was changed."""
        self._usual = 0.0
        self._rounds = 0
        self._stuck = 0

    def trouble(self, losses: Mapping[str, float]) -> str | None:
        """What is wrong, in words; None if nothing is.

        Args:
            losses: of a round: critic_loss, actor_loss, ent_coef_loss, ent_coef, or those of
                practice, which has a value_loss and no coefficient.
        """
        if not losses:  # nothing was learned in this round
            return None
        for name, value in losses.items():
            if not math.isfinite(value):
                return f"{name} is {value}"
        critic = losses.get("critic_loss", losses.get("value_loss", 0.0))
        alpha = losses.get("ent_coef", 1.0)
        if self._rounds >= PATIENCE and critic > BLOWN_UP * max(self._usual, 1e-3):
            return f"the critic diverges: its loss is {critic:.3g}, usually {self._usual:.3g}"
        share = max(1.0 / (self._rounds + 1), 0.01)
        self._usual += share * (critic - self._usual)
        self._rounds += 1
        self._stuck = self._stuck + 1 if not ALPHA_LEAST <= alpha <= ALPHA_MOST else 0
        if self._stuck > PATIENCE:
            return f"the entropy coefficient is stuck at {alpha:.3g}"
        return None
