"""The envelope against the kernel: steady states, cornering, straight-line runs, derivatives."""

from dataclasses import replace

import numpy as np
import pytest

from retroracer.laptime.envelope import envelope, top_speed
from retroracer.laptime.steady_states import steady_states
from retroracer.physics.car import GRAVITY, load_car, shipped_cars
from retroracer.physics.dynamics import Motion, acceleration, integrate
from retroracer.physics.race import Race
from retroracer.track.surface import ASPHALT, GRAVEL
from tests.shapes import oval

CARS = ["gt", "kart", "formula"]
LEFT, FORWARD, BACK = 0.0, np.pi / 2.0, -np.pi / 2.0


def along(car, speed, angle):
    """Tangential acceleration on the boundary, straight ahead (forward or back)."""
    return float(envelope(car).boundary(speed, np.array([angle]))[1][0])


def most_lateral(car, speed):
    angles = np.linspace(-np.pi / 2.0, np.pi / 2.0, 721)
    return float(envelope(car).boundary(speed, angles)[0].max())


@pytest.mark.slow
@pytest.mark.parametrize("ground", [ASPHALT, GRAVEL], ids=lambda s: s.name)
@pytest.mark.parametrize("name", CARS)
def test_every_trim_is_a_steady_state_of_the_kernels_own_equations(name, ground):
    car = load_car(name)
    row = car.row()
    speed, pedal, effort = np.meshgrid(
        np.linspace(12.0, 60.0, 5), np.linspace(-1.0, 1.0, 9), [0.0, 0.4, 0.8, 1.0], indexing="ij"
    )
    drag = 0.0 if ground is ASPHALT else ground.resistance(20.0)
    t = steady_states(car, speed, pedal, effort, ground.grip, drag)
    for k in np.ndindex(speed.shape):
        vx, vy, r, angle = t.vx[k], t.vy[k], t.yaw_rate[k], t.steer_angle[k]
        c, s = np.cos(angle), np.sin(angle)
        ax, ay, ar = acceleration(vx, vy, r, c, s, pedal[k], row, ground.grip, drag)
        ax, ay = ax - vy * r, ay + vx * r
        assert (ay * vx - ax * vy) / speed[k] == pytest.approx(t.normal[k], abs=2e-5)
        assert (ax * vx + ay * vy) / speed[k] == pytest.approx(t.tangential[k], abs=2e-5)
        assert abs(ar) * car.l_front < 2e-5


def measured_cornering(car, speed):
    """Largest lateral acceleration as the steering is turned in slowly and a tow holds the speed.

    Counted while the yaw rate is steady: a car that spins has more for a moment.
    """
    row = car.row()
    best = 0.0
    s = np.zeros(10)
    s[3] = speed
    for step in range(8000):
        s[3:5] *= speed / np.hypot(s[3], s[4])
        s[6] = 0.006 * step * 0.01
        s = np.array(integrate(Motion(*s), 0.0, 0.0, row, 1.0, 0.0, 0.01))
        beta = np.arctan2(s[4], s[3])
        if abs(beta) > 0.4:
            break
        if abs(s[9]) * car.l_front < 0.01 * GRAVITY and abs(s[8]) < 0.02 * GRAVITY:
            ax, ay = s[7] - s[4] * s[5], s[8] + s[3] * s[5]
            best = max(best, ay * np.cos(beta) - ax * np.sin(beta))
    return best


@pytest.mark.slow
@pytest.mark.parametrize("name", CARS)
@pytest.mark.parametrize("speed", [15.0, 25.0, 35.0])
def test_measured_cornering_comes_within_two_percent_of_the_envelope_and_not_beyond(name, speed):
    car = load_car(name)
    measured, allowed = measured_cornering(car, speed), most_lateral(car, speed)
    assert measured <= allowed
    assert measured >= 0.98 * allowed


@pytest.mark.slow
@pytest.mark.parametrize("name", CARS)
def test_a_race_accelerates_and_brakes_as_the_envelope_says(name):
    car = load_car(name)
    track = oval(straight=3000.0)
    top = 0.9 * top_speed(car)
    for pedal, angle, start in ((1.0, FORWARD, 9.0), (-1.0, BACK, top)):
        race = Race([track], car)
        race.place(s=10.0, speed=start)
        for _ in range(40):
            before, at = float(race.vx[0]), float(race.time[0])
            race.advance(np.array([[0.0, pedal]]))
            middle = 0.5 * (before + float(race.vx[0]))
            if not 7.5 < middle < top:
                break
            measured = (float(race.vx[0]) - before) / (float(race.time[0]) - at)
            allowed = along(car, middle, angle)
            assert np.sign(pedal) * measured <= np.sign(pedal) * allowed + 0.01 * abs(allowed)
            assert measured == pytest.approx(allowed, rel=0.015, abs=0.06)


@pytest.mark.slow
@pytest.mark.parametrize("name", CARS)
def test_cornering_under_power_and_brakes_stays_inside(name):
    """Ramps of steering at fixed pedals, the kernel's forces read while the yaw rate is steady."""
    car = load_car(name)
    row, e = car.row(), envelope(car)
    seen = 0
    for pedal in (-0.6, -0.3, 0.25, 0.5):
        for speed in (20.0, 32.0):
            s = np.zeros(10)
            s[3] = speed
            for step in range(250):
                s[3:5] *= speed / np.hypot(s[3], s[4])
                s[6] = 0.0008 * step
                s = np.array(integrate(Motion(*s), 0.0, pedal, row, 1.0, 0.0, 0.01))
                beta = np.arctan2(s[4], s[3])
                if abs(beta) > 0.3:
                    break
                ax, ay = s[7] - s[4] * s[5], s[8] + s[3] * s[5]
                normal = ay * np.cos(beta) - ax * np.sin(beta)
                push = ax * np.cos(beta) + ay * np.sin(beta)
                if abs(s[9]) > 0.03 * GRAVITY or normal < 2.0:
                    continue  # turning in: yaw inertia lends force for a moment
                seen += 1
                use = e.use(
                    np.array([speed**2 / 2]), np.array([normal / speed**2]), np.array([push])
                )
                assert use[0] < 1.02
    assert seen > 50


def test_top_speed_is_where_the_envelope_has_no_push_left():
    for name in CARS:
        car = load_car(name)
        assert along(car, top_speed(car), FORWARD) == pytest.approx(0.0, abs=0.03)


@pytest.mark.slow
def test_the_envelope_grows_with_grip_power_and_downforce():
    car = load_car("gt")
    assert most_lateral(replace(car, mu=1.6), 30.0) > 1.08 * most_lateral(car, 30.0)
    assert along(replace(car, power=5e5), 50.0, FORWARD) > along(car, 50.0, FORWARD) + 1.0
    assert most_lateral(replace(car, lift_area=3.0), 50.0) > most_lateral(car, 50.0) + 1.0


@pytest.mark.slow
def test_a_slippery_surface_shrinks_it():
    car = load_car("gt")
    wet = envelope(car, 0.7, 0.0)
    angles = np.linspace(-np.pi, np.pi, 73)
    dry_r = np.hypot(*(np.array(envelope(car).boundary(25.0, angles)) * [[1.0], [0.0]]))
    wet_r = np.hypot(*(np.array(wet.boundary(25.0, angles)) * [[1.0], [0.0]]))
    assert dry_r.max() > 1.3 * wet_r.max()


def test_left_and_right_are_alike():
    e = envelope(load_car("gt"))
    angle = np.linspace(-1.5, 1.5, 41)
    left, right = e.boundary(30.0, angle), e.boundary(30.0, np.pi - angle)
    assert np.allclose(left[0], -right[0], atol=1e-9)
    assert np.allclose(left[1], right[1], atol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("name", CARS)
def test_ploughing_moves_the_boundary_backwards_by_its_share_of_speed_squared(name):
    car, angles = load_car(name), np.linspace(-np.pi, np.pi, 37)
    soft = envelope(car, GRAVEL.grip, GRAVEL.drag, GRAVEL.ploughing)
    hard = envelope(car, GRAVEL.grip, GRAVEL.drag)
    for speed in (8.0, 20.0, 40.0):
        (p, t), (q, u) = soft.boundary(speed, angles), hard.boundary(speed, angles)
        assert np.allclose(p, q) and np.allclose(u - t, GRAVEL.ploughing * speed**2)
        energy = np.full(len(angles), 0.5 * speed**2)
        assert np.allclose(soft.use(energy, p / speed**2, t), 1.0)
    race = Race([oval(straight=1500.0, runoff_right=np.full(oval(straight=1500.0).n, 3))], car)
    race.place(s=5.0, lateral_offset=-12.0)
    for _ in range(1200):
        race.advance(np.array([[0.0, 1.0]]))
    assert soft.fastest == pytest.approx(race.speed[0], rel=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("ground", [ASPHALT, GRAVEL], ids=lambda s: s.name)
def test_derivatives_of_the_load_are_those_of_its_value(ground):
    e = envelope(load_car("gt"), ground.grip, ground.drag, ground.ploughing)
    rng = np.random.default_rng(0)
    energy = rng.uniform(60.0, 1500.0, 40)
    x = np.stack([energy, rng.normal(size=40) * 8.0 / energy, rng.normal(size=40) * 5.0])
    load = e.load(*x)
    assert np.allclose(load.value, e.use(*x))
    for k, h in enumerate((1e-3, 1e-7, 1e-5)):
        step = np.zeros((3, 1))
        step[k] = h
        ahead, behind = e.load(*(x + step)), e.load(*(x - step))
        slope = (ahead.value - behind.value) / (2.0 * h)
        assert np.abs(slope - load.gradient[:, k]).max() < 1e-6 * np.abs(load.gradient[:, k]).max()
        bend = (ahead.gradient - behind.gradient) / (2.0 * h)
        scale = np.abs(load.hessian[:, :, k]).max(axis=0)
        assert (np.abs(bend - load.hessian[:, :, k]).max(axis=0) < 1e-5 * scale).all()


def test_all_shipped_cars_are_calibrated_here():
    assert set(shipped_cars()) == set(CARS)
