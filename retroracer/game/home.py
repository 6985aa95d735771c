"""Where the game keeps what is the player's: settings, records. RETRORACER_HOME overrides."""

from __future__ import annotations

import os
from pathlib import Path


def data_dir() -> Path:
    """The player's folder; it need not exist yet."""
    home = os.environ.get("RETRORACER_HOME")
    if home:
        return Path(home).expanduser()
    from platformdirs import user_data_path

    return user_data_path("retroracer", appauthor=False)
