"""Pictures of a run: its learning curve, and its checkpoints' laps as a strip and a film."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np

from retroracer.agents.policy import load_policy
from retroracer.atomic import replacing
from retroracer.physics.car import Car
from retroracer.tables import lap_text
from retroracer.track.track import Track
from retroracer.training.evaluate import Entry, LapTrace, Report, evaluate, watching
from retroracer.training.lap_plot import (
    COLOURS,
    INK,
    PAPER,
    ROAD,
    draw_line,
    draw_road,
    new_figure,
    save_figure,
)
from retroracer.training.run_folder import RunFolder, read_evaluations

STRIP = 6
"""Checkpoints in a strip, evenly over the run."""

_TOLD = ("seconds", "completed", "clean", "tracks", "score", "steps", "updates")

FASTEST = 75.0
"""Speed [m/s] of the brightest colour: the same for all checkpoints."""


def draw_curve(folder: RunFolder) -> Path | None:
    """Draw how good the driver was over the run; None if it was never evaluated."""
    known = (folder.path / "evaluations.json").is_file()
    rows = read_evaluations(folder.path, _TOLD) if known else []
    if not rows:
        return None
    figure = new_figure(9.0, 6.0)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(1, 1))
    minutes = np.array([row["seconds"] / 60.0 for row in rows])
    for name, colour in (("completed", COLOURS[0]), ("clean", COLOURS[2])):
        share = [100.0 * row[name] / max(row["tracks"], 1) for row in rows]
        upper.plot(minutes, share, color=colour, marker="o", ms=3, label=name)
    for name, colour in (("median_ratio", COLOURS[1]), ("worst_ratio", COLOURS[3])):
        ratio = [np.nan if row.get(name) is None else float(row[name]) for row in rows]
        label = f"{name.split('_')[0]} lap"
        lower.plot(minutes, ratio, color=colour, marker="o", ms=3, label=label)
    best = max(range(len(rows)), key=lambda k: rows[k]["score"])
    for axes in (upper, lower):
        axes.axvline(minutes[best], color=ROAD, lw=4, zorder=0)
        axes.set_facecolor(PAPER)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, loc="lower right" if axes is upper else "upper right")
    upper.set(ylabel="of the tracks [%]", ylim=(0, 102))
    lower.set(ylabel="lap time / limit", xlabel="minutes of training")
    lower.set_ylim(1.0, min(lower.get_ylim()[1], 2.5))
    upper.set_title(
        f"{folder.path.name}: {rows[-1]['steps']:,} steps, {rows[-1]['updates']:,} updates; "
        "the broad line marks the driver that was kept", loc="left", color=INK,
    )  # fmt: skip
    out = folder.path / "curve.png"
    save_figure(figure, out)
    return out


def draw_film(folder: RunFolder, track: Track, car: Car) -> tuple[Path, Path] | None:
    """Let a run's checkpoints drive one track, and draw their laps side by side and in turn.

    Returns:
        The strip (PNG) and the film (GIF); None if there are no checkpoints.
    """
    from PIL import Image

    paths = sorted(folder.checkpoints.glob("*.zip"))
    if not paths:
        return None
    keep = np.unique(np.linspace(0, len(paths) - 1, STRIP).round().astype(int))
    policies = [load_policy(paths[k]) for k in keep]
    entries = [Entry(p.name, p.act, car) for p in policies]
    traces = [LapTrace(k) for k in range(len(entries))]
    reports = evaluate(entries, [track], watching(traces))
    shape = np.ptp(track.xy, axis=0)
    tall = 0.5 + 4.0 * min(float(shape[1] / shape[0]), 1.5)
    strip = new_figure(4.0 * min(3, len(keep)), tall * ((len(keep) + 2) // 3))
    panels = strip.subplots((len(keep) + 2) // 3, min(3, len(keep)), squeeze=False).flat
    pictures = []
    for policy, report, trace in zip(policies, reports, traces, strict=True):
        title = f"{policy.facts.steps / 1e6:.2f} M steps: {_outcome(report)}"
        _draw(next(panels), track, trace, title)
        single = new_figure(6.4, 5.4)
        _draw(single.add_subplot(), track, trace, title)
        page = io.BytesIO()
        single.savefig(page, dpi=100, format="png")
        pictures.append(Image.open(page).convert("P", palette=Image.Palette.ADAPTIVE))
    for rest in panels:
        rest.axis("off")
    out = folder.path / "film.png", folder.path / "film.gif"
    save_figure(strip, out[0])
    with replacing(out[1]) as part:
        pictures[0].save(
            part, "GIF", save_all=True, append_images=pictures[1:], duration=1200, loop=0
        )
    return out


def _draw(axes: Any, track: Track, trace: LapTrace, title: str) -> None:
    draw_road(axes, track)
    if len(trace.points) > 1:
        draw_line(axes, np.array(trace.points), FASTEST, 1.6)
    axes.set_title(title, loc="left", color=INK, fontsize=10)


def _outcome(report: Report) -> str:
    result = report.results[0]
    if result.lap_time_s is None:
        return f"{result.ended} in lap {result.laps + 1}"
    return lap_text(result.lap_time_s) + ("" if result.clean else ", not clean")
