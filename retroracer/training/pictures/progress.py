"""Draws ``progress.csv`` of a run, at any moment of the run.

Tables of other trainers are read too, if their columns have the usual names.
"""

from __future__ import annotations

from pathlib import Path

from retroracer.errors import UserError
from retroracer.reading import shown, shown_path
from retroracer.training.pictures.laps import COLOURS, INK, PAPER, new_figure, save_figure
from retroracer.training.run.tracking import finite, read_table

PLACES = ("iteration", "training_iteration", "steps")
"""Columns for the horizontal axis; the first one that the table has is used."""

RETURNS = (
    ("episode_return_min", "episode_return", "episode_return_max"),
    ("env_runners/episode_return_min", "env_runners/episode_return_mean",
     "env_runners/episode_return_max"),
    ("episode_reward_min", "episode_reward_mean", "episode_reward_max"),
)  # fmt: skip
"""Columns of the minimum, mean and maximum return of episodes: ours, and Ray RLlib's."""


def draw_progress(table: Path, out: Path, second_phase: int | None = None) -> None:
    """Draw minimum, mean and maximum return of training episodes from a ``progress.csv``.

    A red dashed line marks the iteration at which the second phase began; without
    ``second_phase`` it is read from the table.

    Raises:
        UserError: if the table cannot be read or has no returns yet, or the picture cannot be
            written.
    """
    rows = [finite(row) for row in read_table(table)]
    columns = {name for row in rows for name in row}
    place = next((name for name in PLACES if name in columns), None)
    names = next((names for names in RETURNS if names[1] in columns), None)
    if place is None or names is None:
        raise UserError(
            f"{shown_path(table)} has no returns of episodes yet (columns {PLACES[0]} or "
            f"{PLACES[-1]}, and {RETURNS[0][1]})"
        )
    shown_rows = [row for row in rows if place in row and names[1] in row]
    if not shown_rows:
        raise UserError(f"{shown_path(table)} has no returns of episodes yet")
    figure = new_figure(9.0, 5.0)
    axes = figure.add_subplot()
    whole = [row for row in shown_rows if names[0] in row and names[2] in row]
    if whole:
        x = [row[place] for row in whole]
        low, most = [row[names[0]] for row in whole], [row[names[2]] for row in whole]
        axes.fill_between(x, low, most, color=COLOURS[0], alpha=0.2, label="min to max")
    x, mean = [row[place] for row in shown_rows], [row[names[1]] for row in shown_rows]
    axes.plot(x, mean, color=COLOURS[0], marker=".", label="mean")
    begun = [row[place] for row in shown_rows if "second_phase" in row]
    for switch in begun[:1] if second_phase is None else [second_phase]:
        axes.axvline(switch, color="red", linestyle="--", label="second phase")
    axes.set_facecolor(PAPER)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set(xlabel=place.replace("_", " "), ylabel="return of a training episode")
    axes.set_title(shown(f"{table.absolute().parent.name}: {len(shown_rows)} rows", 80), color=INK)
    axes.legend(frameon=False, fontsize="small")
    save_figure(figure, out)
