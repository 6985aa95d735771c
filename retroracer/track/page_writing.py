"""Writes track pages: a short page with a CSV file of points, and a template for a new page.

Points go into a CSV file because a page is for people: a thousand rows of numbers would hide the
dozen lines worth editing. Other tools can read the CSV file too.
"""

from __future__ import annotations

import json
from pathlib import Path
from string import Template

import numpy as np

from retroracer.atomic import write_together
from retroracer.track.csv_io import points_text
from retroracer.track.mending import Survey
from retroracer.track.track import Track

EDITOR_LINE = "# yaml-language-server: $schema=../schemas/track.schema.json"


def _write(path: Path, title: str, text: str, source: str, bridge: bool, extra: str = "") -> None:
    """Write a page at ``path``, and the text of its points to ``STEM_points.csv`` beside it."""
    points = path.with_name(f"{path.stem}_points.csv")
    lines = [
        *_editor_line(path),
        "schema: 1",
        f"name: {quoted(title)}",
        f"meta: {{source: {quoted(source)}}}",
        "layout:",
        f"  points_file: {quoted(points.name)}   # x_m,y_m,w_tr_right_m,w_tr_left_m",
        *(["  crossings: bridge"] if bridge else []),
    ]
    page = "\n".join(lines) + "\n" + extra
    write_together({path: page, points: text})


def write_survey(path: Path, found: Survey, title: str, source: str) -> None:
    """Write an imported circuit, with points rounded to nanometres.

    Raises:
        UserError: if a file cannot be written.
    """
    text = points_text(found.xy, found.right, found.left, decimals=9)
    _write(path, title, text, source, found.track.crossing)


def write_track(path: Path, track: Track, source: str) -> None:
    """Write a built track as a page and its points; kerbs become automatic ones.

    Raises:
        UserError: if a file cannot be written.
    """
    sectors = ", ".join(f"{s:.1f}" for s in track.sectors)
    side = {1: "left", -1: "right"}.get(track.start_side, "centre")
    extra = f"start: {{grid_gap: {track.grid_gap:g}, side: {side}}}\n"
    extra += f"sectors: [{sectors}]\n" + _patches(track)
    if track.kerb_left.any() or track.kerb_right.any():
        width = max(track.kerb_left.max(), track.kerb_right.max())
        extra += f"kerbs: {{width: {width:.2f}, below_radius: 150, exits: 18}}\n"
    else:
        extra += "kerbs: {auto: false}\n"
    text = points_text(track.xy, track.half_width_right, track.half_width_left)
    _write(path, track.title or track.name, text, source, track.crossing, extra)


def _editor_line(path: Path) -> list[str]:
    """The comment by which editors find the schema, if the schema is at that path."""
    schema = path.resolve().parent.parent / "schemas" / "track.schema.json"
    return [EDITOR_LINE] if schema.is_file() else []


def _patches(track: Track) -> str:
    """The most common run-off surface, and all others as patches."""
    counts = np.bincount(track.runoff_left)
    common = int(track.runoff_left[0])
    if counts[common] < counts.max():
        common = int(counts.argmax())
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


def template(path: Path, name: str) -> str:
    """A commented page for ``path``, valid as it stands."""
    text = Template(Path(__file__).with_name("new_page.yaml").read_text(encoding="utf-8"))
    page = text.substitute(name=quoted(name), file=path.name, stem=path.stem)
    return "".join(f"{line}\n" for line in _editor_line(path)) + page
