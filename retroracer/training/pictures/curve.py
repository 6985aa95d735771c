"""Draws a run's learning curve from ``evaluations.json`` in its folder.

It can be drawn at any moment of a run, because that file is always complete.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from retroracer.errors import UserError
from retroracer.reading import shown_path
from retroracer.training.pictures.laps import (
    COLOURS,
    INK,
    PAPER,
    ROAD,
    new_figure,
    save_figure,
)
from retroracer.training.run.folder import RunFolder, read_evaluations

Row = dict[str, Any]


def draw_curve(folder: RunFolder, path: Path | None = None) -> Path | None:
    """Draw how good the driver was over the run, by default as ``curve.png`` in its folder.

    Returns:
        The picture's path; None if the run was never evaluated and no path was given.

    Raises:
        UserError: if the evaluations cannot be read, or the picture cannot be written.
    """
    written = folder.path / "evaluations.json"
    if not written.is_file():
        if path is None:
            return None
        raise UserError(
            f"no {shown_path(written)}: --plot draws a run's curve; name its folder with --run DIR"
        )
    rows = read_evaluations(folder.path, ("seconds", "steps", "updates", "score"))
    if not rows:
        raise UserError(f"{shown_path(written)} holds no evaluations yet")
    figure = new_figure(9.0, 6.0)
    if "completed" in rows[0]:
        read_evaluations(folder.path, ("completed", "clean", "tracks"))
        _draw_laps(figure, rows)
    elif "training_return" in rows[0]:  # another simulator
        _draw_training(figure, rows)
    else:
        read_evaluations(folder.path, ("frames", "min", "mean", "max"))
        _draw_returns(figure, rows)
    for axes in figure.axes:
        axes.set_facecolor(PAPER)
    figure.axes[0].set_title(
        f"{folder.path.name}: {rows[-1]['steps']:,} steps, {rows[-1]['updates']:,} updates; "
        "the broad line marks the driver that was kept", loc="left", color=INK,
    )  # fmt: skip
    out = folder.path / "curve.png" if path is None else path
    save_figure(figure, out)
    return out


def _best(rows: list[Row]) -> int:
    return max(range(len(rows)), key=lambda k: float(rows[k]["score"]))


def _draw_laps(figure: Any, rows: list[Row]) -> None:
    """Share of tracks completed, and lap times over their limits, against minutes."""
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(1, 1))
    minutes = np.array([row["seconds"] / 60.0 for row in rows])
    for name, colour in (("completed", COLOURS[0]), ("clean", COLOURS[2])):
        share = [100.0 * row[name] / max(row["tracks"], 1) for row in rows]
        upper.plot(minutes, share, color=colour, marker="o", ms=3, label=name)
    for name, colour in (("median_ratio", COLOURS[1]), ("worst_ratio", COLOURS[3])):
        ratio = [np.nan if row.get(name) is None else float(row[name]) for row in rows]
        label = f"{name.split('_')[0]} lap"
        lower.plot(minutes, ratio, color=colour, marker="o", ms=3, label=label)
    for axes in (upper, lower):
        axes.axvline(minutes[_best(rows)], color=ROAD, lw=4, zorder=0)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))  # over no line
    upper.set(ylabel="of the tracks [%]", ylim=(0, 102))
    lower.set(ylabel="lap time / limit", xlabel="minutes of training")
    lower.set_ylim(1.0, min(lower.get_ylim()[1], 2.5))


def _draw_training(figure: Any, rows: list[Row]) -> None:
    """Mean return of the last training episodes against minutes."""
    axes = figure.add_subplot()
    shown = [r for r in rows if type(r["training_return"]) in (int, float)]
    minutes = [r["seconds"] / 60.0 for r in shown]
    axes.plot(minutes, [r["training_return"] for r in shown], color=COLOURS[0], marker=".")
    axes.axvline(rows[_best(rows)]["seconds"] / 60.0, color=ROAD, lw=4, zorder=0)
    axes.set(xlabel="minutes of training", ylabel="return of the last training episodes")


def _draw_returns(figure: Any, rows: list[Row]) -> None:
    """Minimum, mean and maximum return of training episodes and evaluations, against frames."""
    axes = figure.add_subplot()
    for colour, label, names in (
        (COLOURS[0], "training", ("episode_return_min", "episode_return", "episode_return_max")),
        (COLOURS[1], "evaluation", ("min", "mean", "max")),
    ):
        shown = [r for r in rows if all(type(r.get(n)) in (int, float) for n in names)]
        if not shown:
            continue
        x = [r["frames"] / 1e6 for r in shown]
        low, mean, high = ([r[n] for r in shown] for n in names)
        axes.fill_between(x, low, high, color=colour, alpha=0.15, label=f"{label}, min to max")
        axes.plot(x, mean, color=colour, marker=".", label=f"{label}, mean")
    switch = next((r["second_phase"] for r in rows if type(r.get("second_phase")) is int), None)
    if switch is not None:
        axes.axvline(switch / 1e6, color="red", linestyle="--", label="second phase")
    axes.axvline(rows[_best(rows)]["frames"] / 1e6, color=ROAD, lw=4, zorder=0)
    axes.axhline(900.0, color="grey", linewidth=0.7)
    axes.set(xlabel="frames [million]", ylabel="raw return of an episode")
    axes.legend(loc="lower right", fontsize="small", frameon=False)
