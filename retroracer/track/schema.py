"""The YAML page of a track, as pydantic models.

Owns keys, types, ranges and defaults of a track file. ``build`` makes the geometry,
``error_messages`` words the mistakes. Metres and degrees, x east, y north. Items in ``layout`` are
in the order in which they are drawn; everything else is in racing direction and measured from the
start line (``start.at`` places that line on the layout).
"""

from __future__ import annotations

import json
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
from pydantic_core import CoreSchema

from retroracer.track.scalars import (
    Colour,
    Coordinate,
    FilePath,
    HalfWidth,
    KerbSide,
    Name,
    Number,
    Preset,
    Switch,
    Text,
    Walls,
    Whole,
    Width,
    as_place,
    as_side,
    as_word,
    wrong,
)
from retroracer.track.surface import ASPHALT, GRASS, SURFACES

MAX_SEGMENTS = 500
MAX_POINTS = 5_000


def _which_length(value: Any) -> str:
    return "<auto>" if as_word(value) == "auto" else "<metres>"


class Part(BaseModel):
    """A mapping of the page: immutable, and without unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Meta(Part):
    """Facts from the author: free text, and the official length."""

    author: Text | None = None
    country: Text | None = None
    length_m: Annotated[Number, Field(gt=0.0, le=50_000.0)] | None = None
    license: Text | None = None
    source: Text | None = None
    notes: Text | None = None


class RaceFacts(Part):
    """How the track is raced."""

    laps: Annotated[Whole, Field(ge=1, le=999)] = 3
    direction: Annotated[Literal["forward", "reverse"], BeforeValidator(as_word)] = "forward"


class StraightPart(Part):
    """A straight in metres, or ``auto``: as long as needed to close the loop."""

    straight: Annotated[
        Annotated[Number, Field(gt=0.0, le=10_000.0), Tag("<metres>")]
        | Annotated[Literal["auto"], BeforeValidator(as_word), Tag("<auto>")],
        Discriminator(_which_length),
    ]
    width: Width | None = None
    kerb: KerbSide | None = None
    name: Name | None = None


class CornerPart(Part):
    """A corner: side, radius [m], angle turned [deg]; with clothoids at both ends."""

    corner: Annotated[Literal["left", "right"], BeforeValidator(as_word)]
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
                hint = "; decimals are written with a point" if len(value) > 3 else ""
                raise wrong(f"a point is [x, y] or [x, y, width], not {len(value)} values{hint}")
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
    closing: Annotated[Literal["auto", "curve", "exact"], BeforeValidator(as_word)] = "auto"
    crossings: Annotated[Literal["forbid", "bridge"], BeforeValidator(as_word)] = "forbid"
    rotate: Annotated[Number, Field(ge=-360.0, le=360.0)] = 0.0
    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [{"required": [form]} for form in ("segments", "points", "points_file")]
        }
    )

    segments: Annotated[list[Segment], Field(min_length=2, max_length=MAX_SEGMENTS)] | None = None
    points: Annotated[list[PointPart], Field(min_length=4, max_length=MAX_POINTS)] | None = None
    points_file: FilePath | None = None


class Start(Part):
    """Position of the start line on the layout, and of the grid behind it."""

    at: Annotated[Number, Field(ge=0.0, le=50_000.0)] = 0.0
    side: Annotated[Literal["left", "right", "centre"], BeforeValidator(as_side)] = "centre"
    grid_gap: Annotated[Number, Field(ge=0.0, le=100.0)] = 8.0


class Ground(Part):
    """Surfaces of the road and its surroundings, and walls."""

    road: Name = ASPHALT.name
    runoff: Name = GRASS.name
    runoff_width: Annotated[Number, Field(ge=0.0, le=200.0)] = 15.0
    walls: Walls = "none"


class SurfacePart(Part):
    """Grip relative to dry asphalt, drag [m/s^2], and ploughing [1/m] times speed squared."""

    grip: Annotated[Number, Field(ge=0.05, le=2.0)]
    drag: Annotated[Number, Field(ge=0.0, le=20.0)] | None = None
    ploughing: Annotated[Number, Field(ge=0.0, le=0.05)] | None = None


class Patch(Part):
    """A stretch with another surface, beside the road or on it."""

    start: Annotated[float | str, BeforeValidator(as_place)] = Field(alias="from")
    length: Annotated[Number, Field(gt=0.0, le=50_000.0)]
    surface: Name
    side: Annotated[Literal["left", "right", "both", "road"], BeforeValidator(as_word)] = "both"


class Kerbs(Part):
    """Automatic kerbs, inside corners tighter than ``below_radius`` [m].

    Each such corner is followed by ``exits`` metres of kerb on its outside.
    """

    auto: Switch = True
    width: Annotated[Number, Field(ge=0.0, le=5.0)] = 1.2
    below_radius: Annotated[Number, Field(ge=5.0, le=10_000.0)] = 120.0
    exits: Annotated[Number, Field(ge=0.0, le=500.0)] = 15.0


class Theme(Part):
    """Colours: a preset, and single colours that replace those of the preset."""

    preset: Annotated[Preset | None, BeforeValidator(as_word)] = None
    road: Colour | None = None
    grass: Colour | None = None
    gravel: Colour | None = None
    sand: Colour | None = None
    tree: Colour | None = None
    wall: Colour | None = None
    line: Colour | None = None
    kerb: Annotated[list[Colour], Field(min_length=1, max_length=2)] | None = None


class Medals(Part):
    """Lap times for medals [s]."""

    author: Annotated[Number, Field(gt=0.0, le=7200.0)] | None = None
    gold: Annotated[Number, Field(gt=0.0, le=7200.0)] | None = None
    silver: Annotated[Number, Field(gt=0.0, le=7200.0)] | None = None
    bronze: Annotated[Number, Field(gt=0.0, le=7200.0)] | None = None


def _which_medals(value: Any) -> str | None:
    if isinstance(value, Medals | dict):
        return "<times>"
    return "<auto>" if value == "auto" else None


def _default_surfaces() -> dict[str, SurfacePart]:
    return {s.name: SurfacePart(grip=s.grip, drag=s.drag, ploughing=s.ploughing) for s in SURFACES}


class TrackPage(Part):
    """A whole track file; only ``schema``, ``name`` and ``layout`` are required."""

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


_STANDARD = {
    "ge": "minimum",
    "gt": "exclusiveMinimum",
    "le": "maximum",
    "lt": "exclusiveMaximum",
    "max_length": "maxLength",
}


def _standard(schema: Any) -> Any:
    """Rename bounds to JSON Schema's names; pydantic does not where values are read from text."""
    if isinstance(schema, list):
        return [_standard(item) for item in schema]
    if isinstance(schema, dict):
        return {_STANDARD.get(key, key): _standard(value) for key, value in schema.items()}
    return schema


def editor_schema() -> str:
    """The page as JSON Schema, with which editors complete and check while typing."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **_standard(TrackPage.model_json_schema()),
        "title": "RetroRacer track",
    }
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"
