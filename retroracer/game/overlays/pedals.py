"""F2: the wheel and the pedals of the agent, and yours, over the last seconds."""

from __future__ import annotations

from collections import deque

import numpy as np

from retroracer.game.overlays.overlay import HISTORY, WIDE, Overlay, draw_history
from retroracer.game.screens.canvas import Canvas
from retroracer.render.palette import Colour, shade
from retroracer.track.geometry import Array

HIGH, LOW = 50.0, 40.0
"""Height of one driver's curves [UI pixels], and where there is little room."""


class Pedals(Overlay):
    """The actions of the agent, and yours."""

    name, key, does = "pedals", "f2", "its pedals and yours"

    def restart(self) -> None:
        """Forget what was."""
        self.actions: deque[Array] = deque(maxlen=HISTORY)

    def note_step(self, row: int) -> None:
        """Keep both actions."""
        actions = self.session.actions
        self.actions.append(np.concatenate([actions[row], actions[0]]))

    def height(self, row: int, little: bool) -> float:
        """Of one block or two: yours is shown if you drive."""
        return 6.0 + (LOW if little else HIGH) * (1 + (self.session.human and row != 0))

    def draw_panel(self, c: Canvas, x: float, y: float, row: int, little: bool) -> None:
        """Draw throttle above steer for each driver."""
        p = c.palette
        each = LOW if little else HIGH
        strip = each / 2 - 9
        history = np.array(self.actions) if self.actions else np.zeros((1, 4))
        blocks: list[tuple[str, Array, Colour]] = [("AGENT", history[:, 0:2], p.agent)]
        if self.session.human and row != 0:
            blocks.append(("YOU", history[:, 2:4], p.human))
        c.panel(x, y, WIDE, self.height(row, little))
        for b, (name, inputs, colour) in enumerate(blocks):
            top = y + 5 + each * b
            c.text(name, x + 6, top, colour)
            steer, throttle = inputs[-1]
            way = "left" if steer > 0.02 else "right" if steer < -0.02 else ""
            pedal = "brake" if throttle < -0.02 else "drive" if throttle > 0.02 else "coast"
            c.text(f"{pedal} {way}", x + WIDE - 6, top, p.text_dim, anchor=1.0)
            for k, values in enumerate((inputs[:, 1], inputs[:, 0])):
                box = (x + 6, top + 11 + (strip + 2) * k, WIDE - 12, strip)
                c.rect(*box, shade(p.panel, 0.7))
                c.rect(box[0], box[1] + strip / 2, box[2], 0.5, p.panel_edge)
                draw_history(c, box, values, p.text if k else colour, -1.0, 1.0)
