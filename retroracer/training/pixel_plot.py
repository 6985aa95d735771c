"""A run's training curve as a picture, from what its folder says so far.

Owns the picture. Readable at any moment of a run: ``evaluations.json`` is always whole.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from retroracer.atomic import replacing
from retroracer.errors import UserError
from retroracer.reading import shown_path
from retroracer.training.run_folder import read_evaluations


def read_rows(folder: Path) -> list[dict[str, Any]]:
    """What a run wrote down at each of its evaluations.

    Raises:
        UserError: if there is nothing, or it cannot be read.
    """
    path = folder / "evaluations.json"
    if not path.is_file():
        raise UserError(
            f"no {shown_path(path)}: --plot draws a run's curve; name its folder with --run DIR"
        )
    rows = read_evaluations(folder, ("frames", "mean"))
    if not rows:
        raise UserError(f"{shown_path(path)} holds no evaluations of a run of train-pixels")
    return rows


def draw_curve(path: Path, folder: Path) -> None:
    """Draw minimum, mean and maximum of training episodes and evaluations over frames.

    Args:
        path: of the picture: .png, .svg or .pdf.
        folder: of the run.

    Raises:
        UserError: if the run has no evaluations yet, or the place cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = read_rows(folder)
    figure = Figure(figsize=(9, 5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for colour, label, names in (
        ("tab:blue", "training episodes", ("episode_min", "episode_mean", "episode_max")),
        ("tab:orange", "evaluation", ("min", "mean", "max")),
    ):
        shown = [r for r in rows if all(type(r.get(n)) in (int, float) for n in names)]
        if not shown:
            continue
        x = [r["frames"] / 1e6 for r in shown]
        low, mean, high = ([r[n] for r in shown] for n in names)
        axes.fill_between(x, low, high, color=colour, alpha=0.15, label=f"{label}, min to max")
        axes.plot(x, mean, color=colour, marker=".", label=f"{label}, mean")
    switch = next((r["phase_switch"] for r in rows if type(r.get("phase_switch")) is int), None)
    if switch is not None:
        axes.axvline(switch / 1e6, color="red", linestyle="--", label="second phase")
    axes.axhline(900.0, color="grey", linewidth=0.7)
    axes.set_xlabel("frames [million]")
    axes.set_ylabel("raw return of an episode")
    axes.set_title(folder.name)
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right", fontsize="small")
    kind = path.suffix.lower().removeprefix(".") or "png"
    if kind not in figure.canvas.get_supported_filetypes():
        raise UserError(f"cannot draw {path}: {path.suffix!r} is no kind of picture; use .png")
    with replacing(path) as part:
        figure.savefig(part, format=kind, dpi=110)
