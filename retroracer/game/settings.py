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
        music: True plays music.
        heading_up: False keeps north at the top.
        track: last raced on.
        car: last driven, "" = the rival's.
        rival: last raced against, "" = the default.
        rivals: how many.
        ghosts: True races time trials, where nobody touches anybody; False solid cars.
        players: how many people race at one keyboard.
        laps: of the last race.
        high_contrast: True draws every track in the same strong colours.
        large_text: True writes as large as the screens fit.
        shake: how much the picture shakes, 0 to 1.
        newcomer: True until a first race was driven: it is helped along.
    """

    keys: dict[str, str] = field(default_factory=dict)
    assists: Assists = field(default_factory=Assists)
    volume: Annotated[float, Range(0.0, 1.0)] = 0.7
    mute: bool = False
    music: bool = False
    heading_up: bool = True
    track: str = "monza"
    car: str = ""
    rival: str = ""
    rivals: Annotated[int, Range(0, 19)] = 1
    ghosts: bool = False
    players: Annotated[int, Range(1, 2)] = 1
    laps: Annotated[int, Range(0, 99)] = 3
    high_contrast: bool = False
    large_text: bool = False
    shake: Annotated[float, Range(0.0, 1.0)] = 0.5
    newcomer: bool = True


class SettingsFile:
    """Settings with their file.

    Attributes:
        now: the settings.
        trouble: what went wrong reading or writing, or "".
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.path = (folder or data_dir()) / FILE
        self.trouble = ""
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
