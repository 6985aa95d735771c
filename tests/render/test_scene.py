"""Drawing: any surface, no display, the right things in the right places."""

import numpy as np
import pygame
import pytest

from retroracer.errors import UserError
from retroracer.render.camera import Camera
from retroracer.render.cars import CarView
from retroracer.render.palette import palette_for
from retroracer.render.scene import TrackScene
from retroracer.track.files import load_track
from retroracer.track.track import Track
from tests.colours import lightness

SIZE = (640, 360)


@pytest.fixture(scope="module")
def monza() -> Track:
    return load_track("monza")


def near(a: tuple[int, ...], b: tuple[int, int, int], most: int = 25) -> bool:
    return max(abs(p - q) for p, q in zip(a[:3], b, strict=True)) <= most


def view(track: Track, s: float, zoom: float = 8.0, offset: float = 0.0) -> Camera:
    (at,), _ = track.pose_at(np.array([s]), np.array([offset]))
    return Camera((float(at[0]), float(at[1])), zoom, SIZE)


@pytest.mark.slow
def test_road_is_road_and_grass_is_grass_without_any_display(monza: Track) -> None:
    pygame.display.quit()
    scene = TrackScene(monza)
    surface = pygame.Surface(SIZE, 0, 32)
    camera = view(monza, 300.0)
    scene.draw(surface, camera)
    p = scene.palette
    x, y = camera.to_screen(monza.pose_at(np.array([300.0]), np.array([3.5]))[0][0])
    assert near(surface.get_at((round(x), round(y))), p.road)
    x, y = camera.to_screen(monza.pose_at(np.array([300.0]), np.array([15.0]))[0][0])
    seen = surface.get_at((round(x), round(y)))
    assert near(seen, p.grass) or near(seen, p.grass_alt) or near(seen, p.tuft)


def test_a_car_is_drawn_where_it_is_in_its_drivers_colour(monza: Track) -> None:
    scene = TrackScene(monza)
    camera = view(monza, 300.0)
    empty, full = (pygame.Surface(SIZE, 0, 32) for _ in range(2))
    (at,), (heading,) = monza.pose_at(np.array([300.0]), np.array([0.0]))
    scene.draw(empty, camera)
    scene.draw(full, camera, [CarView(at[0], at[1], heading, s=300.0, marker=False)])
    a, b = (pygame.surfarray.array3d(x).astype(int) for x in (empty, full))
    xs, ys = np.nonzero(np.abs(a - b).max(axis=2) > 30)
    assert abs(xs.mean() - 320) < 6 and abs(ys.mean() - 180) < 6
    assert 2.0 * 8 * 0.8 < np.ptp(xs) + 1 < 4.6 * 8 * 1.4
    blue = (b[xs, ys, 2] > b[xs, ys, 0] + 60).mean()
    assert blue > 0.25


@pytest.mark.slow
def test_a_car_below_a_bridge_is_hidden_and_one_on_it_is_not() -> None:
    suzuka = load_track("suzuka")
    scene = TrackScene(suzuka)
    from retroracer.render.track_pieces import crossings

    ((lower, upper),) = crossings(suzuka)
    camera = view(suzuka, upper)

    def shown(s: float) -> int:
        (at,), (heading,) = suzuka.pose_at(np.array([s]), np.array([0.0]))
        pictures = []
        for cars in ([], [CarView(at[0], at[1], heading, s=s, marker=False)]):
            surface = pygame.Surface(SIZE, 0, 32)
            scene.draw(surface, camera, cars)
            pictures.append(pygame.surfarray.array3d(surface).astype(int))
        return int((np.abs(pictures[0] - pictures[1]).max(axis=2) > 30).sum())

    assert shown(upper) > 200
    assert shown(lower) == 0


@pytest.mark.slow
def test_drawing_is_the_same_every_time(monza: Track) -> None:
    pictures = []
    for _ in range(2):
        surface = pygame.Surface(SIZE, 0, 32)
        TrackScene(monza).draw(surface, view(monza, 1500.0, 3.0))
        pictures.append(pygame.image.tobytes(surface, "RGB"))
    assert pictures[0] == pictures[1]


@pytest.mark.parametrize(
    "preset", ["classic", "park", "forest", "harbour", "dunes", "desert", "alpine", "dusk", "night"]
)
def test_drivers_differ_in_lightness_and_the_road_from_the_grass(preset: str) -> None:
    p = palette_for({"preset": preset})
    assert abs(lightness(p.human) - lightness(p.agent)) >= 0.2
    assert p.road != p.grass


def test_a_colour_that_is_none_is_told_with_its_role() -> None:
    with pytest.raises(UserError, match="theme colour 'road' is 'blueish'"):
        palette_for({"road": "blueish"})
