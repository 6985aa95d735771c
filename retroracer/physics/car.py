"""Cars: their parameters as data files, and as the rows of numbers the kernel reads.

Owns ``Car``, the shipped cars (``cars/*.yaml``) and the column names of a parameter row.
The equations of motion are in ``dynamics``.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import numpy as np

from retroracer import config
from retroracer.config import Range
from retroracer.errors import UserError
from retroracer.reading import shown, shown_path
from retroracer.track.bank import BODY_REACH
from retroracer.track.geometry import Array

GRAVITY = 9.81
"""[m/s^2]."""

AIR_DENSITY = 1.2
"""[kg/m^3]."""

FASTEST = 150.0
"""Highest top speed of a car [m/s]."""

SLOWEST = 10.0
"""Lowest top speed of a car [m/s]."""

MAX_YAW_ACCELERATION = 40.0
"""Largest yaw acceleration [rad/s^2] that an axle's tyres may give a car on dry asphalt; a formula
car reaches 38 at top speed, a kart 29."""

MAX_YAW_RATE = 20.0
"""Largest yaw rate [rad/s] that full steering may ask for at top speed; a kart's asks for 7."""

STIFFEST = 60.0
"""Largest damping [1/s] that downforce may add to the tyres at top speed. The integrator is stable
up to 100; the damping from the weight alone is bounded in ``Car.row``."""

_Share = Annotated[float, Range(0.0, 1.0)]
_Stiffness = Annotated[float, Range(3.0, 80.0)]
_ToAxle = Annotated[float, Range(0.25, 8.0)]
_Force = Annotated[float, Range(10.0, 1e6)]
_Angle = Annotated[float, Range(0.01, 0.9)]


@dataclass(frozen=True)
class Car:
    """A car's parameters in SI units, as a data sheet states them.

    Their bounds include everything from a child's kart to a truck. Within them the simulator stays
    finite, whatever a driver does.

    Attributes:
        name: identifier.
        title: name for display.
        length: body length [m], for drawing.
        width: body width [m], for drawing and for walls.
        mass: with driver [kg].
        yaw_inertia: about the vertical axis [kg m^2].
        l_front: centre of gravity to front axle [m].
        l_rear: centre of gravity to rear axle [m].
        cg_height: height of the centre of gravity [m].
        mu: friction coefficient of the tyres on dry asphalt.
        stiffness_front: cornering stiffness of the axle per unit of its load [1/rad].
        stiffness_rear: likewise; larger than the front's means understeer.
        longitudinal_use: fraction of an axle's grip that drive or brakes can use.
        power: at the wheels [W].
        drive_force: largest drive force, in the lowest gear [N].
        drive_front: share of the drive force on the front axle.
        brake_force: at full braking [N].
        brake_front: share of the brake force on the front axle.
        reverse_force: drive force in reverse gear [N].
        reverse_speed: top speed in reverse [m/s].
        drag_area: drag coefficient times area [m^2].
        lift_area: downforce coefficient times area [m^2].
        aero_front: share of the downforce on the front axle.
        rolling: rolling resistance coefficient.
        steer_lock: largest angle of the road wheels at standstill [rad].
        steer_lock_fast: largest angle of the road wheels at very high speed [rad].
        steer_speed: speed at which the largest angle is half way between the two [m/s].
        steer_rate: largest rate of change of the road wheels' angle [rad/s].
        tow: fraction of the drag lost right behind another car (slipstream); like ``dirty_air``,
            it acts only in a race of several cars.
        dirty_air: fraction of the downforce lost there.
    """

    name: str
    title: str
    length: Annotated[float, Range(0.5, 11.0)]
    width: Annotated[float, Range(0.3, 4.0)]
    mass: Annotated[float, Range(50.0, 20_000.0)]
    yaw_inertia: Annotated[float, Range(0.5, 1e6)]
    l_front: _ToAxle
    l_rear: _ToAxle
    cg_height: Annotated[float, Range(0.0, 3.0)]
    mu: Annotated[float, Range(0.3, 3.0)]
    stiffness_front: _Stiffness
    stiffness_rear: _Stiffness
    longitudinal_use: Annotated[float, Range(0.3, 0.99)]
    power: Annotated[float, Range(1000.0, 1e7)]
    drive_force: _Force
    drive_front: _Share
    brake_force: _Force
    brake_front: _Share
    reverse_force: _Force
    reverse_speed: Annotated[float, Range(0.1, 30.0)]
    drag_area: Annotated[float, Range(1e-4, 20.0)]
    lift_area: Annotated[float, Range(0.0, 20.0)]
    aero_front: _Share
    rolling: Annotated[float, Range(0.0, 0.1)]
    steer_lock: _Angle
    steer_lock_fast: _Angle
    steer_speed: Annotated[float, Range(0.5, 200.0)]
    steer_rate: Annotated[float, Range(0.05, 20.0)]
    tow: Annotated[float, Range(0.0, 0.9)] = 0.3
    dirty_air: Annotated[float, Range(0.0, 0.9)] = 0.25

    def __post_init__(self) -> None:
        for name, bound in _bounds().items():
            wrong = bound.complaint(getattr(self, name))
            if wrong:
                raise ValueError(f"{name} {wrong}, got {getattr(self, name)}")
        for name in ("name", "title"):
            text = getattr(self, name)
            if not text.strip() or len(text) > 80 or not text.isprintable():
                raise ValueError(
                    f"{name} must be 1 to 80 printable characters, not '{shown(text)}'"
                )
        if wrong := self._implausible():
            raise ValueError(wrong)

    def _implausible(self) -> str:
        """The error for parameters that contradict each other; "" if there is none."""
        base = self.l_front + self.l_rear
        if self.length + self.width > 2.0 * BODY_REACH:
            return (
                f"length and width together may be {2.0 * BODY_REACH:g} m, so that walls are "
                f"met in time: {self.length} + {self.width}"
            )
        if base < 0.8:
            return f"l_front and l_rear give a wheelbase of {base:g} m; it is at least 0.8"
        if self.steer_lock_fast > self.steer_lock:
            return (
                f"steer_lock_fast {self.steer_lock_fast:g} is more than steer_lock "
                f"{self.steer_lock:g}; the lock shrinks with speed"
            )
        if not 0.2 <= self.l_front / base <= 0.8:
            return (
                "l_front and l_rear: each axle must carry between a fifth and four fifths of the "
                f"weight; l_front is {self.l_front / base:.0%} of the wheelbase"
            )
        if max(self.mu, 1.0) * self.cg_height > 0.5 * base:
            return (
                f"cg_height {self.cg_height:g} with mu {self.mu:g} on a wheelbase of {base:g}: "
                "such a car tips over; mu * cg_height may be half of l_front + l_rear"
            )
        block = self.mass * self.l_front * self.l_rear
        if not 0.25 <= self.yaw_inertia / block <= 4.0:
            return (
                f"yaw_inertia {self.yaw_inertia:g} does not go with the mass and axles; it is "
                f"between 0.25 and 4 times mass * l_front * l_rear = {block:.4g}"
            )
        resisted = self.rolling * GRAVITY
        if self.drive_force < (1.0 + resisted) * self.mass or self.brake_force < 2.0 * self.mass:
            return (
                f"drive_force {self.drive_force:g} and brake_force {self.brake_force:g} are too "
                f"weak for mass {self.mass:g}: a car pulls away with 1 m/s^2 and brakes with 2 "
                f"at least ({(1.0 + resisted) * self.mass:.0f} and {2.0 * self.mass:.0f} N)"
            )
        if not 0.5 <= self.stiffness_front / self.stiffness_rear <= 2.0:
            return (
                f"stiffness_front {self.stiffness_front:g} and stiffness_rear "
                f"{self.stiffness_rear:g}: neither may be more than twice the other"
            )
        drag = 0.5 * AIR_DENSITY * self.drag_area
        top = min((self.power / drag) ** (1.0 / 3.0), math.sqrt(self.drive_force / drag))
        if top > FASTEST:
            return (
                f"power {self.power:g} with drag_area {self.drag_area:g} gives a top speed of "
                f"{top:.0f} m/s; at most {FASTEST:g} can be simulated"
            )
        if top < SLOWEST:
            return (
                f"power {self.power:g} with drag_area {self.drag_area:g} gives a top speed of "
                f"{top:.1f} m/s; a car reaches {SLOWEST:g} at least"
            )
        top = max(top, self.reverse_speed)
        lock = self.steer_lock_fast + (self.steer_lock - self.steer_lock_fast) / (
            1.0 + (top / self.steer_speed) ** 2
        )
        if lock * top / base > MAX_YAW_RATE:
            return (
                f"steer_lock_fast {self.steer_lock_fast:g} with steer_speed {self.steer_speed:g}: "
                f"full lock at this car's top speed of {top:.0f} m/s asks for "
                f"{lock * top / base:.0f} rad/s; at most {MAX_YAW_RATE:g} can be simulated"
            )
        lift = 0.5 * AIR_DENSITY * self.lift_area
        front = self.l_rear / base * self.mass * GRAVITY + self.aero_front * lift * top**2
        rear = self.l_front / base * self.mass * GRAVITY + (1.0 - self.aero_front) * lift * top**2
        yaw_acceleration = (
            self.mu * max(front * self.l_front, rear * self.l_rear) / self.yaw_inertia
        )
        if yaw_acceleration > MAX_YAW_ACCELERATION:
            return (
                f"yaw_inertia {self.yaw_inertia:g} is too little for this car's tyres, which can "
                f"turn it at {yaw_acceleration:.0f} rad/s^2; at most {MAX_YAW_ACCELERATION:g} can "
                "be simulated: raise it, or lower mu or lift_area"
            )
        stiffness = max(self.stiffness_front, self.stiffness_rear)
        yaw = max(1.0, self.mass * max(self.l_front, self.l_rear) ** 2 / self.yaw_inertia)
        if stiffness * lift * top / self.mass * yaw > STIFFEST:
            return (
                f"lift_area {self.lift_area:g} is too much downforce for mass {self.mass:g} at "
                f"this car's top speed of {top:.0f} m/s; lower it, or raise mass or drag_area"
            )
        return ""

    def row(self) -> Array:
        """The (N_PARAMS,) row of numbers the kernel reads, derived quantities included."""
        wheelbase = self.l_front + self.l_rear
        p = np.zeros(N_PARAMS)
        p[MASS] = self.mass
        p[PER_MASS] = 1.0 / self.mass
        p[PER_INERTIA] = 1.0 / self.yaw_inertia
        p[L_FRONT] = self.l_front
        p[L_REAR] = self.l_rear
        p[MU] = self.mu
        p[STIFF_FRONT] = self.stiffness_front
        p[STIFF_REAR] = self.stiffness_rear
        p[LONG_USE] = self.longitudinal_use
        p[POWER] = self.power
        p[DRIVE_FORCE] = self.drive_force
        p[DRIVE_FRONT] = self.drive_front
        p[BRAKE_FORCE] = self.brake_force
        p[BRAKE_FRONT] = self.brake_front
        p[REVERSE_FORCE] = self.reverse_force
        p[PER_REVERSE] = 1.0 / self.reverse_speed
        p[DRAG] = 0.5 * AIR_DENSITY * self.drag_area
        p[LIFT_FRONT] = 0.5 * AIR_DENSITY * self.lift_area * self.aero_front
        p[LIFT_REAR] = 0.5 * AIR_DENSITY * self.lift_area * (1.0 - self.aero_front)
        p[ROLLING] = self.rolling * GRAVITY
        p[STEER_LOCK] = self.steer_lock
        p[STEER_FAST] = self.steer_lock_fast
        p[PER_STEER_SPEED] = 1.0 / self.steer_speed
        p[STEER_RATE] = self.steer_rate
        p[LOAD_FRONT] = self.l_rear / wheelbase
        p[TRANSFER] = self.cg_height / wheelbase
        # Below this speed slip is computed with it instead of the wheel's own speed. This bounds
        # the tyres' damping of sideways motion and of yaw to 60 /s; the integrator is stable up to
        # 100 /s. So a car at rest neither jitters nor diverges.
        stiffness = max(self.stiffness_front, self.stiffness_rear) * GRAVITY
        yaw = self.mass * self.l_front * self.l_rear / self.yaw_inertia
        p[SLOW] = stiffness * max(1.0, yaw) / 60.0
        p[HALF_WIDTH] = self.width / 2.0
        p[HALF_LENGTH] = self.length / 2.0
        return p


@cache
def _bounds() -> dict[str, Range]:
    """Bounds of each number of a car."""
    hints = get_type_hints(Car, include_extras=True)
    return {n: h.__metadata__[0] for n, h in hints.items() if hasattr(h, "__metadata__")}


# Columns of a parameter row; PER_X is 1 / X, because divisions are slow.
(
    MASS,
    PER_MASS,
    PER_INERTIA,
    L_FRONT,
    L_REAR,
    MU,
    STIFF_FRONT,
    STIFF_REAR,
    LONG_USE,
    POWER,
    DRIVE_FORCE,
    DRIVE_FRONT,
    BRAKE_FORCE,
    BRAKE_FRONT,
    REVERSE_FORCE,
    PER_REVERSE,
    DRAG,
    LIFT_FRONT,
    LIFT_REAR,
    ROLLING,
    STEER_LOCK,
    STEER_FAST,
    PER_STEER_SPEED,
    STEER_RATE,
    LOAD_FRONT,
    TRANSFER,
    SLOW,
    HALF_WIDTH,
    HALF_LENGTH,
    N_PARAMS,
) = range(30)


def shipped_cars() -> list[str]:
    """Names of the cars that come with the package, the default first."""
    names = sorted(p.stem for p in (Path(__file__).parent / "cars").glob("*.yaml"))
    return sorted(names, key=lambda name: name != "gt")


def load_car(name_or_path: str | Path = "gt") -> Car:
    """Read a car by its shipped name or from a YAML file.

    Raises:
        UserError: if there is no such car, or its page is not a valid car.
    """
    text = str(name_or_path)
    path = Path(text)
    if not text.endswith((".yaml", ".yml")):
        path = Path(__file__).parent / "cars" / f"{path.name}.yaml"
        if path.stem not in shipped_cars():
            hint = ", ".join(shipped_cars())
            raise UserError(
                f"no car '{shown_path(text)}'; cars are: {hint}; or give a path to a YAML file"
            )
    return config.load(Car, path)


def car_from(page: Any, where: str) -> Car:
    """Make a Car from a mapping of its attributes; ``where`` names the origin in errors.

    Raises:
        UserError: naming every key that is missing, unknown or out of bounds.
    """
    if not isinstance(page, dict):
        raise UserError(f"{where}: a car's page is a list of 'key: value' lines")
    return config.from_dict(Car, page, where)


def car_facts(car: Car) -> dict[str, Any]:
    """Every parameter of a car as plain numbers and strings, for JSON."""
    return asdict(car)
