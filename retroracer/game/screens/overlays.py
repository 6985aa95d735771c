"""Looking into the agent (F1 to F4): what it sees, its pedals, its pay, its line.

Owns which of them are on and what they remember. They are drawn by ``sight_view`` and
``agent_panels``. While an overlay is off it costs nothing.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from retroracer.envs.task import REWARD_NAMES, Reward, reward_terms
from retroracer.game.race.session import Session
from retroracer.physics import state
from retroracer.physics.race import CONTROL_DT, N_SUBSTEPS
from retroracer.render.ring import Ring
from retroracer.track.geometry import Array

SHOWN = 60
"""Control steps of pedals and pay that are shown: three seconds."""

TRAIL = 2400
"""Points of the agent's line that are kept: two minutes."""

_NAMES = {
    "sight": "F1: what the agent sees",
    "pedals": "F2: its pedals and yours",
    "reward": "F3: what training would pay it",
    "path": "F4: its line (orange) and the limit's",
}
_IMPACT = state.STEP_IMPACT - state.STEP_PROGRESS


class Overlays:
    """The overlays of a session.

    Args:
        session: read only.

    Attributes:
        on: those shown, of "sight", "pedals", "reward" and "path".
        racing_line: True shows the limit's line as a help for driving.
        helped: True once a line was shown: it belongs on the result.
        told: what the last press did.
    """

    def __init__(self, session: Session, racing_line: bool = False) -> None:
        self.session = session
        self.on: set[str] = set()
        self.racing_line = racing_line
        self.helped = racing_line
        self.told = ""
        self.restart()

    def restart(self) -> None:
        """Forget what was."""
        self.pedals: deque[Array] = deque(maxlen=SHOWN)
        self.pay: deque[Array] = deque(maxlen=SHOWN)
        self.paid = np.zeros(len(REWARD_NAMES))
        self.trail = Ring(TRAIL, 2)
        self._report = np.zeros(state.N_FLOATS - state.STEP_PROGRESS)
        self._before = np.zeros(2)

    def press(self, what: str) -> bool:
        """Switch an overlay; False if ``what`` is none."""
        if what == "line":
            self.racing_line = not self.racing_line
            self.helped |= self.racing_line
            self.told = f"racing line {'on' if self.racing_line else 'off'}"
            return True
        if what not in _NAMES:
            return False
        if not self.session.policies:
            self.told = "no agent to look into"
            return True
        self.on ^= {what}
        self.helped |= "path" in self.on
        self.told = _NAMES[what] if what in self.on else f"{_NAMES[what][:2]} off"
        if what == "reward":
            self.paid[:] = 0.0
        return True

    def agent(self, looked_at: int) -> int:
        """The row of the agent that is shown: the one looked at, or the first."""
        if self.session.roles[looked_at] == "agent":
            return looked_at
        return self.session.roles.index("agent")

    def note(self, looked_at: int) -> None:
        """Remember what this physics step did; called after each."""
        if not self.on or not self.session.policies:
            return
        session, race = self.session, self.session.race
        row = self.agent(looked_at)
        if "reward" in self.on:
            report = race.floats[row, state.STEP_PROGRESS :]
            impact = max(self._report[_IMPACT], report[_IMPACT])
            self._report += report
            self._report[_IMPACT] = impact
        if session.ticks % N_SUBSTEPS:
            return
        if "pedals" in self.on:
            self.pedals.append(np.concatenate([session.actions[row], session.actions[0]]))
        if "path" in self.on:
            self.trail.append((float(race.x[row]), float(race.y[row])))
        if "reward" in self.on:
            f = race.floats[row].copy()
            f[state.STEP_PROGRESS :] = self._report
            actions = session.actions[row].copy()
            # The function training compiles, run as it is written.
            out = np.array(
                reward_terms.py_func(f, actions, self._before, False, CONTROL_DT, Reward())
            )
            self._before = actions
            self.pay.append(out)
            self.paid += out
            self._report[:] = 0.0
