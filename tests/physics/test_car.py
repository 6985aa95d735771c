"""Cars as data files."""

from pathlib import Path

import pytest

from retroracer.errors import UserError
from retroracer.physics.car import car_facts, car_from, load_car, shipped_cars


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


def test_every_mistake_on_a_page_is_told_at_once(tmp_path: Path) -> None:
    page = dict(car_facts(load_car("gt")))
    page["mas"] = page.pop("mass")
    page["mu"] = "sticky"
    with pytest.raises(UserError) as told:
        car_from(page, "mine.yaml")
    for part in ("mine.yaml", "unknown key 'mas'", "missing key 'mass'", "'mu' must be a number"):
        assert part in str(told.value)


@pytest.mark.parametrize("value", [-3, 0, float("nan"), float("inf")])
def test_a_mass_that_is_no_mass_is_refused(value: float) -> None:
    page = dict(car_facts(load_car("gt"))) | {"mass": value}
    with pytest.raises(UserError, match="mass must be > 0"):
        car_from(page, "mine.yaml")


def test_a_broken_page_is_one_clear_line(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_bytes(b"\xff\xfe: [")
    with pytest.raises(UserError, match=r"bad\.yaml"):
        load_car(path)
