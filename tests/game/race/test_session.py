"""A race's gaps, deltas, laps and rules."""

import numpy as np
import pytest

from retroracer.game.race.session import LapDone, Session
from retroracer.game.race.timing import LapCurve, LapTrace, Trace
from retroracer.game.screens.results import Results
from retroracer.physics import state
from tests.game.races import GT, follower, setup


def session(rivals: int = 1, laps: int = 2) -> Session:
    s = setup(rivals=rivals)
    return Session(s.track, s.policies, s.cars, True, laps)


def test_a_gap_is_the_time_since_the_other_came_by_here() -> None:
    trace = Trace()
    for k in range(1, 11):
        trace.add(10.0 * k, 0.5 * k)
    assert trace.time_at(25.0) == pytest.approx(1.25)
    assert trace.time_at(100.0) == pytest.approx(5.0)
    assert trace.time_at(100.1) is None


def test_a_trace_forgets_its_oldest_half_and_so_stays_small() -> None:
    trace = Trace()
    for k in range(1, 40_000):
        trace.add(float(k), 0.1 * k)
    assert len(trace._time) <= 12_001
    assert trace.time_at(10.0) is None and trace.time_at(39_990.5) == pytest.approx(3999.05)


def test_a_delta_is_the_difference_of_times_at_the_same_metre() -> None:
    lap = LapTrace()
    for k in range(1, 100):
        lap.add(10.0 * k, 0.5 * k)
    curve = lap.finish(1000.0, 50.0)
    assert curve.time_at(505.0) == pytest.approx(25.25)
    race = session()
    length = race.track.length
    steady = LapCurve([0.0, length], [0.0, 100.0], 100.0)
    for _ in range(800):
        race.tick(0.0, 0.5)
    into = float(race.distance_into_lap()[0])
    expected = float(race.race.lap_time[0]) - 100.0 * into / length
    assert race.delta(0, steady) == pytest.approx(expected, abs=1e-9)


def test_twin_drivers_do_not_hide_behind_one_another_and_the_first_stands_as_in_evaluate() -> None:
    race = session(rivals=3)
    places = np.stack([race.race.x, race.race.y], axis=1)
    gaps = [np.hypot(*(places[i] - places[j])) for i in range(4) for j in range(i)]
    assert min(gaps) > 2.0
    assert race.race.lateral_offset[1] == 0.0


def test_beyond_the_edge_the_lap_is_invalid_and_never_the_best() -> None:
    race = session()
    race.race.place(rows=[0], s=100.0, lateral_offset=40.0)
    race.tick()
    assert race.lap_invalid(0) and not race.lap_invalid(1)


def test_put_back_stands_on_the_road_and_keeps_clocks_and_distances() -> None:
    race = session()
    for _ in range(300):
        race.tick(0.4, 1.0)
    before = race.race.floats[0].copy()
    race.put_back()
    after = race.race.floats[0]
    for column in (state.PROGRESS, state.TIME, state.LAP_START, state.LAP_FINISH, state.S):
        assert after[column] == before[column]
    assert after[state.OFFSET] == 0.0 and race.race.speed[0] == 0.0
    assert race.lap_invalid(0)


def test_the_wrong_way_is_seen() -> None:
    race = session()
    race.race.place(rows=[0], s=100.0, heading_error=3.0)
    assert race.wrong_way(0)
    race.race.place(rows=[0], s=100.0, heading_error=0.3)
    assert not race.wrong_way(0)


@pytest.mark.slow
def test_an_hour_of_racing_keeps_only_bounded_memory() -> None:
    race = session(rivals=1, laps=0)
    race.policies = [follower()]
    for _ in range(20_000):
        race.tick(0.0, 0.0)
    assert len(race.recorder._actions) <= 65_536
    assert len(race.cars) == 2 and race.cars[0] == GT


def test_results_of_a_race_without_end_keep_only_the_best_laps() -> None:
    results = Results(session(), "no assists")
    curve = LapCurve([0.0, 1.0], [0.0, 1.0], 1.0)
    for lap, (time, valid) in enumerate([(50.0, True), (40.0, False), (45.0, True), (60.0, True)]):
        results.add(LapDone(0, lap, time, valid, (time,), curve, None))
    assert [(d.time, d.valid) for d in results.laps[0]] == [(40.0, False), (45.0, True)]
    best = results.best_lap()
    assert best is not None and best.time == 45.0
