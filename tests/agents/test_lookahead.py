"""A driver that tries manoeuvres in copies of its race before it decides."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import stable_baselines3

from retroracer.agents import lookahead
from retroracer.agents.lookahead import LookaheadPolicy, near, racer_of, write_racer
from retroracer.agents.manoeuvres import (
    EACH,
    LIFTS,
    MANOEUVRES,
    TRIED,
    carried_out,
    narrowed,
)
from retroracer.agents.policy import Policy, load_policy
from retroracer.agents.race_drivers import driver_of
from retroracer.agents.trial import CARS, COST, STAGES, STEPS, Trial, stuck
from retroracer.envs.crew import NOBODY, Crew
from retroracer.envs.observation import N_OBS, OBS_NAMES
from retroracer.envs.race_batch import RaceBatch
from retroracer.envs.race_rules import RacePage
from retroracer.envs.race_task import N_RACE_OBS, RACE_LAYOUT
from retroracer.envs.task import Ending
from retroracer.envs.variety import Variety
from retroracer.errors import UserError
from retroracer.physics import state as st
from retroracer.physics.car import load_car
from retroracer.physics.race import Race
from retroracer.track.files import load_track
from retroracer.track.generate import random_tracks

EDGES = ("edge_left", "edge_left_near", "edge_right", "edge_right_near")


class Standing:
    """A rival that never moves."""

    n_observations, action_repeat = N_OBS, 2

    def act(self, obs: Any) -> Any:
        return np.zeros((len(obs), 2))


def looking() -> LookaheadPolicy:
    return LookaheadPolicy(load_policy("base"), [load_policy(name) for name in lookahead.OTHERS])


def races(driver: Any, others: Any, n: int = 8, cars: int = 4) -> tuple[RaceBatch, Crew]:
    """Races of one driver among others, all on the move."""
    batch = RaceBatch(
        n, cars, tracks=random_tracks(3, 4), page=RacePage(1000, time=1e9), seed=4,
        variety=Variety(start="random", pace=(0.7, 0.7), standing=0.0, offset=0.3, latency=(0, 0)),
        ending=Ending(off_track=5.0),
    )  # fmt: skip
    batch.reset(4)
    return batch, Crew(batch, [driver, others], np.tile([0] + [1] * (cars - 1), n))


def first_trial(driver: LookaheadPolicy, batch: RaceBatch) -> Trial:
    """Of one race, as ``drive`` has just asked for it."""
    of = driver._memories[batch.race].waiting[0]
    races = [driver._copy(each) for each, _ in STAGES]
    return driver._trial(of, races)


def asked(gap: float, speed: Any, cars: int = 4) -> tuple[LookaheadPolicy, RaceBatch]:
    """A driver behind a queue of ``base``, in one race, that has just been asked to drive."""
    driver = looking()
    batch, crew = races(driver, load_policy("base"), 1, cars)
    batch.race.place(s=200.0 + gap * np.arange(cars), speed=speed)
    batch.look()
    crew.act()
    return driver, batch


def test_a_narrowed_road_is_narrower_on_one_side_and_its_middle_moves_by_half() -> None:
    obs = np.random.default_rng(0).uniform(0.2, 1.0, (3, N_RACE_OBS)).astype(np.float32)
    seen = narrowed(obs, np.array([0.0, 0.4, -0.4]))
    change = {name: seen[:, k] - obs[:, k] for k, name in enumerate(OBS_NAMES)}
    width = obs[:, OBS_NAMES.index("edge_left")] + obs[:, OBS_NAMES.index("edge_right")]
    for name in EDGES:
        row = 1 if "left" in name else 2  # the row whose road is gone on that side
        np.testing.assert_allclose(change[name][row], -0.4 * width[row], rtol=1e-5)
        np.testing.assert_array_equal(np.delete(change[name], row), 0.0)
    wanted = np.array([0.0, -0.2, 0.2]) * width  # left positive
    np.testing.assert_allclose(change["middle_far"], wanted, atol=1e-6)
    others = [name for name in OBS_NAMES if name not in (*EDGES, "middle_far")]
    assert all((change[name] == 0.0).all() for name in others)


def test_the_first_manoeuvre_changes_nothing_and_all_keep_actions_in_range() -> None:
    plans = np.arange(len(MANOEUVRES))
    actions = np.random.default_rng(0).uniform(-1, 1, (len(plans), 2)).astype(np.float32)
    out = carried_out(actions.copy(), plans)
    np.testing.assert_array_equal(out[0], actions[0])
    assert (np.abs(out) <= 1.0).all()
    assert TRIED.shape == (2, EACH) and (TRIED[:, 0] == 0).all()
    assert set(TRIED.ravel().tolist()) == set(plans.tolist())


def test_near_is_who_is_beside_or_soon_reached_and_a_ghost_never_is() -> None:
    race = Race([load_track("monza")], load_car(), 3, company=3)
    length = load_track("monza").length
    for s, speed, wanted in (
        ((0.0, 12.0, 300.0), 30.0, [True, False, False]),
        ((0.0, 30.0, 300.0), 30.0, [False, False, False]),
        ((length - 5.0, 5.0, 300.0), 30.0, [True, False, False]),  # across the line
        ((0.0, 8.0, 300.0), 30.0, [True, True, False]),
    ):
        race.place(s=np.array(s) % length, speed=speed)
        assert near(race, np.arange(3)).tolist() == wanted
    race.place(s=[0.0, 40.0, 300.0], speed=[50.0, 30.0, 30.0])
    assert near(race, np.arange(3)).tolist() == [True, False, False]  # 20 m/s faster
    assert race.company is not None
    race.company.solid[1] = False
    assert not near(race, np.arange(3)).any()


def test_stuck_is_who_is_off_the_road_and_slow_or_turned() -> None:
    race = Race([load_track("monza")], load_car(), 5)
    race.place(
        s=50.0, lateral_offset=[0.0, 20.0, 20.0, 20.0, 0.0], speed=[0.0, 0.0, 30.0, 30.0, 5.0],
        heading_error=[0.0, 0.0, 0.0, 2.0, 2.0],
    )  # fmt: skip
    assert stuck(race.floats).tolist() == [False, True, False, True, True]


@pytest.mark.slow
def test_a_trial_foresees_the_decision_that_is_being_driven() -> None:
    driver, base = looking(), load_policy("base")
    batch, crew = races(driver, base)
    columns, found = [st.S, st.OFFSET, st.VX, st.VY, st.YAW_RATE], 0
    for _ in range(20):
        actions = crew.act()
        memory = driver._memories[batch.race]
        seen = {}
        if memory.waiting:
            driver._advance(memory)
            assert memory.trial is not None
            of, trial = memory.trial
            ahead = trial.copies[0].race.floats.reshape(-1, EACH, CARS, st.N_FLOATS)
            for k, row in enumerate(of.rows.tolist()):
                cars = [row, *lookahead._others(batch.race, row, 3).tolist()]
                seen[row] = cars, ahead[k, :, : len(cars)][:, :, columns].copy()
        batch.step(actions, autoreset=False)
        batch.step(crew.act(), autoreset=False)
        for cars, expected in seen.values():
            for tried in expected:  # until then all manoeuvres are one
                np.testing.assert_allclose(tried, batch.race.floats[cars][:, columns], atol=1e-3)
            found += 1
    assert found > 40


@pytest.mark.slow
def test_a_trial_goes_on_with_fewer_and_costs_what_it_says() -> None:
    driver, batch = asked(12.0, 30.0)
    trial = first_trial(driver, batch)
    spent, kept = 0, []
    while not trial.over:
        kept.append(trial.tried[0].tolist())
        spent += trial.advance()
    assert spent == COST and len(kept) == STEPS + 1
    for (each, until), (fewer, _) in pairwise(STAGES):
        before, after = kept[until], kept[until + 1]
        assert len(before) == each and len(after) == fewer and set(after) < set(before)
        assert after == sorted(after) and LIFTS[after].any(), "one that lifts or brakes goes on"
    assert trial.best()[0] in kept[-1]


@pytest.mark.slow
def test_others_who_were_touched_act_on_what_they_see() -> None:
    """In each copy they drive as they would there: not as in the one where nothing is tried."""
    driver, batch = asked(15.0, [40.0, 25.0], 2)  # about to run into it
    trial = first_trial(driver, batch)
    differ = 0
    for _ in range(STAGES[0][1]):
        seen = trial.copies[0].obs.reshape(EACH, CARS, -1)[:, 1, :N_OBS]
        trial.advance()
        wanted = driver.others[0].act(np.ascontiguousarray(seen))
        np.testing.assert_allclose(trial.chosen[0, :, 1], wanted, atol=0.02)
        differ += int((np.abs(wanted - wanted[0]) > 0.1).any())
    assert differ


@pytest.mark.slow
def test_others_are_foreseen_as_the_known_driver_they_resemble() -> None:
    driver = looking()
    batch = RaceBatch(4, 4, tracks=random_tracks(3, 4), page=RacePage(1000, time=1e9), seed=4)
    batch.reset(4)
    rivals = [load_policy(name) for name in ("rookie", "base", "club")]
    crew = Crew(batch, [driver, *rivals], np.tile([0, 1, 2, 3], 4))
    for _ in range(400):  # 20 s from the grid
        batch.step(crew.act(), autoreset=False)
    opponents = driver._memories[batch.race].opponents
    found = opponents.like(np.arange(16)).reshape(4, 4)[:, 1:]
    wanted = [lookahead.OTHERS.index(name) for name in ("rookie", "base", "club")]
    assert (found == wanted).mean() > 0.8, found
    crew.begin()
    batch.reset(4)
    crew.act()
    assert (opponents.like(np.arange(16)) == 0).all(), "a new race: nothing is known"


@pytest.mark.slow
def test_who_did_otherwise_than_foretold_is_foreseen_to_go_on_for_a_while() -> None:
    driver, batch = asked(12.0, 30.0, 2)
    acts = {}
    for steering in (0.0, 0.2):
        driver._memories[batch.race].waiting[0].differs[0, 0] = steering, 0.0
        trial = first_trial(driver, batch)
        foreseen = []
        for _ in range(3):
            trial.advance()
            foreseen.append(trial.chosen[0, 0, 1, 0])
        acts[steering] = np.array(foreseen)
    change = acts[0.2] - acts[0.0]
    # Later it also sees where that has led it.
    assert change[0] == pytest.approx(0.2) and 0.0 < change[2] < 0.2


@pytest.mark.slow
def test_planning_bit_by_bit_comes_to_the_same() -> None:
    ends = []
    for how in ("at once", "bit by bit", "in spare time"):
        driver = looking()
        batch, crew = races(driver, load_policy("club"))
        for _ in range(60):
            batch.step(crew.act(), autoreset=False)
            memory = driver._memories[batch.race]
            for _ in range(10 if how == "bit by bit" else 0):
                driver.work(batch.race, 0.05)
            if how == "in spare time":
                driver.plan(batch.race, np.inf)
            if how != "at once":
                done = memory.trial is None and not memory.waiting
                assert done or (how == "bit by bit" and crew.clock[0] % 2)
        ends.append(batch.race.floats.copy())
    np.testing.assert_array_equal(ends[0], ends[1])
    np.testing.assert_array_equal(ends[0], ends[2])


@pytest.mark.slow
def test_planning_waits_for_spare_time_at_first_and_is_done_in_time() -> None:
    driver, batch = asked(12.0, 30.0)
    memory, spent = driver._memories[batch.race], []
    for _ in range(10):
        driver.work(batch.race, 0.1)
        spent.append(memory.spent)
    assert spent[:2] == [0, 0] and spent[-1] == memory.whole == COST
    steps = np.diff(spent[1:])
    assert (steps > 0).all() and steps.max() < 0.25 * COST, "evenly"


def test_alone_it_drives_exactly_as_its_policy() -> None:
    driver, base = looking(), load_policy("base")
    obs = np.random.default_rng(0).uniform(-1, 1, (50, N_OBS)).astype(np.float32)
    np.testing.assert_array_equal(driver.act(obs), base.act(obs))
    race = Race([load_track("monza")], load_car(), 50)
    race.place(s=np.arange(50) * 20.0, speed=20.0)
    last = np.zeros((50, 2))
    np.testing.assert_array_equal(driver.drive(obs, race, np.arange(50), last), base.act(obs))


@pytest.mark.slow
def test_a_plan_is_forgotten_when_a_race_begins_anew() -> None:
    driver = looking()
    batch, crew = races(driver, load_policy("base"))
    first = [crew.act().copy()]
    for _ in range(8):
        batch.step(first[-1], autoreset=False)
        first.append(crew.act().copy())
    batch.reset(4)
    crew.begin()
    crew.held[:] = 0.0
    for wanted in first:
        np.testing.assert_array_equal(crew.act(), wanted)
        batch.step(wanted, autoreset=False)


@pytest.mark.slow
def test_it_does_not_run_into_cars_that_stand_in_the_way() -> None:
    """Blind, ``base`` runs into most of them."""
    faults = {}
    for driver in (load_policy("base"), looking()):
        batch, crew = races(driver, Standing(), 32, 2)
        rows = np.arange(1, batch.n, 2)  # others stand 90 m ahead, in the middle of the road
        track, s = batch.race.ints[rows, st.TRACK], batch.race.floats[rows - 1, st.S] + 90.0
        batch.race.place(rows=rows, track=track, s=s)
        batch.look()
        for _ in range(100):  # 5 s
            batch.step(crew.act(), autoreset=False)
        faults[type(driver)] = int(batch.snapshot(slice(0, None, 2))["contacts_at_fault"].sum())
    blind, ahead = faults.values()
    assert blind >= 8 and ahead <= 2, faults


@pytest.mark.slow
def test_it_comes_back_from_where_its_policy_stays() -> None:
    rng, n = np.random.default_rng(1), 60
    place = {
        "s": rng.uniform(100.0, 900.0, n),
        "lateral_offset": rng.choice([-1.0, 1.0], n) * rng.uniform(12.0, 24.0, n),
        "heading_error": rng.uniform(-3.1, 3.1, n),
    }
    back = {}
    for driver in (load_policy("base"), looking()):
        batch = RaceBatch(
            n, 1, tracks=[load_track("monza")], page=RacePage(1000, time=1e9), seed=0,
            ending=Ending(off_track=1e9, stall=1e9), variety=Variety(latency=(0, 0)),
        )  # fmt: skip
        batch.reset(0)
        batch.race.place(**place)
        batch.look()
        crew, home = Crew(batch, [driver], np.zeros(n, int)), np.zeros(n, bool)
        for _ in range(240):  # 12 s
            batch.step(crew.act(), autoreset=False)
            home |= ~batch.race.off_track & (batch.race.floats[:, st.VX] > 8.0)
        back[type(driver)] = int(home.sum())
    blind, ahead = back.values()
    assert ahead >= 50 and ahead > blind + 3, back


@pytest.mark.slow
def test_the_zip_says_it_and_plain_sb3_opens_it(tmp_path: Path) -> None:
    out = tmp_path / "racer.zip"
    facts = write_racer("base", out)
    assert facts.parent == "base" and facts.notes["lookahead"] is True
    driver = driver_of(out, None, "gt")
    assert isinstance(driver, LookaheadPolicy) and driver.name == "racer"
    assert not isinstance(racer_of(load_policy("base")), LookaheadPolicy)
    obs = np.random.default_rng(0).uniform(-1, 1, (3, N_OBS)).astype(np.float32)
    plain = stable_baselines3.SAC.load(out, device="cpu")
    np.testing.assert_allclose(
        plain.predict(obs, deterministic=True)[0], driver.act(obs), atol=1e-5
    )
    wide = replace(driver.facts, observation_layout=RACE_LAYOUT)
    sees_itself = Policy(driver.layers, wide, "racer")
    assert racer_of(sees_itself) is sees_itself
    again = tmp_path / "again.zip"
    write_racer(out, again)
    assert load_policy(again).facts.parent == "racer"


def test_the_shipped_racer_looks_ahead_and_others_do_not() -> None:
    assert isinstance(racer_of(load_policy("racer")), LookaheadPolicy)
    assert not isinstance(racer_of(load_policy("base")), LookaheadPolicy)


def test_a_driver_of_races_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="reads observations"):
        write_racer("carracing", tmp_path / "racer.zip")
    assert not (tmp_path / "racer.zip").exists()


def test_nobody_at_the_wheel_is_left_alone() -> None:
    driver = looking()
    _, crew = races(driver, load_policy("base"), 2)
    crew.seats[:] = NOBODY
    assert (crew.act() == 0.0).all() and not driver._memories
