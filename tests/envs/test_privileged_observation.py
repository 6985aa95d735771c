"""What values are told beside an observation: held against the track and the car themselves."""

import dataclasses

import numpy as np
import pytest

from retroracer.envs import task
from retroracer.envs.batch import RacingBatch
from retroracer.envs.privileged_observation import AHEAD, N_PRIVILEGED
from retroracer.envs.variety import TRAINING, Variety
from retroracer.physics import car as c
from retroracer.physics import state
from retroracer.track.files import load_track


def test_it_is_the_curvature_of_the_stretches_ahead_with_the_sign_of_their_turn() -> None:
    track = load_track("monza")
    batch = RacingBatch(64, tracks=[track], variety=Variety(start="random"), seed=2)
    batch.reset(2)
    told = batch.privileged_obs()
    stations = batch.race.floats[:, state.S]
    for car, s in enumerate(stations):
        at = np.floor((s + AHEAD) / track.spacing).astype(int)
        for k in range(len(AHEAD) - 1):
            cells = np.arange(at[k], at[k + 1]) % track.n
            mean_square = (track.curvature[cells] ** 2).sum() * track.spacing
            wanted = np.sqrt(10.0 * np.sqrt(mean_square / (AHEAD[k + 1] - AHEAD[k])))
            # Within 0.02: the fourth root of a rounding error is no rounding error.
            assert abs(told[car, k]) == pytest.approx(wanted, abs=0.02)
            turn = track.curvature[cells].sum()
            if abs(turn) > 1e-3:
                assert np.sign(told[car, k]) == np.sign(turn)


def test_it_looks_on_across_the_line() -> None:
    track = load_track("monza")
    batch = RacingBatch(1, tracks=[track], seed=2)
    batch.reset(2)
    batch.race.floats[0, state.S] = 3.0
    behind_the_line = batch.privileged_obs()
    batch.race.floats[0, state.S] = track.length - 1e-9
    assert np.isfinite(batch.privileged_obs()).all()
    assert behind_the_line.shape == (1, N_PRIVILEGED)
    np.testing.assert_allclose(batch.privileged_obs()[0, 4:10], behind_the_line[0, 4:10], atol=0.1)


def test_it_tells_how_a_car_differs() -> None:
    batch = RacingBatch(32, variety=TRAINING, seed=3)
    batch.reset(3)
    mass, power, latency = batch.privileged_obs()[:, -3:].T
    plain = batch.car.row()
    params = batch.race.params
    np.testing.assert_allclose(1.0 + mass / 10.0, params[:, c.MASS] / plain[c.MASS], rtol=1e-5)
    np.testing.assert_allclose(1.0 + power / 10.0, params[:, c.POWER] / plain[c.POWER], rtol=1e-5)
    assert set(latency) == {0.0, 1.0}
    same = RacingBatch(4, variety=dataclasses.replace(TRAINING, mass=(1, 1), power=(1, 1)), seed=3)
    same.reset(3)
    assert not same.privileged_obs()[:, -3:-1].any()


def test_cars_whose_episodes_end_are_told_what_was_ahead_at_their_end() -> None:
    made = {"variety": TRAINING, "ending": task.Ending(time=1.0), "seed": 5}
    batch, other = RacingBatch(16, **made), RacingBatch(16, **made)
    batch.privileged = True
    for each in (batch, other):
        each.reset(5)
        for _ in range(19):
            each.step(np.zeros((16, 2)))
    other.step(np.zeros((16, 2)), autoreset=False)
    _, _, terminated, truncated = batch.step(np.zeros((16, 2)))
    done = np.flatnonzero(terminated | truncated)
    assert len(done) == 16
    np.testing.assert_array_equal(batch.final_privileged_obs, other.privileged_obs(done))
