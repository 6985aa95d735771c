"""F3: the reward of every step, term by term, with the weights the agent was trained with.

The terms are those of ``envs.task.reward_terms``, the function that training compiles.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

import numpy as np

from retroracer.envs.task import REWARD_NAMES, Reward, reward_terms
from retroracer.game.overlays.overlay import HISTORY, WIDE, Overlay, draw_history
from retroracer.game.screens.canvas import Canvas
from retroracer.physics import state
from retroracer.physics.race import CONTROL_DT
from retroracer.render.palette import shade
from retroracer.track.geometry import Array

HIGH = 58.0 + 10 * len(REWARD_NAMES)
CURVE = 26.0
"""Of it, the curve of the sum, which is left out where there is little room."""

_STEP = slice(state.STEP_PROGRESS, state.N_FLOATS)
"""What the kernel tells of its last advance: sums, but for the impact, which is a maximum."""

_IMPACT = state.STEP_IMPACT - state.STEP_PROGRESS


def trained_with(reward: Mapping[str, Any]) -> Reward | None:
    """The weights in a model's facts; None if they do not name any."""
    known = {
        name: float(reward[name])
        for name in Reward._fields
        if type(reward.get(name)) in (int, float)
    }
    unknown = dict.fromkeys(Reward._fields, 0.0)  # a term that is younger than the model
    return Reward(**unknown | known) if known else None


class RewardTerms(Overlay):
    """The reward, now and in sum.

    Attributes:
        weights: those of the agent looked at.
        its_own: True if it was trained with them; False if its model does not tell, and they
            are the task's default.
        terms: of the last control steps.
        total: of each term since it was switched on.
    """

    name, key, does = "reward", "f3", "its reward"

    def restart(self) -> None:
        """Forget what was."""
        self.terms: deque[Array] = deque(maxlen=HISTORY)
        self.total = np.zeros(len(REWARD_NAMES))
        self._step = np.zeros(state.N_FLOATS - state.STEP_PROGRESS)
        self._before = np.zeros(2)
        self._row = -1

    def _look_at(self, row: int) -> None:
        """Take over the weights of an agent."""
        if row == self._row:
            return
        self._row = row
        policy = self.session.policies[row - self.session.human]
        own = trained_with(policy.facts.reward)
        self.weights, self.its_own = own or Reward(), own is not None

    def switched_on(self, row: int) -> str:
        """Sums begin anew."""
        self.total[:] = 0.0
        self._look_at(row)
        if self.its_own:
            return "the reward it was trained with"
        return "the default reward"

    def note_tick(self, row: int) -> None:
        """Add up what the kernel tells: it forgets at every physics step."""
        now = self.session.race.floats[row, _STEP]
        impact = max(self._step[_IMPACT], now[_IMPACT])
        self._step += now
        self._step[_IMPACT] = impact

    def note_step(self, row: int) -> None:
        """Work the terms out."""
        self._look_at(row)
        f = self.session.race.floats[row].copy()
        f[_STEP] = self._step
        actions = self.session.actions[row].copy()
        # The function training compiles, run as it is written.
        weights = self.weights
        terms = reward_terms.py_func(f, actions, self._before, False, CONTROL_DT, weights)
        self._before = actions
        self.terms.append(np.array(terms))
        self.total += self.terms[-1]
        self._step[:] = 0.0

    def height(self, row: int, little: bool) -> float:
        """With the curve or without."""
        return HIGH - CURVE if little else HIGH

    def draw_panel(self, c: Canvas, x: float, y: float, row: int, little: bool) -> None:
        """Draw a line a term, and the curve of their sum."""
        p = c.palette
        high = self.height(row, little)
        self._look_at(row)
        c.panel(x, y, WIDE, high)
        c.text("REWARD", x + 6, y + 5, p.text_dim)
        c.text("now", x + 84, y + 5, p.text_dim, anchor=1.0)
        c.text("sum", x + WIDE - 6, y + 5, p.text_dim, anchor=1.0)
        told = "as it was trained" if self.its_own else "default weights"
        c.text(told, x + 6, y + 15, p.good if self.its_own else p.accent)
        now = self.terms[-1] if self.terms else np.zeros(len(REWARD_NAMES))
        for k, name in enumerate(REWARD_NAMES):
            top = y + 27 + 10 * k
            colour = p.good if now[k] > 0 else p.bad if now[k] < 0 else p.text_dim
            c.text(name.replace("_", " ").removesuffix("ness"), x + 6, top, p.text, width=50)
            c.text(f"{now[k]:+z.2f}", x + 84, top, colour, anchor=1.0, width=40)
            c.text(f"{self.total[k]:+z.0f}", x + WIDE - 6, top, p.text, anchor=1.0, width=34)
        if little:
            return
        box = (x + 6, y + high - CURVE, WIDE - 12, 20.0)
        c.rect(*box, shade(p.panel, 0.7))
        sums = np.array([t.sum() for t in self.terms]) if self.terms else np.zeros(1)
        reach = max(1.0, float(np.abs(sums).max()))
        draw_history(c, box, sums, p.accent, -reach, reach)
