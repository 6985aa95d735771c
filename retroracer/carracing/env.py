"""CarRacing-v3 with its frame drawn straight at 96x96; everything else is Gymnasium's own.

Owns: when a frame is drawn, and handing the stock env's state to the painter.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium.utils import EzPickle

from retroracer.carracing.frame import draw_frame, work_space
from retroracer.carracing.instruments import SCORE_COLUMNS, TOP, score_picture
from retroracer.carracing.road_pieces import road_pieces
from retroracer.carracing.stock import car_racing
from retroracer.carracing.wheels import QuickCar
from retroracer.envs.arguments import one_of
from retroracer.reading import shown

Frame = npt.NDArray[np.uint8]
FRAME = (car_racing.STATE_H, car_racing.STATE_W, 3)


class FastCarRacing(car_racing.CarRacing):
    """Gymnasium's CarRacing, with the same episode for the same seed and actions.

    State, reward, endings and info are the stock env's to the last bit; frames differ by a few
    hundredths of a level of 255 on average. Arguments not listed are Gymnasium's.

    Args:
        render_mode: as Gymnasium's; those pictures are drawn by its own painter.
        render: False draws no frames at all, for drivers that read the state: observations are
            zeros, and only the physics takes time.

    Attributes:
        draws: whether ``step`` and ``reset`` draw. A wrapper that throws frames away turns this
            off for them, and asks for ``frame()`` where it needs one after all.
    """

    car: Any  # the stock class declares them None until the first reset
    road: Any

    def __init__(
        self,
        render_mode: str | None = None,
        verbose: bool = False,
        lap_complete_percent: float = 0.95,
        domain_randomize: bool = False,
        continuous: bool = True,
        render: bool = True,
    ) -> None:
        one_of("render_mode", render_mode, self.metadata["render_modes"])
        if not 0.0 < lap_complete_percent <= 1.0:
            told = shown(lap_complete_percent)
            raise ValueError(f"lap_complete_percent is a share, above 0 and at most 1, not {told}")
        stock = (render_mode, verbose, lap_complete_percent, domain_randomize, continuous)
        super().__init__(*stock)
        EzPickle.__init__(self, *stock, render)
        self.draws = render
        self._state = np.zeros(27)

    def _create_track(self) -> bool:
        made: bool = super()._create_track()  # type: ignore[no-untyped-call]
        if made:
            # One array holds every tile's colour, and the tiles see rows of it: when the car
            # touches a tile and the stock env recolours it in place, the painter sees it too.
            self._colours = np.array([tile.color for tile in self.road], np.float64)
            for tile, colour in zip(self.road, self._colours, strict=True):
                tile.color = colour
            rows = iter(self._colours)
            self.road_poly = [
                (poly, colour if isinstance(colour, tuple) else next(rows))
                for poly, colour in self.road_poly
            ]
            self._pieces = road_pieces(self.road_poly, self.track)
            self._ground = np.trunc(np.array([self.bg_color, self.grass_color], np.float64))
        return made

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Begin an episode; arguments as Gymnasium's."""
        first: tuple[Any, dict[str, Any]] = super().reset(seed=seed, options=options)
        self.car = QuickCar.of(self.car)
        return first

    def frame(self) -> Frame:
        """The picture of this moment: (96, 96, 3) uint8, a new array."""
        state, car, p = self._state, self.car, self._pieces
        state[0] = self.t
        hull = car.hull
        for k, wheel in enumerate(car.wheels):
            state[1 + 3 * k], state[2 + 3 * k] = wheel.position
            state[3 + 3 * k] = wheel.angle
            state[16 + k] = wheel.phase
            state[21 + k] = wheel.omega
        state[13], state[14] = hull.position
        state[15] = hull.angle
        vx, vy = hull.linearVelocity
        state[20] = (vx * vx + vy * vy) ** 0.5
        state[25] = car.wheels[0].joint.angle
        state[26] = hull.angularVelocity
        out = np.empty(FRAME, np.uint8)
        draw_frame(
            out, *work_space(), p.corners, p.paint, p.circle, self._colours, self._ground, state
        )
        out[TOP:, :SCORE_COLUMNS] = score_picture(f"{self.reward:04.0f}")
        return out

    def render(self) -> Any:
        """As Gymnasium's; None in "human" mode, whose pictures are in the window."""
        picture = super().render()  # type: ignore[no-untyped-call]
        return None if self.render_mode == "human" else picture

    def _render(self, mode: str) -> Any:
        if mode != "state_pixels":
            return super()._render(mode)
        return self.frame() if self.draws else np.zeros(FRAME, np.uint8)
