"""Keys and pads to what a player wants: held directions, analogue sticks, presses.

Owns: the names of actions, their default keys, rebinding, pads coming and going. Reads events
only, so that posted events drive the game. Does not own how a wheel is turned (``drivers``).
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

import pygame

from retroracer.game.overlays.overlays import OVERLAYS
from retroracer.game.race.drivers import Keys
from retroracer.reading import shown

SEATS: dict[str, tuple[str, str]] = {
    "left_1": ("player 1 of 2: steer left", "a"),
    "right_1": ("player 1 of 2: steer right", "d"),
    "up_1": ("player 1 of 2: throttle", "w"),
    "down_1": ("player 1 of 2: brake", "s"),
    "reset_1": ("player 1 of 2: back to the track", "q"),
    "left_2": ("player 2 of 2: steer left", "left"),
    "right_2": ("player 2 of 2: steer right", "right"),
    "up_2": ("player 2 of 2: throttle", "up"),
    "down_2": ("player 2 of 2: brake", "down"),
    "reset_2": ("player 2 of 2: back to the track", "backspace"),
}
"""Of a race of two people, likewise; there they go before all others."""

ACTIONS: dict[str, tuple[str, str]] = {
    "left": ("steer left", "left,a"),
    "right": ("steer right", "right,d"),
    "up": ("throttle", "up,w"),
    "down": ("brake, reverse", "down,s"),
    "restart": ("restart at once", "r"),
    "pause": ("pause", "p"),
    "reset": ("back to the track", "backspace"),
    "camera": ("heading or north up", "c"),
    "mute": ("sound on or off", "m"),
    "line": ("racing line", "l"),
    "watch": ("look at the next car", "tab"),
    **{overlay.name: (overlay.does, overlay.key) for overlay in OVERLAYS},
    "picture": ("save a picture", "f12"),
    "accept": ("go on; skip the lights", "space"),
    "back": ("back, to the menu", ""),
    "ghost": ("race the new ghost; film", "g"),
    "replay": ("watch laps again", "v"),
    "step_back": ("replay: a step back", "comma"),
    "step_on": ("replay: a step on", "period"),
    "lap_back": ("replay: the lap before", "page up"),
    "lap_on": ("replay: the next lap", "page down"),
    "begin": ("replay: the beginning", "home"),
    "end": ("replay: the end", "end"),
    "telemetry": ("telemetry of the lap", "t"),
    "export": ("RECORDS: save as a ghost", "x"),
    "next": ("CarRacing: next track", "n"),
    **SEATS,
}
"""Action -> what it does, and its default keys by name, separated by commas."""

EDITOR: dict[str, tuple[str, str]] = {
    "left": ("move the point west, Shift: 10 m", "left"),
    "right": ("east", "right"),
    "up": ("north", "up"),
    "down": ("south", "down"),
    "narrow": ("narrower by 0.5 m", "[,-"),
    "widen": ("wider by 0.5 m", "],+,="),
    "delete": ("delete the point", "delete,backspace,x"),
    "select": ("the next point", "tab"),
    "undo": ("undo (also Ctrl+Z), Shift: redo", "u"),
    "redo": ("redo", "y"),
    "fit": ("the whole track in view", "f"),
    "drive": ("drive it at once", "t,return"),
    "save": ("save", "s"),
    "back": ("leave", "escape"),
}
"""Of the editor, likewise. They are not bound anew: most would take a key from driving."""

FIXED = {"return": "accept", "escape": "back"}
"""Keys that always mean this, however the others are bound: the way out of every page."""

HELD = ("left", "right", "up", "down")

DEAD_ZONE = 0.12
"""Stick travel that counts as none."""

_STICK, _BRAKE_TRIGGER, _THROTTLE_TRIGGER = 0, 4, 5
_PAD_BUTTONS = {
    0: "accept",  # A
    1: "back",  # B
    2: "reset",  # X
    3: "restart",  # Y
    4: "camera",
    6: "pause",  # Start
    9: "watch",
    11: "up",
    12: "down",
    13: "left",
    14: "right",
}


def stick(value: float) -> float:
    """Stick travel in [-1, 1] without its dead zone, finer near the middle."""
    size = min(abs(value), 1.0)
    if size <= DEAD_ZONE:
        return 0.0
    share = (size - DEAD_ZONE) / (1.0 - DEAD_ZONE)
    fine = float(share**1.6)
    return fine if value > 0 else -fine


def key_name(code: int) -> str:
    """The name of a key, "" if it has none: pygame's, but for the comma that parts names."""
    name = pygame.key.name(code)
    return _SIGNS.get(name, name)


_SIGNS = {",": "comma", ".": "period"}


def _code(name: str) -> int:
    """Code of a key by its name, 0 if there is none."""
    name = name.strip()
    sign = next((sign for sign, told in _SIGNS.items() if told == name), name)
    try:
        return pygame.key.key_code(sign)
    except (ValueError, pygame.error):
        return 0


def editor_action(code: int, control: bool) -> str:
    """What a key means in the editor, "" if nothing; ``control``: whether Ctrl is held."""
    if code == pygame.K_z:
        return "undo" if control else ""
    name = key_name(code)
    return next((a for a, (_, keys) in EDITOR.items() if name in keys.split(",")), "")


class Controls:
    """The state of keys and pads; ``bound`` are key names by action that are no defaults."""

    def __init__(self, bound: Mapping[str, str] | None = None) -> None:
        self.keys = Keys()  # directions held on the keyboard
        self.seats = (Keys(), Keys())  # the same of each of two people
        self.players = 1  # who drive now: of two, each has keys of its own
        self.steer: float | None = None  # of the pad's stick, left positive; None while unused
        self.throttle: float | None = None  # of its triggers, likewise
        self._triggers = [0.0, 0.0]
        self._pads: dict[int, object] = {}
        self.bind(bound or {})

    def bind(self, bound: Mapping[str, str]) -> None:
        """Take over keys; an action none of whose names is a key keeps its default."""
        self.trouble: list[str] = []  # what is wrong with the keys, in lines
        own = {}
        for action, names in bound.items():
            if action not in ACTIONS:
                self.trouble.append(f"no action is called '{shown(action)}'")
            elif names.strip(" ,") and not any(map(_code, names.split(","))):
                does, default = ACTIONS[action]
                self.trouble.append(f"'{shown(names)}' is no key: {does} stays on {default}")
            else:
                own[action] = names
        self.names = {a: own.get(a, default) for a, (_, default) in ACTIONS.items()}
        self._action: dict[int, str] = {}
        self._seat: dict[int, str] = {}
        for action in sorted(ACTIONS, key=lambda a: a in own):  # the player's last: they win
            bindings = self._seat if action in SEATS else self._action
            for code in filter(None, map(_code, self.names[action].split(","))):
                if action in own and bindings.get(code, action) in own.keys() - {action}:
                    key, does = key_name(code), ACTIONS[action][0]
                    self.trouble.append(f"the key {key} is bound twice: it means {does}")
                bindings[code] = action
        for name, action in FIXED.items():
            taken = self._action.get(_code(name), action)
            if taken != action:
                self.trouble.append(f"the key {name} cannot be bound: it means {action}")
            self._action[_code(name)] = action
            self._seat.pop(_code(name), None)

    def shown(self, action: str) -> str:
        """The keys of an action as the player is told them, "" without any."""
        fixed = [name for name, fixed in FIXED.items() if fixed == action]
        return "  ".join([*fixed, *filter(None, self.names[action].split(","))])

    def open_pads(self) -> None:
        """Start listening to pads; without any support for them nothing happens."""
        with suppress(ImportError, pygame.error):
            from pygame._sdl2 import controller

            controller.init()
            for index in range(controller.get_count()):
                self._open(index)

    def _open(self, index: int) -> None:
        with suppress(ImportError, pygame.error):
            from pygame._sdl2 import controller

            if controller.is_controller(index):
                pad = controller.Controller(index)
                self._pads[pad.id] = pad

    def release(self) -> None:
        """Let go of everything, as when the window loses the keyboard."""
        self.keys = Keys()
        self.seats = (Keys(), Keys())
        self._triggers = [0.0, 0.0]
        if self.steer is not None:
            self.steer = self.throttle = 0.0

    def take_held(self) -> None:
        """Take over the driving keys that are held down already, since the game was loaded."""
        held = pygame.key.get_pressed()
        for code in {*self._action, *self._seat}:
            if held[code]:
                self._key(code, down=True)

    def take(self, event: pygame.event.Event) -> str:
        """Follow an event; returns the action pressed just now: of ACTIONS, "unplugged" or ""."""
        kind = event.type
        if kind in (pygame.KEYDOWN, pygame.KEYUP):
            return self._key(event.key, kind == pygame.KEYDOWN)
        if kind == pygame.WINDOWFOCUSLOST:
            self.release()
        elif kind == pygame.CONTROLLERDEVICEADDED:
            self._open(event.device_index)
        elif kind == pygame.CONTROLLERDEVICEREMOVED:
            self._pads.pop(getattr(event, "instance_id", -1), None)
            self.steer = self.throttle = None
            self._triggers = [0.0, 0.0]
            return "unplugged"
        elif kind == pygame.CONTROLLERAXISMOTION:
            self._axis(event.axis, event.value / 32767.0)
        elif kind == pygame.CONTROLLERBUTTONDOWN:
            return _PAD_BUTTONS.get(event.button, "")
        return ""

    def _key(self, code: int, down: bool) -> str:
        action, seat = self._action.get(code, ""), self._seat.get(code, "")
        name, _, player = seat.partition("_")
        if name in HELD:
            setattr(self.seats[int(player) - 1], name, down)
        if action in HELD:
            setattr(self.keys, action, down)
        if self.players == 2 and seat:
            # Menus go on by the arrows and WASD; else the key is its player's alone.
            action = action if name in HELD and action in HELD else "" if name in HELD else seat
        mine = name in HELD and player == "1" if self.players == 2 else action in HELD
        if down and mine:
            self.steer = self.throttle = None  # the keyboard takes over from the pad
        return action if down else ""

    def _axis(self, axis: int, value: float) -> None:
        if axis == _STICK:
            moved = stick(value)
            if moved or self.steer is not None:
                self.steer = -moved
                self.throttle = self.throttle or 0.0
        elif axis in (_BRAKE_TRIGGER, _THROTTLE_TRIGGER):
            pressed = max(0.0, min(value, 1.0))
            self._triggers[axis - _BRAKE_TRIGGER] = 0.0 if pressed < 0.04 else pressed
            if pressed > 0.04 or self.throttle is not None:
                brake, throttle = self._triggers
                self.throttle = -brake if brake > 0.0 else throttle
                self.steer = self.steer or 0.0
