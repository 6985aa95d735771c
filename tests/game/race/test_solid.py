"""Races of solid cars in the game: contact, the grid, what race control tells, what is kept."""

import itertools

import numpy as np
import pytest

from retroracer.agents.facts import Facts
from retroracer.agents.policy import Policy
from retroracer.envs.race_task import N_RACE_OBS, RACE_LAYOUT
from retroracer.envs.task import N_OBS
from retroracer.game.race.race_control import RaceControl
from retroracer.game.race.session import Session
from retroracer.game.replay.tape import Tape, drive_again
from retroracer.physics.company import AT_FAULT
from tests.drivers import PathFollower
from tests.game.races import follower, setup


def session(rivals: int = 1, human: int = 1, laps: int = 2, solid: bool = True) -> Session:
    s = setup(rivals=rivals, human=human, laps=laps)
    return Session(s.track, s.policies, s.cars, human, laps, s.names, solid=solid)


def control(race: Session) -> RaceControl:
    assert race.control is not None
    return race.control


def clash(race: Session, speed: float = 15.0) -> None:
    """Run into the back of the first agent, which stands in the way."""
    race.race.place(rows=[0, 1], s=[100.0, 106.0], speed=[speed, 0.0])
    race.policies = [idle()] * len(race.policies)
    for _ in range(100):
        race.tick(0.0, 0.0)


def idle(width: int = N_OBS) -> Policy:
    """A driver that does nothing."""
    facts = Facts(observation_layout="", steps=0)
    return Policy([(np.zeros((width, 2), np.float32), np.zeros(2, np.float32))], facts, "idle")


@pytest.mark.parametrize("rivals", [1, 3, 19])
def test_the_grid_is_staggered_agents_in_front_and_you_last(rivals: int) -> None:
    race = session(rivals)
    places = race.pose()[:, :2]
    gaps = [np.hypot(*(a - b)) for a, b in itertools.combinations(places, 2)]
    assert min(gaps) > race.cars[0].length
    assert race.order() == [*range(1, rivals + 1), 0]
    assert not race.race.off_track.any() and (race.race.speed == 0.0).all()


def test_cars_of_a_race_collide_and_ghosts_drive_through_one_another() -> None:
    solid, ghosts = session(), session(solid=False)
    for race in (solid, ghosts):
        clash(race)
    assert solid.race.speed[1] > 3.0 and ghosts.race.speed[1] == 0.0
    assert ghosts.control is None and ghosts.race.s[0] > ghosts.race.s[1]
    assert solid.race.s[0] < solid.race.s[1]


def test_running_into_a_car_is_told_as_your_fault_and_costs_five_seconds() -> None:
    race = session()
    clash(race)
    told = control(race).lines[-1]
    assert told.text == "CONTACT WITH FOLLOWER 1: YOUR FAULT +5 s" and told.bad
    assert control(race).penalty(0) == 5.0 and control(race).penalty(1) == 0.0
    result = next(r for r in control(race).stewards.results() if r["driver"] == "you")
    assert result["penalties"] == [{"reason": "contact", "count": 1, "seconds": 5.0}]
    assert any(bump.rows == (0, 1) and bump.closing > 10.0 for bump in control(race).bumps)


def test_who_is_run_into_pays_nothing_and_is_told_so() -> None:
    race = session()
    race.race.place(rows=[0, 1], s=[106.0, 100.0], speed=[0.0, 15.0])
    race.policies = [idle()]
    for _ in range(100):
        race.tick(0.0, 0.0)
    told = control(race).lines[-1]
    assert told.text == "CONTACT WITH FOLLOWER 1: THEIR FAULT, +5 s FOR THEM" and not told.bad
    assert control(race).penalty(0) == 0.0 and control(race).penalty(1) == 5.0


def test_back_on_the_road_leaves_the_account_as_it_is_and_lands_on_nobody() -> None:
    race = session()
    clash(race)
    assert race.race.company is not None
    s = float(race.race.s[1])
    race.race.place(rows=[0], s=s + 1.0, lateral_offset=9.0)
    race.race.company.marks[0, AT_FAULT] = 1.0
    before = float(race.race.progress[0])
    race.put_back()
    gap = s - float(race.race.s[0])
    assert 6.0 < gap < 20.0, "behind the car that was in the way"
    assert race.race.progress[0] == pytest.approx(before - (s + 1.0 - race.race.s[0]))
    assert race.race.company.marks[0, AT_FAULT] == 1.0


def test_the_third_excursion_is_the_last_free_one() -> None:
    race = session()
    for _ in range(4):
        for aside in (40.0, 0.0):
            race.race.place(rows=[0], s=100.0, lateral_offset=aside)
            race.tick()
    told = [line.text for line in control(race).lines if line.row == 0]
    assert told[-2:] == ["TRACK LIMITS: WARNING 3 OF 3", "TRACK LIMITS: +2 s"]
    assert control(race).penalty(0) == 2.0


@pytest.mark.slow
def test_an_agent_that_stands_is_out_and_nobody_touches_it_any_more_but_a_person_may_rest() -> None:
    race = session()
    race.policies = [idle()]
    for _ in range(1500):
        race.tick(0.0, 0.0)
    assert race.race.company is not None
    assert race.race.company.solid.tolist() == [True, False]
    assert control(race).stewards.out.tolist() == [False, True]
    assert control(race).lines[-1].text == "FOLLOWER 1 IS OUT"
    race.put_back()
    assert race.race.company.solid.tolist() == [True, False]


def test_a_car_that_hardly_moves_ahead_is_a_yellow_flag_and_one_a_lap_ahead_a_blue_one() -> None:
    race = session(laps=5)
    race.race.place(rows=[0, 1], s=[100.0, 180.0], speed=[30.0, 0.0])
    assert control(race).flag(0, 2.0) == "", "all are slow at the start"
    assert control(race).flag(0, 20.0) == "yellow"
    assert control(race).flag(1, 20.0) == ""
    race.race.place(rows=[0, 1], s=[100.0, 80.0], speed=[30.0, 40.0])
    assert control(race).flag(0, 20.0) == ""
    race.race.lap[1] = 1
    assert control(race).flag(0, 20.0) == "blue"


def test_a_racing_driver_sees_the_cars_and_one_of_the_road_is_given_the_road_alone() -> None:
    seen: dict[int, list[np.ndarray]] = {N_OBS: [], N_RACE_OBS: []}

    class Watcher(Policy):
        def act(self, obs: np.ndarray) -> np.ndarray:
            seen[obs.shape[1]].append(obs.copy())
            return super().act(obs)

    layers = idle(N_RACE_OBS)._layers
    racing = Watcher(layers, Facts(observation_layout=RACE_LAYOUT, steps=0), "racing")
    road = Watcher(idle()._layers, Facts(observation_layout="", steps=0), "road")
    s = setup(rivals=2)
    for solid in (True, False):
        race = Session(s.track, [racing, road], s.cars, 1, 1, solid=solid)
        race.tick()
    near, alone = (obs[0, N_OBS:] for obs in seen[N_RACE_OBS])
    assert near[0] == near[8] == 1.0, "presence of both others"
    assert not alone.any(), "in a time trial there is nobody"
    assert len(seen[N_OBS]) == 2


def test_a_driver_that_decides_at_10_hz_does_so_here() -> None:
    calls = []

    class Slow(Policy):
        def act(self, obs: np.ndarray) -> np.ndarray:
            calls.append(1)
            return super().act(obs)

    facts = Facts(observation_layout="", steps=0, notes={"control_dt": 0.1})
    s = setup()
    race = Session(s.track, [Slow(idle()._layers, facts, "slow")], s.cars, 1, 1, solid=True)
    for _ in range(100):
        race.tick()
    assert len(calls) == 10


@pytest.fixture(scope="module")
def raced() -> Session:
    """A race to your finish, with a contact and a car put back on the road."""
    race = session(rivals=3, laps=2)
    driver = PathFollower(race.track, race.cars[0], pace=0.85)
    while race.finish[0] is None:
        steer, throttle = driver(race.race)[0]
        if race.ticks in (1500, 2500):
            race.put_back()
        race.tick(float(steer), float(throttle))
    return race


@pytest.mark.slow
def test_a_whole_race_is_driven_again_to_the_last_bit(raced: Session) -> None:
    tape = raced.race_tape
    assert tape is not None and tape.race and len(tape.resets) == 2
    back = Tape.unpack(tape.pack())
    assert (back.solid, back.leaves, back.resets, back.race) == (
        tape.solid, tape.leaves, tape.resets, True,
    )  # fmt: skip
    again = drive_again(back, raced.track)
    np.testing.assert_array_equal(again.ends, raced.race.floats)
    assert again.lap_time == raced.finish[0] == tape.lap_time
    assert len(again.bumps) == len(control(raced).bumps) > 0


@pytest.mark.slow
def test_the_distance_of_a_result_is_that_of_its_laps(raced: Session) -> None:
    mine = next(r for r in control(raced).stewards.results() if r["driver"] == "you")
    assert mine["laps"] == 2
    assert mine["distance_m"] == pytest.approx(2 * raced.track.length, abs=2.0)


@pytest.mark.slow
def test_every_lap_of_a_race_is_driven_again_with_all_cars(raced: Session) -> None:
    assert len(raced.tapes) == 2
    for tape in raced.tapes:
        again = drive_again(Tape.unpack(tape.pack()), raced.track)
        assert again.lap_time == tape.lap_time and len(tape.cars) == 4
    np.testing.assert_array_equal(again.ends, raced.race.floats)


@pytest.mark.slow
def test_a_lap_in_tow_or_with_a_contact_is_marked_and_one_alone_is_not() -> None:
    race = session(laps=3)
    driver = PathFollower(race.track, race.cars[0], pace=0.8)
    done = []
    # The other is left behind in the first lap, and close ahead in the second.
    race.race.place(rows=[1], s=-80.0)
    while len(done) < 2:
        steer, throttle = driver(race.race)[0]
        race.tick(float(steer), float(throttle))
        found = [d for d in race.take_done() if d.row == 0]
        if found and not done:
            race.race.place(rows=[1], s=float(race.race.s[0]) + 25.0, speed=race.race.speed[0])
        done += found
    assert done[0].company == "" and "slipstream" in done[1].company
    assert race.alone[0] == done[0].time
    alone = done[0].tape
    assert alone is not None
    lone = drive_again(alone.only(), race.track)
    assert lone.lap_time == done[0].time, "to the last bit as if there were nobody else"


def test_times_are_added_up_with_penalties_for_the_classification() -> None:
    race = session(human=1, rivals=1, laps=1)
    race.policies = [follower()]
    stewards = control(race).stewards
    stewards.finish[:] = [100.0, 103.0]
    assert race.order() == [0, 1]
    stewards.faults[0] = 1
    assert race.order() == [1, 0]
