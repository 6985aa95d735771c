"""Detects divergence of a learner from its losses. What is done about it is the run's business."""

from __future__ import annotations

import math
from collections.abc import Mapping

PATIENCE = 200
"""Rounds before the critic's loss counts as having a usual size, and rounds an entropy coefficient
must stay out of bounds before it counts as stuck."""

BLOWN_UP = 1000.0
"""Ratio of the critic's loss to its usual size at which the critic counts as diverged."""

ALPHA_MOST, ALPHA_LEAST = 100.0, 1e-8
"""Bounds outside which the entropy coefficient counts as diverged."""


class Watch:
    """Looks at the losses of every round of updates."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Forget the losses seen so far: another stage begins, or weights were restored."""
        self._usual = 0.0
        self._rounds = 0
        self._stuck = 0

    def trouble(self, losses: Mapping[str, float]) -> str | None:
        """What is wrong, in words; None if nothing is.

        Args:
            losses: of a round, by name: critic_loss, actor_loss, ent_coef_loss and ent_coef of
                SAC; PPO has a value_loss and no entropy coefficient.
        """
        if not losses:  # no updates in this round
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
