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

PRESETS: dict[str, Palette] = {
    "classic": DEFAULT,
    "park": replace(
        DEFAULT,
        grass=(152, 166, 82),
        grass_alt=(142, 155, 77),
        tuft=(176, 193, 95),
        tree=(72, 112, 52),
        shadow=(79, 86, 43),
    ),
    "forest": replace(
        DEFAULT,
        grass=(92, 152, 104),
        grass_alt=(86, 142, 97),
        tuft=(107, 176, 121),
        tree=(22, 74, 58),
        shadow=(48, 79, 54),
    ),
    "harbour": replace(
        DEFAULT,
        grass=(176, 168, 150),
        grass_alt=(165, 157, 140),
        tuft=(160, 152, 132),
        tree=(70, 120, 92),
        shadow=(92, 87, 78),
        asphalt_runoff=(104, 100, 98),
        wall_alt=(36, 92, 128),
    ),
    "dunes": replace(
        DEFAULT,
        grass=(206, 190, 128),
        grass_alt=(193, 178, 120),
        tuft=(150, 158, 88),
        tree=(112, 132, 76),
        shadow=(107, 99, 67),
    ),
    "desert": replace(
        DEFAULT,
        grass=(222, 176, 120),
        grass_alt=(208, 165, 112),
        tuft=(190, 146, 92),
        tree=(116, 132, 74),
        shadow=(115, 92, 62),
        gravel=(236, 210, 168),
        gravel_alt=(226, 198, 152),
    ),
    "alpine": replace(
        DEFAULT,
        grass=(138, 182, 84),
        grass_alt=(129, 170, 79),
        tuft=(160, 211, 97),
        tree=(34, 92, 74),
        shadow=(72, 95, 44),
        road=(50, 52, 62),
        road_alt=(54, 56, 67),
        rubber=(41, 43, 52),
    ),
    "dusk": replace(
        DEFAULT,
        grass=(152, 126, 150),
        grass_alt=(142, 118, 140),
        tuft=(174, 146, 164),
        tree=(70, 52, 96),
        shadow=(79, 66, 78),
        road=(44, 38, 58),
        road_alt=(48, 42, 63),
        rubber=(36, 31, 48),
        line=(255, 232, 202),
    ),
    "night": replace(
        DEFAULT,
        grass=(88, 112, 142),
        grass_alt=(92, 117, 147),
        tuft=(112, 138, 168),
        tree=(28, 52, 76),
        shadow=(40, 54, 76),
        road=(32, 33, 46),
        road_alt=(34, 35, 48),
        rubber=(25, 26, 37),
        gravel=(134, 132, 140),
        gravel_alt=(124, 122, 131),
        asphalt_runoff=(66, 68, 84),
    ),
}

STRONG = replace(
    DEFAULT,
    grass=(150, 158, 150),
    grass_alt=(143, 151, 143),
    tuft=(168, 176, 168),
    tree=(84, 100, 88),
    road=(22, 22, 26),
    road_alt=(25, 25, 30),
    rubber=(14, 14, 18),
    line=(255, 255, 255),
    kerb=(226, 40, 40),
    kerb_alt=(255, 255, 255),
    shadow=(96, 102, 96),
)
"""Strong colours for any track, chosen by the player."""

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
