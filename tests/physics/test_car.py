"""Cars as data files."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from retroracer.errors import UserError
from retroracer.physics import car as c
from retroracer.physics import state
from retroracer.physics.car import Car, _bounds, car_facts, car_from, load_car, shipped_cars
from retroracer.physics.race import Race
from tests.shapes import circle, oval


def test_shipped_cars_load_and_the_gt_is_the_default() -> None:
    assert shipped_cars()[0] == "gt"
    assert {"gt", "kart", "formula"} <= set(shipped_cars())
    for name in shipped_cars():
        assert load_car(name).name == name
    assert load_car() == load_car("gt")


def test_a_car_survives_the_trip_through_its_page() -> None:
    for name in shipped_cars():
        assert car_from(car_facts(load_car(name)), "page") == load_car(name)


def test_an_unknown_car_is_told_with_the_names_there_are() -> None:
    with pytest.raises(UserError, match=r"no car 'gtt'; cars are: gt, formula, kart"):
        load_car("gtt")


def test_every_mistake_on_a_page_is_told_at_once_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    lines = [f"{key}: {value}" for key, value in car_facts(load_car("gt")).items()]
    lines[4] = "mas: 1300"
    lines[9] = "mu: sticky"
    path.write_text("\n".join(lines))
    with pytest.raises(UserError) as told:
        load_car(path)
    assert str(told.value).splitlines() == [
        f"{path}:5: mas: unknown key; did you mean 'mass'?",
        f"{path}:10: mu: expected a number, got 'sticky'",
    ]


@pytest.mark.parametrize(
    "value", [-3, 0, 0.001, 1e300, 5e-324, float("nan"), float("inf"), True, "1300", None, [1], {}]
)
def test_a_mass_that_is_no_mass_is_refused(value: object) -> None:
    page = dict(car_facts(load_car("gt"))) | {"mass": value}
    with pytest.raises(UserError, match=r"^mine\.zip: mass: "):
        car_from(page, "mine.zip")
    if isinstance(value, float):
        with pytest.raises(ValueError, match="mass must be at "):
            replace(load_car("gt"), mass=value)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"lift_area": 20.0, "mass": 500.0, "yaw_inertia": 3000.0}, "too much downforce"),
        ({"drag_area": 0.01}, "top speed of 397 m/s"),
        ({"mu": 3.0, "yaw_inertia": 600.0, "lift_area": 6.0}, "turn it at"),
        ({"stiffness_front": 63.0}, "twice the other"),
        ({"cg_height": 2.0}, "tips over"),
        ({"l_front": 0.3, "l_rear": 0.3}, "a wheelbase of 0.6 m"),
        ({"steer_lock_fast": 0.6}, "the lock shrinks with speed"),
        ({"steer_speed": 200.0, "steer_lock": 0.9, "power": 1e6}, "full lock at this car's top"),
        ({"drive_force": 1000.0}, "too weak for mass"),
        ({"brake_force": 1000.0}, "too weak for mass"),
        ({"power": 1000.0, "drag_area": 5.0}, "a top speed of 6.9 m/s"),
        ({"l_front": 0.3}, "a fifth"),
        ({"yaw_inertia": 10.0}, "yaw_inertia 10 does not go with"),
        ({"title": "x" * 81}, "1 to 80 printable characters"),
        ({"name": "\x1b[2J"}, r"printable characters, not '.x1b"),
    ],
)
def test_parameters_that_do_not_go_together_are_refused(
    changes: dict[str, object], complaint: str
) -> None:
    with pytest.raises(UserError, match=complaint):
        car_from(car_facts(load_car("gt")) | changes, "mine.zip")


def any_cars(n: int, rng: np.random.Generator) -> list[Car]:
    """Cars drawn over all of the bounds, their corners included."""
    cars: list[Car] = []
    bounds = _bounds()

    def between(low: float, high: float) -> float:
        return float(np.exp(rng.uniform(np.log(low), np.log(high))))

    while len(cars) < n:
        drawn: dict[str, float] = {}
        for key, bound in bounds.items():
            drawn[key] = between(max(bound.low, 1e-3), bound.high)
            if rng.random() < 0.3:
                drawn[key] = bound.low if rng.random() < 0.5 else bound.high
        # What would seldom go together by chance is drawn together.
        drawn["l_rear"] = drawn["l_front"] * between(0.25, 4.0)
        drawn["yaw_inertia"] = (
            drawn["mass"] * drawn["l_front"] * drawn["l_rear"] * between(0.25, 4.0)
        )
        drawn["stiffness_rear"] = drawn["stiffness_front"] * between(0.5, 2.0)
        drawn["drive_force"] = drawn["mass"] * between(1.0, 50.0)
        drawn["brake_force"] = drawn["mass"] * between(2.0, 50.0)
        drawn["steer_lock_fast"] = min(drawn["steer_lock_fast"], drawn["steer_lock"])
        drawn["power"] = 0.6 * drawn["drag_area"] * between(10.0, 150.0) ** 3
        try:
            cars.append(Car(name="any", title="Any", **drawn))
        except ValueError:
            continue
    return cars


@pytest.mark.slow
@pytest.mark.parametrize("ground", ["road", "grippy car park"])
def test_any_car_within_the_bounds_stays_finite_whatever_its_driver_does(ground: str) -> None:
    rng = np.random.default_rng(len(ground))
    n = 1000
    everywhere = np.zeros(circle(300.0, spacing=2.0).n, np.int64)
    park = circle(300.0, spacing=2.0, runoff_left=everywhere, runoff_right=everywhere)
    race = Race([oval() if ground == "road" else park], any_cars(n, rng))
    drag = race.params[:, c.DRAG]
    top = np.sqrt(race.params[:, c.DRIVE_FORCE] / drag)
    top = np.minimum(top, np.cbrt(race.params[:, c.POWER] / drag))
    race.place(s=rng.uniform(0.0, 300.0, n), speed=top * rng.choice([0, 1], n))
    if ground != "road":
        race.params[:, c.MU] *= 2.0  # the grippiest surface a page may lay
    actions = rng.uniform(-1.0, 1.0, (n, 2))
    never = {state.LAST_LAP, state.LAST_LAP_OFF}
    numbers = [k for k in range(state.N_FLOATS) if k not in never]
    fastest = race.speed.copy()
    for step in range(3000):
        if step % 10 == 0:
            anew = rng.random(n) < 0.4
            actions[anew] = rng.uniform(-1.0, 1.0, (anew.sum(), 2))
            actions[rng.random(n) < 0.2, 0] = rng.choice([-1.0, 1.0])
            actions[rng.random(n) < 0.3, 1] = rng.choice([-1.0, 1.0, 1.0])
        race.advance(actions)
        fastest = np.maximum(fastest, race.speed)
    assert np.isfinite(race.floats[:, numbers]).all()
    assert fastest.max() < 300.0  # twice the fastest top speed: nothing was on its way up


def test_a_broken_page_is_one_clear_line(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_bytes(b"\xff\xfe: [")
    with pytest.raises(UserError, match=r"bad\.yaml"):
        load_car(path)
