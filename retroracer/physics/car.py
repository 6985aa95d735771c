"""Cars: their parameters as data files, and as the rows of numbers the kernel reads.

Owns ``Car``, the shipped cars (``cars/*.yaml``) and the column names of a parameter row.
The equations of motion are in ``kernel``.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from retroracer.errors import UserError
from retroracer.track.bank import BODY_REACH
from retroracer.track.geometry import Array

GRAVITY = 9.81
"""[m/s^2]."""

AIR_DENSITY = 1.2
"""[kg/m^3]."""


@dataclass(frozen=True)
class Car:
    """A car's parameters, SI units; every figure is one a data sheet could state.

    Attributes:
        name: identifier.
        title: what a person calls it.
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
        longitudinal_use: share of an axle's grip that drive or brakes may take.
        power: at the wheels [W].
        drive_force: most the gearbox can put down [N].
        drive_front: share of the drive on the front axle.
        brake_force: with the pedal down [N].
        brake_front: share of the brakes on the front axle.
        reverse_force: in reverse gear [N].
        reverse_speed: top speed in reverse [m/s].
        drag_area: drag coefficient times area [m^2].
        lift_area: downforce coefficient times area [m^2].
        aero_front: share of the downforce on the front axle.
        rolling: rolling resistance coefficient.
        steer_lock: largest angle of the road wheels, standing [rad].
        steer_lock_fast: largest angle that remains at very high speed [rad].
        steer_speed: speed where half of that difference is gone [m/s].
        steer_rate: fastest change of the road wheels' angle [rad/s].
    """

    name: str
    title: str
    length: float
    width: float
    mass: float
    yaw_inertia: float
    l_front: float
    l_rear: float
    cg_height: float
    mu: float
    stiffness_front: float
    stiffness_rear: float
    longitudinal_use: float
    power: float
    drive_force: float
    drive_front: float
    brake_force: float
    brake_front: float
    reverse_force: float
    reverse_speed: float
    drag_area: float
    lift_area: float
    aero_front: float
    rolling: float
    steer_lock: float
    steer_lock_fast: float
    steer_speed: float
    steer_rate: float

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name in ("name", "title"):
                continue
            may_be_zero = field.name in _MAY_BE_ZERO
            if not np.isfinite(value) or value < 0.0 or (value == 0.0 and not may_be_zero):
                raise ValueError(f"{field.name} must be {'>=' if may_be_zero else '>'} 0: {value}")
        for share in ("drive_front", "brake_front", "aero_front", "longitudinal_use"):
            if getattr(self, share) > 1.0:
                raise ValueError(f"{share} is a share, at most 1: {getattr(self, share)}")
        if self.length + self.width > 2.0 * BODY_REACH:
            raise ValueError(
                f"length and width together may be {2.0 * BODY_REACH:g} m, so that walls are "
                f"met in time: {self.length} + {self.width}"
            )

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
        # Below this speed slip is measured against it instead of the wheel's own speed, which
        # bounds the tyres' damping of sideways motion and of yaw to 60 /s: well inside what the
        # integrator can take (100 /s), so that a car at rest neither jitters nor blows up.
        stiffness = max(self.stiffness_front, self.stiffness_rear) * GRAVITY
        yaw = self.mass * self.l_front * self.l_rear / self.yaw_inertia
        p[SLOW] = stiffness * max(1.0, yaw) / 60.0
        p[HALF_WIDTH] = self.width / 2.0
        p[HALF_LENGTH] = self.length / 2.0
        return p


_MAY_BE_ZERO = {
    "drive_front",
    "brake_front",
    "aero_front",
    "lift_area",
    "drag_area",
    "rolling",
    "cg_height",
}

# Columns of a parameter row; PER_X is 1 / X, because the kernel has no time for divisions.
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
    """Read a car by shipped name or from a YAML file.

    Raises:
        UserError: if there is no such car, or its page is not a car's.
    """
    text = str(name_or_path)
    is_path = text.endswith((".yaml", ".yml"))
    path = Path(text) if is_path else Path(__file__).parent / "cars" / f"{Path(text).name}.yaml"
    if not path.is_file():
        hint = ", ".join(shipped_cars())
        raise UserError(f"no car {text!r}; cars are: {hint}; or give a path to a YAML file")
    if path.stat().st_size > 65536:
        raise UserError(f"{path.name}: too large for a car's page (64 KiB at most)")
    try:
        page = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise UserError(f"{path.name}: not a readable YAML page: {error}") from None
    return car_from(page, path.name)


def car_from(page: Any, where: str) -> Car:
    """Make a Car of a mapping of its attributes; ``where`` names its origin in errors.

    Raises:
        UserError: naming every key that is missing, unknown or not a number.
    """
    if not isinstance(page, dict):
        raise UserError(f"{where}: a car's page is a list of 'key: value' lines")
    wanted = {f.name: f for f in fields(Car)}
    wrong = [f"unknown key {k!r}" for k in page if k not in wanted]
    wrong += [f"missing key {k!r}" for k in wanted if k not in page]
    values: dict[str, Any] = {}
    for key, value in page.items():
        if key in ("name", "title"):
            values[key] = str(value)
        elif key in wanted:
            if isinstance(value, bool) or not isinstance(value, int | float):
                wrong.append(f"{key!r} must be a number, not {value!r}")
            else:
                values[key] = float(value)
    if wrong:
        raise UserError(f"{where}: " + "; ".join(wrong))
    try:
        return Car(**values)
    except ValueError as error:
        raise UserError(f"{where}: {error}") from None


def car_facts(car: Car) -> dict[str, Any]:
    """Every parameter of a car as plain numbers and strings, for JSON."""
    return asdict(car)
