"""Colours by role, presets, and a track's own theme on top.

Owns: every colour in the project; presets are in ``palettes.json``. The two drivers differ in
hue (blue, orange), in lightness and in the shape of their marker, so nothing is told by hue alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from pathlib import Path

from retroracer.errors import UserError

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Palette:
    """Colours (r, g, b), 0-255, by what they are for."""

    # The world. Road, its edge and the ground keep the contrast of ``contrast`` below.
    grass: Colour = (112, 158, 80)
    grass_alt: Colour = (104, 149, 75)
    tuft: Colour = (136, 180, 92)
    tree: Colour = (44, 98, 62)
    road: Colour = (48, 47, 58)
    road_alt: Colour = (52, 51, 63)
    rubber: Colour = (39, 38, 48)
    line: Colour = (246, 241, 226)
    kerb: Colour = (212, 62, 58)
    kerb_alt: Colour = (244, 238, 220)
    gravel: Colour = (207, 178, 122)
    gravel_alt: Colour = (194, 163, 108)
    asphalt_runoff: Colour = (86, 85, 100)
    sand: Colour = (222, 199, 146)
    wall: Colour = (201, 203, 214)
    wall_alt: Colour = (60, 96, 160)
    shadow: Colour = (52, 82, 50)
    # The drivers.
    human: Colour = (58, 132, 238)
    agent: Colour = (255, 176, 66)
    ghost: Colour = (226, 226, 240)
    tyre: Colour = (24, 23, 32)
    glass: Colour = (26, 30, 48)
    # What is written over it.
    panel: Colour = (28, 24, 46)
    panel_edge: Colour = (78, 68, 116)
    text: Colour = (250, 244, 226)
    text_dim: Colour = (166, 158, 190)
    accent: Colour = (255, 210, 74)
    good: Colour = (120, 220, 160)
    bad: Colour = (255, 104, 92)


DEFAULT = Palette()

RIVALS: tuple[Colour, ...] = (DEFAULT.agent, (120, 240, 200), (190, 60, 150))
"""Cars of the first, second and third rival: told apart from each other and from yours by people
who lack any one kind of cone (a test measures it)."""

SECOND: Colour = (225, 30, 75)
"""The car of a second player, told from all of these likewise."""

_ALIASES = {"kerb_1": "kerb", "kerb_2": "kerb_alt", "kerb_light": "kerb_alt", "runoff": "grass"}


def parse_colour(text: str, role: str = "colour") -> Colour:
    """Read ``#rgb`` or ``#rrggbb``.

    Raises:
        UserError: if it is neither.
    """
    digits = text.strip().removeprefix("#")
    if len(digits) == 3:
        digits = "".join(c * 2 for c in digits)
    try:
        if len(digits) != 6:
            raise ValueError
        value = int(digits, 16)
    except ValueError:
        raise UserError(
            f"theme colour {role!r} is {text!r}; write it as '#rrggbb', e.g. '#4e4d5c'"
        ) from None
    return (value >> 16 & 255, value >> 8 & 255, value & 255)


def _presets() -> dict[str, Palette]:
    text = Path(__file__).with_name("palettes.json").read_text(encoding="utf-8")
    found = {"classic": DEFAULT}
    for name, theme in json.loads(text).items():
        found[name] = replace(DEFAULT, **{role: parse_colour(c) for role, c in theme.items()})
    return found


PRESETS = _presets()
"""Palettes by the name a track's theme gives them."""

STRONG = PRESETS.pop("strong")
"""Strong colours for any track, chosen by the player."""


def shade(colour: Colour, factor: float) -> Colour:
    """The colour made darker (factor < 1) or lighter (> 1)."""
    r, g, b = (max(0, min(255, round(c * factor))) for c in colour)
    return (r, g, b)


@lru_cache(maxsize=4096)
def mix(a: Colour, b: Colour, share: float) -> Colour:
    """``a`` with the given share [0, 1] of ``b`` in it."""
    red, green, blue = (
        round(p + (q - p) * min(1.0, max(0.0, share))) for p, q in zip(a, b, strict=True)
    )
    return (red, green, blue)


def palette_for(theme: Mapping[str, str]) -> Palette:
    """The palette of a track: a preset, then its own colours by role.

    Args:
        theme: ``preset`` names one of ``PRESETS`` (unknown names mean the default); every
            other key is a role of ``Palette`` with a colour. ``kerb`` may hold two colours
            separated by a comma. A colour without its ``_alt`` partner gets one close by.
            Keys that are no role are ignored, so that older games read newer tracks.

    Raises:
        UserError: if a colour cannot be read.
    """
    palette = PRESETS.get(str(theme.get("preset", "")), DEFAULT)
    roles = {f.name for f in fields(Palette)}
    changes: dict[str, Colour] = {}
    for key, value in theme.items():
        role = _ALIASES.get(key, key)
        if role not in roles:
            continue
        first, _, second = str(value).partition(",")
        changes[role] = parse_colour(first, key)
        if second and f"{role}_alt" in roles:
            changes[f"{role}_alt"] = parse_colour(second, key)
    for role, factor in (("grass", 0.94), ("road", 1.05), ("gravel", 0.93)):
        if role in changes:
            changes.setdefault(f"{role}_alt", shade(changes[role], factor))
    if "grass" in changes:
        changes.setdefault("tuft", shade(changes["grass"], 1.18))
        changes.setdefault("shadow", shade(changes["grass"], 0.5))
    if "road" in changes:
        changes.setdefault("rubber", shade(changes["road"], 0.85))
    return replace(palette, **changes)
