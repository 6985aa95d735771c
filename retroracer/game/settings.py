"""What a player has chosen: keys, assists, sound, camera, the last race. Kept in settings.yaml.

Owns the record and its file. A file that cannot be read is set aside, never overwritten; a
folder that cannot be written costs only the remembering. Both are told in one line.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

from retroracer import config
from retroracer.config import Range
from retroracer.errors import UserError
from retroracer.game.home import data_dir

FILE = "settings.yaml"


@dataclass(frozen=True)
class Assists:
    """Help a person may take; named on every result.

    Attributes:
        stability: catches slides: eases throttle and steers against them.
        abs: eases the brake where it would take the tyres' grip for cornering.
        line: draws the fastest line, red where to brake.
    """

    stability: bool = False
    abs: bool = False
    line: bool = False

    def named(self) -> str:
        """Those that are on and change the driving, or "no assists"."""
        on = [n for n, v in (("stability", self.stability), ("ABS", self.abs)) if v]
        on += ["line"] if self.line else []
        return " + ".join(on) if on else "no assists"


@dataclass(frozen=True)
class Settings:
    """A player's choices.

    Attributes:
        keys: names of the keys for each action that is not on its default (``controls``).
        assists: the help taken.
        volume: of the sound, 0 to 1.
        mute: True keeps it silent.
        heading_up: False keeps north at the top.
        track: last raced on.
        car: last driven, "" = the rival's.
        rival: last raced against, "" = the default.
        rivals: how many.
        laps: of the last race.
    """

    keys: dict[str, str] = field(default_factory=dict)
    assists: Assists = field(default_factory=Assists)
    volume: Annotated[float, Range(0.0, 1.0)] = 0.7
    mute: bool = False
    heading_up: bool = True
    track: str = "monza"
    car: str = ""
    rival: str = ""
    rivals: Annotated[int, Range(0, 3)] = 1
    laps: Annotated[int, Range(0, 99)] = 3


class SettingsFile:
    """Settings with their file.

    Attributes:
        now: the settings.
        trouble: what went wrong reading or writing, or "".
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.path = (folder or data_dir()) / FILE
        self.trouble = ""
        self.now = Settings()
        try:
            if self.path.exists():
                self.now = config.load(Settings, self.path)
        except (UserError, OSError) as error:
            first = str(error).splitlines()[0]
            self.trouble = f"settings not read ({first}); "
            aside = self.path.with_suffix(".yaml.broken")
            try:
                self.path.replace(aside)
                self.trouble += f"set aside as {aside.name}"
            except OSError:
                self.trouble += "using the defaults"

    def change(self, **fields: object) -> None:
        """Take over some fields and write them down."""
        changed = replace(self.now, **fields)  # type: ignore[arg-type]
        if changed == self.now:
            return
        self.now = changed
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            config.save(changed, self.path)
        except (UserError, OSError) as error:
            reason = str(error).splitlines()[0]
            self.trouble = f"settings are not kept: {reason}"
