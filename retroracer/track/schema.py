"""The page of YAML a track is written on, as pydantic models.

Owns: keys, types, ranges and defaults of a track file. Does not own: the geometry
(``centreline``, ``build``), nor how mistakes are worded (``wording``). Metres and degrees,
x east, y north. What stands inside ``layout`` is told in the order it is drawn; everything
outside it in racing direction, measured from the start line (``start.at`` places that line
on the layout).
"""

from __future__ import annotations

import math
import re
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    GetJsonSchemaHandler,
    Tag,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

from retroracer.track.track import ASPHALT, GRASS, GRAVEL, KERB

MAX_SEGMENTS = 500
MAX_POINTS = 5_000

_KINDS = {"bool": "yes/no", "list": "a list", "dict": "a mapping"}


def _wrong(text: str) -> PydanticCustomError:
    # The text goes in as a value: braces an author wrote must not be read as a template.
    return PydanticCustomError("T04", "{text}", {"text": text})


def _shown(value: Any) -> str:
    text = "".join(c if c.isprintable() else "?" for c in str(value))
    return text if len(text) <= 40 else text[:39] + "…"


def _in_seconds(text: str) -> str:
    """What a time such as 1:02.5 is in seconds, as a remedy."""
    parts = text.lstrip("+-").split(":")
    if len(parts) > 3 or max(map(len, parts)) > 8:
        return ""
    seconds = sum(float(p) * 60.0**k for k, p in enumerate(reversed(parts)))
    return f"; as seconds write {seconds:g}"


def as_number(value: Any) -> Any:
    """Read what an author wrote as a number, or say why it is none."""
    if isinstance(value, bool) or value is None or isinstance(value, list | dict):
        what = _KINDS.get(type(value).__name__, "nothing")
        raise _wrong(f"needs a number, not {what}")
    written = value
    if isinstance(value, str):
        text = value.strip()
        if re.fullmatch(r"[+-]?\d+(:\d+)+(\.\d*)?", text):
            raise _wrong(f"'{_shown(text)}' is not a number{_in_seconds(text)}")
        if re.fullmatch(r"[+-]?\d+,\d+", text):
            fixed = text.replace(",", ".")
            raise _wrong(f"'{_shown(text)}' has a decimal comma; write {_shown(fixed)}")
        unit = re.fullmatch(r"([+-]?\d+(?:\.\d+)?)\s*(m|km|deg|°|ft|s|sec|%)", text)
        if unit:
            raise _wrong(f"'{_shown(text)}' has a unit; write the number alone ({unit[1]})")
        try:
            value = float(text) if len(text) < 400 else math.nan
        except ValueError:
            raise _wrong(f"'{_shown(text)}' is not a number") from None
    try:
        finite = math.isfinite(value)
    except (TypeError, OverflowError):
        finite = False
    if not finite:
        raise _wrong(f"'{_shown(written)}' is not a finite number")
    return float(value)


def _as_whole(value: Any) -> Any:
    number = as_number(value)
    if number != int(number):
        raise _wrong(f"needs a whole number, not {_shown(value)}")
    return int(number)


def _as_text(value: Any) -> Any:
    if isinstance(value, bool | int | float):
        value = str(value)
    if not isinstance(value, str):
        what = _KINDS.get(type(value).__name__, "nothing")
        raise _wrong(f"needs text, not {what}")
    text = value.strip()
    if not text:
        raise _wrong("needs some text")
    if len(text) > 2000:
        raise _wrong("is longer than 2000 characters; shorten it")
    return text


def _as_switch(value: Any) -> Any:
    words = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
    if isinstance(value, str) and value.strip().lower() in words:
        return words[value.strip().lower()]
    if not isinstance(value, bool):
        raise _wrong(f"needs true or false, not '{_shown(value)}'")
    return value


def _as_colour(value: Any) -> Any:
    if value is None:
        raise _wrong(
            "is empty: '#' begins a comment in YAML; put the colour in quotes: \"#46464b\""
        )
    if not isinstance(value, str) or not re.fullmatch(r"#([0-9a-fA-F]{3}){1,2}", value):
        raise _wrong(f"'{_shown(value)}' is not a colour; write \"#rrggbb\" in quotes")
    return value


def _which_length(value: Any) -> str:
    return "<auto>" if _as_word(value) == "auto" else "<metres>"


def _as_word(value: Any) -> Any:
    return value.strip().lower() if isinstance(value, str) else value


def _as_side(value: Any) -> Any:
    word = {"center": "centre", "middle": "centre"}
    value = _as_word(value)
    return word.get(value, value) if isinstance(value, str) else value


def _as_kerb(value: Any) -> Any:
    if isinstance(value, bool):
        return "both" if value else "none"
    word = {"no": "none", "off": "none", "false": "none", "yes": "both", "true": "both"}
    value = _as_word(value)
    return word.get(value, value) if isinstance(value, str) else value


def _as_start(value: Any) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, str) and re.fullmatch(
        r"[+-]?\d+(\.\d*)?(e[+-]?\d+)?", value.strip(), re.I
    ):
        return as_number(value)
    return _as_text(value)


Number = Annotated[float, BeforeValidator(as_number)]
Whole = Annotated[int, BeforeValidator(_as_whole)]
Text = Annotated[str, BeforeValidator(_as_text)]
Name = Annotated[str, Field(max_length=80), BeforeValidator(_as_text)]
Preset = Literal["classic", "forest", "harbour", "dunes", "desert", "alpine", "dusk", "night"]
Switch = Annotated[bool, BeforeValidator(_as_switch)]
Colour = Annotated[str, BeforeValidator(_as_colour)]
Width = Annotated[Number, Field(ge=3.0, le=60.0)]
HalfWidth = Annotated[Number, Field(ge=1.5, le=40.0)]
Coordinate = Annotated[Number, Field(ge=-50_000.0, le=50_000.0)]
KerbSide = Annotated[
    Literal["auto", "none", "inside", "outside", "left", "right", "both"], BeforeValidator(_as_kerb)
]


class Part(BaseModel):
    """Any mapping of the page: unknown keys are mistakes, and it never changes."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Meta(Part):
    """What the author says of the track; free text beside the official length."""

    author: Text | None = None
    country: Text | None = None
    length_m: Annotated[Number, Field(gt=0.0, le=50_000.0)] | None = None
    license: Text | None = None
    source: Text | None = None
    notes: Text | None = None


class RaceFacts(Part):
    """How the track is raced."""

    laps: Annotated[Whole, Field(ge=1, le=999)] = 3
    direction: Annotated[Literal["forward", "reverse"], BeforeValidator(_as_word)] = "forward"


class StraightPart(Part):
    """A straight, in metres, or ``auto``: as long as closing the loop needs."""

    straight: Annotated[
        Annotated[Number, Field(gt=0.0, le=10_000.0), Tag("<metres>")]
        | Annotated[Literal["auto"], BeforeValidator(_as_word), Tag("<auto>")],
        Discriminator(_which_length),
    ]
    width: Width | None = None
    kerb: KerbSide | None = None
    name: Name | None = None


class CornerPart(Part):
    """A corner: side, radius [m], angle turned [deg]; eased in and out by clothoids."""

    corner: Annotated[Literal["left", "right"], BeforeValidator(_as_word)]
    radius: Annotated[Number, Field(ge=5.0, le=10_000.0)]
    angle: Annotated[Number, Field(gt=0.0, le=360.0)]
    to_radius: Annotated[Number, Field(ge=5.0, le=10_000.0)] | None = None
    ease: Annotated[Number, Field(ge=0.0, le=500.0)] | None = None
    width: Width | None = None
    kerb: KerbSide | None = None
    name: Name | None = None


def _which_segment(value: Any) -> str | None:
    if isinstance(value, StraightPart) or (isinstance(value, dict) and "straight" in value):
        return "<straight>"
    if isinstance(value, CornerPart) or (isinstance(value, dict) and "corner" in value):
        return "<corner>"
    return None


Segment = Annotated[
    Annotated[StraightPart, Tag("<straight>")] | Annotated[CornerPart, Tag("<corner>")],
    Discriminator(_which_segment),
]


class PointPart(Part):
    """A point of the centreline: ``[x, y]``, ``[x, y, width]`` or a mapping."""

    x: Coordinate
    y: Coordinate
    width: Width | None = None
    left: HalfWidth | None = None
    right: HalfWidth | None = None
    name: Name | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_list(cls, value: Any) -> Any:
        if isinstance(value, list | tuple):
            if not 2 <= len(value) <= 3:
                raise _wrong(f"a point is [x, y] or [x, y, width], not {len(value)} values")
            return dict(zip(("x", "y", "width"), value, strict=False))
        return value

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        as_mapping = handler.resolve_ref_schema(handler(core_schema))
        numbers = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 3}
        return {"anyOf": [numbers, as_mapping]}


class Layout(Part):
    """The centreline and its width, as segments, as points, or as a CSV file of points."""

    width: Width | None = None
    closing: Annotated[Literal["auto", "curve", "exact"], BeforeValidator(_as_word)] = "auto"
    crossings: Annotated[Literal["forbid", "bridge"], BeforeValidator(_as_word)] = "forbid"
    segments: Annotated[list[Segment], Field(min_length=2, max_length=MAX_SEGMENTS)] | None = None
    points: Annotated[list[PointPart], Field(min_length=4, max_length=MAX_POINTS)] | None = None
    points_file: Text | None = None


class Start(Part):
    """Where the start line lies on the layout, and how the grid stands behind it."""

    at: Annotated[Number, Field(ge=0.0, le=50_000.0)] = 0.0
    side: Annotated[Literal["left", "right", "centre"], BeforeValidator(_as_side)] = "centre"
    grid_gap: Annotated[Number, Field(ge=0.0, le=100.0)] = 8.0


class Ground(Part):
    """What the road and its surroundings are made of, and where walls stand."""

    road: Name = ASPHALT.name
    runoff: Name = GRASS.name
    runoff_width: Annotated[Number, Field(ge=0.0, le=200.0)] = 15.0
    walls: Annotated[Literal["none", "left", "right", "both"], BeforeValidator(_as_kerb)] = "none"


class SurfacePart(Part):
    """Grip as a factor of dry asphalt, drag as extra deceleration [m/s^2]."""

    grip: Annotated[Number, Field(ge=0.05, le=2.0)]
    drag: Annotated[Number, Field(ge=0.0, le=20.0)] = 0.0


class Patch(Part):
    """A stretch with another surface, beside the road or on it."""

    start: Annotated[float | str, BeforeValidator(_as_start)] = Field(alias="from")
    length: Annotated[Number, Field(gt=0.0, le=50_000.0)]
    surface: Name
    side: Annotated[Literal["left", "right", "both", "road"], BeforeValidator(_as_word)] = "both"


class Kerbs(Part):
    """Kerbs laid by themselves in corners tighter than ``below_radius``."""

    auto: Switch = True
    width: Annotated[Number, Field(ge=0.0, le=5.0)] = 1.2
    below_radius: Annotated[Number, Field(ge=5.0, le=10_000.0)] = 120.0


class Theme(Part):
    """A look: a preset, and colours of single things over it."""

    preset: Annotated[
        Literal["classic", "forest", "harbour", "dunes", "desert", "alpine", "dusk", "night"]
        | None,
        BeforeValidator(_as_word),
    ] = None
    road: Colour | None = None
    grass: Colour | None = None
    gravel: Colour | None = None
    sand: Colour | None = None
    tree: Colour | None = None
    wall: Colour | None = None
    line: Colour | None = None
    kerb: Annotated[list[Colour], Field(min_length=1, max_length=2)] | None = None


class Medals(Part):
    """Lap times [s] a driver gets a medal for."""

    author: Annotated[Number, Field(gt=0.0, le=7200.0)] | None = None
    gold: Annotated[Number, Field(gt=0.0, le=7200.0)] | None = None
    silver: Annotated[Number, Field(gt=0.0, le=7200.0)] | None = None
    bronze: Annotated[Number, Field(gt=0.0, le=7200.0)] | None = None


def _which_medals(value: Any) -> str | None:
    if isinstance(value, Medals | dict):
        return "<times>"
    return "<auto>" if value == "auto" else None


def _default_surfaces() -> dict[str, SurfacePart]:
    return {s.name: SurfacePart(grip=s.grip, drag=s.drag) for s in (ASPHALT, KERB, GRASS, GRAVEL)}


class TrackPage(Part):
    """A whole track file; only ``schema``, ``name`` and ``layout`` are needed."""

    version: Annotated[Whole, Field(ge=1, le=1)] = Field(alias="schema")
    name: Name
    meta: Meta = Meta()
    race: RaceFacts = RaceFacts()
    layout: Layout
    start: Start = Start()
    sectors: Annotated[list[Annotated[Number, Field(gt=0.0)]], Field(max_length=7)] | None = None
    surface: Ground = Ground()
    surfaces: Annotated[dict[Name, SurfacePart], Field(max_length=20)] = Field(
        default_factory=_default_surfaces
    )
    patches: Annotated[list[Patch], Field(max_length=200)] = []
    kerbs: Kerbs = Kerbs()
    theme: Theme = Theme()
    medals: Annotated[
        Annotated[Medals, Tag("<times>")] | Annotated[Literal["auto"], Tag("<auto>")],
        Discriminator(_which_medals),
    ] = "auto"
