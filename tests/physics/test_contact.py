"""Contact of boxes: momentum, energy, symmetry, depth and fault, in closed form."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hyp
from hypothesis import strategies as st

from retroracer.physics import boxes, contact

LONG, WIDE, MASS, INERTIA = 2.3, 1.0, 1300.0, 1750.0
ENDLESS = 1e9
DT = 0.01


def box(x, y, heading=0.0, vx=0.0, vy=0.0, spin=0.0, mass=MASS, inertia=INERTIA):
    """A GT car's body; the track runs along +x."""
    row = np.zeros(contact.N_BODY)
    row[boxes.BODY_X], row[boxes.BODY_Y] = x, y
    row[boxes.BODY_COS], row[boxes.BODY_SIN] = np.cos(heading), np.sin(heading)
    row[boxes.BODY_LONG], row[boxes.BODY_WIDE] = LONG, WIDE
    row[contact.BODY_VX], row[contact.BODY_VY] = vx, vy
    row[contact.BODY_SPIN] = spin
    row[contact.PER_MASS], row[contact.PER_INERTIA] = 1.0 / mass, 1.0 / inertia
    row[contact.BODY_REACH] = np.hypot(LONG, WIDE)
    row[contact.TRACK_X] = 1.0
    return row


def found(bodies):
    """Their contacts."""
    contacts = np.zeros((contact.MOST_CONTACTS, contact.N_CONTACT))
    corners = np.zeros((2, 16, 2))
    n = contact.find_contacts(bodies, len(bodies), ENDLESS, contacts, corners, DT)
    return contacts[:n].copy()


def collided(*rows):
    """Bodies before and after their contacts are solved, and the contacts."""
    before = np.array(rows)
    contacts = found(before)
    after = before.copy()
    contact.solve(after, len(after), contacts, len(contacts))
    return before, after, contacts


def momentum(bodies):
    """Of all: along x, along y, and about the origin."""
    m, inertia = 1.0 / bodies[:, contact.PER_MASS], 1.0 / bodies[:, contact.PER_INERTIA]
    vx, vy = bodies[:, contact.BODY_VX], bodies[:, contact.BODY_VY]
    x, y = bodies[:, boxes.BODY_X], bodies[:, boxes.BODY_Y]
    turning = m * (x * vy - y * vx) + inertia * bodies[:, contact.BODY_SPIN]
    return np.array([(m * vx).sum(), (m * vy).sum(), turning.sum()])


def energy(bodies):
    m, inertia = 1.0 / bodies[:, contact.PER_MASS], 1.0 / bodies[:, contact.PER_INERTIA]
    v2 = bodies[:, contact.BODY_VX] ** 2 + bodies[:, contact.BODY_VY] ** 2
    return 0.5 * (m * v2 + inertia * bodies[:, contact.BODY_SPIN] ** 2).sum()


def test_equal_cars_that_meet_head_on_part_with_a_fifth_of_their_closing_speed():
    _, after, contacts = collided(box(0.0, 0.0, vx=20.0), box(4.5, 0.0, np.pi, vx=-20.0))
    assert len(contacts) == 1
    vx = after[:, contact.BODY_VX]
    np.testing.assert_allclose(vx, [-4.0, 4.0], atol=1e-9)
    np.testing.assert_allclose(after[:, contact.BODY_SPIN], 0.0, atol=1e-9)


def test_a_heavy_car_that_rear_ends_a_light_one_follows_the_formula_of_impulse():
    _, after, _ = collided(box(0.0, 0.0, vx=30.0, mass=2000.0), box(4.55, 0.0, vx=20.0, mass=500.0))
    common = (2000.0 * 30.0 + 500.0 * 20.0) / 2500.0
    np.testing.assert_allclose(
        after[:, contact.BODY_VX],
        [common - 0.2 * 10.0 * 500.0 / 2500.0, common + 0.2 * 10.0 * 2000.0 / 2500.0],
        rtol=1e-9,
    )


def test_a_glancing_blow_slows_both_by_friction_and_keeps_all_momentum():
    # Level sides: the one below drifts up at 2 m/s and is 10 m/s faster.
    before, after, contacts = collided(box(0.0, 0.0, vx=40.0, vy=2.0), box(0.0, 1.99, vx=30.0))
    np.testing.assert_allclose(contacts[0, [contact.NORMAL_X, contact.NORMAL_Y]], [0, 1], atol=1e-9)
    np.testing.assert_allclose(momentum(after), momentum(before), rtol=1e-12)
    push = 0.5 * MASS * 1.2 * 2.0  # the arms are zero: the middles are level
    np.testing.assert_allclose(after[:, contact.BODY_VY], [0.8, 1.2], rtol=1e-6)
    slowed = contact.FRICTION * push / MASS
    np.testing.assert_allclose(after[:, contact.BODY_VX], [40.0 - slowed, 30.0 + slowed], rtol=1e-9)
    # Friction at arm's length of half a width turns both cars the same way.
    spin = after[:, contact.BODY_SPIN]
    np.testing.assert_allclose(spin, contact.FRICTION * push * 0.995 / INERTIA, rtol=0.02)


def test_fast_cars_that_meet_half_a_width_apart_meet_head_on_not_side_by_side():
    _, after, contacts = collided(box(0.0, 0.0, vx=80.0), box(4.6 - 1.5, 1.5, np.pi, vx=-80.0))
    assert abs(contacts[0, contact.NORMAL_X]) > 0.99
    assert after[0, contact.BODY_VX] < 40.0


def test_boxes_at_any_angle_overlap_where_a_fine_grid_of_points_does():
    rng = np.random.default_rng(4)
    side = np.linspace(-1.0, 1.0, 201)
    u, v = np.meshgrid(side * LONG, side * WIDE)
    seen = 0
    for _ in range(200):
        a = box(0.0, 0.0, rng.uniform(-3, 3))
        b = box(*rng.uniform(-4.5, 4.5, 2), rng.uniform(-3, 3))
        x = a[0] + u * a[2] - v * a[3] - b[0]
        y = a[1] + u * a[3] + v * a[2] - b[1]
        inside = (abs(x * b[2] + y * b[3]) <= LONG) & (abs(y * b[2] - x * b[3]) <= WIDE)
        contacts = found(np.array([a, b]))
        if inside.sum() > 20:
            seen += 1
            assert len(contacts) == 1
            middle = np.array([(x[inside] + b[0]).mean(), (y[inside] + b[1]).mean()])
            np.testing.assert_allclose(contacts[0, [contact.AT_X, contact.AT_Y]], middle, atol=0.05)
        elif not inside.any():
            depth = contacts[0, contact.DEPTH] if len(contacts) else 0.0
            assert depth < 0.05
    assert seen > 50


@pytest.mark.slow
@hyp(max_examples=300, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 20))
def test_no_pile_up_gains_energy_or_loses_momentum(seed, n):
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(n):
        mass = rng.uniform(150.0, 3000.0)
        where = rng.uniform(-1.5 * n**0.5, 1.5 * n**0.5, 2)
        rows.append(
            box(
                *where,
                rng.uniform(-4, 4),
                *rng.normal(0, 30, 2),
                rng.normal(0, 1),
                mass,
                mass * rng.uniform(0.5, 2.0),
            )
        )
    before, after, contacts = collided(*rows)
    assert np.isfinite(after).all()
    assert energy(after) <= energy(before) * (1.0 + 1e-12)
    if (abs(after[:, contact.BODY_SPIN]) < contact.FASTEST_SPIN).all():
        scale = abs(before[:, contact.BODY_VX : contact.BODY_VY + 1]).sum() * 3000.0 + 1.0
        np.testing.assert_allclose(momentum(after)[:2], momentum(before)[:2], atol=1e-12 * scale)
    separate = np.setdiff1d(np.arange(n), contacts[:, : contact.SECOND + 1].astype(int))
    moving = slice(contact.BODY_VX, contact.BODY_SPIN + 1)
    assert (after[separate][:, moving] == before[separate][:, moving]).all()


def test_a_symmetric_pile_up_stays_symmetric():
    # One car runs into three abreast; above and below mirror each other.
    rows = [
        box(0.0, 0.0, vx=50.0),
        box(4.4, 1.2, 0.1, vx=10.0, vy=-0.5, spin=0.3),
        box(4.4, -1.2, -0.1, vx=10.0, vy=0.5, spin=-0.3),
        box(6.0, 0.0, vx=5.0),
    ]
    _, after, contacts = collided(*rows)
    assert len(contacts) >= 5
    mirrored = [contact.BODY_VX, contact.SHIFT_X]
    turned = [contact.BODY_VY, contact.BODY_SPIN, contact.SHIFT_Y]
    np.testing.assert_allclose(after[1, mirrored], after[2, mirrored], rtol=1e-12)
    np.testing.assert_allclose(after[1, turned], -after[2, turned], rtol=1e-12)
    np.testing.assert_allclose(after[[0, 3]][:, turned], 0.0, atol=1e-12)


def test_who_runs_into_the_back_of_another_has_all_the_fault():
    rows = box(0.0, 0.0, vx=50.0), box(4.5, 0.3, vx=30.0)
    for order in (rows, rows[::-1]):
        bodies = np.array(order)
        k = found(bodies)[0]
        share = contact.fault(bodies[int(k[0])], bodies[int(k[1])], k)
        assert share == (1.0 if bodies[0, 0] == 0.0 else 0.0)


def test_who_swerves_into_a_neighbour_has_all_the_fault_and_two_who_do_have_half():
    one = np.array([box(0.0, 0.0, vx=50.0, vy=1.0), box(0.5, 1.98, vx=50.0)])
    assert contact.fault(*one, found(one)[0]) == 1.0
    both = np.array([box(0.0, 0.0, vx=50.0, vy=1.0), box(0.5, 1.98, vx=50.0, vy=-1.0)])
    assert contact.fault(*both, found(both)[0]) == pytest.approx(0.5)
    away = np.array([box(0.0, 0.0, vx=50.0, vy=2.0), box(0.5, 1.98, vx=50.0, vy=1.0)])
    assert contact.fault(*away, found(away)[0]) == 1.0


def test_cars_far_apart_along_the_track_pass_over_one_another_on_a_bridge():
    bodies = np.array([box(0.0, 0.0, vx=30.0), box(1.0, 0.0, np.pi / 2, vy=30.0)])
    assert len(found(bodies)) == 1
    bodies[1, contact.STATION] = 300.0
    assert len(found(bodies)) == 0
