"""The limit: closed forms, orderings, invariances, an independent speed profile, the cache."""

from dataclasses import replace

import numpy as np
import pytest

from retroracer.cli.start_run import algorithms
from retroracer.errors import UserError
from retroracer.laptime import limit as limits
from retroracer.laptime.envelope import envelope, top_speed
from retroracer.laptime.limit import grips_of, known_time, limit_of, solve
from retroracer.laptime.many import lap_limits
from retroracer.laptime.minimum_time import fastest_speed, straightest_line
from retroracer.laptime.ribbon import ribbon
from retroracer.physics.car import AIR_DENSITY, GRAVITY, load_car, shipped_cars
from retroracer.track.files import load_track, shipped_tracks
from retroracer.track.generate import random_tracks, track_from_seed
from retroracer.track.geometry import Corner, Straight, profile_of
from retroracer.track.projection import project
from retroracer.track.track import even_track
from retroracer.training.learners import RACING
from retroracer.training.learners.racing_settings import RacingSettings
from retroracer.training.run.settings import EVALUATION_SEED, load, shipped_page
from tests.shapes import circle, figure_of_eight, oval

COARSE = {"coarsest": 10.0, "finest": 4.0}


@pytest.fixture(scope="module")
def gt():
    return load_car("gt")


@pytest.fixture(scope="module")
def winding():
    return track_from_seed(3)


@pytest.fixture(scope="module")
def winding_limit(winding, gt):
    return solve(winding, gt)


def eased_oval(half_width):
    """An oval whose curvature changes gradually, as every real track's does."""
    bend = Corner(1, np.pi, 40.0, ease=30.0)
    profile = profile_of([Straight(200.0), bend, Straight(200.0), bend])
    s = np.arange(round(profile.length)) * profile.length / round(profile.length)
    width = np.full(len(s), half_width)
    return even_track(
        "eased",
        profile.xy_at(s),
        width,
        width,
        heading=profile.heading_at(s),
        length=profile.length,
    )


def pure_grip(car):
    """A car that corners by grip and downforce alone: next to nothing slows it, slip is small."""
    return replace(
        car,
        drag_area=0.1,
        rolling=0.0,
        cg_height=0.0,
        stiffness_front=80.0,
        stiffness_rear=80.0,
        aero_front=car.l_rear / (car.l_front + car.l_rear),
        power=1.8e5,
    )


@pytest.mark.slow
@pytest.mark.parametrize("turn", [1, -1])
@pytest.mark.parametrize("lift", [0.0, 3.0])
def test_a_circle_is_lapped_on_its_inner_edge_at_the_speed_grip_and_downforce_hold(gt, turn, lift):
    car = replace(pure_grip(gt), lift_area=lift)
    track = circle(radius=70.0, half_width=10.0, turn=turn)
    found = solve(track, car)
    per_mass = 0.5 * AIR_DENSITY * lift / car.mass

    def closed_form(radius):
        return (
            2.0 * np.pi * np.sqrt(radius * (1.0 / (car.mu * GRAVITY) - radius * per_mass / GRAVITY))
        )

    assert np.allclose(turn * found.lateral_offset, 10.0, atol=0.1)
    assert found.lap_time == pytest.approx(closed_form(60.0), rel=6e-3)
    assert found.centerline_time == pytest.approx(closed_form(70.0), rel=6e-3)


@pytest.mark.slow
def test_a_long_straight_ends_at_the_speed_where_power_meets_drag(gt):
    found = solve(oval(straight=9000.0, radius=80.0), gt, coarsest=25.0)
    assert found.speed.max() == pytest.approx(top_speed(gt), rel=0.01)


@pytest.mark.slow
def test_an_oval_without_width_has_only_its_centreline(gt):
    found = solve(eased_oval(0.02), gt)
    assert found.lap_time == pytest.approx(found.centerline_time, rel=6e-3)
    assert found.lap_time <= found.centerline_time


def best_push(car, speed, normal, forward):
    """Largest or smallest tangential acceleration beside a normal one, None if there is none."""
    angle = np.linspace(-np.pi / 2.0, np.pi / 2.0, 181)
    p, t = envelope(car).boundary(speed, angle)
    peak = int(p.argmax())
    if normal >= p[peak]:
        return None
    side = slice(peak, None) if forward else slice(0, peak + 1)
    order = np.argsort(p[side])
    return float(np.interp(normal, p[side][order], t[side][order]))


def forward_and_backward(car, curvature, step):
    """Lap time by integrating from the slowest corners out, point by point; a plain loop."""
    n = len(curvature)
    top = np.empty(n)
    for i, k in enumerate(curvature):
        low, high = 3.0, top_speed(car)
        for _ in range(25):
            v = 0.5 * (low + high)
            held = best_push(car, v, v * v * k, True)
            low, high = (v, high) if held is not None else (low, v)
        top[i] = low
    speed = top.copy()
    for forward in (True, False):
        order = [*range(n), *range(n)] if forward else [*range(n - 1, -1, -1)] * 2
        for i in order:
            j = (i + 1) % n if forward else (i - 1) % n
            push = best_push(car, speed[i], min(speed[i] ** 2 * curvature[i], 1e9), forward)
            if push is None:
                push = 0.0
            gain = push if forward else -push
            speed[j] = min(speed[j], np.sqrt(max(speed[i] ** 2 + 2.0 * gain * step, 9.0)))
    return float((2.0 * step / (speed + np.roll(speed, -1))).sum())


@pytest.mark.slow
def test_an_independent_integration_of_the_speed_agrees(gt):
    track = eased_oval(6.0)
    found = solve(track, gt)
    other = forward_and_backward(gt, np.abs(track.curvature), track.spacing)
    assert found.centerline_time == pytest.approx(other, rel=0.006)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 3, 9])
def test_the_fastest_line_beats_the_straightest_and_that_the_centreline(seed, gt):
    track = track_from_seed(seed)
    road = ribbon(track, gt.width)
    grips = grips_of(track, gt, road)
    straight, _ = fastest_speed(road, grips, straightest_line(road))
    found = solve(track, gt)
    assert found.lap_time < 0.995 * straight
    assert straight < found.centerline_time


@pytest.mark.slow
def test_more_grip_power_or_width_is_never_slower(winding, winding_limit, gt):
    base = winding_limit.lap_time
    grippy = solve(winding, replace(gt, mu=1.05 * gt.mu)).lap_time
    strong = solve(winding, replace(gt, power=1.2 * gt.power)).lap_time
    wide = solve(
        replace(
            winding,
            half_width_left=winding.half_width_left + 0.5,
            half_width_right=winding.half_width_right + 0.5,
        ),
        gt,
    ).lap_time
    narrow = solve(winding, gt, margin=0.5).lap_time
    assert grippy < 0.992 * base
    assert strong < 0.999 * base
    assert wide < 0.998 * base < narrow


@pytest.mark.slow
def test_the_limit_does_not_depend_on_where_the_track_lies_or_starts_or_in_a_mirror(
    winding, winding_limit, gt
):
    base = winding_limit.lap_time
    turned = np.array([[0.6, 0.8], [-0.8, 0.6]])
    moved = replace(
        winding,
        xy=winding.xy @ turned + np.array([300.0, -50.0]),
        heading=winding.heading - np.arctan2(0.8, 0.6),
    )
    assert solve(winding.mirrored(), gt).lap_time == pytest.approx(base, rel=3e-4)
    assert solve(moved, gt).lap_time == pytest.approx(base, rel=3e-4)
    k = winding.n // 3

    def roll(a):
        return np.roll(a, -k, axis=0)

    heading = np.concatenate([winding.heading[k:], winding.heading[:k] + winding.closing_turn])
    later = replace(
        winding,
        xy=roll(winding.xy),
        heading=heading,
        half_width_left=roll(winding.half_width_left),
        half_width_right=roll(winding.half_width_right),
        wall_left=roll(winding.wall_left),
        wall_right=roll(winding.wall_right),
    )
    assert solve(later, gt).lap_time == pytest.approx(base, rel=1e-3)


@pytest.mark.slow
def test_finer_nodes_hardly_change_the_lap(winding, winding_limit, gt):
    fine = solve(winding, gt, coarsest=2.5, finest=1.0)
    assert len(fine.s) > 1.7 * len(winding_limit.s)
    assert fine.lap_time == pytest.approx(winding_limit.lap_time, rel=2e-3)


@pytest.mark.slow
def test_the_lap_is_periodic_and_its_parts_add_up(winding, winding_limit):
    found = winding_limit
    assert sum(found.sector_times(winding)) == pytest.approx(found.lap_time)
    assert found.time_at(0.0) == 0.0
    assert found.time_at(found.length) == pytest.approx(found.lap_time)
    for values, most in ((found.lateral_offset, 0.6), (found.speed, 1.5)):
        assert abs(values[0] - values[-1]) < most
    by_hand = np.hypot(*np.diff(np.vstack([found.xy, found.xy[:1]]), axis=0).T)
    speed = 0.5 * (found.speed + np.roll(found.speed, -1))
    assert (by_hand / speed).sum() == pytest.approx(found.lap_time, rel=3e-3)


def inside_the_road(track, found):
    """How far (m) the line stays inside the edges, at least, by the kernel's own projection."""
    _, offset = project(track, found.xy, found.s)
    u = found.s / track.spacing
    left = np.interp(
        u, np.arange(track.n + 1), np.append(track.half_width_left, track.half_width_left[0])
    )
    right = np.interp(
        u, np.arange(track.n + 1), np.append(track.half_width_right, track.half_width_right[0])
    )
    return float(np.minimum(left - offset, right + offset).min())


@pytest.mark.slow
@pytest.mark.parametrize("name", shipped_tracks())
def test_every_shipped_track_has_a_limit_inside_its_road(name, gt):
    track = load_track(name)
    found = solve(track, gt, **COARSE)
    assert inside_the_road(track, found) > -0.08
    assert found.lap_time < found.centerline_time < 1.5 * found.lap_time
    assert 5.0 < found.speed.min() < found.speed.max() < top_speed(gt)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gt", "kart", "formula"])
def test_random_tracks_have_limits_inside_their_roads(name):
    car = load_car(name)
    tracks = random_tracks(11, 20)
    for track in tracks[:: 1 if name == "gt" else 5]:
        found = solve(track, car, **COARSE)
        assert inside_the_road(track, found) > -0.08
        assert found.lap_time < found.centerline_time


@pytest.mark.slow
@pytest.mark.parametrize(
    "track",
    [figure_of_eight(), oval(radius=6.3, half_width=6.0), circle(radius=6.0, half_width=7.0)],
    ids=["figure of eight", "hairpins at the fold", "a corner tighter than the road is wide"],
)
def test_awkward_tracks_have_limits_too(track, gt):
    found = solve(track, gt)
    assert np.isfinite(found.lap_time)
    assert found.lap_time < found.centerline_time
    assert inside_the_road(track, found) > -0.15


@pytest.mark.slow
def test_a_limit_is_solved_once_and_then_read(tmp_path, monkeypatch, gt):
    monkeypatch.setenv("RETRORACER_HOME", str(tmp_path))
    track = oval()
    first = limit_of(track, gt)
    monkeypatch.setattr(limits, "solve", lambda *_: pytest.fail("solved again"))
    again = limit_of(replace(track, name="renamed"), replace(gt, title="renamed"))
    assert again.lap_time == first.lap_time
    for name, value in vars(first).items():
        assert np.array_equal(getattr(again, name), value)


@pytest.mark.slow
def test_another_car_or_track_has_another_limit_in_the_cache(tmp_path, monkeypatch, gt):
    monkeypatch.setenv("RETRORACER_HOME", str(tmp_path))
    base = limit_of(oval(), gt).lap_time
    assert limit_of(oval(), replace(gt, mu=1.3)).lap_time > base
    assert limit_of(oval(radius=50.0), gt).lap_time != base
    assert len(list((tmp_path / "cache" / "limits").iterdir())) == 3


@pytest.mark.slow
@pytest.mark.parametrize("wrong", [b"", b"not a page", b"PK\x03\x04 half a page"])
def test_a_broken_page_in_the_cache_is_replaced(wrong, tmp_path, monkeypatch, gt):
    monkeypatch.setenv("RETRORACER_HOME", str(tmp_path))
    first = limit_of(oval(), gt)
    (page,) = (tmp_path / "cache" / "limits").iterdir()
    page.write_bytes(wrong)
    assert limit_of(oval(), gt).lap_time == first.lap_time
    assert page.stat().st_size > 1000


@pytest.mark.slow
def test_a_cache_that_cannot_be_written_costs_nothing_but_time(tmp_path, monkeypatch, gt):
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    monkeypatch.setenv("RETRORACER_HOME", str(blocked))
    assert limit_of(oval(), gt).lap_time > 0.0


@pytest.mark.slow
def test_many_limits_are_those_of_one_at_a_time(tmp_path, monkeypatch, gt):
    monkeypatch.setenv("RETRORACER_HOME", str(tmp_path))
    tracks = [oval(radius=r) for r in (40.0, 50.0, 60.0, 70.0)]
    told = []
    times = lap_limits([(t, gt) for t in tracks], lambda done, count: told.append((done, count)))
    assert told == [(k, 4) for k in range(5)]
    monkeypatch.setattr(limits, "solve", lambda *_: pytest.fail("solved again"))
    assert times == [limit_of(t, gt).lap_time for t in tracks]


def test_a_track_without_a_limit_is_one_clear_line(monkeypatch, gt):
    def never(*_args):
        raise limits.NotConvergedError("not there after 400 steps")

    monkeypatch.setattr(limits, "fastest_speed", never)
    with pytest.raises(UserError, match="oval: no fastest line found"):
        solve(oval(), gt)


@pytest.mark.slow
def test_limits_ship_for_our_tracks_and_those_training_is_judged_on(tmp_path, monkeypatch, gt):
    """Needs ``python benchmarks/ship_limits.py`` after a change of generator, solver or car."""
    monkeypatch.setenv("RETRORACER_HOME", str(tmp_path))  # nothing cached
    pages = [shipped_page(f"base-{name}") for name in algorithms("base")]
    wanted = max(load(RacingSettings, RACING, page).evaluate_on for page in pages)
    judged = random_tracks(EVALUATION_SEED, wanted)
    ours = [load_track(name) for name in shipped_tracks()]
    for car in map(load_car, shipped_cars()):
        assert all(known_time(track, car) is not None for track in judged + ours)
    short = min(judged, key=lambda track: track.length)
    assert known_time(short, gt) == pytest.approx(solve(short, gt).lap_time, abs=1e-3)
    assert known_time(oval(), gt) is None


@pytest.mark.slow
def test_a_damaged_cache_of_a_limit_is_never_taken_for_one(tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    import random

    from retroracer.laptime import limit

    monkeypatch.setenv("RETRORACER_HOME", str(tmp_path))
    track, car = random_tracks(5, 1)[0], load_car("gt")  # none whose limit is shipped
    right = limit.limit_of(track, car)
    path = limit._cached_at(track, car)
    raw = path.read_bytes()
    rng = random.Random(4)
    for k in range(60):
        changed = bytearray(raw)
        for _ in range(rng.choice((1, 20))):
            changed[rng.randrange(len(raw))] = rng.randrange(256)
        path.write_bytes(changed[: rng.randrange(len(raw))] if k % 3 == 0 else changed)
        found = limit.known_limit(track, car)
        assert found is None or found.lap_time == right.lap_time
    for wrong in ({"lap_time": np.array(np.nan)}, {"speed": right.speed[:-1]}, {"xy": right.s},
                  {"s": right.s[::-1]}, {"time": right.time * 1e9}):  # fmt: skip
        np.savez(path, **(vars(right) | wrong))
        assert limit.known_limit(track, car) is None
    path.unlink()
    path.mkdir()
    assert limit.known_limit(track, car) is None
