"""Drawing of the environments: the first car of their batch, in a window or as an array."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from retroracer.envs.car_rows import CarRows
from retroracer.physics import state
from retroracer.track.track import Track


class Viewed:
    """An environment that can be drawn.

    Attributes:
        batch: its cars.
        render_mode: "human", "rgb_array" or None.
        metadata: its ``render_fps`` are the pictures a second of a window.
    """

    batch: CarRows
    render_mode: str | None
    metadata: dict[str, Any]
    _view: Any = None

    def __getstate__(self) -> dict[str, Any]:
        """All attributes except the view, which a copy creates again when it renders."""
        return self.__dict__ | {"_view": None}

    @property
    def track(self) -> Track:
        """The track of the current episode."""
        return self.batch.pool.tracks[int(self.batch.race.ints[0, state.TRACK])]

    def render(self) -> npt.NDArray[np.uint8] | None:
        """Return an (H, W, 3) uint8 picture, or draw into the window at real-time speed."""
        if self.render_mode is None:
            return None
        if self._view is None:
            from retroracer.render.env_view import EnvView

            self._view = EnvView(
                window=self.render_mode == "human", fps=self.metadata["render_fps"]
            )
        picture: npt.NDArray[np.uint8] = self._view.draw(self.batch.race, self.track)
        return None if self.render_mode == "human" else picture

    def close(self) -> None:
        """Close the window, if there is one."""
        if self._view is not None:
            self._view.close()
            self._view = None
