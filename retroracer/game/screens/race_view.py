"""A race drawn: ground, marks, cars between two physics steps, dust; the following camera.

Owns the picture of a session, not what is written over it (``hud``).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pygame

from retroracer.game.race.session import Session
from retroracer.physics import state
from retroracer.render.camera import Camera
from retroracer.render.cars import TRANSLUCENT, CarView, Role
from retroracer.render.effects import Effects, Wheels
from retroracer.render.follow import Follower
from retroracer.render.palette import SECOND, Colour
from retroracer.render.scene import TrackScene
from retroracer.render.streaks import draw_streaks
from retroracer.track.geometry import Array

MOST_NAMED = 4
"""With more agents than this, only the nearest ones have their names drawn."""

APART = 3.0
"""Cars that began in one place and are nearer than this share one name [m]."""

Layer = Callable[[pygame.Surface, Camera], None]


def slip_of(session: Session, row: int) -> tuple[float, float]:
    """Slip of a car's front and rear tyres in shares of the slip at which they slide (brush)."""
    race, car = session.race, session.cars[row]
    vx, vy, turn = (float(a[row]) for a in (race.vx, race.vy, race.yaw_rate))
    along = max(abs(vx), 3.0)
    front = math.atan2(vy + car.l_front * turn, along) - float(race.steer_angle[row])
    rear = math.atan2(vy - car.l_rear * turn, along)
    full = 3.0 * car.mu
    return abs(front) * car.stiffness_front / full, abs(rear) * car.stiffness_rear / full


def wheels_of(session: Session, row: int) -> Wheels:
    """A car's wheels for the marks they leave."""
    race, car = session.race, session.cars[row]
    front, rear = slip_of(session, row)
    throttle = float(session.actions[row, 1])
    speed = float(race.speed[row])
    locked = throttle < -0.9 and speed > 12.0
    spun = throttle > 0.9 and speed < 9.0
    return Wheels(
        x=float(race.x[row]),
        y=float(race.y[row]),
        heading=float(race.heading[row]),
        half_track=0.42 * car.width,
        front=car.l_front,
        rear=car.l_rear,
        sliding_front=front > 0.75 or locked,
        sliding_rear=rear > 0.75 or locked or spun,
        off=bool(race.off_track[row]),
        speed=speed,
    )


class RaceView:
    """The picture of a session.

    Args:
        session: read only.
        scene: of its track.
        heading_up: False keeps north at the top.
        colours: of the agents' cars; empty = the agents' colour.
        shared: another view of the same session: its marks, dust and sparks are this one's too.
    """

    def __init__(
        self,
        session: Session,
        scene: TrackScene,
        heading_up: bool,
        colours: Sequence[Colour],
        shared: RaceView | None = None,
    ) -> None:
        self.colours = colours
        self.session = session
        self.scene = scene
        self.effects: Effects = Effects() if shared is None else shared.effects
        self._leaves = shared is None
        self.shake = 0.0  # of the picture, beside the road and on impact, 0 to 1
        self._struck = 0.0
        self._felt = -1.0  # time of the last bump that was taken in
        self.follower = Follower(heading_up)
        self.row = 0

    def jump(self) -> None:
        """Reset the camera and remove all marks, as after a restart."""
        self.follower.jump()
        self.effects.clear()
        self._felt = -1.0

    def look_at(self, row: int) -> None:
        """Follow another car."""
        self.row = row
        self.follower.jump()

    def note(self) -> None:
        """Add tyre marks, dust and sparks; to be called after every control step."""
        session = self.session
        race = session.race
        for i in range(race.n):
            if self._leaves and race.speed[i] > 2.0:
                self.effects.add(i, wheels_of(session, i), session.time)
            hard = float(race.floats[i, state.STEP_IMPACT])
            if hard > 2.0:
                if self._leaves:
                    self.effects.strike(float(race.x[i]), float(race.y[i]), hard, session.time)
                if i == self.row:
                    self._struck = min(hard / 10.0, 1.0)
        control = session.control
        for bump in control.bumps if control is not None else ():
            if bump.time > self._felt:
                if self._leaves:
                    self.effects.bump(bump.x, bump.y, bump.closing, bump.time)
                if self.row in bump.rows:
                    self._struck = max(self._struck, min(0.15 + bump.closing / 8.0, 1.0))
        self._felt = control.bumps[-1].time if control is not None and control.bumps else -1.0

    def _opacity(self, row: int) -> float:
        """Opacity of a car: 1 if solid or followed by the camera, less for a ghost."""
        company = self.session.race.company
        solid = company is not None and bool(company.solid[row])
        return 1.0 if solid or row == self.row else TRANSLUCENT

    def _named(self, pose: Array, order: Sequence[int]) -> set[int]:
        """Rows of the agents whose names are drawn beside them; of cars in one place only one."""
        session = self.session
        agents = session.race.n - session.human
        if agents < 2:
            return set()
        if agents > MOST_NAMED:  # only those nearest to the car looked at
            far = np.hypot(*(pose[:, :2] - pose[self.row, :2]).T)
            nearest = sorted(order[:-1], key=lambda i: float(far[i]))[:MOST_NAMED]
            return {i for i in nearest if session.roles[i] == "agent"}
        named: set[int] = set()
        for i in reversed(order):  # the car looked at comes first
            near = any(np.hypot(*(pose[i, :2] - pose[j, :2])) < APART for j in named)
            if session.roles[i] == "agent" and not (session.one_start and near):
                named.add(i)
        return named

    def draw(
        self,
        surface: pygame.Surface,
        share: float,
        elapsed: float,
        road: Layer,
        ghosts: Sequence[CarView],
    ) -> Camera:
        """Draw the present, between the last two physics steps.

        Args:
            surface: drawn on.
            share: how far the present is from the step before the last to the last.
            elapsed: real time since the last picture [s].
            road: paints on the road below the cars.
            ghosts: cars of other laps.
        """
        session, race = self.session, self.session.race
        now = session.pose()
        pose: Array = session.before + share * (now - session.before)
        order = [i for i in range(race.n) if i != self.row] + [self.row]
        cars = [*ghosts]
        named = self._named(pose, order)
        for i in order:
            role: Role = "human" if session.roles[i] == "human" else "agent"
            car = CarView.of(
                session.cars[i],
                pose[i],
                float(race.steer_angle[i]),
                float(race.s[i]),
                role,
                self._opacity(i),
                bool(session.actions[i, 1] < -0.05),
            )
            if i == 1 and role == "human":
                car = replace(car, colour=SECOND)
            if self.colours and role == "agent":
                car = replace(car, colour=self.colours[i - session.human])
                if session.one_start:
                    car = replace(car, marker=False, opacity=0.9)
            if i in named:
                car = replace(car, tag=session.names[i])
            cars.append(car)
        x, y, heading = (float(v) for v in pose[self.row])
        speed = float(race.speed[self.row])
        camera = self.follower.view(x, y, heading, speed, surface.get_size(), elapsed)
        camera = self._shaken(camera, speed, elapsed)
        way = heading + math.atan2(float(race.vy[self.row]), max(float(race.vx[self.row]), 1.0))
        palette = self.scene.palette

        def marks() -> None:
            draw_streaks(surface, camera, palette, speed, way)
            self.effects.draw_marks(surface, camera, palette)
            road(surface, camera)

        self.scene.draw(surface, camera, cars, marks)
        self.effects.draw_dust(surface, camera, palette, session.time)
        self.effects.draw_sparks(surface, camera, session.time)
        return camera

    def _shaken(self, camera: Camera, speed: float, elapsed: float) -> Camera:
        """The camera, shaken beside the road and after an impact."""
        self._struck *= math.exp(-elapsed / 0.16)
        rough = 0.22 * min(speed / 40.0, 1.0) * bool(self.session.race.off_track[self.row])
        size = self.shake * (rough + self._struck) * camera.size[1] / 60.0
        if size < 0.05:
            return camera
        t = self.session.time
        px = size * np.array([math.sin(53.0 * t), math.sin(71.0 * t + 1.3)])
        moved = camera.anchor + px / np.array(camera.size)
        return replace(camera, anchor=(float(moved[0]), float(moved[1])))
