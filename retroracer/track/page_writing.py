"""Writes track pages: a short page with a CSV file of points, and a template for a new page.

Points go into a CSV file because a page is for people: a thousand rows of numbers would hide the
dozen lines worth editing. Other tools can read the CSV file too.
"""

from __future__ import annotations

import json
from pathlib import Path

from retroracer.atomic import write_together
from retroracer.track.csv_io import points_text
from retroracer.track.geometry import Array
from retroracer.track.mending import Survey
from retroracer.track.track import Track

EDITOR_LINE = "# yaml-language-server: $schema=../schemas/track.schema.json"


def write_points_page(
    path: Path,
    title: str,
    xy: Array,
    right: Array,
    left: Array,
    *,
    source: str = "",
    bridge: bool = False,
    extra: str = "",
    decimals: int = 3,
) -> Path:
    """Write a page at ``path``, and its points to a CSV file in the same folder.

    Args:
        path: path of the page; the points go to ``STEM_points.csv``.
        title: name of the track for display.
        xy: (m, 2) centreline [m].
        right: (m,) half-widths right of travel [m].
        left: (m,) half-widths left of travel [m].
        source: origin of the points, for the page.
        bridge: True if the track passes over itself.
        extra: further lines of the page.
        decimals: of the points, at most.

    Returns:
        The path of the CSV file.

    Raises:
        UserError: if a file cannot be written.
    """
    points = path.with_name(f"{path.stem}_points.csv")
    lines = [
        *_editor_line(path),
        "schema: 1",
        f"name: {quoted(title)}",
        *([f"meta: {{source: {quoted(source)}}}"] if source else []),
        "layout:",
        f"  points_file: {quoted(points.name)}   # x_m,y_m,w_tr_right_m,w_tr_left_m",
        *(["  crossings: bridge"] if bridge else []),
    ]
    page = "\n".join(lines) + "\n" + extra
    write_together({path: page, points: points_text(xy, right, left, decimals)})
    return points


def write_survey(path: Path, found: Survey, title: str, source: str) -> Path:
    """Write an imported circuit, with points rounded to nanometres.

    Returns:
        The path of the CSV file.

    Raises:
        UserError: if a file cannot be written.
    """
    return write_points_page(
        path,
        title,
        found.xy,
        found.right,
        found.left,
        source=source,
        bridge=found.track.crossing,
        decimals=9,
    )


def write_track(path: Path, track: Track, source: str) -> Path:
    """Write a built track as a page and its points; kerbs become automatic ones.

    Returns:
        The path of the CSV file.

    Raises:
        UserError: if a file cannot be written.
    """
    sectors = ", ".join(f"{s:.1f}" for s in track.sectors)
    extra = f"start: {{grid_gap: {track.grid_gap:g}, side: {_side(track)}}}\n"
    extra += f"sectors: [{sectors}]\n" + _patches(track)
    if track.kerb_left.any() or track.kerb_right.any():
        width = max(track.kerb_left.max(), track.kerb_right.max())
        extra += f"kerbs: {{width: {width:.2f}, below_radius: 150, exits: 18}}\n"
    else:
        extra += "kerbs: {auto: false}\n"
    return write_points_page(
        path,
        track.title or track.name,
        track.xy,
        track.half_width_right,
        track.half_width_left,
        source=source,
        bridge=track.crossing,
        extra=extra,
    )


def _editor_line(path: Path) -> list[str]:
    """The comment by which editors find the schema, if the schema is at that path."""
    schema = path.resolve().parent.parent / "schemas" / "track.schema.json"
    return [EDITOR_LINE] if schema.is_file() else []


def _side(track: Track) -> str:
    return {1: "left", -1: "right"}.get(track.start_side, "centre")


def _patches(track: Track) -> str:
    """The most common run-off surface, and all others as patches."""
    common = int(track.runoff_left[0])
    for candidate in range(len(track.surfaces)):
        if (track.runoff_left == candidate).sum() > (track.runoff_left == common).sum():
            common = candidate
    out = [f"surface: {{runoff: {quoted(track.surfaces[common].name)}}}\n"]
    rows = []
    for side, index in (("left", track.runoff_left), ("right", track.runoff_right)):
        starts = [i for i in range(track.n) if i == 0 or index[i] != index[i - 1]]
        for start, end in zip(starts, [*starts[1:], track.n], strict=True):
            if int(index[start]) == common:
                continue
            name = quoted(track.surfaces[int(index[start])].name)
            # Begin and end between samples, so that rounding never adds or drops one.
            first = max(0.0, start - 0.5) * track.spacing
            length = (end - 0.5) * track.spacing - first
            rows.append(
                f"  - {{from: {first:.3f}, length: {length:.3f}, surface: {name}, side: {side}}}\n"
            )
    return "".join([*out, "patches:\n", *rows] if rows else out)


def quoted(text: str) -> str:
    """Text as a YAML scalar, quoted if necessary."""
    plain = text.replace(" ", "").replace("-", "").replace("_", "").replace(".", "")
    if plain.isascii() and plain.isalnum() and plain[0].isalpha() and text == text.strip():
        return text
    return json.dumps(text, ensure_ascii=False)


TEMPLATE = """\
# A track on one page: metres and degrees, x east, y north. Only schema, name and layout are
# needed; the other keys stand here with their defaults or as examples. Check your work with:
#   retroracer tracks validate {file}
#   retroracer tracks draw {file} --out {stem}.png
schema: 1
name: {name}
meta: {{license: CC0-1.0, notes: "author, country, source and length_m may stand here too"}}
race: {{laps: 3, direction: forward}}      # or: reverse
layout:
  width: 12                              # of the whole road
  segments:                              # corners must add up to 360 degrees one way
    - {{straight: 420, name: Pit straight}}
    - {{corner: right, radius: 60, angle: 90, name: First}}
    - {{straight: 120, width: 10}}         # 10 m wide by its end, and from there on
    - {{corner: left, radius: 35, angle: 60}}
    - {{corner: right, radius: 35, angle: 60, name: Chicane, kerb: both}}
    - {{straight: 80}}
    - {{corner: right, radius: 90, to_radius: 60, angle: 90, name: Bowl}}   # tightens to 60 m
    - {{straight: auto, name: Back straight}}   # two straights in different directions may
    - {{corner: right, radius: 45, angle: 90}}  # say auto: they become as long as closing
    - {{straight: auto, width: 12}}             # the loop needs
    - {{corner: right, radius: 70, angle: 90, name: Last}}
start: {{at: 120, side: left, grid_gap: 8}}  # metres from the first segment; the grid behind it
surface: {{road: asphalt, runoff: grass, runoff_width: 15, walls: none}}   # left, right, both
patches:
  - {{from: First, length: 90, surface: gravel, side: left}}   # from: a name, or metres
kerbs: {{auto: true, width: 1.2, below_radius: 120, exits: 15}}
theme: {{preset: classic}}                 # colours need quotes: road: "#46464b"
medals: auto                             # or seconds: {{author: 38.4, gold: 40, silver: 43}}
# sectors: [500, 1000]                   # metres after the start line; thirds by default
"""


def template(path: Path, name: str) -> str:
    """A commented page for ``path``, valid as it stands."""
    text = TEMPLATE.format(name=quoted(name), file=path.name, stem=path.stem)
    return "".join(f"{line}\n" for line in _editor_line(path)) + text
