"""What a player has chosen: keys, assists, sound, camera, the last race. Kept in settings.yaml.

Owns the record and its file. A file with a mistake in it is set aside, never overwritten, and
what can be read in it holds; a folder that cannot be written costs only the remembering. Both
are told in one line. Two games at once each write what they changed.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

from retroracer import config
from retroracer.config import Range
from retroracer.errors import UserError
from retroracer.game.home import data_dir
from retroracer.game.replay.new_file import set_aside

FILE = "settings.yaml"


@dataclass(frozen=True)
class Assists:
    """Help a person may take; named on every result."""

    stability: bool = False  # catches slides: eases throttle and steers against them
    abs: bool = False  # eases the brake where it would take the tyres' grip for cornering
    line: bool = False  # draws the fastest line, red where to brake

    def named(self) -> str:
        """Those that are on and change the driving, or "no assists"."""
        taken = {"stability": self.stability, "ABS": self.abs, "line": self.line}
        return " + ".join(name for name, on in taken.items() if on) or "no assists"


@dataclass(frozen=True)
class Settings:
    """A player's choices."""

    keys: dict[str, str] = field(default_factory=dict)  # names, by action, that are no defaults
    assists: Assists = field(default_factory=Assists)
    volume: Annotated[float, Range(0.0, 1.0)] = 0.7
    mute: bool = False
    music: bool = False
    heading_up: bool = True  # else north is
    track: str = "monza"  # last raced on
    car: str = ""  # last driven; "" = the rival's
    rival: str = ""  # last raced against; "" = the default
    rivals: Annotated[int, Range(0, 19)] = 1
    ghosts: bool = False  # time trials, where nobody touches anybody; else solid cars
    players: Annotated[int, Range(1, 2)] = 1  # people at one keyboard
    laps: Annotated[int, Range(0, 99)] = 3  # 0 = without end
    high_contrast: bool = False  # every track in the same strong colours
    large_text: bool = False  # as large as the screens fit
    shake: Annotated[float, Range(0.0, 1.0)] = 0.5  # of the picture
    newcomer: bool = True  # until a first race was driven: it is helped along


class SettingsFile:
    """Settings with their file."""

    def __init__(self, folder: Path | None = None) -> None:
        self.path = (folder or data_dir()) / FILE
        self.trouble = ""  # what went wrong reading or writing
        self._news: list[str] = []
        self._changed: dict[str, object] = {}  # by this game: another one may change the rest
        self._written = True
        self._lasting: dict[str, object] = {}  # what holds in the file, of what holds for now
        self.now = self._read(Settings())

    def _read(self, otherwise: Settings) -> Settings:
        """The settings in the file; what is wrong in it is left as it is ``otherwise``."""
        if not os.path.lexists(self.path):
            return otherwise
        try:
            if not self.path.is_file():
                raise UserError(f"{self.path} is no file")
            found, wrong = config.load_what_fits(Settings, self.path, otherwise)
        except (UserError, OSError) as error:
            found, wrong = otherwise, [str(error)]
        if not wrong:
            return found
        first = f"settings not read ({wrong[0].splitlines()[0]})"
        try:
            aside = set_aside(self.path, ".broken")
            self._say(f"{first}; the file was set aside as {aside.name}")
            if found != otherwise:
                config.save(found, self.path)  # those that could be read
        except (UserError, OSError):
            self._say(first)
        return found

    def _say(self, text: str) -> None:
        if text != self.trouble:
            self.trouble = text
            self._news.append(text)

    def news(self) -> list[str]:
        """Lines to be told since the last call."""
        told, self._news = self._news, []
        return told

    def for_now(self, **fields: object) -> None:
        """Take over some fields until the game ends; they are not written down."""
        self._lasting = {name: getattr(self.now, name) for name in fields} | self._lasting
        self.now = replace(self.now, **fields)  # type: ignore[arg-type]

    def change(self, **fields: object) -> None:
        """Take over some fields and write them down."""
        changed = replace(self.now, **fields)  # type: ignore[arg-type]
        if changed == self.now:
            return
        self.now = changed
        self._changed |= fields
        self._write()

    def _write(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            lasting = replace(self.now, **self._lasting)  # type: ignore[arg-type]
            config.save(replace(self._read(lasting), **self._changed), self.path)  # type: ignore[arg-type]
            self._written = True
        except (UserError, OSError) as error:
            self._written = False
            self._say(f"settings are not kept: {str(error).splitlines()[0]}")

    def close(self) -> None:
        """Write what could not be written before, if that is possible now."""
        if not self._written:
            self._write()
