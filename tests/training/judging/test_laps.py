from __future__ import annotations

import numpy as np
import pytest

from retroracer.physics import state
from retroracer.physics.car import load_car
from retroracer.physics.race import Race
from retroracer.track.generate import random_tracks
from retroracer.training.judging.laps import LAPS, Entry, LapTrace, Report, Result, evaluate
from retroracer.training.pictures.laps import plot_laps
from tests.training.judging.drivers import path_follower


@pytest.fixture(scope="module")
def tracks():
    return random_tracks(5, 4)


def entry(act, name="driver"):
    return Entry(name, act, load_car("gt"))


def still(obs):
    return np.zeros((len(obs), 2))


def flat_out(obs):
    return np.tile([0.0, 1.0], (len(obs), 1))


@pytest.fixture(scope="module")
def reports(tracks):
    drivers = [path_follower(0.3), path_follower(0.6), still, flat_out]
    return evaluate([entry(d) for d in drivers], tracks)


@pytest.mark.slow
def test_a_careful_driver_laps_every_track_cleanly_and_a_braver_one_faster(reports, tracks):
    careful, brave = reports[:2]
    assert careful.summary()["completed"] == careful.summary()["clean"] == len(tracks)
    for slow, fast in zip(careful.results, brave.results, strict=True):
        assert fast.lap_time_s < slow.lap_time_s


@pytest.mark.slow
def test_a_driver_that_holds_its_actions_is_asked_less_often(tracks):
    asked = {1: 0, 2: 0}

    def counting(repeat):
        driver = path_follower(0.3)

        def act(obs):
            asked[repeat] += 1
            return driver(obs)

        return Entry("driver", act, load_car("gt"), repeat)

    one, two = evaluate([counting(1), counting(2)], tracks[:1])
    assert one.results[0].completed and two.results[0].completed
    assert two.results[0].lap_time_s == pytest.approx(one.results[0].lap_time_s, rel=0.02)
    assert asked[2] == pytest.approx(asked[1] / 2, rel=0.05)


@pytest.mark.slow
def test_a_driver_that_does_not_move_is_stopped_and_not_completed(reports):
    for result in reports[2].results:
        assert (result.ended, result.laps, result.lap_time_s) == ("stalled", 0, None)
        assert not result.completed
        assert not result.clean


def test_a_driver_that_never_steers_leaves_the_road_and_is_not_clean(reports):
    for result in reports[3].results:
        assert result.off_track_s > 1.0
        assert not result.clean


@pytest.mark.slow
def test_a_result_does_not_depend_on_what_else_is_measured(reports, tracks):
    alone = evaluate([entry(path_follower(0.6))], tracks[2:3])[0]
    assert alone.results[0] == reports[1].results[2]


@pytest.mark.slow
def test_the_lap_time_is_the_flying_lap_of_the_race(tracks):
    seen = []

    def watch(race: Race) -> None:
        if race.ints[0, state.STEP_LAP]:
            seen.append((int(race.lap[0]), float(race.last_lap_time[0])))

    result = evaluate([entry(path_follower(0.5))], tracks[:1], [watch])[0].results[0]
    times = {lap: t for lap, t in seen if np.isfinite(t)}
    assert sorted(times) == [1, LAPS]
    assert result.lap_time_s == times[LAPS] < times[1]
    assert result.lap_time_s % 0.05 > 1e-6  # inside the step, not rounded up to it


def test_a_report_has_the_promised_shape(reports):
    page = reports[0].to_dict()
    assert page.keys() == {"model", "tracks", "summary"}
    promised = {"track", "completed", "clean", "lap_time_s", "limit_s", "ratio", "off_track_s"}
    assert all(promised <= row.keys() for row in page["tracks"])
    assert {"completed", "clean", "median_ratio", "worst_ratio"} <= page["summary"].keys()
    assert page["summary"]["median_ratio"] is None


def test_ratios_compare_with_the_limit_where_it_is_known():
    results = [Result("a", 2, t, 0.0, "finished", 100.0) for t in (101.0, 120.0, 105.0)]
    summary = Report("m", tuple(results)).summary()
    assert summary["median_ratio"] == pytest.approx(1.05)
    assert summary["worst_ratio"] == pytest.approx(1.2)


@pytest.mark.slow
def test_a_lap_is_drawn_along_the_road(tracks, tmp_path):
    from PIL import Image

    trace = LapTrace(0)
    report = evaluate([entry(path_follower(0.5))], tracks[:1], [trace])[0]
    points = np.array(trace.points)
    assert len(points) == pytest.approx(report.results[0].lap_time_s / 0.05, abs=2)
    gap = np.hypot(*(points[:, None, :2] - tracks[0].xy[None]).T).min(axis=0)
    assert gap.max() < 15.0
    plot_laps(tmp_path / "lap.png", tracks[0], None, [(report, trace)])
    with Image.open(tmp_path / "lap.png") as image:
        picture = np.asarray(image.convert("RGB"))
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 50


def test_sectors_of_a_lap_add_up_to_it(reports):
    for result in reports[1].results:
        assert sum(result.sector_times_s) == pytest.approx(result.lap_time_s, abs=1e-9)
    assert reports[2].results[0].sector_times_s == ()


def test_actions_come_late_by_the_latency_asked_for(tracks):
    """A driver that goes flat out at once gets away one control step later with each step."""
    speeds = []
    for latency in (0, 1, 3):
        seen = []
        evaluate(
            [entry(flat_out)], tracks[:1], [lambda race, to=seen: to.append(race.vx[0])], latency
        )
        speeds.append(np.array(seen[:40]))
    np.testing.assert_array_equal(speeds[1][1:], speeds[0][:-1])
    np.testing.assert_array_equal(speeds[2][3:], speeds[0][:-3])
