"""The expert that teaches: it finishes laps, and left is to it what right is."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("Box2D")

from retroracer.carracing.env import FastCarRacing
from retroracer.carracing.expert import N_SEEN, STEER_LIMIT, Expert, Style, wrapped
from retroracer.carracing.wrappers import SteerAccel
from retroracer.training.learners.pixels.imitation import ImitationSettings


@pytest.fixture(scope="module")
def track():
    env = FastCarRacing(render=False)
    env.reset(seed=8)
    road = [tuple(map(float, t)) for t in env.track]
    env.close()
    return road


def car(x, y, heading, vx=0.0, vy=0.0, yaw_rate=0.0, wheel=0.0):
    """As much of a car as the expert looks at."""
    hull = SimpleNamespace(
        position=(x, y), angle=heading, linearVelocity=(vx, vy), angularVelocity=yaw_rate
    )
    return SimpleNamespace(hull=hull, wheels=[SimpleNamespace(joint=SimpleNamespace(angle=wheel))])


def on_road(track, k, speed, aside=0.0):
    """The arguments of a car on tile k, along the road, ``aside`` right of its middle."""
    _, heading, x, y = track[k]
    x, y = x + aside * math.cos(heading), y + aside * math.sin(heading)
    return [x, y, heading, -speed * math.sin(heading), speed * math.cos(heading), 0.3, 0.05]


@pytest.mark.slow
@pytest.mark.parametrize("style", [Style(), ImitationSettings().style], ids=["fast", "teaching"])
@pytest.mark.parametrize("seed", [21, 22])
def test_it_finishes_the_lap_above_900(style, seed):
    env = SteerAccel(FastCarRacing(render=False))
    env.reset(seed=seed)
    expert = Expert(style)
    expert.begin(env.unwrapped.track)
    score, over = 0.0, False
    for _ in range(1000):
        action = np.array(expert.act(env.unwrapped.car))
        assert (np.abs(action) <= 1.0).all()
        _, reward, over, _, info = env.step(action)
        score += float(reward)
        if over:
            break
    env.close()
    assert over and info["lap_finished"] and score > 900.0


def test_a_mirrored_road_gives_mirrored_steering_and_the_same_pedals(track):
    mirrored = [(a, -heading, -x, y) for a, heading, x, y in track]
    here, there = Expert(), Expert()
    here.begin(track)
    there.begin(mirrored)
    sides = np.ones(N_SEEN)
    sides[[1, 2, 3, *range(4, N_SEEN, 3)]] = -1.0  # sideways speed, yaw, wheel, points' offsets
    for k in range(0, len(track), 7):
        for speed, aside in ((0.0, 0.0), (30.0, 2.0), (70.0, -3.0)):
            x, y, heading, vx, vy, rate, wheel = on_road(track, k, speed, aside)
            one, two = car(x, y, heading, vx, vy, rate, wheel), car(
                -x, y, -heading, -vx, vy, -rate, -wheel
            )  # fmt: skip
            steer, pedals = here.act(one)
            assert there.act(two) == pytest.approx((-steer, pedals), abs=1e-6)
            np.testing.assert_allclose(there.seen(two), sides * here.seen(one), atol=1e-6)


def test_it_steers_back_to_the_line_left_positive(track):
    expert = Expert(Style(room=0.0))
    expert.begin(track)
    bent = [abs(wrapped(track[k + 8][1] - track[k][1])) for k in range(len(track) - 8)]
    straight = int(np.argmin(bent))
    for aside, sign in ((4.0, 1.0), (-4.0, -1.0)):
        x, y, heading, vx, vy, *_ = on_road(track, straight, 30.0, aside)
        assert expert.act(car(x, y, heading, vx, vy))[0] * sign > 0.05


def test_it_sets_off_from_rest_brakes_for_a_bend_and_turns_round_slowly(track):
    expert = Expert()
    expert.begin(track)
    k = (int(np.argmin(expert._speeds)) - 3) % len(track)
    at = on_road(track, k, 0.0)
    assert expert.act(car(*at))[1] > 0.0
    assert expert.act(car(*on_road(track, k, 110.0)))[1] < -0.01
    x, y, heading, *_ = at
    steer, _ = expert.act(car(x, y, heading + math.pi))
    assert abs(steer) == STEER_LIMIT


def test_it_finds_the_road_again_from_anywhere(track):
    expert, fresh = Expert(), Expert()
    expert.begin(track)
    fresh.begin(track)
    expert.act(car(*on_road(track, 5, 30.0)))
    far = on_road(track, len(track) // 2, 30.0)
    assert expert.act(car(*far)) == fresh.act(car(*far))


def test_what_it_sees_is_bounded_and_begins_with_the_speed(track):
    expert = Expert()
    expert.begin(track)
    seen = expert.seen(car(*on_road(track, 30, 40.0)))
    assert seen.shape == (N_SEEN,) and (np.abs(seen) <= 3.0).all()
    assert seen[:4] == pytest.approx([40.0 / 50.0, 0.0, 0.3 / 4.0, 0.05 * 5.0])
    lost = expert.seen(car(1e4, -1e4, 1.0, 900.0, 900.0, 50.0))
    assert (np.abs(lost) <= 3.0).all()
