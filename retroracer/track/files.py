"""Track files: finding, reading and building them.

Owns: names and paths of tracks, and the order of the steps from bytes to ``Track``.
Does not own: the steps themselves (``yaml_nodes``, ``schema``, ``segments``, ``points``,
``build``, ``validity``).
"""

from __future__ import annotations

import difflib
from pathlib import Path

from pydantic import ValidationError

from retroracer.errors import UserError
from retroracer.resources import tracks_dir
from retroracer.track.build import build_track
from retroracer.track.problems import Report
from retroracer.track.schema import TrackPage
from retroracer.track.segments import lay_segments
from retroracer.track.track import Track
from retroracer.track.yaml_nodes import YamlError, parse


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
    shipped = tracks_dir() / f"{text}.yaml"
    try:
        if path.suffix.lower() in (".yaml", ".yml") and path.exists():
            return path
        if path.name == text and shipped.is_file():
            return shipped
        # `tracks/monza.yaml` or `monza.yaml` typed away from the checkout.
        shipped = tracks_dir() / path.name
        if str(path.parent) in (".", "tracks") and path.suffix == ".yaml" and shipped.is_file():
            return shipped
        if path.is_file():
            return path
    except (OSError, ValueError):
        pass
    near = difflib.get_close_matches(path.stem.lower()[:80], shipped_tracks(), 1)
    hint = f"did you mean '{near[0]}'?" if near else "see: python -m retroracer tracks list"
    raise UserError(f"no track '{text[:200]}': neither a shipped track nor a file; {hint}")


def load_track(name_or_path: str | Path) -> Track:
    """Read, check and build a track.

    Args:
        name_or_path: a shipped track's name or the path of a YAML file.

    Raises:
        UserError: listing every problem found, with file, line, and what to do.
    """
    track, _ = load_with_warnings(name_or_path)
    return track


def load_with_warnings(name_or_path: str | Path) -> tuple[Track, list[str]]:
    """Like ``load_track``, and the warnings beside it, ready to print.

    Raises:
        UserError: listing every problem found.
    """
    path = find_track(name_or_path)
    report = Report(path.name)
    track = _build(path, report)
    report.raise_errors()
    assert track is not None
    return track, [report.show(p) for p in report.warnings]


def _build(path: Path, report: Report) -> Track | None:
    page = read_page(path, report)
    if page is None:
        return None
    line = lay_segments(page.layout, report)
    if line is None:
        return None
    return build_track(page, line, path.stem, report)


def read_page(path: Path, report: Report) -> TrackPage | None:
    """Read a file into a checked page; mistakes go into ``report``."""
    text = path.read_text(encoding="utf-8")
    report.lines = text.splitlines()
    try:
        root = parse(text, report)
    except YamlError as error:
        report.add("T01", (), error.text, place=error.place)
        return None
    report.where = root.find
    try:
        return TrackPage.model_validate(root.plain())
    except ValidationError as error:
        for item in error.errors():
            report.add("T04", item["loc"], item["msg"])
        return None
