"""The kernel a second time: slow, literal Python over a Track, one car, no packing, no caches.

Written from the contracts (docstrings), with the standard library's mathematics, to hold the
compiled kernel against. Deliberately naive: the foot on the centreline is found by bisection.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from retroracer.physics.car import AIR_DENSITY, GRAVITY, Car
from retroracer.track.track import Track

DT = 0.01


def clamp(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)


@dataclass
class ReferenceCar:
    """One car on one track, advanced one physics step at a time."""

    car: Car
    track: Track
    x: float = 0.0
    y: float = 0.0
    heading: float = 0.0
    vx: float = 0.0
    vy: float = 0.0
    yaw_rate: float = 0.0
    ax: float = 0.0
    ay: float = 0.0
    ar: float = 0.0
    steer_angle: float = 0.0
    s: float = 0.0
    offset: float = 0.0
    grip: float = 1.0
    drag: float = 0.0
    progress: float = 0.0
    time: float = 0.0
    off_time: float = 0.0
    wall_time: float = 0.0
    laps: list[float] = field(default_factory=list)  # times at which the line was crossed
    begun_at: float = 0.0  # station of the start
    furthest: float = 0.0  # last line crossed, in metres from station 0 of the first lap

    def place(self, s: float, offset: float, heading_error: float, speed: float) -> None:
        t = self.track
        self.s = self.begun_at = s % t.length
        self.offset = offset
        xy, _ = t.pose_at(np.array([self.s]), np.array([offset]))
        self.x, self.y = float(xy[0, 0]), float(xy[0, 1])
        i, j, f = self.cell(self.s)
        ahead = t.heading[j] + (t.closing_turn if j == 0 else 0.0)
        self.heading = float(t.heading[i] + f * (ahead - t.heading[i])) + heading_error
        self.vx = speed
        self.grip, self.drag = self.surface()

    # The track at a station: every quantity linear between samples, surfaces by the sample.
    def cell(self, s: float) -> tuple[int, int, float]:
        u = (s % self.track.length) / self.track.spacing
        row = min(int(u), self.track.n - 1)
        return row, (row + 1) % self.track.n, u - row

    def centre(self, s: float) -> tuple[float, float, float, float]:
        """Position and unit tangent of the centreline."""
        i, j, f = self.cell(s)
        t = self.track
        x, y = t.xy[i] + f * (t.xy[j] - t.xy[i])
        a, b = t.heading[i], t.heading[j]
        tx = (1 - f) * math.cos(a) + f * math.cos(b)
        ty = (1 - f) * math.sin(a) + f * math.sin(b)
        norm = math.hypot(tx, ty)
        return float(x), float(y), tx / norm, ty / norm

    def half_widths(self) -> tuple[float, float]:
        i, j, f = self.cell(self.s)
        left, right = self.track.half_width_left, self.track.half_width_right
        return (
            float(left[i] + f * (left[j] - left[i])),
            float(right[i] + f * (right[j] - right[i])),
        )

    def surface(self) -> tuple[float, float]:
        i, _, _ = self.cell(self.s)
        t = self.track
        left, right = self.half_widths()
        kerb = next((s for s in t.surfaces if s.name == "kerb"), t.surfaces[0])
        if self.offset > left:
            on_kerb = self.offset <= left + t.kerb_left[i]
            under = kerb if on_kerb else t.surfaces[t.runoff_left[i]]
        elif -self.offset > right:
            on_kerb = -self.offset <= right + t.kerb_right[i]
            under = kerb if on_kerb else t.surfaces[t.runoff_right[i]]
        else:
            under = t.surfaces[t.road[i]]
        speed2 = self.vx**2 + self.vy**2
        return under.grip, under.drag + under.ploughing * speed2

    def along_and_across(self, s: float) -> tuple[float, float]:
        x, y, tx, ty = self.centre(s)
        qx, qy = self.x - x, self.y - y
        return qx * tx + qy * ty, tx * qy - ty * qx

    def project(self) -> float:
        """Station gained: where the normal meets the car, by bisection near the last one."""
        low, high = -8.0, 8.0
        for _ in range(60):
            middle = 0.5 * (low + high)
            if self.along_and_across(self.s + middle)[0] > 0.0:
                low = middle
            else:
                high = middle
        return 0.5 * (low + high)

    def axle_force(self, across: float, along: float, stiffness: float, limit: float) -> float:
        slip = across / along
        z = stiffness * slip / limit
        if abs(z) >= 3.0:
            return -math.copysign(limit, z)
        return -limit * (z - z * abs(z) / 3.0 + z**3 / 27.0)

    def accelerations(
        self, vx: float, vy: float, r: float, angle: float, throttle: float
    ) -> tuple[float, float, float]:
        c = self.car
        wheelbase = c.l_front + c.l_rear
        v2 = vx * vx + vy * vy
        lift = 0.5 * AIR_DENSITY * c.lift_area * v2
        weight = c.mass * GRAVITY
        front = weight * c.l_rear / wheelbase + lift * c.aero_front
        rear = weight * c.l_front / wheelbase + lift * (1.0 - c.aero_front)
        mu = c.mu * self.grip
        if throttle >= 0.0:
            drive = throttle * min(c.drive_force, c.power / max(vx, 1.0))
            fx_front, fx_rear = drive * c.drive_front, drive * (1.0 - c.drive_front)
        else:
            rolling = clamp(vx / 0.5, 0.0, 1.0)
            brake = throttle * c.brake_force * rolling
            back = throttle * c.reverse_force * (1.0 - rolling)
            back *= max(0.0, 1.0 + vx / c.reverse_speed)
            fx_front = brake * c.brake_front
            fx_rear = brake * (1.0 - c.brake_front) + back
        asked = clamp(fx_front + fx_rear, -mu * (front + rear), mu * (front + rear))
        shift = asked * c.cg_height / wheelbase
        front = max(front - shift, 0.02 * weight)
        rear = max(rear + shift, 0.02 * weight)
        cap = c.longitudinal_use * mu
        fx_front = clamp(fx_front, -cap * front, cap * front)
        fx_rear = clamp(fx_rear, -cap * rear, cap * rear)
        stiffness = max(c.stiffness_front, c.stiffness_rear) * GRAVITY
        slow = stiffness * max(1.0, c.mass * c.l_front * c.l_rear / c.yaw_inertia) / 60.0
        side = vy + c.l_front * r
        along = vx * math.cos(angle) + side * math.sin(angle)
        across = side * math.cos(angle) - vx * math.sin(angle)
        fy_front = self.axle_force(
            across,
            max(abs(along), slow),
            c.stiffness_front * front,
            math.sqrt((mu * front) ** 2 - fx_front**2),
        )
        fy_rear = self.axle_force(
            vy - c.l_rear * r,
            max(abs(vx), slow),
            c.stiffness_rear * rear,
            math.sqrt((mu * rear) ** 2 - fx_rear**2),
        )
        fx = fx_front * math.cos(angle) - fy_front * math.sin(angle)
        fy = fx_front * math.sin(angle) + fy_front * math.cos(angle)
        speed = math.sqrt(v2)
        resist = 0.5 * AIR_DENSITY * c.drag_area * speed / c.mass
        resist += (c.rolling * GRAVITY + self.drag) / max(speed, 0.5)
        return (
            (fx + fx_rear) / c.mass - resist * vx + vy * r,
            (fy + fy_rear) / c.mass - resist * vy - vx * r,
            (c.l_front * fy - c.l_rear * fy_rear) / c.yaw_inertia,
        )

    def move(self, steer: float, throttle: float) -> None:
        c = self.car
        fast = ((self.vx + DT * self.ax) / c.steer_speed) ** 2
        lock = c.steer_lock_fast + (c.steer_lock - c.steer_lock_fast) / (1.0 + fast)
        turn = clamp(steer * lock - self.steer_angle, -c.steer_rate * DT, c.steer_rate * DT)
        vx = self.vx + 0.5 * DT * self.ax
        vy = self.vy + 0.5 * DT * self.ay
        r = self.yaw_rate + 0.5 * DT * self.ar
        middle = self.heading + 0.5 * DT * self.yaw_rate
        a = self.accelerations(vx, vy, r, self.steer_angle + 0.5 * turn, throttle)
        self.ax, self.ay, self.ar = a
        self.steer_angle += turn
        self.x += DT * (vx * math.cos(middle) - vy * math.sin(middle))
        self.y += DT * (vx * math.sin(middle) + vy * math.cos(middle))
        self.heading += DT * r
        self.vx += DT * self.ax
        self.vy += DT * self.ay
        self.yaw_rate += DT * self.ar

    def meet_walls(self) -> None:
        i, _, _ = self.cell(self.s)
        x, y, tx, ty = self.centre(self.s)
        del x, y
        fx, fy = math.cos(self.heading), math.sin(self.heading)
        nx, ny = -ty, tx
        body = 0.5 * self.car.length * abs(fx * nx + fy * ny)
        body += 0.5 * self.car.width * abs(-fy * nx + fx * ny)
        top = self.track.wall_left[i] - body
        bottom = body - self.track.wall_right[i]
        if top <= bottom:
            top = bottom = 0.5 * (top + bottom)
        if bottom <= self.offset <= top:
            return
        new = clamp(self.offset, bottom, top)
        side = 1.0 if self.offset > top else -1.0
        self.x += (new - self.offset) * nx
        self.y += (new - self.offset) * ny
        self.offset = new
        self.wall_time += DT
        self.ax = self.ay = self.ar = 0.0
        wx = self.vx * fx - self.vy * fy
        wy = self.vx * fy + self.vy * fx
        into = side * (wx * nx + wy * ny)
        if into <= 0.0:
            return
        along = wx * tx + wy * ty
        lost = 0.3 * 1.15 * into
        along = math.copysign(max(abs(along) - lost, 0.0), along)
        across = -0.15 * into * side
        wx, wy = along * tx + across * nx, along * ty + across * ny
        self.vx, self.vy = wx * fx + wy * fy, wy * fx - wx * fy
        self.yaw_rate *= 0.7

    def step(self, steer: float, throttle: float) -> None:
        """One physics step of 10 ms."""
        x, y = self.x, self.y
        left, right = self.half_widths()
        i, j, _ = self.cell(self.s)
        self.move(clamp(steer, -1.0, 1.0), clamp(throttle, -1.0, 1.0))
        gain = self.project()
        bend = math.sin(self.track.heading[j] - self.track.heading[i]) / self.track.spacing
        most = math.hypot(self.x - x, self.y - y) * 1.05
        most /= max(1.0 - bend * clamp(self.offset, -right, left), 0.2)
        if abs(gain) > math.hypot(self.x - x, self.y - y):
            gain = clamp(gain, -most, most)
        before = self.progress + self.begun_at
        self.progress += gain
        if (self.progress + self.begun_at) // self.track.length > before // self.track.length:
            line = ((self.progress + self.begun_at) // self.track.length) * self.track.length
            if line > self.furthest:
                self.furthest = line
                self.laps.append(self.time + (line - before) / gain * DT)
        self.s = (self.s + gain) % self.track.length
        self.offset = self.along_and_across(self.s)[1]
        self.meet_walls()
        left, right = self.half_widths()
        self.grip, self.drag = self.surface()
        self.time += DT
        if self.offset > left or -self.offset > right:
            self.off_time += DT
