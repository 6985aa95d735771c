"""What ``env.render()`` shows: the car from behind and above, and those that race it.

Reads a race and changes nothing in it; uses no randomness. Only a window waits for real time.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pygame

from retroracer.physics.car import HALF_LENGTH, HALF_WIDTH
from retroracer.physics.race import CONTROL_DT, Race
from retroracer.render.cars import CarView
from retroracer.render.follow import Follower
from retroracer.render.palette import RIVALS
from retroracer.render.scene import TrackScene
from retroracer.render.text import lap_text, write
from retroracer.track.track import Track

SIZE = (960, 540)


class EnvView:
    """A view of one car.

    Args:
        window: True shows it in a window and keeps to real time.
        fps: pictures a second of real time.
    """

    def __init__(self, window: bool = False, fps: int = 20) -> None:
        self._fps = fps
        self._scenes: dict[int, TrackScene] = {}
        self._followers: dict[int, Follower] = {}
        self._last: dict[int, tuple[Track, float]] = {}
        self._screen: pygame.Surface | None = None
        self._clock: pygame.time.Clock | None = None
        if window:
            pygame.display.init()
            self._screen = pygame.display.set_mode(SIZE)
            pygame.display.set_caption("RetroRacer")
            self._clock = pygame.time.Clock()

    def _scene(self, track: Track) -> TrackScene:
        if id(track) not in self._scenes:
            if len(self._scenes) >= 8:
                self._scenes.clear()
            self._scenes[id(track)] = TrackScene(track)
        return self._scenes[id(track)]

    def draw(self, race: Race, track: Track, row: int = 0) -> npt.NDArray[np.uint8]:
        """The picture (H, W, 3) uint8 of a car's row in a race on a track."""
        scene = self._scene(track)
        follower = self._followers.setdefault(row, Follower())
        now = float(race.time[row])
        before = self._last.get(row)
        if before is None or before[0] is not track or now < before[1]:
            follower.jump()
        self._last[row] = (track, now)
        surface = pygame.Surface(SIZE, 0, 32)
        x, y, heading = float(race.x[row]), float(race.y[row]), float(race.heading[row])
        speed = float(race.speed[row])
        camera = follower.view(x, y, heading, speed, SIZE, CONTROL_DT)
        car = CarView(
            x, y, heading, float(race.steer_angle[row]), float(race.s[row]), "agent", marker=False
        )
        scene.draw(surface, camera, [*_company(race, row), car])
        palette = scene.palette
        text = f"{3.6 * speed:3.0f} km/h   lap {race.lap[row] + 1}   {lap_text(race.lap_time[row])}"
        pygame.draw.rect(surface, palette.panel, (0, SIZE[1] - 34, SIZE[0], 34))
        colour = palette.bad if race.off_track[row] else palette.text
        write(surface, text, (14, SIZE[1] - 17), 26, colour, (0.0, 0.5))
        if self._screen is not None and self._clock is not None:
            pygame.event.pump()
            self._screen.blit(surface, (0, 0))
            pygame.display.flip()
            self._clock.tick(self._fps)
        picture = np.frombuffer(pygame.image.tobytes(surface, "RGB"), np.uint8)
        return picture.reshape(SIZE[1], SIZE[0], 3).copy()

    def close(self) -> None:
        """Close the window, if there is one."""
        if self._screen is not None:
            pygame.display.quit()
            self._screen = None


def _company(race: Race, row: int) -> list[CarView]:
    """The other solid cars of a car's race."""
    if race.company is None:
        return []
    begins = race.company.begins
    first = int(np.searchsorted(begins, row, side="right")) - 1
    rows = range(int(begins[first]), int(begins[first + 1]))
    others = [k for k in rows if k != row and race.company.solid[k]]
    return [
        CarView(
            float(race.x[k]), float(race.y[k]), float(race.heading[k]),
            float(race.steer_angle[k]), float(race.s[k]), "agent",
            length=2.0 * float(race.params[k, HALF_LENGTH]),
            width=2.0 * float(race.params[k, HALF_WIDTH]),
            marker=False, colour=RIVALS[k % len(RIVALS)],
        )
        for k in others
    ]  # fmt: skip
