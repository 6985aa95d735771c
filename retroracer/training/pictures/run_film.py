"""Draws the laps of a run's checkpoints on one track, side by side and as a film."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from retroracer.agents.policy import load_policy
from retroracer.physics.car import Car
from retroracer.render.film import Picture, write_film
from retroracer.tables import lap_text
from retroracer.track.track import Track
from retroracer.training.judging.laps import Entry, LapTrace, Report, evaluate
from retroracer.training.pictures.laps import (
    INK,
    draw_line,
    draw_road,
    new_figure,
    save_figure,
)
from retroracer.training.run.folder import RunFolder

STRIP = 6
"""Number of checkpoints drawn, spread evenly over the run."""

SECONDS = 1.2
"""Time for which the film shows each checkpoint [s]."""

FASTEST = 75.0
"""Speed [m/s] of the brightest colour: the same for all checkpoints."""


def draw_film(folder: RunFolder, track: Track, car: Car) -> tuple[Path, Path] | None:
    """Let a run's checkpoints drive one track, and draw their laps.

    Returns:
        Paths of the strip (PNG) and the film (GIF); None if there are no checkpoints.
    """
    paths = sorted(folder.checkpoints.glob("*.zip"))
    if not paths:
        return None
    keep = np.unique(np.linspace(0, len(paths) - 1, STRIP).round().astype(int))
    policies = [load_policy(paths[k]) for k in keep]
    entries = [Entry(p.name, p.act, car, p.action_repeat) for p in policies]
    traces = [LapTrace(k) for k in range(len(entries))]
    reports = evaluate(entries, [track], traces)
    shape = np.ptp(track.xy, axis=0)
    tall = 0.5 + 4.0 * min(float(shape[1] / shape[0]), 1.5)
    strip = new_figure(4.0 * min(3, len(keep)), tall * ((len(keep) + 2) // 3))
    panels = strip.subplots((len(keep) + 2) // 3, min(3, len(keep)), squeeze=False).flat
    titles = [
        f"{policy.facts.steps / 1e6:.2f} M steps: {_outcome(report)}"
        for policy, report in zip(policies, reports, strict=True)
    ]
    for trace, title in zip(traces, titles, strict=True):
        _draw(next(panels), track, trace, title)
    for rest in panels:
        rest.axis("off")
    out = folder.path / "film.png", folder.path / "film.gif"
    save_figure(strip, out[0])
    write_film(out[1], _singles(track, traces, titles), 1.0 / SECONDS, one_palette=False)
    return out


def _singles(track: Track, traces: list[LapTrace], titles: list[str]) -> Iterator[Picture]:
    """One picture per checkpoint."""
    for trace, title in zip(traces, titles, strict=True):
        figure = new_figure(6.4, 5.4)
        _draw(figure.add_subplot(), track, trace, title)
        figure.canvas.draw()
        yield np.asarray(figure.canvas.buffer_rgba())[..., :3].copy()


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
