"""Keys, pads, settings, assists."""

from collections import defaultdict
from pathlib import Path

import numpy as np
import pygame
import pytest

from retroracer.game.controls import (
    ACTIONS,
    EDITOR,
    FIXED,
    SEATS,
    Controls,
    editor_action,
    key_name,
    stick,
)
from retroracer.game.race.assists import assisted
from retroracer.game.race.drivers import Human, Keys
from retroracer.game.screens.keys import KeysScreen
from retroracer.game.settings import Assists, Settings, SettingsFile
from retroracer.physics.car import load_car
from retroracer.physics.race import Race
from tests.game.races import game, strike


@pytest.fixture(autouse=True)
def _display() -> None:
    pygame.display.init()
    pygame.event.clear()


def event(kind: int, **values: object) -> pygame.event.Event:
    return pygame.event.Event(kind, **values)


def test_a_stick_has_a_dead_zone_and_reaches_its_end() -> None:
    assert stick(0.1) == 0.0 and stick(-0.119) == 0.0
    assert stick(1.0) == 1.0 and stick(-1.0) == -1.0
    values = [stick(x) for x in np.linspace(0, 1, 50)]
    assert values == sorted(values)


def test_a_pads_triggers_are_analogue_and_the_keyboard_takes_over() -> None:
    controls = Controls()
    controls.take(event(pygame.CONTROLLERAXISMOTION, axis=5, value=16384))
    assert controls.throttle == pytest.approx(0.5, abs=0.01) and controls.steer == 0.0
    controls.take(event(pygame.CONTROLLERAXISMOTION, axis=4, value=32767))
    assert controls.throttle == -1.0, "the brake wins"
    controls.take(event(pygame.CONTROLLERAXISMOTION, axis=0, value=-32767))
    assert controls.steer == pytest.approx(1.0)
    controls.take(event(pygame.KEYDOWN, key=pygame.K_UP))
    assert controls.steer is None and controls.keys.up


def test_keys_held_down_since_before_the_game_was_there_drive(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    down = {pygame.K_UP: True, pygame.K_ESCAPE: True}
    monkeypatch.setattr(pygame.key, "get_pressed", lambda: defaultdict(bool, down))
    controls = Controls()
    controls.take_held()
    assert controls.keys.up and not (controls.keys.down or controls.keys.left)
    controls.take(event(pygame.KEYUP, key=pygame.K_UP))
    assert not controls.keys.up


def test_a_pad_pulled_out_lets_go_of_everything() -> None:
    controls = Controls()
    controls.take(event(pygame.CONTROLLERAXISMOTION, axis=5, value=32767))
    assert controls.take(event(pygame.CONTROLLERDEVICEREMOVED, instance_id=0)) == "unplugged"
    assert controls.throttle is None
    assert controls.take(event(pygame.CONTROLLERDEVICEADDED, device_index=7)) == ""


def test_every_key_of_the_editor_means_one_thing_and_all_are_told_in_the_docs() -> None:
    keys = [(name, action) for action, (_, names) in EDITOR.items() for name in names.split(",")]
    assert len({name for name, _ in keys}) == len(keys)
    for name, action in keys:
        code = pygame.key.key_code(name)
        assert key_name(code) == name and editor_action(code, False) == action
    assert editor_action(pygame.K_z, True) == "undo" and editor_action(pygame.K_z, False) == ""
    page = (Path(__file__).parents[2] / "docs" / "game.md").read_text().lower()
    table = page.split("play.py --edit")[1].split("what is wrong")[0]
    told = " ".join(row.split("|")[1] for row in table.splitlines() if row.startswith("|"))
    words = set(told.replace("`", " ").replace(",", " ").split())
    shown = {"left": "arrows", "right": "arrows", "up": "arrows", "down": "arrows",
             "delete": "del", "return": "enter", "escape": "esc", "=": "+"}  # fmt: skip
    assert {shown.get(name, name) for name, _ in keys} <= words


def test_keys_are_bound_anew_in_the_game_and_kept(monkeypatch, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setenv("RETRORACER_HOME", str(tmp_path))
    app = game(menu=True)
    app.show(KeysScreen(app))
    strike(pygame.K_RETURN)
    app.step(0.02)
    strike(pygame.K_j)
    app.step(0.02)
    app.close()
    assert SettingsFile().now.keys["left"] == "j"
    pygame.display.init()
    controls = Controls(SettingsFile().now.keys)
    controls.take(event(pygame.KEYDOWN, key=pygame.K_j))
    assert controls.keys.left
    controls.take(event(pygame.KEYDOWN, key=pygame.K_LEFT))
    assert controls.names["left"] == "j"


def test_settings_that_cannot_be_read_are_set_aside_and_told(tmp_path: Path) -> None:
    (tmp_path / "settings.yaml").write_text("volume: loud\n")
    kept = SettingsFile(tmp_path)
    assert kept.now == Settings() and "settings not read" in kept.trouble
    assert (tmp_path / "settings.yaml.broken").read_text() == "volume: loud\n"
    kept.change(volume=0.25)
    assert SettingsFile(tmp_path).now.volume == 0.25


def test_a_folder_that_cannot_be_written_only_costs_the_remembering(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    kept = SettingsFile(tmp_path / "file")
    kept.change(volume=0.1)
    assert kept.now.volume == 0.1 and "not kept" in kept.trouble


def worst_slide(assists: Assists, keys: Keys, speed: float) -> float:
    """Largest slip of the body [rad] of a held corner on endless asphalt."""
    from retroracer.track.track import even_track

    n = 400
    angle = 2 * np.pi * np.arange(n) / n
    track = even_track(
        "field", 2000.0 * np.stack([np.cos(angle), np.sin(angle)], 1), np.full(n, 900.0),
        np.full(n, 900.0),
    )  # fmt: skip
    car = load_car("gt")
    race, human, worst = Race([track], [car]), Human(car), 0.0
    race.place(s=0.0, speed=speed)
    for _ in range(250):
        vx, vy, turn = (float(a[0]) for a in (race.vx, race.vy, race.yaw_rate))
        steer, throttle = human.act(keys, vx, 0.01)
        steer, throttle = assisted(steer, throttle, assists, car, vx, vy, turn, 1.0)
        race.advance(np.array([[steer, throttle]]), 1)
        if race.speed[0] > 6.0:
            worst = max(worst, abs(float(np.arctan2(race.vy[0], race.vx[0]))))
    return worst


@pytest.mark.parametrize(
    ("keys", "speed"), [(Keys(left=True, up=True), 25.0), (Keys(left=True, down=True), 45.0)]
)
def test_stability_catches_what_a_hand_would_lose(keys: Keys, speed: float) -> None:
    assert worst_slide(Assists(), keys, speed) > 0.7, "it spins without help"
    assert worst_slide(Assists(stability=True), keys, speed) < 0.2


def test_assists_name_themselves() -> None:
    assert Assists().named() == "no assists"
    assert Assists(True, True, True).named() == "stability + ABS + line"


def test_no_assist_changes_nothing() -> None:
    inputs = (0.4, -0.7)
    assert assisted(*inputs, Assists(), load_car("gt"), 50.0, 1.0, 0.3, 1.0) == inputs


def test_a_wrong_setting_costs_only_itself(tmp_path: Path) -> None:
    (tmp_path / "settings.yaml").write_text("volume: loud\ntrack: spa\nfuture: 3\nlaps: 7\n")
    kept = SettingsFile(tmp_path)
    assert (kept.now.volume, kept.now.track, kept.now.laps) == (Settings().volume, "spa", 7)
    (line,) = kept.news()
    assert "settings.yaml:1: volume" in line and "settings.yaml.broken" in line
    assert SettingsFile(tmp_path).now == kept.now and not SettingsFile(tmp_path).news()


@pytest.mark.parametrize(
    "content", [b"\x00\xff" * 99, b"- a\n- b\n", b"{{{{", b"a: &x [*x]\n", None]
)
def test_what_is_no_settings_file_is_set_aside(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "settings.yaml"
    path.mkdir() if content is None else path.write_bytes(content)
    kept = SettingsFile(tmp_path)
    assert kept.now == Settings() and "settings.yaml.broken" in kept.trouble
    kept.change(mute=True)
    assert SettingsFile(tmp_path).now.mute


def test_two_games_do_not_undo_each_others_settings(tmp_path: Path) -> None:
    first, second = SettingsFile(tmp_path), SettingsFile(tmp_path)
    first.change(volume=0.25)
    second.change(mute=True)
    first.change(laps=9)
    now = SettingsFile(tmp_path).now
    assert (now.volume, now.mute, now.laps) == (0.25, True, 9)


def test_settings_that_could_not_be_written_are_written_at_the_end(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("in the way")
    kept = SettingsFile(tmp_path / "home")
    kept.change(volume=0.25)
    assert len(kept.news()) == 1
    (tmp_path / "home").unlink()
    kept.close()
    assert SettingsFile(tmp_path / "home").now.volume == 0.25


def test_keys_that_are_none_leave_the_default_and_are_told() -> None:
    controls = Controls({"left": "nosuch", "jump": "x", "up": "a", "right": "", "down": "a"})
    assert controls.names["left"] == "left,a" and controls.names["right"] == ""
    assert controls.take(event(pygame.KEYDOWN, key=pygame.K_LEFT)) == "left"
    assert controls.take(event(pygame.KEYDOWN, key=pygame.K_a)) == "down"
    told = " / ".join(controls.trouble)
    assert "'nosuch' is no key" in told and "'jump'" in told and "bound twice" in told


def test_every_key_of_the_race_and_the_replay_is_in_the_table_and_can_be_bound_anew() -> None:
    controls = Controls({"ghost": "j", "replay": "k", "accept": "o", "step_on": "comma"})
    pressed = {
        code: controls.take(event(pygame.KEYDOWN, key=code))
        for code in (pygame.K_j, pygame.K_g, pygame.K_k, pygame.K_v, pygame.K_o, pygame.K_SPACE,
                     pygame.K_COMMA, pygame.K_PERIOD, pygame.K_PAGEUP)
    }  # fmt: skip
    assert list(pressed.values()) == [
        "ghost", "", "replay", "", "accept", "", "step_on", "", "lap_back"
    ]  # fmt: skip
    assert controls.trouble == []
    assert controls.shown("step_on") == "comma"


def test_return_and_escape_always_lead_on_and_out() -> None:
    controls = Controls({"up": "return", "reset": "escape"})
    for code, action in ((pygame.K_RETURN, "accept"), (pygame.K_ESCAPE, "back")):
        assert controls.take(event(pygame.KEYDOWN, key=code)) == action
    assert [line.split(" cannot")[0] for line in controls.trouble] == [
        "the key return", "the key escape"
    ]  # fmt: skip
    assert controls.shown("accept") == "return  space" and controls.shown("back") == "escape"


def test_no_two_actions_begin_with_the_same_key() -> None:
    others = {name: row for name, row in ACTIONS.items() if name not in SEATS}
    for group in (others, SEATS):  # those of two people go before the others, and may be the same
        keys = [key for _, names in group.values() for key in names.split(",") if key]
        assert len(set(keys)) == len(keys) and not set(keys) & set(FIXED)
    controls = Controls()
    assert controls.trouble == []
    for action, (_, names) in ACTIONS.items():
        assert controls.names[action] == names


@pytest.mark.slow
@pytest.mark.parametrize("size", [(320, 180), (480, 270), (640, 360), (1920, 1080)])
def test_every_action_is_shown_on_the_keys_page(size: tuple[int, int], monkeypatch) -> None:  # type: ignore[no-untyped-def]
    app = game(menu=True, size=size)
    page = KeysScreen(app)
    app.show(page)
    shown: set[str] = set()
    row = page._row

    def noted(c, action, x, y, wide, chosen) -> None:  # type: ignore[no-untyped-def]
        assert x >= 0 and x + wide <= c.w and y >= 0 and y + 8 <= c.h
        shown.add(action)
        row(c, action, x, y, wide, chosen)

    monkeypatch.setattr(page, "_row", noted)
    for _ in ACTIONS:
        app.step(0.02)
        assert list(ACTIONS)[page.at] in shown
        strike(pygame.K_DOWN)
    assert shown == set(ACTIONS)


def test_a_comma_is_bound_in_the_game_like_any_key(monkeypatch, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setenv("RETRORACER_HOME", str(tmp_path))
    app = game(menu=True)
    app.show(KeysScreen(app))
    strike(pygame.K_RETURN, pygame.K_COMMA)
    app.step(0.02)
    app.close()
    pygame.display.init()
    controls = Controls(SettingsFile().now.keys)
    controls.take(event(pygame.KEYDOWN, key=pygame.K_COMMA))
    assert controls.keys.left and controls.names["step_back"] == ""


def test_a_key_that_is_taken_from_something_is_told_and_means_one_thing() -> None:
    app = game(menu=True)
    page = KeysScreen(app)
    app.show(page)
    page.at = list(ACTIONS).index("down")
    strike(pygame.K_RETURN, pygame.K_SPACE)
    app.step(1 / 60)
    told = " ".join(t[0] for t in app._toasts._told)
    assert "go on; skip the lights" in told and "has no key now" in told
    assert app.controls.take(event(pygame.KEYDOWN, key=pygame.K_SPACE)) == "down"
    page.at = list(ACTIONS).index("accept")
    strike(pygame.K_BACKSPACE)  # its default is taken: it stays without
    app.step(1 / 60)
    assert not app.controls.trouble
    assert app.controls.take(event(pygame.KEYDOWN, key=pygame.K_SPACE)) == "down"


def test_a_fixed_key_says_what_it_is_fixed_to() -> None:
    app = game(menu=True)
    page = KeysScreen(app)
    app.show(page)
    strike(pygame.K_RETURN, pygame.K_RETURN)
    app.step(1 / 60)
    assert "return is fixed" in " ".join(t[0] for t in app._toasts._told)


def test_what_holds_for_now_is_not_written_down(tmp_path: Path) -> None:
    file = SettingsFile(tmp_path)
    file.for_now(heading_up=False)
    assert not file.now.heading_up
    file.change(laps=5)
    again = SettingsFile(tmp_path).now
    assert again.heading_up and again.laps == 5
    file.change(heading_up=True)  # by the player's own key
    file.change(heading_up=False)
    assert not SettingsFile(tmp_path).now.heading_up
