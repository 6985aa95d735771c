"""Draws a search: every trial's metric over its iterations, the rungs, where trials stopped."""

from __future__ import annotations

import os
from pathlib import Path

from retroracer.atomic import replacing
from retroracer.scale.rungs import FAILED, STOPPED, Record
from retroracer.scale.trial import rows_of


def plot(record: Record, path: Path, finetune_at: int | None = None) -> None:
    """Draw a search as a PNG, with the iteration at which a second phase begins, if any."""
    os.environ.setdefault("MPLBACKEND", "Agg")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10.5, 5.5), layout="constrained")
    axes = figure.add_subplot()
    metric, iterations = record.facts["metric"], float(record.facts["iterations"])
    best = record.best()
    kinds = ("-", "--", ":")  # there are ten colours
    for trial in record.trials:
        rows = rows_of(record.folder / trial.name, metric, iterations)
        if not rows:
            continue
        x, y = zip(*rows, strict=True)
        mine = best is not None and trial.number == best.number
        (line,) = axes.plot(
            x, y, marker=".", lw=2.4 if mine else 1.2, ls=kinds[trial.number // 10 % 3],
            label=f"{trial.name} {trial.state}",
        )  # fmt: skip
        if trial.state in (STOPPED, FAILED):
            mark = "x" if trial.state == STOPPED else "v"
            axes.plot(x[-1], y[-1], mark, color=line.get_color(), ms=9, mew=2)
    for rung in [] if record.rungs is None else record.rungs.milestones():
        axes.axvline(rung, color="0.75", lw=1, ls=":", zorder=0)
    if finetune_at is not None:
        axes.axvline(finetune_at, color="tab:red", lw=1.2, ls="--", label="second phase")
    axes.set_xlabel("iteration")
    axes.set_ylabel(metric.replace("_", " "))
    axes.set_title("trials; dotted: rungs; x: stopped there")
    if axes.get_legend_handles_labels()[0]:
        figure.legend(*axes.get_legend_handles_labels(), loc="outside right upper", fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as part:
        figure.savefig(part, format="png", dpi=110)
