"""Where shipped tracks and models lie, in a checkout and in an installed wheel."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def _folder(name: str) -> Path:
    installed = _PACKAGE / f"_{name}"
    return installed if installed.is_dir() else _PACKAGE.parent / name


def tracks_dir() -> Path:
    """Folder of the shipped tracks (``*.yaml``)."""
    return _folder("tracks")


def models_dir() -> Path:
    """Folder of the shipped models (``*.zip``)."""
    return _folder("models")
