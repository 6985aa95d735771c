"""Given drivers of a batch decide as often as they were trained to, and only for their own cars."""

from __future__ import annotations

import numpy as np
import pytest

from retroracer.envs.crew import NOBODY, Crew, demand_driver
from retroracer.envs.race_batch import RaceBatch
from retroracer.envs.race_env import RaceEnv
from retroracer.envs.race_task import N_RACE_OBS
from retroracer.track.generate import random_tracks


class Counting:
    """Tells how often it decided, by its throttle, and remembers for how many cars."""

    def __init__(self, repeat, n_observations=22):
        self.action_repeat, self.n_observations = repeat, n_observations
        self.rows, self.widths = [], set()

    def act(self, obs):
        self.rows.append(len(obs))
        self.widths.add(obs.shape[1])
        return np.tile([0.0, 0.01 * len(self.rows)], (len(obs), 1))


def batch_of(n_races=2, n_cars=3):
    batch = RaceBatch(n_races, n_cars, tracks=random_tracks(3, 2), seed=1)
    batch.reset(1)
    return batch


def test_each_driver_decides_at_its_own_interval_and_its_action_is_held_in_between():
    batch, often, seldom = batch_of(), Counting(2), Counting(3, N_RACE_OBS)
    crew = Crew(batch, [often, seldom], np.array([NOBODY, 0, 1, NOBODY, 0, 1]))
    held = []
    for _ in range(7):
        actions = crew.act()
        held.append(actions[[1, 2], 1])
        assert (actions[[0, 3]] == 0.0).all()
        batch.step(actions, autoreset=False)
    assert often.rows == [2] * 4 and seldom.rows == [2] * 3
    assert often.widths == {22} and seldom.widths == {N_RACE_OBS}
    np.testing.assert_allclose(np.array(held)[:, 0], np.repeat([0.01, 0.02, 0.03, 0.04], 2)[:7])
    np.testing.assert_allclose(np.array(held)[:, 1], np.repeat([0.01, 0.02, 0.03], 3)[:7])


def test_a_race_that_begins_is_decided_in_at_once_and_the_others_keep_their_beat():
    batch, driver = batch_of(), Counting(4)
    crew = Crew(batch, [driver], np.zeros(6, np.int64))
    crew.act()
    crew.begin(np.array([1]))
    crew.act()
    assert driver.rows == [6, 3]


def test_a_driver_is_not_asked_for_a_car_that_is_out():
    batch, driver = batch_of(1, 3), Counting(1)
    crew = Crew(batch, [driver], np.zeros(3, np.int64))
    batch.alive[1] = False
    crew.act()
    assert driver.rows == [2]


def test_a_driver_that_needs_to_know_more_than_it_sees_is_told_the_race_and_its_rows():
    class Asking:
        n_observations = 22

        def drive(self, obs, race, rows, last):
            assert obs.shape == (len(rows), 22) and race.n == 6 and last.shape == (6, 2)
            return np.stack([np.zeros(len(rows)), 0.1 * rows], axis=1)

    crew = Crew(batch_of(), [Asking()], np.array([NOBODY, 0, 0, NOBODY, NOBODY, 0]))
    np.testing.assert_allclose(crew.act()[:, 1], [0.0, 0.1, 0.2, 0.0, 0.0, 0.5])
    demand_driver(Asking())


def test_rivals_in_the_env_keep_the_interval_of_their_own():
    rival = Counting(2)
    env = RaceEnv([rival], random_tracks(3, 1))
    env.reset(seed=0)
    for _ in range(6):
        env.step(np.float32([0.0, 0.3]))
    assert len(rival.rows) == 3


def test_who_cannot_drive_is_refused():
    with pytest.raises(TypeError, match="has act"):
        demand_driver(3)
