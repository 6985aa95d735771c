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
from retroracer.track.csv_io import read_points
from retroracer.track.error_messages import report_errors
from retroracer.track.judging import judge
from retroracer.track.points import Knots, lay_points
from retroracer.track.problems import Report
from retroracer.track.schema import Layout, TrackPage
from retroracer.track.segments import lay_segments
from retroracer.track.track import Track

_POINT: dict[str | int, int] = {"x": 0, "y": 1, "width": 2}  # of a point written as a list
_TOO_MANY = "long lists of points belong into a CSV file named by 'points_file'"
_FORMS = ("segments", "points", "points_file")
_NO_WIDTH = "layout has no 'width' and neither has this; add e.g. width: 12"


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
    page = _read_page(path, report)
    knots = None
    if page.layout.segments is not None:
        line = lay_segments(page.layout, report)
    else:
        knots = _knots(page.layout, path.parent, report)
        line = lay_points(knots, report, closest=0.05 if page.layout.points is None else 1.0)
    track = build_track(page, line, path.stem, report)
    judge(page, line, track, report)
    return TrackFile(path, page, track, knots, tuple(map(report.show, report.warnings)))


def _read_page(path: Path, report: Report) -> TrackPage:
    """Read a file into a checked page."""
    text = decoded(read_bytes(path, MAX_BYTES), path.name)
    report.lines = LINE_END.split(text)
    try:
        root, mistakes = parse(text, advice=_TOO_MANY)
    except PageError as error:
        report.refuse("T01", (), error.text, place=error.place)
    for mistake in mistakes:
        report.add("T01", (), mistake.text, place=mistake.place)
    report.where = lambda loc: root.find(loc, _POINT)
    if not isinstance(root.data, dict):
        have = "is empty" if root.data is None else "holds no 'key: value' lines"
        report.refuse(
            "T03",
            (),
            f"the page {have}; it needs at least schema, name and layout"
            " (retroracer tracks new NAME writes one to start from)",
        )
    page = None
    try:
        page = TrackPage.model_validate(root.plain())
    except ValidationError as error:
        report_errors(error.errors(include_url=False), root, report)
    layout = root.data["layout"][1].data if "layout" in root.data else None
    if isinstance(layout, dict):
        _check_form([form for form in _FORMS if form in layout], report)
    report.raise_errors()
    assert page is not None
    return page


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


def _knots(layout: Layout, folder: Path, report: Report) -> Knots:
    """The points of a page or of its CSV file, with half-widths."""
    if layout.points is not None:
        locs: list[Loc] = [("layout", "points", i) for i in range(len(layout.points))]
        lefts, rights = [], []
        for loc, p in zip(locs, layout.points, strict=True):
            width = p.width or layout.width
            if width is None and (p.left is None or p.right is None):
                report.refuse("T03", loc, _NO_WIDTH)
            half = (width or 0.0) / 2.0
            lefts.append(half if p.left is None else p.left)
            rights.append(half if p.right is None else p.right)
        xy = np.array([(p.x, p.y) for p in layout.points])
        names = [p.name or "" for p in layout.points]
        return Knots(xy, np.array(lefts), np.array(rights), names, locs)
    assert layout.points_file is not None
    here: Loc = ("layout", "points_file")
    try:
        if not (folder / layout.points_file).exists():
            raise UserError(f"there is no file '{layout.points_file[:80]}' beside the page")
        points = read_points(folder / layout.points_file)
    except (UserError, ValueError, OSError) as error:
        report.refuse("T24", here, getattr(error, "strerror", None) or str(error))
    xy, left, right = points.xy, points.left, points.right
    if left is None or right is None:
        if layout.width is None:
            report.refuse("T03", here, _NO_WIDTH)
        left = right = np.full(len(xy), layout.width / 2.0)
    if np.hypot(*(xy[-1] - xy[0])) < 0.05:  # a last point that repeats the first is dropped
        xy, left, right = xy[:-1], left[:-1], right[:-1]
    return Knots(xy, left, right, [""] * len(xy), [here] * len(xy))
