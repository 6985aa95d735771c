"""Logging of a run's figures: ``progress.csv``, TensorBoard, Aim, Weights & Biases.

The three services are imported only when asked for. Figures are plain numbers by name.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from retroracer.atomic import write_text
from retroracer.errors import UserError
from retroracer.reading import read_text, shown_path

Log = Callable[[int, Mapping[str, float]], None]
Close = Callable[[], None]


class Tracking:
    """Passes figures on to each service named, and to ``progress.csv``.

    Args:
        names: some of "tensorboard", "aim", "wandb".
        folder: folder of the run; TensorBoard, Aim and ``progress.csv`` are written there.
        since: steps at which the run is resumed; rows of ``progress.csv`` with more are dropped.

    Raises:
        UserError: if a service is not installed.
    """

    def __init__(self, names: tuple[str, ...], folder: Path, since: int = 0) -> None:
        self._open = [_opened(name, folder) for name in names]
        self._csv = ProgressCSV(folder / "progress.csv", since)

    def __enter__(self) -> Tracking:
        return self

    def __exit__(self, *why: object) -> None:
        for _log, close in self._open:
            close()

    def log(self, step: int, row: Mapping[str, Any]) -> None:
        """Log the numbers of a row after so many steps; what is not a number is left out."""
        figures = {
            name: float(value)
            for name, value in row.items()
            if isinstance(value, (int, float)) and not isinstance(value, bool)
        }
        for show, _close in self._open:
            show(step, figures)
        self._csv.add({"steps": float(step)} | figures)


MAX_BYTES = 200_000_000
"""Largest accepted ``progress.csv`` [bytes]."""


class ProgressCSV:
    """A table of a run's figures; each row is written as soon as it is known.

    Rows that are there already stay, save those with more steps than ``since``.
    """

    def __init__(self, path: Path, since: int) -> None:
        self.path = path
        self.rows: list[dict[str, str]] = []
        with suppress(UserError):  # none yet, or a damaged one, which is replaced
            self.rows = [r for r in read_table(path) if _number(r.get("steps", "")) <= since]
        self.columns = list(dict.fromkeys(k for row in self.rows for k in row))
        self._whole = False

    def add(self, figures: Mapping[str, float]) -> None:
        """Append a row; if it has a new column, the whole file is written again."""
        row = {k: f"{v:.10g}" for k, v in figures.items()}
        self.rows.append(row)
        new = [k for k in row if k not in self.columns]
        self.columns += new
        if self._whole and not new:
            with open(self.path, "a", newline="", encoding="utf-8") as file:
                csv.DictWriter(file, self.columns).writerow(row)
            return
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, self.columns)
        writer.writeheader()
        writer.writerows(self.rows)
        write_text(self.path, text.getvalue())
        self._whole = True


def read_table(path: Path) -> list[dict[str, str]]:
    """The cells of each row of a table by column; the last row may be incomplete.

    Raises:
        UserError: if it cannot be read or is not a table.
    """
    text = read_text(path, MAX_BYTES)
    try:
        rows = list(csv.DictReader(io.StringIO(text, newline="")))
    except csv.Error as error:
        raise UserError(f"{shown_path(path)} is not a table: {error}") from None
    return [{k: v for k, v in row.items() if k and isinstance(v, str)} for row in rows]


def finite(row: Mapping[str, str]) -> dict[str, float]:
    """The finite numbers among a row's cells."""
    numbers = {k: _number(v) for k, v in row.items()}
    return {k: v for k, v in numbers.items() if math.isfinite(v)}


def last_row(folder: Path) -> dict[str, float]:
    """The last known figures of a run by name; empty if it has written none yet."""
    found: dict[str, float] = {}
    with suppress(UserError):
        for row in read_table(folder / "progress.csv")[-100:]:
            found |= finite(row)
    return found


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _opened(name: str, folder: Path) -> tuple[Log, Close]:
    try:
        return _OPENERS[name](folder)
    except ImportError:
        extra = "train" if name == "tensorboard" else name
        raise UserError(
            f"log_to names {name}, which is not installed; pip install 'retroracer[{extra}]'"
        ) from None


def _tensorboard(folder: Path) -> tuple[Log, Close]:
    from torch.utils.tensorboard import SummaryWriter

    writer: Any = SummaryWriter(str(folder))

    def log(step: int, figures: Mapping[str, float]) -> None:
        for name, value in figures.items():
            writer.add_scalar(name, value, step)
        writer.flush()

    return log, writer.close


def _aim(folder: Path) -> tuple[Log, Close]:
    import aim

    run = aim.Run(repo=str(folder.parent), experiment=folder.name)

    def log(step: int, figures: Mapping[str, float]) -> None:
        for name, value in figures.items():
            run.track(value, name=name, step=step)

    return log, run.close


def _wandb(folder: Path) -> tuple[Log, Close]:
    import wandb

    # The folder's name identifies the run, so that a resumed run extends its own curve.
    run = wandb.init(project="retroracer", id=folder.name, dir=str(folder), resume="allow")
    return lambda step, figures: run.log(dict(figures), step=step), run.finish


_OPENERS: dict[str, Callable[[Path], tuple[Log, Close]]] = {
    "tensorboard": _tensorboard,
    "aim": _aim,
    "wandb": _wandb,
}
