"""Turns pydantic's validation errors of a page into messages for its author.

Each has a code, a place in the file and a remedy.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel, Tag

from retroracer.config.explain import missing_space, odd_character
from retroracer.config.page import Node
from retroracer.config.place import Loc, Place
from retroracer.reading import shown
from retroracer.track import schema
from retroracer.track.problems import Report


def _parts(kind: Any, loc: Loc = ()) -> Iterator[tuple[Loc, type[BaseModel]]]:
    """The mappings that may occur at and below ``loc``; "*" is an index or a free name."""
    if get_origin(kind) is Annotated:
        tags = [str(m.tag) for m in kind.__metadata__ if isinstance(m, Tag)]
        yield from _parts(get_args(kind)[0], (*loc, *tags))
    elif isinstance(kind, type) and issubclass(kind, BaseModel):
        yield loc, kind
        for name, field in kind.model_fields.items():
            yield from _parts(field.annotation, (*loc, field.alias or name))
    else:
        inside = (*loc, "*") if get_origin(kind) in (list, dict) else loc
        for part in get_args(kind):
            yield from _parts(part, inside)


_PARTS = dict(_parts(schema.TrackPage))

MOST_SHOWN = 100
"""Most mistakes reported; finding suggestions for more would only cost time."""

_EXAMPLES = {
    "schema": "schema: 1",
    "name": "name: My Track",
    "layout": "layout: with width and segments",
    "corner": "corner: left",
    "radius": "radius: 60",
    "angle": "angle: 90",
    "straight": "straight: 200",
    "x": "x: 0",
    "y": "y: 0",
    "grip": "grip: 0.6",
    "from": "from: 350",
    "length": "length: 40",
    "surface": "surface: gravel",
}

_SECTIONS = ("meta", "race", "layout", "start", "surface", "kerbs", "theme")

_METRES = (
    "radius to_radius straight width left right ease x y at grid_gap runoff_width below_radius"
    " length length_m"
)
_UNITS = {"angle": " deg", "drag": " m/s^2", "ploughing": " /m"} | dict.fromkeys(
    _METRES.split(), " m"
)


def report_errors(errors: list[Any], root: Node, report: Report) -> None:
    """Add a page's errors, from ``ValidationError.errors()``, to the report.

    ``root`` is the page, to find places and names in.
    """
    missed = _misspelt(errors[:MOST_SHOWN])
    for error in errors[:MOST_SHOWN]:
        if error["type"] == "missing" and tuple(error["loc"]) in missed:
            continue
        loc: Loc = tuple(error["loc"])
        code, text, place = _message(error, loc, root)
        report.add(code, loc, text + _cause(error["input"], text), place=place)
    if len(errors) > MOST_SHOWN:
        report.add("T04", (), f"and {len(errors) - MOST_SHOWN} more mistakes", place=Place())


def _cause(value: Any, text: str) -> str:
    """A cause that is not visible in the value itself, for the end of a message."""
    if not isinstance(value, str) or "U+" in text:
        return ""
    if odd := odd_character(value):
        return f"; it holds {odd[1]}"
    space = missing_space(value)
    return f"; {space}" if space else ""


def _misspelt(errors: list[Any]) -> set[Loc]:
    """Keys that count as missing only because they are misspelt."""
    unknown = [tuple(error["loc"]) for error in errors if error["type"] == "extra_forbidden"]
    return {(*loc[:-1], near) for loc in unknown if (near := _nearest(loc))}


def _message(error: Mapping[str, Any], loc: Loc, root: Node) -> tuple[str, str, Place | None]:
    kind, ctx = str(error["type"]), error.get("ctx") or {}
    key = next((str(x) for x in reversed(loc) if isinstance(x, str) and x[:1] != "<"), "the page")
    # A key such as 'auto' or 'at' says little alone; inside lists the line number says the rest.
    full = ".".join(map(str, loc)) if len(loc) == 2 and loc[0] in _SECTIONS else key
    if kind == "extra_forbidden":
        return "T02", _unknown(loc, root), root.key(loc)
    if kind == "missing":
        example = _EXAMPLES.get(key)
        remedy = f"add e.g. {example}" if example else "add it"
        return "T03", f"{_owner(loc[:-1], root)} has no '{key}'; {remedy}", root.find(loc[:-1])
    if kind == "union_tag_not_found":
        if loc and loc[-1] == "medals":
            return "T04", "medals must be 'auto' or times such as {gold: 62.5}", None
        return "T05", f"item {int(loc[-1]) + 1} needs 'straight:' or 'corner:'", None
    if kind == "T04":
        entry = f"entry {loc[-1] + 1} of " if loc and isinstance(loc[-1], int) else ""
        return "T04", f"{entry}{full} {ctx['text']}", None
    if kind in _RANGE:
        return "T04", _out_of_range(kind, ctx, error["input"], key, full), None
    if kind == "literal_error":
        return "T04", _no_such_word(ctx, error["input"], full), None
    if kind in ("model_type", "model_attributes_type", "dict_type", "list_type"):
        want = "a list" if kind == "list_type" else "a mapping (key: value lines)"
        have = {"list": "a list", "dict": "a mapping", "NoneType": "nothing"}.get(
            type(error["input"]).__name__, f"'{shown(error['input'])}'"
        )
        return "T04", f"{key} must be {want}, not {have}", None
    if kind in ("too_long", "too_short"):
        limit = ctx.get("max_length", ctx.get("min_length"))
        bound = "at most" if kind == "too_long" else "at least"
        return "T04", f"{key} must have {bound} {limit} entries, not {ctx['actual_length']}", None
    return "T04", f"{key}: {error['msg']}", None


_RANGE = {
    "greater_than_equal": ("at least", "ge"),
    "greater_than": ("more than", "gt"),
    "less_than_equal": ("at most", "le"),
    "less_than": ("less than", "lt"),
}


def _out_of_range(kind: str, ctx: Mapping[str, Any], value: Any, key: str, full: str) -> str:
    words, name = _RANGE[kind]
    number = f"{value:g}" if isinstance(value, float) else shown(value)
    hint = ""
    if key in ("radius", "to_radius") and kind.startswith("greater"):
        hint = "; give the direction with 'corner: left/right', not a sign"
    elif key == "angle" and kind.startswith("greater"):
        hint = "; degrees turned, the direction is given by 'corner: left/right'"
    elif key == "schema":
        return f"schema {number} is not known; write schema: 1"
    return f"{full} {number} must be {words} {float(ctx[name]):g}{_UNITS.get(key, '')}{hint}"


def _no_such_word(ctx: Mapping[str, Any], value: Any, key: str) -> str:
    words = [w.strip("' ") for w in str(ctx["expected"]).replace(" or ", ", ").split(",")]
    near = difflib.get_close_matches(shown(value).lower(), words, 1)
    hint = f"did you mean '{near[0]}'?" if near else f"choose one of: {', '.join(words)}"
    if near and len(words) > 2:
        hint += f" (one of: {', '.join(words)})"
    have = "nothing" if value is None else f"'{shown(value)}'"
    return f"{key} cannot be {have}; {hint}"


def _keys(part: type[BaseModel] | None) -> list[str]:
    return [f.alias or name for name, f in part.model_fields.items()] if part else []


def _keys_at(loc: Loc) -> list[str]:
    shape = tuple("*" if isinstance(x, int) else x for x in loc)
    if shape[:1] == ("surfaces",) and len(shape) == 2:
        shape = ("surfaces", "*")
    return _keys(_PARTS.get(shape))


def _nearest(loc: Loc) -> str | None:
    """The existing key that is most similar to the last one of ``loc``; None if none is."""
    near = difflib.get_close_matches(shown(loc[-1]).lower(), _keys_at(loc[:-1]), 1, cutoff=0.6)
    return near[0] if near else None


def _unknown(loc: Loc, root: Node) -> str:
    """The message for an unknown key: the most similar key here, or where it belongs."""
    key = shown(loc[-1])
    homes = [where for where, other in _PARTS.items() if key in _keys(other)]
    if near := _nearest(loc):
        hint = f"did you mean '{near}'?"
    elif homes:
        named = [str(x) for x in homes[0] if x != "*" and str(x)[:1] != "<"]
        hint = "it belongs " + (f"under '{'.'.join(named)}'" if named else "at the top of the page")
    else:
        hint = f"keys here are: {', '.join(_keys_at(loc[:-1]))}"
    return f"unknown key '{key}' in {_owner(loc[:-1], root)}; {hint}"


def _owner(loc: Loc, root: Node) -> str:
    """Name for people of the part at ``loc``: corner 2 ("Quay"), point 4, the page, start."""
    named: list[str | int] = [x for x in loc if isinstance(x, int) or x[:1] != "<"]
    if not named:
        return "the page"
    if not isinstance(named[-1], int):
        return ".".join(map(str, named))
    index = named[-1]
    kind = {"points": "point", "patches": "patch"}.get(str(named[-2]), "item")
    if kind == "item" and isinstance(loc[-1], str):
        kind = loc[-1].strip("<>")
    node = root
    for step in named:
        if isinstance(node.data, dict) and step in node.data:
            node = node.data[str(step)][1]
        elif isinstance(node.data, list) and isinstance(step, int):
            node = node.data[step]
    if isinstance(node.data, dict) and "name" in node.data:
        name = node.data["name"][1].data
        if isinstance(name, str):
            return f'{kind} {index + 1} ("{shown(name)}")'
    return f"{kind} {index + 1}"
