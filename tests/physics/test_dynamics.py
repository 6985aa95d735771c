"""Closed forms of the single-track car: circle, understeer, braking, top speed, energy, order."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retroracer.physics.car import AIR_DENSITY, GRAVITY, Car, load_car, shipped_cars
from retroracer.physics.dynamics import Motion, cos_sin, integrate, lateral_force, steer_lock

DT = 0.01


def drive(
    car: Car, state: np.ndarray, steer: float, throttle: float, seconds: float, dt: float = DT
) -> np.ndarray:
    """Integrate (x, y, heading, vx, vy, yaw_rate, steer_angle, ax, ay, ar); (steps + 1, 10)."""
    row = car.row()
    out = [np.array(state, float)]
    for _ in range(round(seconds / dt)):
        out.append(np.array(integrate(Motion(*out[-1]), steer, throttle, row, 1.0, 0.0, dt)))
    return np.array(out)


def rolling(speed: float) -> np.ndarray:
    state = np.zeros(10)
    state[3] = speed
    return state


def without_drag(car: Car) -> Car:
    """A car that nothing brakes to speak of; too weak to outrun what may be simulated."""
    return replace(car, drag_area=4e-3 if car.lift_area else 2e-3, rolling=0.0, power=1000.0)


def without_air(car: Car) -> Car:
    return without_drag(replace(car, lift_area=0.0))


def kinetic(car: Car, s: np.ndarray) -> np.ndarray:
    return (
        0.5 * car.mass * (s[..., 3] ** 2 + s[..., 4] ** 2) + 0.5 * car.yaw_inertia * s[..., 5] ** 2
    )


@pytest.mark.slow
@given(st.floats(-1e4, 1e4))
def test_cos_sin_agree_with_the_library(angle: float) -> None:
    c, s = cos_sin(angle)
    assert abs(c - np.cos(angle)) < 2e-12
    assert abs(s - np.sin(angle)) < 2e-12


def test_tyre_is_linear_for_small_slip_and_saturates_at_three_times_the_linear_range() -> None:
    stiffness, limit, along = 2.0e5, 9000.0, 20.0
    small = lateral_force(1e-4 * along, along, stiffness, limit)
    assert small == pytest.approx(-stiffness * 1e-4, rel=1e-2)
    slide = 3.0 * limit / stiffness * along
    assert lateral_force(slide, along, stiffness, limit) == pytest.approx(-limit)
    assert lateral_force(-9.0 * slide, along, stiffness, limit) == limit
    slips = np.linspace(0.0, 2.0 * slide, 200)
    forces = np.array([-lateral_force(v, along, stiffness, limit) for v in slips])
    assert (np.diff(forces) >= 0.0).all() and forces.max() <= limit


@pytest.mark.slow
@pytest.mark.parametrize("name", shipped_cars())
@pytest.mark.parametrize("speed", [12.0, 25.0, 35.0])
def test_steady_circle_has_the_understeer_gradient_of_the_linear_car(
    name: str, speed: float
) -> None:
    """Rajamani eq. 3.12: steer angle = wheelbase / R + K ay with K = (1/Cf' - 1/Cr') / g."""
    car = without_air(load_car(name))
    lock = steer_lock(speed, car.row())
    angle = 0.003 / (1.0 + (speed / 25.0) ** 2)
    s = rolling(speed)
    row = car.row()
    for _ in range(1500):
        s[3:5] *= speed / np.hypot(s[3], s[4])  # hold the speed without using the tyres
        s = np.array(integrate(Motion(*s), angle / lock, 0.0, row, 1.0, 0.0, DT))
    curvature = s[5] / np.hypot(s[3], s[4])
    gradient = (1.0 / car.stiffness_front - 1.0 / car.stiffness_rear) / GRAVITY
    expected = (car.l_front + car.l_rear) * curvature + gradient * speed * s[5]
    assert expected == pytest.approx(s[6], rel=0.01)
    assert gradient > 0.0, "shipped cars understeer at the limit of small angles"


@pytest.mark.parametrize("name", shipped_cars())
def test_cornering_never_beats_the_friction_limit_and_comes_close_to_it(name: str) -> None:
    car = without_drag(load_car(name))
    best = 0.0
    for speed in (12.0, 20.0, 30.0, 45.0):
        downforce = 0.5 * AIR_DENSITY * car.lift_area * speed**2 / car.mass
        limit = car.mu * (GRAVITY + downforce)
        for steer in np.linspace(0.1, 1.0, 8):
            s = rolling(speed)
            row = car.row()
            for _ in range(150):
                s[3:5] *= speed / np.hypot(s[3], s[4])
                s = np.array(integrate(Motion(*s), steer, 0.0, row, 1.0, 0.0, DT))
            lateral = abs(s[8] + s[3] * s[5])
            assert lateral <= limit * 1.005
            best = max(best, lateral / limit)
    assert best > 0.9


def test_braking_distance_is_v_squared_over_2a_below_the_grip_limit() -> None:
    car = replace(without_air(load_car("gt")), brake_force=6000.0)
    s = drive(car, rolling(40.0), 0.0, -1.0, 10.0)
    stop = np.argmax(s[:, 3] < 0.5)
    a = 6000.0 / car.mass
    assert s[stop, 0] == pytest.approx((40.0**2 - s[stop, 3] ** 2) / (2.0 * a), rel=2e-3)


def test_braking_distance_at_the_grip_limit_follows_the_axle_loads() -> None:
    car = without_air(load_car("gt"))
    weight = car.mass * GRAVITY
    base = car.l_front + car.l_rear
    shift = min(car.brake_force, car.mu * weight) * car.cg_height / base
    front = weight * car.l_rear / base + shift
    rear = weight * car.l_front / base - shift
    share = car.brake_front
    force = min(car.brake_force * share, car.longitudinal_use * car.mu * front) + min(
        car.brake_force * (1.0 - share), car.longitudinal_use * car.mu * rear
    )
    s = drive(car, rolling(50.0), 0.0, -1.0, 8.0)
    stop = np.argmax(s[:, 3] < 0.5)
    assert s[stop, 0] == pytest.approx(50.0**2 / (2.0 * force / car.mass), rel=5e-3)


@pytest.mark.parametrize("name", shipped_cars())
def test_top_speed_is_where_power_meets_drag_and_rolling(name: str) -> None:
    car = load_car(name)
    k = 0.5 * AIR_DENSITY * car.drag_area
    root = np.roots([k, 0.0, car.rolling * GRAVITY * car.mass, -car.power])
    top = float(root[np.isreal(root)].real.max())
    s = drive(car, rolling(0.98 * top), 0.0, 1.0, 200.0, dt=0.05)
    assert s[-1, 3] == pytest.approx(top, rel=1e-3)
    assert drive(car, rolling(1.05 * top), 0.0, 1.0, 5.0)[-1, 3] < 1.05 * top


@pytest.mark.slow
@settings(max_examples=150)
@given(
    name=st.sampled_from(["gt", "kart", "formula"]),
    vx=st.floats(-15.0, 100.0),
    vy=st.floats(-30.0, 30.0),
    yaw_rate=st.floats(-4.0, 4.0),
    steer=st.floats(-1.0, 1.0),
)
def test_coasting_never_gains_energy(
    name: str, vx: float, vy: float, yaw_rate: float, steer: float
) -> None:
    car = load_car(name)
    s = rolling(vx)
    s[4], s[5] = vy, yaw_rate
    energy = kinetic(car, drive(car, s, steer, 0.0, 3.0))
    assert (np.diff(energy) <= 1e-3 * energy[0] + 1e-9).all()
    assert energy[-1] <= energy[0]


@pytest.mark.slow
@settings(max_examples=100)
@given(
    name=st.sampled_from(["gt", "kart", "formula"]),
    vx=st.floats(-1.0, 3.0),
    vy=st.floats(-2.0, 2.0),
    yaw_rate=st.floats(-2.0, 2.0),
    steer=st.floats(-1.0, 1.0),
)
def test_a_slow_car_settles_to_rest_without_jitter(
    name: str, vx: float, vy: float, yaw_rate: float, steer: float
) -> None:
    car = load_car(name)
    s = rolling(vx)
    s[4], s[5] = vy, yaw_rate
    speed = np.hypot(*drive(car, s, steer, 0.0, 30.0)[:, 3:5].T)
    assert speed[-1] < 0.02
    assert (np.diff(speed[-500:]) <= 1e-12).all(), "creeping or shaking at rest"


@pytest.mark.parametrize("name", shipped_cars())
def test_a_standing_car_stays_put_and_full_lock_alone_moves_nothing(name: str) -> None:
    s = drive(load_car(name), rolling(0.0), 1.0, 0.0, 5.0)
    assert (s[:, :6] == 0.0).all()


@pytest.mark.parametrize("name", shipped_cars())
def test_holding_the_brake_stops_the_car_then_reverses_at_most_at_reverse_speed(name: str) -> None:
    car = load_car(name)
    s = drive(car, rolling(20.0), 0.0, -1.0, 20.0)
    assert s[-1, 3] < 0.0
    assert s[:, 3].min() >= -car.reverse_speed


def test_halving_the_step_divides_the_error_by_four() -> None:
    car = load_car("gt")

    def end(dt: float) -> np.ndarray:
        s = rolling(30.0)
        row = car.row()
        for k in range(round(1.6 / dt)):
            part = int(4.0 * (k + 0.5) * dt / 1.6)  # wheels turn at their rate, then hold
            steer, throttle = ((0.3, 0.2), (-0.2, 0.5), (0.25, -0.1), (0.1, 0.3))[part]
            s = np.array(integrate(Motion(*s), steer, throttle, row, 1.0, 0.0, dt))
        return s[:6]

    exact = end(1.0 / 12800.0)
    errors = [np.abs(end(dt) - exact).max() for dt in (1 / 100, 1 / 200, 1 / 400)]
    ratios = np.array(errors[:-1]) / np.array(errors[1:])
    assert ((ratios > 3.2) & (ratios < 5.0)).all(), ratios


def test_drive_and_cornering_share_the_grip_of_the_rear_axle() -> None:
    """On the throttle in a corner the tail of a rear-driven car steps out; coasting it does not."""
    car = load_car("gt")
    coasting = drive(car, rolling(18.0), 0.55, 0.0, 1.5)[-1]
    powered = drive(car, rolling(18.0), 0.55, 1.0, 1.5)[-1]
    slip = [np.arctan2(s[4] - car.l_rear * s[5], s[3]) for s in (coasting, powered)]
    assert abs(slip[1]) > 1.5 * abs(slip[0])


def test_too_much_steering_ploughs_on_straighter_than_the_wheels_point() -> None:
    car = load_car("gt")
    s = drive(car, rolling(40.0), 1.0, 0.0, 0.8)[-1]
    kinematic = np.tan(s[6]) / (car.l_front + car.l_rear)
    assert s[5] / s[3] < 0.5 * kinematic


@pytest.mark.parametrize("name", shipped_cars())
def test_mirrored_inputs_give_the_mirrored_path_exactly(name: str) -> None:
    car = load_car(name)
    left = drive(car, rolling(25.0), 0.4, 0.3, 3.0)
    right = drive(car, rolling(25.0), -0.4, 0.3, 3.0)
    sign = np.array([1, -1, -1, 1, -1, -1, -1, 1, -1, -1])
    np.testing.assert_array_equal(left, right * sign)
