"""Where a run and its model are kept. Owns the reading of the options that say so."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from retroracer.errors import UserError
from retroracer.reading import shown, shown_path


def run_name(text: str) -> str:
    """The type of a run's name, which becomes the name of a folder and of a file."""
    if not re.fullmatch(r"\w[\w.+-]{0,99}", text):
        raise argparse.ArgumentTypeError(
            f"'{shown(text)}' is not a name of a run; give letters, digits, '-', '_' and '.'"
        )
    return text


def places_of(args: argparse.Namespace, name: str) -> tuple[Path, Path]:
    """The model's file and the run's folder, by ``name`` unless options say otherwise."""
    folder: Path | None = args.checkpoint_dir
    if isinstance(args.resume, str):
        folder = _run_at(Path(args.resume))
        own = args.checkpoint_dir
        if own is not None and folder.resolve() != own.resolve():
            raise UserError(
                f"--resume goes on in the run's own folder, {shown_path(folder)}, not in "
                f"--checkpoint-dir {shown_path(own)}"
            )
    named = args.run_name or (folder.resolve().name if folder is not None else None)
    out: Path = args.out or Path("models") / f"{named or name}.zip"
    if folder is None:
        folder = args.runs / (args.run_name or out.stem)
    _demand_own(folder)
    return out, folder


def _run_at(path: Path) -> Path:
    """The folder of the run that ``path`` is, or lies in."""
    if not path.exists():
        raise UserError(f"--resume {shown_path(path)}: there is no such file or folder")
    folder = path if path.is_dir() else path.parent
    if folder.name == "checkpoints" and not path.is_dir():
        folder = folder.parent
    if not (folder / "settings.yaml").is_file():
        hint = f"; --parent {shown_path(path)} begins a new one from it"
        raise UserError(
            f"--resume {shown_path(path)}: {shown_path(folder)} is no run's folder"
            + (hint if path.suffix == ".zip" else "")
        )
    return folder


def _demand_own(folder: Path) -> None:
    """Refuse a folder with other files: a new run would move them aside with it."""
    try:
        others = [p for p in folder.iterdir() if p.name != "checkpoints"]
    except OSError:
        return  # not there yet, or told when the run begins
    if others and not (folder / "settings.yaml").is_file():
        raise UserError(
            f"{shown_path(folder)} holds other files and is no run's folder; choose another "
            "--checkpoint-dir or --run-name"
        )
