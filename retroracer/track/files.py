"""Track files: finding, reading and building them.

Owns names and paths of tracks, and the order of the steps from bytes to ``Track``. The steps are in
``config.page``, ``schema``, ``segments``, ``points``, ``build`` and ``judging``.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from retroracer.config.explain import LINE_END
from retroracer.config.page import MAX_BYTES, parse
from retroracer.config.place import Loc, PageError
from retroracer.errors import UserError
from retroracer.reading import decoded, read_bytes, shown_path
from retroracer.resources import tracks_dir
from retroracer.track.build import build_track
from retroracer.track.centreline import Centreline
from retroracer.track.csv_io import read_points
from retroracer.track.error_messages import report_errors
from retroracer.track.geometry import Array
from retroracer.track.judging import judge
from retroracer.track.points import Knots, lay_points
from retroracer.track.problems import Report
from retroracer.track.schema import Layout, TrackPage
from retroracer.track.segments import lay_segments
from retroracer.track.track import Track

_POINT: dict[str | int, int] = {"x": 0, "y": 1, "width": 2}  # of a point written as a list
_TOO_MANY = "long lists of points belong into a CSV file named by 'points_file'"
_FORMS = ("segments", "points", "points_file")


@dataclass(frozen=True)
class TrackFile:
    """A track and the page it came from.

    Attributes:
        path: path of the page.
        page: its contents.
        track: built from it.
        knots: the points of a ``points`` or ``points_file`` layout, else None.
        warnings: about what is unusual but possible, ready to print.
    """

    path: Path
    page: TrackPage
    track: Track
    knots: Knots | None
    warnings: tuple[str, ...]


def shipped_tracks() -> list[str]:
    """Names of the tracks that come with RetroRacer, in alphabetical order."""
    return sorted(p.stem for p in tracks_dir().glob("*.yaml"))


def find_track(name_or_path: str | Path) -> Path:
    """Path of a track given by its name (``monza``) or by a path to its file.

    Raises:
        UserError: if there is no such file.
    """
    text = str(name_or_path)
    path = Path(text)
    try:
        if path.suffix.lower() in (".yaml", ".yml") and path.exists():
            return path
        # `tracks/monza.yaml` or `monza.yaml` also work outside the checkout's folder.
        stem = text if path.name == text else ""
        if path.suffix == ".yaml" and str(path.parent) in (".", "tracks"):
            stem = path.stem
        if stem and (shipped := tracks_dir() / f"{stem}.yaml").is_file():
            return shipped
        if path.exists():
            return path
    except (OSError, ValueError):
        pass
    near = difflib.get_close_matches(path.stem.lower()[:80], shipped_tracks(), 1)
    hint = f"did you mean '{near[0]}'?" if near else "see: retroracer tracks list"
    raise UserError(f"no track '{shown_path(text)}': neither a shipped track nor a file; {hint}")


def load_track(name_or_path: str | Path) -> Track:
    """Read, check and build a track.

    Args:
        name_or_path: a shipped track's name or the path of a YAML file.

    Raises:
        UserError: listing every problem found, with file, line, and what to do.
    """
    return open_track(name_or_path).track


def open_track(name_or_path: str | Path) -> TrackFile:
    """Like ``load_track``, but with the page, its points and the warnings.

    Raises:
        UserError: listing every problem found.
    """
    path = find_track(name_or_path)
    report = Report(path.name)
    made = _make(path, report)
    report.raise_errors()
    assert made is not None
    page, track, knots = made
    shown = tuple(report.show(p) for p in report.warnings)
    return TrackFile(path, page, track, knots, shown)


def _make(path: Path, report: Report) -> tuple[TrackPage, Track, Knots | None] | None:
    page = read_page(path, report)
    if page is None:
        return None
    knots = None
    line: Centreline | None = None
    if page.layout.segments is not None:
        line = lay_segments(page.layout, report)
    else:
        knots = _knots(page.layout, path.parent, report)
        if knots is not None:
            closest = 0.05 if page.layout.points is None else 1.0
            line = lay_points(knots, report, closest=closest)
    if line is None:
        return None
    track = build_track(page, line, path.stem, report)
    if track is None or not judge(page, line, track, report):
        return None
    return page, track, knots


def read_page(path: Path, report: Report) -> TrackPage | None:
    """Read a file into a checked page; mistakes are added to ``report``.

    Raises:
        UserError: if the file itself cannot be read.
    """
    text = decoded(read_bytes(path, MAX_BYTES), path.name)
    report.lines = LINE_END.split(text)
    try:
        root, mistakes = parse(text, advice=_TOO_MANY)
    except PageError as error:
        report.add("T01", (), error.text, place=error.place)
        return None
    for mistake in mistakes:
        report.add("T01", (), mistake.text, place=mistake.place)
    report.where = lambda loc: root.find(loc, _POINT)
    if not isinstance(root.data, dict):
        have = "is empty" if root.data is None else "holds no 'key: value' lines"
        report.add(
            "T03",
            (),
            f"the page {have}; it needs at least schema, name and layout"
            " (retroracer tracks new NAME writes one to start from)",
        )
        return None
    page = None
    try:
        page = TrackPage.model_validate(root.plain())
    except ValidationError as error:
        report_errors(error.errors(include_url=False), root, report)
    layout = root.data["layout"][1].data if "layout" in root.data else None
    if isinstance(layout, dict):
        _check_form([form for form in _FORMS if form in layout], report)
    return None if report.errors else page


def _check_form(forms: list[str], report: Report) -> None:
    """Report a layout that does not have exactly one of its three forms."""
    if len(forms) == 1:
        return
    have = f"here are {' and '.join(forms)}" if forms else "none is here"
    report.add(
        "T06",
        ("layout", forms[1]) if forms else ("layout",),
        f"choose exactly one of segments, points, points_file in layout; {have}",
    )


def _knots(layout: Layout, folder: Path, report: Report) -> Knots | None:
    """The points of a page or of its CSV file, with half-widths."""
    if layout.points is not None:
        locs: list[Loc] = [("layout", "points", i) for i in range(len(layout.points))]
        left, right = [], []
        for loc, p in zip(locs, layout.points, strict=True):
            width = p.width or layout.width
            if width is None and (p.left is None or p.right is None):
                _no_width(loc, report)
                return None
            half = (width or 0.0) / 2.0
            left.append(half if p.left is None else p.left)
            right.append(half if p.right is None else p.right)
        xy = np.array([(p.x, p.y) for p in layout.points])
        names = [p.name or "" for p in layout.points]
        return Knots(xy, np.array(left), np.array(right), names, locs)
    assert layout.points_file is not None
    here: Loc = ("layout", "points_file")
    try:
        if not (folder / layout.points_file).exists():
            raise UserError(f"there is no file '{layout.points_file[:80]}' beside the page")
        points = read_points(folder / layout.points_file)
    except (UserError, ValueError, OSError) as error:
        report.add("T24", here, getattr(error, "strerror", None) or str(error))
        return None
    if points.left is None or points.right is None:
        if layout.width is None:
            _no_width(here, report)
            return None
        edge = np.full(len(points.xy), layout.width / 2.0)
        return _closed(points.xy, edge, edge, here)
    return _closed(points.xy, points.left, points.right, here)


def _no_width(loc: Loc, report: Report) -> None:
    report.add("T03", loc, "layout has no 'width' and neither has this; add e.g. width: 12")


def _closed(xy: Array, left: Array, right: Array, loc: Loc) -> Knots:
    """Knots of a file; a last point that repeats the first is dropped."""
    if np.hypot(*(xy[-1] - xy[0])) < 0.05:
        xy, left, right = xy[:-1], left[:-1], right[:-1]
    return Knots(xy, left, right, [""] * len(xy), [loc] * len(xy))
