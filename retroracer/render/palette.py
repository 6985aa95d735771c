"""Colours by role, presets, and a track's own theme on top.

Owns: every colour in the project. The two drivers differ in hue (blue, orange), in
lightness and in the shape of their marker, so nothing is told by hue alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import lru_cache

from retroracer.errors import UserError

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Palette:
    """Colours (r, g, b), 0-255, by what they are for."""

    # The world.
    grass: Colour = (72, 132, 66)
    grass_alt: Colour = (64, 121, 61)
    tuft: Colour = (93, 154, 78)
    tree: Colour = (38, 88, 58)
    road: Colour = (78, 77, 92)
    road_alt: Colour = (82, 81, 97)
    rubber: Colour = (66, 65, 80)
    line: Colour = (240, 234, 216)
    kerb: Colour = (212, 62, 58)
    kerb_alt: Colour = (244, 238, 220)
    gravel: Colour = (207, 178, 122)
    gravel_alt: Colour = (194, 163, 108)
    asphalt_runoff: Colour = (101, 100, 116)
    sand: Colour = (222, 199, 146)
    wall: Colour = (201, 203, 214)
    wall_alt: Colour = (60, 96, 160)
    shadow: Colour = (33, 58, 44)
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

PRESETS: dict[str, Palette] = {
    "classic": DEFAULT,
    "forest": replace(
        DEFAULT,
        grass=(52, 106, 62),
        grass_alt=(46, 97, 58),
        tuft=(72, 130, 70),
        tree=(24, 66, 50),
        shadow=(22, 44, 38),
    ),
    "harbour": replace(
        DEFAULT,
        grass=(120, 132, 118),
        grass_alt=(114, 125, 113),
        tuft=(136, 150, 126),
        tree=(58, 104, 84),
        road=(84, 82, 90),
        road_alt=(89, 87, 95),
        rubber=(70, 68, 78),
        shadow=(62, 68, 70),
        asphalt_runoff=(112, 110, 116),
    ),
    "dunes": replace(
        DEFAULT,
        grass=(168, 158, 96),
        grass_alt=(160, 149, 89),
        tuft=(132, 142, 76),
        tree=(96, 116, 66),
        shadow=(96, 92, 60),
    ),
    "desert": replace(
        DEFAULT,
        grass=(214, 176, 118),
        grass_alt=(207, 168, 111),
        tuft=(190, 150, 96),
        tree=(122, 128, 72),
        gravel=(228, 204, 160),
        gravel_alt=(218, 192, 146),
        shadow=(140, 106, 76),
    ),
    "alpine": replace(
        DEFAULT,
        grass=(96, 150, 76),
        grass_alt=(88, 140, 71),
        tuft=(122, 174, 90),
        tree=(34, 84, 66),
        shadow=(40, 72, 50),
    ),
    "dusk": replace(
        DEFAULT,
        grass=(74, 84, 96),
        grass_alt=(69, 77, 90),
        tuft=(98, 104, 118),
        tree=(44, 52, 76),
        road=(62, 56, 80),
        road_alt=(66, 60, 85),
        rubber=(52, 46, 70),
        shadow=(40, 38, 60),
        line=(255, 224, 190),
    ),
    "night": replace(
        DEFAULT,
        grass=(30, 48, 56),
        grass_alt=(27, 43, 52),
        tuft=(46, 68, 72),
        tree=(20, 34, 44),
        road=(54, 54, 72),
        road_alt=(58, 58, 77),
        rubber=(44, 44, 62),
        gravel=(118, 108, 96),
        gravel_alt=(108, 98, 88),
        asphalt_runoff=(66, 66, 84),
        shadow=(14, 22, 32),
    ),
}

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


def lightness(colour: Colour) -> float:
    """Perceived lightness, 0 black to 1 white (gamma-encoded Rec. 709 luma)."""
    r, g, b = colour
    return (0.2126 * r + 0.7152 * g + 0.0722 * b) / 255.0


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
