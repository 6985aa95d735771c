"""A track under the mouse: points moved, put in, taken out; the page's own words stay."""

import difflib
import shutil
import time
from pathlib import Path

import numpy as np
import pygame
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retroracer.errors import UserError
from retroracer.game.app import App
from retroracer.game.editor.editor import Editor
from retroracer.game.editor.page import EditPage
from retroracer.game.screens.race import RaceScreen
from retroracer.resources import tracks_dir
from retroracer.track.files import load_track
from tests.game.races import frames, game, strike


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "mine.yaml"
    text = (tracks_dir() / "saltmarsh.yaml").read_text()
    path.write_text(text.replace("    - [300, -230]\n", "    # tight\n    - [300, -230]  # here\n"))
    return path


def opened(path: Path) -> tuple[App, Editor]:
    app = game(menu=True, size=(1280, 720))
    editor = Editor(app, path)
    app.show(editor)
    frames(app, 2)
    return app, editor


def judged(app: App, editor: Editor) -> None:
    """Wait until the points as they are have been judged."""
    end = time.perf_counter() + 10
    while editor.draft._judged != editor.draft.page.text():
        assert time.perf_counter() < end
        app.step(0.01)
        time.sleep(0.005)


def mouse(kind: int, at: tuple[float, float], **more: object) -> None:
    pos = (round(at[0]), round(at[1]))
    pygame.event.post(pygame.event.Event(kind, pos=pos, **more))


def drag(app: App, editor: Editor, index: int, by: tuple[float, float]) -> None:
    """Drag a point by so many metres."""
    assert editor.camera is not None
    p = editor.draft.page.points[index]
    start = editor.camera.to_screen(np.array([p.x, p.y]))
    end = editor.camera.to_screen(np.array([p.x + by[0], p.y + by[1]]))
    mouse(pygame.MOUSEBUTTONDOWN, start, button=1)
    for share in (0.3, 0.7, 1.0):
        at = start + share * (end - start)
        mouse(pygame.MOUSEMOTION, at, rel=(1, 1), buttons=(1, 0, 0))
    mouse(pygame.MOUSEBUTTONUP, end, button=1)
    frames(app, 1)


def changed_lines(before: str, after: str) -> list[str]:
    found = difflib.ndiff(before.splitlines(), after.splitlines())
    return [line for line in found if line[0] in "+-"]


def test_a_page_that_is_not_changed_is_saved_to_the_last_character(page: Path) -> None:
    before = page.read_bytes()
    app, _ = opened(page)
    strike(pygame.K_s)
    frames(app, 1)
    assert page.read_bytes() == before


def test_a_dragged_point_is_one_line_of_diff_and_keeps_its_comment(page: Path) -> None:
    before = page.read_text()
    app, editor = opened(page)
    drag(app, editor, 5, (12.0, -7.0))
    strike(pygame.K_s)
    frames(app, 1)
    removed, added = changed_lines(before, page.read_text())
    assert removed == "-     - [300, -230]  # here"
    assert added.startswith("+     - [31") and added.endswith("]  # here")
    assert load_track(page).title == "Saltmarsh"


def test_undo_and_redo_walk_through_every_step(page: Path) -> None:
    app, editor = opened(page)
    texts = [editor.draft.page.text()]
    drag(app, editor, 1, (10.0, 10.0))
    texts.append(editor.draft.page.text())
    strike(pygame.K_RIGHTBRACKET)
    frames(app, 1)
    texts.append(editor.draft.page.text())
    strike(pygame.K_DELETE)
    frames(app, 1)
    texts.append(editor.draft.page.text())
    assert len(set(texts)) == 4
    for text in texts[-2::-1]:
        strike(pygame.K_u)
        frames(app, 1)
        assert editor.draft.page.text() == text
    for text in texts[1:]:
        strike(pygame.K_y)
        frames(app, 1)
        assert editor.draft.page.text() == text


def test_a_click_on_the_road_puts_a_point_in_between_its_neighbours(page: Path) -> None:
    app, editor = opened(page)
    assert editor.camera is not None and editor.draft.line is not None
    span = editor.draft.line.spans[3]
    xy = editor.draft.line.pose(np.array([0.5 * (span.start + span.end)]))[0][0]
    mouse(pygame.MOUSEBUTTONDOWN, editor.camera.to_screen(xy), button=1)
    mouse(pygame.MOUSEBUTTONUP, editor.camera.to_screen(xy), button=1)
    frames(app, 1)
    assert len(editor.draft.page.points) == 17 and editor.draft.selected == 4
    assert editor.draft.page.points[4].x == pytest.approx(xy[0], abs=2.0)
    assert editor.draft.page.points[3].name == "Spit"


def test_the_width_of_a_point_keeps_its_sides_share(page: Path) -> None:
    app, editor = opened(page)
    editor.draft.selected = 3  # 6 m left, 9 m right
    strike(pygame.K_RIGHTBRACKET, pygame.K_RIGHTBRACKET)
    frames(app, 1)
    left, right = editor.draft.page.half_widths(3)
    assert left + right == pytest.approx(16.0) and left / right == pytest.approx(6 / 9, abs=0.02)


def test_what_is_wrong_is_told_and_marked_while_it_is_dragged(page: Path) -> None:
    app, editor = opened(page)
    judged(app, editor)
    assert editor.draft.verdict.track is not None and editor.draft.verdict.bad == ()
    drag(app, editor, 4, (-402.0, 120.0))
    judged(app, editor)
    verdict = editor.draft.verdict
    assert verdict.track is None and verdict.bad and verdict.told
    frames(app, 2)
    strike(pygame.K_t)
    frames(app, 1)
    assert app.screen is editor, "a track that cannot be raced is not driven"


@pytest.mark.slow
def test_t_drives_the_track_as_it_is_and_leaving_comes_back(page: Path) -> None:
    app, editor = opened(page)
    drag(app, editor, 1, (10.0, 10.0))
    strike(pygame.K_t)
    frames(app, 3)
    assert isinstance(app.screen, RaceScreen)
    frames(app, 30)
    app.screen.press("menu")
    frames(app, 1)
    assert app.screen is editor and editor.draft.unsaved
    strike(pygame.K_ESCAPE)
    frames(app, 1)
    assert app.screen is editor, "what is not saved is not thrown away at once"
    strike(pygame.K_ESCAPE)
    frames(app, 1)
    assert app.screen is not editor


def test_a_new_file_begins_as_a_loop_that_can_be_raced(tmp_path: Path) -> None:
    app, editor = opened(tmp_path / "sea_breeze.yaml")
    judged(app, editor)
    assert editor.draft.verdict.track is not None
    strike(pygame.K_s)
    frames(app, 1)
    assert load_track(tmp_path / "sea_breeze.yaml").title == "Sea Breeze"


def test_points_between_brackets_each_get_a_line(tmp_path: Path) -> None:
    path = tmp_path / "flow.yaml"
    path.write_text(
        "schema: 1\nname: Flow\nlayout:\n  width: 12\n"
        "  points: [[0, 0], [220, 0], [380, -60], [380, -200],\n"
        "    [220, -260], [0, -260], [-160, -200], [-160, -60]]\nrace: {laps: 2}\n"
    )
    before = load_track(path)
    page = EditPage(path)
    path.write_text(page.text())
    assert load_track(path).digest == before.digest and load_track(path).laps == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "laid from segments"),
        ("a: [", "x.yaml:1: not valid YAML"),
        ("schema: 1\nlayout: {points: [[0, 0], [1, 1]]}\n", "at least 4 points"),
        ("layout: {points: [[0, 0], [1, 1], [2], [3, 3]]}\n", "no point"),
    ],
)
def test_what_cannot_be_edited_is_told(tmp_path: Path, text: str | None, message: str) -> None:
    path = tmp_path / "x.yaml"
    if text is None:
        shutil.copy(tracks_dir() / "copper_bowl.yaml", path)
    else:
        path.write_text(text)
    with pytest.raises(UserError, match=message):
        EditPage(path)


@pytest.mark.slow
@given(st.data())
def test_any_edits_leave_a_page_that_reads_back_as_the_same_points(data: st.DataObject) -> None:
    page = EditPage(tracks_dir() / "saltmarsh.yaml")
    points = list(page.points)
    for _ in range(data.draw(st.integers(1, 12))):
        k = data.draw(st.integers(0, len(points) - 1))
        what = data.draw(st.sampled_from(["move", "widen", "insert", "delete"]))
        if what == "move":
            xy = [data.draw(st.floats(-900, 900)) for _ in range(2)]
            points[k] = points[k].moved(*xy)
        elif what == "widen":
            points[k] = points[k].as_wide(data.draw(st.floats(1, 90)))
        elif what == "insert":
            points.insert(k, points[k].moved(points[k].x + 3, points[k].y))
        elif len(points) > 4:
            points.pop(k)
    page.points = tuple(points)
    again = EditPage.__new__(EditPage)
    again.path = page.path
    again._take(page.text())
    plain = [(p.x, p.y, p.width, p.left, p.right, p.name) for p in again.points]
    assert plain == [(p.x, p.y, p.width, p.left, p.right, p.name) for p in points]
