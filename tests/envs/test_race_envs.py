"""The race as PettingZoo's ParallelEnv and Gymnasium's Env: their checkers, ends, info."""

from __future__ import annotations

import copy
import os
import subprocess
import sys
import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from stable_baselines3.common.env_checker import check_env as sb3_check_env

import retroracer.envs
from retroracer.agents.race_drivers import make_race_env
from retroracer.envs.race_env import Ghost
from retroracer.envs.race_parallel import RaceParallelEnv
from retroracer.envs.race_rules import FINISHED, OUT, RacePage
from retroracer.envs.race_task import N_RACE_OBS, RaceReward
from retroracer.errors import UserError
from tests.shapes import oval

with warnings.catch_warnings():  # its other tests import envs of its own, made the old way
    warnings.simplefilter("ignore", DeprecationWarning)
    from pettingzoo.test import parallel_api_test, parallel_seed_test

TRACK = oval(half_width=9.0)


def hold(race):
    """A driver of all rows at a steady pace."""
    return np.tile([0.0, 0.2], (race.n, 1))


class Flat:
    """A driver that acts on observations."""

    n_observations = N_RACE_OBS

    def act(self, obs):
        return np.tile([0.0, 0.3], (len(obs), 1))


def test_pettingzoos_checkers_pass():
    make = lambda: RaceParallelEnv(3, TRACK, page=RacePage(laps=1, time=5.0))  # noqa: E731
    parallel_api_test(make(), num_cycles=200)
    parallel_seed_test(make, num_cycles=50)


@pytest.mark.slow
def test_importing_it_leaves_the_sound_driver_alone() -> None:
    program = (
        "import os; import retroracer.envs.race_parallel; print(os.environ.get('SDL_AUDIODRIVER'))"
    )
    for chosen in (None, "dummy"):
        env = {k: v for k, v in os.environ.items() if k != "SDL_AUDIODRIVER"}
        env |= {"SDL_AUDIODRIVER": chosen} if chosen else {}
        told = subprocess.run(
            [sys.executable, "-c", program], env=env, capture_output=True, text=True, check=True
        )
        assert told.stdout.split()[-1] == str(chosen)


def test_agents_leave_one_by_one_and_the_dicts_name_those_alive_before_the_step():
    env = RaceParallelEnv(3, TRACK, page=RacePage(laps=1, time=20.0))
    obs, infos = env.reset(seed=1)
    assert set(obs) == set(infos) == {"car_0", "car_1", "car_2"}
    assert env.observation_space("car_0") is env.observation_space("car_0")
    while env.agents:
        before = set(env.agents)
        # The first stands still, the others drive on until the bend.
        actions = {a: np.array([0.0, 0.0 if a == "car_0" else 0.6], np.float32) for a in env.agents}
        outs = env.step(actions)
        assert all(set(out) == before for out in outs)
        assert set(env.agents) <= before
        if before - set(env.agents) == {"car_0"}:
            assert outs[2]["car_0"] and outs[4]["car_0"]["result"]["status"] == OUT
            assert len(before) == 3
    assert env.step({}) == ({}, {}, {}, {}, {})
    assert [r["place"] for r in env.results()] == [1, 2, 3]


def test_info_tells_blame_places_and_named_terms():
    env = RaceParallelEnv(2, TRACK)
    env.reset(seed=0)
    env.batch.race.place(s=[100.0, 104.7], speed=[40.0, 10.0])
    _, reward, _, _, infos = env.step(dict.fromkeys(env.agents, np.zeros(2, np.float32)))
    blame = infos["car_0"]["blame"]
    assert [b["car"] for b in blame] == [1]
    assert blame[0]["fault"] == 1.0 and blame[0]["closing"] > 25.0
    assert infos["car_0"]["contacts_at_fault"] == 1 and infos["car_1"]["contacts_at_fault"] == 0
    assert infos["car_0"]["reward"]["fault"] < 0.0 == infos["car_1"]["reward"]["fault"]
    assert sum(infos["car_0"]["reward"].values()) == pytest.approx(reward["car_0"])


def test_gymnasiums_and_sb3s_checkers_pass():
    env = gymnasium.make(
        retroracer.envs.RACE_ENV_ID, drivers=[hold, Flat()], track=TRACK, disable_env_checker=True
    )
    check_env(env.unwrapped, skip_render_check=True)
    sb3_check_env(env.unwrapped, warn=True)


@pytest.mark.slow
def test_the_learner_races_models_lines_and_ghosts_on_given_tracks():
    env = make_race_env(
        ["rookie", "line", Ghost("rookie")], TRACK, page=RacePage(laps=1, time=90.0)
    )
    env.reset(seed=3)
    solid = env.batch.company.solid.tolist()
    assert solid == [True, True, True, False]
    done = False
    driver = env.drivers[1]
    while not done:
        # The learner is driven along the line too.
        *_, terminated, truncated, info = env.step(driver(env.batch.race)[0].astype(np.float32))
        done = terminated or truncated
    assert truncated and info["result"]["status"] == FINISHED
    assert {r["place"] for r in info["results"]} == {1, 2, 3, 4}
    assert info["result"]["time_s"] > 5.0


def test_a_line_without_a_track_and_a_driver_of_other_observations_are_told():
    with pytest.raises(UserError, match="given tracks"):
        make_race_env(["line"])
    odd = Flat()
    odd.n_observations = 7
    with pytest.raises(ValueError, match="not on 7"):
        make_race_env([odd], TRACK)
    with pytest.raises(TypeError, match="driver"):
        make_race_env([3], TRACK)


def test_a_race_can_be_copied_and_goes_on_alike():
    env = make_race_env([hold, hold], TRACK)
    env.reset(seed=4)
    for _ in range(20):
        env.step(np.array([0.0, 0.5], np.float32))
    other = copy.deepcopy(env)
    for _ in range(20):
        one = env.step(np.array([0.1, 0.5], np.float32))
        two = other.step(np.array([0.1, 0.5], np.float32))
    np.testing.assert_array_equal(one[0], two[0])
    assert one[1] == two[1]


def by_id(**arguments):
    """The race's env by its id, as users make it."""
    return gymnasium.make(
        retroracer.envs.RACE_ENV_ID, track=TRACK, disable_env_checker=True, **arguments
    )


class Tiring:
    """A driver whose every decision differs, so that its beat shows in where it drives."""

    n_observations, action_repeat = N_RACE_OBS, 3

    def __init__(self):
        self.decisions = 0

    def act(self, obs):
        self.decisions += 1
        return np.tile([0.0, 0.9 / self.decisions], (len(obs), 1))


def test_an_action_held_is_the_same_action_given_again_and_rivals_keep_their_own_beat():
    held = by_id(drivers=[hold, Tiring()], action_repeat=2)
    given = by_id(drivers=[hold, Tiring()])
    held.reset(seed=1)
    given.reset(seed=1)
    for action in np.random.default_rng(0).uniform((-0.02, 0.3), (0.02, 0.6), (40, 2)):
        chosen = action.astype(np.float32)
        one, first, second = held.step(chosen), given.step(chosen), given.step(chosen)
        np.testing.assert_array_equal(one[0], second[0])
        assert one[1] == pytest.approx(first[1] + second[1])
        assert one[2:4] == second[2:4]
        for name, amount in one[4]["reward"].items():
            assert amount == pytest.approx(first[4]["reward"][name] + second[4]["reward"][name])
    assert held.unwrapped.drivers[1].decisions == given.unwrapped.drivers[1].decisions == 27
    theirs = given.unwrapped.batch.race.floats
    np.testing.assert_array_equal(held.unwrapped.batch.race.floats, theirs)
    assert (held.metadata["render_fps"], given.metadata["render_fps"]) == (10, 20)


def test_a_contact_early_in_a_held_action_is_told():
    env = by_id(drivers=[hold], action_repeat=10).unwrapped
    env.reset(seed=0)
    env.batch.race.place(s=[100.0, 104.7], speed=[40.0, 10.0])
    *_, info = env.step(np.array([0.0, -1.0], np.float32))
    assert next(b["car"] for b in info["blame"]) == 1 and info["blame"][0]["closing"] > 25.0
    assert info["bump"] > 0.0 == env.batch.snapshot(np.array([0]))["bump"][0]
    assert info["reward"]["fault"] < 0.0


def test_a_race_that_ends_while_an_action_is_held_goes_no_further():
    env = by_id(drivers=[hold], page=RacePage(laps=1, time=1.0), action_repeat=7)
    env.reset(seed=0)
    ends = [env.step(np.array([0.0, 0.1], np.float32)) for _ in range(3)]
    assert [end[3] for end in ends] == [False, False, True]
    assert ends[-1][4]["time"] == pytest.approx(1.0) and ends[-1][4]["results"]


def test_actions_of_all_agents_can_be_held_as_if_they_were_given_again():
    held = RaceParallelEnv(3, TRACK, page=RacePage(laps=1, time=20.0), action_repeat=4)
    given = RaceParallelEnv(3, TRACK, page=RacePage(laps=1, time=20.0))
    held.reset(seed=1)
    given.reset(seed=1)
    assert (held.metadata["render_fps"], given.metadata["render_fps"]) == (5, 20)
    lengths = set()
    while held.agents:
        # The first stands still, the others drive on until the bend.
        actions = {a: np.array([0.0, 0.0 if a == "car_0" else 0.6]) for a in held.agents}
        one, each = held.step(actions), {agent: [] for agent in actions}
        for _ in range(4):
            for agent, told in given.step({a: actions[a] for a in given.agents})[1].items():
                each[agent].append(told)
        assert one[1] == pytest.approx({agent: sum(paid) for agent, paid in each.items()})
        lengths |= {len(paid) for paid in each.values()}
        assert held.agents == given.agents
        for agent in actions.keys() - set(held.agents):
            assert one[2][agent] != one[3][agent]
            time = one[4][agent]["time"]  # of its end, not of the others' steps after it
            assert sum(one[4][agent]["reward"].values()) == pytest.approx(one[1][agent])
            assert round(time / 0.05) % 4 == len(each[agent]) % 4
    assert len(lengths) > 1, "somebody's race ended while actions were held"
    assert held.results() == given.results()
    np.testing.assert_array_equal(held.batch.race.floats, given.batch.race.floats)


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("action_repeat", 0, ValueError),
        ("render_mode", "rgb", ValueError),
        ("n_cars", 2.5, TypeError),
        ("n_cars", 0, ValueError),
        ("car", 3, TypeError),
        ("page", {"laps": 2}, TypeError),
        ("reward", 1.0, TypeError),
        ("racing", 1.0, TypeError),
        ("racing", RaceReward(fault=float("nan")), ValueError),
        ("variety", "grid", TypeError),
        ("ending", 5.0, TypeError),
    ],
)
def test_an_odd_argument_is_refused_by_name(name, value, error):
    about = "fault" if isinstance(value, RaceReward) else name
    with pytest.raises(error, match=about):
        RaceParallelEnv(**{"n_cars": 2, "track": TRACK, name: value})
    if name != "n_cars":
        with pytest.raises(error, match=about):
            by_id(drivers=[hold], **{name: value})


@pytest.mark.parametrize(("value", "error"), [(0, ValueError), (2.0, TypeError), ("2", TypeError)])
def test_an_odd_action_repeat_is_refused_by_name(value, error):
    with pytest.raises(error, match="action_repeat"):
        by_id(drivers=[hold], action_repeat=value)
