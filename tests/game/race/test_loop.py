"""Real time to physics steps, with a clock that is made up."""

import pytest

from retroracer.game.race.loop import LONGEST, FixedStep


@pytest.mark.parametrize("fps", [30, 50, 60, 144, 7])
def test_the_same_second_gives_the_same_steps_at_any_frame_rate(fps: int) -> None:
    loop = FixedStep(0.01)
    assert sum(loop.steps(1.0 / fps) for _ in range(10 * fps)) in (999, 1000)


def test_what_is_left_over_is_shown_as_a_share_of_a_step() -> None:
    loop = FixedStep(0.01)
    assert loop.steps(0.025) == 2
    assert loop.share == pytest.approx(0.5)
    loop.forget()
    assert loop.share == 0.0


def test_a_long_pause_is_not_caught_up_on_and_time_never_runs_back() -> None:
    loop = FixedStep(0.01)
    assert loop.steps(60.0) == round(LONGEST / 0.01)
    assert loop.steps(-5.0) == 0
