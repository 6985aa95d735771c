"""Keys and scripts to pedals and wheel."""

from pathlib import Path

import numpy as np
import pytest

from retroracer.errors import UserError
from retroracer.game.race.drivers import Human, Keys, read_script
from retroracer.physics.car import load_car
from retroracer.physics.dynamics import Motion, integrate


def hold(human: Human, keys: Keys, speed: float, seconds: float) -> tuple[float, float]:
    inputs = (0.0, 0.0)
    for _ in range(round(seconds / 0.01)):
        inputs = human.act(keys, speed, 0.01)
    return inputs


def test_left_is_positive_and_up_drives() -> None:
    steer, throttle = hold(Human(), Keys(left=True, up=True), 10.0, 2.0)
    assert (steer, throttle) == (1.0, 1.0)
    steer, throttle = hold(Human(), Keys(right=True, down=True), 10.0, 2.0)
    assert (steer, throttle) == (-1.0, -1.0)


def test_the_wheel_takes_time_and_centres_faster_than_it_turns() -> None:
    human = Human()
    turned, _ = hold(human, Keys(left=True), 10.0, 0.15)
    assert 0.1 < turned < 0.6
    assert hold(human, Keys(), 10.0, 0.15)[0] == 0.0


@pytest.mark.slow
def test_a_tap_at_250_kmh_moves_the_car_over_instead_of_around() -> None:
    human, row = Human(), load_car("gt").row()
    s = np.zeros(10)
    s[3] = 250 / 3.6
    for k in range(200):
        keys = Keys(left=k < 5, up=True)
        steer, throttle = human.act(keys, s[3], 0.01)
        s = np.array(integrate(Motion(*s), steer, throttle, row, 1.0, 0.0, 0.01))
    assert abs(s[2]) < 0.2, "turned around"
    assert s[1] > 0.1, "did not move at all"
    assert abs(s[4]) < 0.5 and abs(s[5]) < 0.1, "still sliding"


def test_a_script_holds_each_input_until_the_next_line_that_names_it(tmp_path: Path) -> None:
    path = tmp_path / "in.yaml"
    path.write_text(
        "- {at: 1, steer: 0.5}\n- {at: 0, throttle: 1}\n- {at: 2, press: restart, throttle: 0}\n"
    )
    script = read_script(path)
    assert script.play(0.5) == [] and (script.steer, script.throttle) == (0.0, 1.0)
    assert script.play(1.0) == [] and (script.steer, script.throttle) == (0.5, 1.0)
    assert script.play(9.0) == ["restart"] and (script.steer, script.throttle) == (0.5, 0.0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("steer: 1", "expected a list"),
        ("- {at: 1, steer: 2}", "in.yaml:1: item 1.steer: must be at most 1, got 2"),
        ("- {steer: 1}", "in.yaml:1: item 1: 'at' is missing"),
        ("- {at: 1, stear: 1}", "in.yaml:1: item 1.stear: unknown key; did you mean 'steer'?"),
        ("- {at: soon}", "in.yaml:1: item 1.at: expected a number, got 'soon'"),
        ("- {at: 1, press: fly}", "expected restart or pause or reset or menu or quit, got 'fly'"),
        ("- [", "in.yaml:1: not valid YAML: the bracket opened here is not closed"),
        ("- a\n\x00", "in.yaml:2: not valid YAML: a NUL"),
    ],
)
def test_a_broken_script_is_told_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "in.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=r"in\.yaml") as told:
        read_script(path)
    assert message in str(told.value) and "\n" not in str(told.value)


def test_a_missing_script_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no file"):
        read_script(tmp_path / "none.yaml")
