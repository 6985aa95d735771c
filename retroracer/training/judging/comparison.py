"""A specialist beside the driver it was made from: a table of laps and sectors, and a plot."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from retroracer.agents.policy import load_policy
from retroracer.errors import UserError
from retroracer.laptime.limit import Limit, limit_of
from retroracer.physics.car import Car
from retroracer.tables import lap_text, print_table
from retroracer.track.track import Track
from retroracer.training.judging.laps import Entry, LapTrace, Report, Result, evaluate
from retroracer.training.pictures.laps import plot_laps


def compare(
    before: str | Path, after: str | Path, tracks: list[Track], car: Car, folder: Path
) -> Path:
    """Let parent and specialist drive every track; print laps, ratios and sectors.

    The laps on the first track are drawn, too, in ``folder``; returns the picture's path.
    """
    policies = [load_policy(path) for path in (before, after)]
    entries = [Entry(p.name, p.act, car, p.action_repeat) for p in policies]
    traces = [LapTrace(k * len(tracks)) for k in range(2)]
    limits = [_limit(track, car) for track in tracks]
    times = [None if limit is None else limit.lap_time for limit in limits]
    reports = [report.with_limits(times) for report in evaluate(entries, tracks, traces)]
    reports = [replace(reports[0], model=f"before: {reports[0].model}"),
               replace(reports[1], model=f"after: {reports[1].model}")]  # fmt: skip
    _print(reports, tracks, limits)
    path = folder / "before_after.png"
    plot_laps(path, tracks[0], limits[0], list(zip(reports, traces, strict=True)))
    return path


def _limit(track: Track, car: Car) -> Limit | None:
    try:
        return limit_of(track, car)
    except UserError:
        return None


def _print(reports: list[Report], tracks: list[Track], limits: list[Limit | None]) -> None:
    sections = []
    for t, (track, limit) in enumerate(zip(tracks, limits, strict=True)):
        rows = [(track.name, report.model, *_cells(report.results[t])) for report in reports]
        if limit is not None:
            sectors = "  ".join(f"{s:.3f}" for s in limit.sector_times(track))
            rows.append((track.name, "limit", lap_text(limit.lap_time), "1.000", "", sectors))
        sections.append(rows)
    print_table(
        ("track", "driver", "lap", "of the limit", "off track", "sectors [s]"), sections, left=2
    )


def _cells(result: Result) -> tuple[str, str, str, str]:
    lap = result.ended if result.lap_time_s is None else lap_text(result.lap_time_s)
    ratio = "-" if result.ratio is None else f"{result.ratio:.3f}"
    sectors = "  ".join(f"{s:.3f}" for s in result.sector_times_s)
    return lap, ratio, f"{result.off_track_s:.1f} s", sectors
