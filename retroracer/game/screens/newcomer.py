"""A newcomer's first race: the controls until they are used, when to brake, the way back.

Owns what is shown and when it is done with. When to brake is worked out by ``race.coach``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from retroracer.game.controls import Controls
from retroracer.game.race.coach import time_to_brake
from retroracer.game.race.session import Session
from retroracer.game.screens.canvas import Canvas
from retroracer.physics import state

if TYPE_CHECKING:
    from retroracer.laptime.limit import Limit

LOST_FOR = 2.0
"""Time beyond the road after which the way back is told [s]."""

CUED_FOR = 0.5
"""A cue stays at least this long [s]."""

LINE = "first lap: the line is the fastest way round, red where to brake (L: on or off)"

USES = (("up", "throttle"), ("down", "brake"), ("left", "left"), ("right", "right"))
ON_A_PAD = {"up": "RT", "down": "LT", "left": "stick", "right": "stick"}


class Newcomer:
    """Help on the screen: all of it in the ``first`` race there was, else only the way back."""

    def __init__(self, session: Session, controls: Controls, first: bool) -> None:
        self._session, self._controls = session, controls
        self.first = first
        self.used: set[str] = set()
        self._cued = 0.0

    def lost(self, row: int = 0) -> bool:
        """True while a person's car has been beyond the road for long."""
        session = self._session
        beyond = float(session.race.floats[row, state.OFF_FOR])
        return row < session.human and session.finish[row] is None and beyond > LOST_FOR

    @property
    def braking(self) -> bool:
        """True while the cue to brake is shown."""
        return self._cued > 0.0

    @property
    def showing_controls(self) -> bool:
        """True while the controls are on the screen."""
        return self.first and len(self.used) < len(USES)

    def note(self, elapsed: float, limit: Limit | None) -> None:
        """Let race time [s] pass."""
        if not self.first:
            return
        steer, throttle = self._session.actions[0].tolist()
        held = {
            "up": throttle > 0.3, "down": throttle < -0.3, "left": steer > 0.05,
            "right": steer < -0.05,
        }  # fmt: skip
        self.used |= {name for name, now in held.items() if now}
        race = self._session.race
        self._cued = max(self._cued - elapsed, 0.0)
        first_lap = int(race.lap[0]) == 0
        if limit is None or not first_lap or throttle < -0.3:
            self._cued = 0.0
        elif time_to_brake(limit, float(race.s[0]), float(race.speed[0])):
            self._cued = CUED_FOR

    def draw_way_back(self, c: Canvas, row: int, y: float) -> None:
        """Draw how a car that is lost comes back on the road."""
        if not self.lost(row):
            return
        # The button where a pad drives, the key where keys do.
        pad = self._controls.steer is not None and row == 0
        key = f"reset_{row + 1}" if self._session.human > 1 else "reset"
        name, words = "X" if pad else self._key(key), "back on the road"
        wide = c.width(name) + c.width(words) + 38
        x = (c.w - wide) / 2
        c.panel(x, y, wide, 22, alpha=240, edge=c.palette.accent)
        c.hints([(name, words)], x + 12, y + 8, shadow=False)

    def draw(self, c: Canvas) -> None:
        """Draw what helps now."""
        p = c.palette
        self.draw_way_back(c, 0, c.h * 0.34 - 44)
        if self.first and self.braking:
            wide = c.width("BRAKE", 3) + 24
            c.panel((c.w - wide) / 2, c.h * 0.34, wide, 33, alpha=230, edge=p.bad)
            c.text("BRAKE", c.w / 2, c.h * 0.34 + 6, p.bad, 3, anchor=0.5)
        if self.showing_controls:
            self._controls_on(c)

    def _key(self, action: str) -> str:
        return (self._controls.shown(action).split() or ["no key"])[0].upper()

    def _controls_on(self, c: Canvas) -> None:
        """The keys that drive; each goes out once it was used."""
        p = c.palette
        pad = self._controls.steer is not None
        caps = [
            (ON_A_PAD[a] if pad else self._key(a), does) for a, does in USES if a not in self.used
        ]
        total = sum(c.width(a) + c.width(b) + 20 for a, b in caps) - 10
        x, y = (c.w - total) / 2, c.h - 18
        c.panel(x - 10, y - 8, total + 20, 22, alpha=240, edge=p.accent)
        c.hints(caps, x, y, shadow=False)
