"""``progress.csv`` of a run as a picture, at any moment of the run.

Owns the picture. Tables of other trainers with the usual names of columns are read too.
"""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path

from retroracer.errors import UserError
from retroracer.reading import read_text, shown, shown_path
from retroracer.training.pictures.laps import COLOURS, INK, PAPER, new_figure, save_figure
from retroracer.training.run.tracking import MAX_BYTES

PLACES = ("iteration", "training_iteration", "steps")
"""Columns that tell where a row is; the first one there is counts."""

RETURNS = (
    ("episode_return_min", "episode_return", "episode_return_max"),
    ("env_runners/episode_return_min", "env_runners/episode_return_mean",
     "env_runners/episode_return_max"),
    ("episode_reward_min", "episode_reward_mean", "episode_reward_max"),
)  # fmt: skip
"""Columns of the least, mean and most return of episodes: ours, and Ray RLlib's."""


def draw_progress(table: Path, out: Path, second_phase: int | None = None) -> None:
    """Draw least, mean and most return of training episodes.

    Args:
        table: ``progress.csv``.
        out: the picture.
        second_phase: the iteration at which the second phase began, a red dashed line; None =
            as the table tells.

    Raises:
        UserError: if the table cannot be read or has no returns yet, or the picture cannot be
            written.
    """
    rows = _rows(table)
    columns = {name for row in rows for name in row}
    place = next((name for name in PLACES if name in columns), None)
    names = next((names for names in RETURNS if names[1] in columns), None)
    if place is None or names is None:
        raise UserError(
            f"{shown_path(table)} has no returns of episodes yet (columns {PLACES[0]} or "
            f"{PLACES[-1]}, and {RETURNS[0][1]})"
        )
    told = [row for row in rows if place in row and names[1] in row]
    if not told:
        raise UserError(f"{shown_path(table)} has no returns of episodes yet")
    figure = new_figure(9.0, 5.0)
    axes = figure.add_subplot()
    whole = [row for row in told if names[0] in row and names[2] in row]
    if whole:
        x = [row[place] for row in whole]
        low, most = [row[names[0]] for row in whole], [row[names[2]] for row in whole]
        axes.fill_between(x, low, most, color=COLOURS[0], alpha=0.2, label="min to max")
    x, mean = [row[place] for row in told], [row[names[1]] for row in told]
    axes.plot(x, mean, color=COLOURS[0], marker=".", label="mean")
    switch = _switch(told, place) if second_phase is None else float(second_phase)
    if switch is not None:
        axes.axvline(switch, color="red", linestyle="--", label="second phase")
    axes.set_facecolor(PAPER)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set(xlabel=place.replace("_", " "), ylabel="return of a training episode")
    axes.set_title(shown(f"{table.absolute().parent.name}: {len(told)} rows", 80), color=INK)
    axes.legend(frameon=False, fontsize="small")
    save_figure(figure, out)


def _switch(rows: list[dict[str, float]], place: str) -> float | None:
    """Where the first row of the second phase is."""
    return next((row[place] for row in rows if "second_phase" in row), None)


def _rows(table: Path) -> list[dict[str, float]]:
    """The finite numbers of each row; the last one may be half written."""
    text = read_text(table, MAX_BYTES)
    try:
        raw = list(csv.DictReader(io.StringIO(text, newline="")))
    except csv.Error as error:
        raise UserError(f"{shown_path(table)} is no table: {error}") from None
    rows = []
    for record in raw:
        numbers = {k: _number(v) for k, v in record.items() if isinstance(k, str)}
        rows.append({k: v for k, v in numbers.items() if v is not None})
    return rows


def _number(text: object) -> float | None:
    try:
        value = float(text) if isinstance(text, str) else math.nan
    except ValueError:
        return None
    return value if math.isfinite(value) else None
