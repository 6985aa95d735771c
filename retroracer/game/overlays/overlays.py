"""The overlays of a race: which of them are on, what they are told, what they draw on the road."""

from __future__ import annotations

from retroracer.game.overlays.lidar import Beams
from retroracer.game.overlays.lines import Lines, draw_limit_line
from retroracer.game.overlays.overlay import Overlay, View
from retroracer.game.overlays.pedals import Pedals
from retroracer.game.overlays.reward import RewardTerms
from retroracer.game.overlays.sight import Sight
from retroracer.game.race.session import Session
from retroracer.laptime.limit import Limit
from retroracer.physics.race import N_SUBSTEPS

OVERLAYS: list[type[Overlay]] = [Sight, Pedals, RewardTerms, Lines, Beams]
"""All there are, in the order of their keys and panels."""


class Overlays:
    """The overlays of a session.

    Args:
        session: read only.
        racing_line: True begins with the limit's line as a help for driving.

    Attributes:
        every: all there are, by name.
        on: names of those shown.
        racing_line: True shows the limit's line, red where it brakes.
        helped: True once a line was shown: it belongs on the result.
        told: what the last press did.
    """

    def __init__(self, session: Session, racing_line: bool = False) -> None:
        self.session = session
        self.every: dict[str, Overlay] = {kind.name: kind(session) for kind in OVERLAYS}
        self.on: set[str] = set()
        self.racing_line = racing_line
        self.helped = racing_line
        self.told = ""

    @property
    def shown(self) -> list[Overlay]:
        """Those that are on, in the table's order."""
        return [o for name, o in self.every.items() if name in self.on]

    def restart(self) -> None:
        """Forget what was."""
        for overlay in self.every.values():
            overlay.restart()

    def press(self, what: str, looked_at: int = 0) -> bool:
        """Switch an overlay while looking at a car's row; False if ``what`` is none."""
        if what == "line":
            self.racing_line = not self.racing_line
            self.helped |= self.racing_line
            self.told = f"racing line {'on' if self.racing_line else 'off'}"
            return True
        overlay = self.every.get(what)
        if overlay is None:
            return False
        if not self.session.policies:
            self.told = "no agent to look into"
            return True
        self.on ^= {what}
        key = overlay.key.upper()
        if what not in self.on:
            self.told = f"{key} off"
            return True
        self.helped |= overlay.helps
        self.told = f"{key}: {overlay.switched_on(self.agent(looked_at))}"
        return True

    def agent(self, looked_at: int) -> int:
        """The row of the agent that is shown: the one looked at, or the first."""
        if self.session.roles[looked_at] == "agent":
            return looked_at
        return self.session.roles.index("agent")

    def note(self, looked_at: int) -> None:
        """Take in the physics step just made; called after each."""
        if not self.on or not self.session.policies:
            return
        row = self.agent(looked_at)
        decided = self.session.ticks % N_SUBSTEPS == 0
        for overlay in self.shown:
            overlay.note_tick(row)
            if decided:
                overlay.note_step(row)

    def draw_road(self, view: View, looked_at: int, limit: Limit | None) -> None:
        """Draw what is on the road; the first in the table comes last, on top."""
        if limit is not None and self.racing_line:
            draw_limit_line(view, limit)
            limit = None
        if self.on and self.session.policies:
            row = self.agent(looked_at)
            for overlay in reversed(self.shown):
                overlay.draw_road(view, row, limit)
