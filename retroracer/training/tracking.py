"""Where the figures of a run are shown: TensorBoard, Aim, Weights & Biases.

Owns the three, imported only when asked for. Figures are plain numbers by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from retroracer.errors import UserError

Log = Callable[[int, Mapping[str, float]], None]
Close = Callable[[], None]


class Tracking:
    """Passes figures on to each service named.

    Args:
        names: of "tensorboard", "aim", "wandb".
        folder: of the run; TensorBoard and Aim write there.

    Raises:
        UserError: if one is not installed.
    """

    def __init__(self, names: tuple[str, ...], folder: Path) -> None:
        self._open = [_OPENERS[name](folder) for name in names]

    def __enter__(self) -> Tracking:
        return self

    def __exit__(self, *why: object) -> None:
        for _log, close in self._open:
            close()

    def log(self, step: int, row: Mapping[str, Any]) -> None:
        """Show the numbers of a row; what is not a number is left out.

        Args:
            step: control steps of all cars so far.
            row: plain data by name.
        """
        figures = {
            name: float(value)
            for name, value in row.items()
            if isinstance(value, (int, float)) and not isinstance(value, bool)
        }
        for show, _close in self._open:
            show(step, figures)


def _tensorboard(folder: Path) -> tuple[Log, Close]:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise _missing("tensorboard", "tensorboard") from None
    writer: Any = SummaryWriter(str(folder))

    def log(step: int, figures: Mapping[str, float]) -> None:
        for name, value in figures.items():
            writer.add_scalar(name, value, step)
        writer.flush()

    return log, writer.close


def _aim(folder: Path) -> tuple[Log, Close]:
    try:
        import aim
    except ImportError:
        raise _missing("aim", "aim") from None
    run = aim.Run(repo=str(folder.parent), experiment=folder.name)

    def log(step: int, figures: Mapping[str, float]) -> None:
        for name, value in figures.items():
            run.track(value, name=name, step=step)

    return log, run.close


def _wandb(folder: Path) -> tuple[Log, Close]:
    try:
        import wandb
    except ImportError:
        raise _missing("wandb", "wandb") from None
    # The folder's name is the run's: going on with a run goes on with its curve.
    run = wandb.init(project="retroracer", id=folder.name, dir=str(folder), resume="allow")

    def log(step: int, figures: Mapping[str, float]) -> None:
        run.log(dict(figures), step=step)

    return log, run.finish


def _missing(name: str, extra: str) -> UserError:
    return UserError(
        f"log_to names {name}, which is not installed; pip install 'retroracer[{extra}]'"
    )


_OPENERS: dict[str, Callable[[Path], tuple[Log, Close]]] = {
    "tensorboard": _tensorboard,
    "aim": _aim,
    "wandb": _wandb,
}
