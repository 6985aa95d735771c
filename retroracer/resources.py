"""Where shipped files lie: tracks, models, pages of settings; in a checkout and in a wheel."""

from __future__ import annotations

import os
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


def configs_dir() -> Path:
    """Folder of the shipped pages of settings (``*.yaml``)."""
    return _folder("configs")


def cache_dir() -> Path:
    """Folder for what can be computed again; RETRORACER_HOME/cache where that is set."""
    home = os.environ.get("RETRORACER_HOME")
    if home:
        return Path(home).expanduser() / "cache"
    from platformdirs import user_cache_path

    return user_cache_path("retroracer", appauthor=False)
