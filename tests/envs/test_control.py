"""ControlLoop: the latency of actions, and that env and evaluation drive by the same steps."""

from __future__ import annotations

import numpy as np
import pytest

from retroracer.envs.batch import RacingBatch
from retroracer.envs.control import ControlLoop
from retroracer.envs.task import EVALUATION_STALL, Ending, Stall, stalled_rows
from retroracer.envs.variety import Variety
from retroracer.physics import state
from retroracer.physics.car import load_car
from retroracer.physics.race import Race
from tests.shapes import oval


@pytest.mark.parametrize("latency", [0, 1, 3])
def test_the_loop_drives_as_the_batch_does_to_the_last_bit(latency):
    track, rng = oval(), np.random.default_rng(latency)
    endless = Ending(off_track=1e9, stall=1e9, time=1e9)
    variety = Variety(latency=(latency, latency))
    batch = RacingBatch(5, tracks=[track], variety=variety, ending=endless, seed=0)
    seen = batch.reset(0)
    loop = ControlLoop(Race([track], load_car("gt"), 5), latency)
    for _ in range(60):
        assert loop.observe().tobytes() == seen.tobytes()
        actions = rng.uniform(-1.5, 1.5, (5, 2))
        seen = batch.step(actions)[0]
        loop.choose(actions)
        loop.advance()
        assert loop.race.floats.tobytes() == batch.race.floats.tobytes()


@pytest.mark.parametrize("latency", [0, 2, 5])
def test_an_action_takes_effect_after_the_latency(latency):
    loop = ControlLoop(Race([oval()], load_car("gt"), 1), latency)
    applied = []
    for k in range(12):
        loop.choose(np.full((1, 2), 0.05 * (k + 1)))
        applied.append(loop.controls.applied[0, 1])
    wanted = [0.0] * latency + [0.05 * (k + 1) for k in range(12 - latency)]
    np.testing.assert_allclose(applied, wanted)


def test_a_person_at_the_wheel_acts_at_once_and_is_seen_to():
    loop = ControlLoop(Race([oval()], load_car("gt"), 2), latency=2)
    loop.choose(np.zeros((2, 2)))
    loop.steer_now(0, (0.25, 0.5))
    np.testing.assert_array_equal(loop.controls.applied, [[0.25, 0.5], [0.0, 0.0]])
    np.testing.assert_array_equal(loop.last, [[0.25, 0.5], [0.0, 0.0]])


@pytest.mark.parametrize("rule", [Stall(3.0, 6.0), EVALUATION_STALL])
def test_a_car_has_stalled_when_it_gains_too_little_for_too_long(rule):
    floats, marks = np.zeros((2, state.N_FLOATS)), np.zeros((2, 2))
    speeds = rule.distance / rule.seconds * np.array([0.8, 1.4])
    first = None
    for k in range(1, 400):
        floats[:, state.TIME] = 0.05 * k
        floats[:, state.PROGRESS] = speeds * 0.05 * k
        out = stalled_rows(floats, marks, rule)
        assert not out[1], "fast enough"
        if out[0] and first is None:
            first = 0.05 * k
    assert first == pytest.approx(rule.seconds, abs=0.06)
