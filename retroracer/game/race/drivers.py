"""Who drives: a person at keys, a trained policy, a script of recorded inputs.

Every driver gives a steer and a throttle; the car's own limits (steering rate, lock) are the
kernel's and the same for all.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from retroracer import config
from retroracer.config import Range
from retroracer.physics.car import Car
from retroracer.physics.dynamics import cornering_grip, steer_lock


@dataclass
class Keys:
    """What is held down."""

    left: bool = False
    right: bool = False
    up: bool = False
    down: bool = False


class Human:
    """Keys to pedals and wheel: the wheel is turned and let go at a human rate.

    Keys ask for no more wheel than the front tyres can use at that speed, so that a held key
    corners at the limit instead of ploughing, and a tap at 250 km/h moves the car over.

    Args:
        car: driven; None leaves the whole lock to the keys at any speed.

    Attributes:
        steer: in [-1, 1], left positive.
        throttle: in [-1, 1].
    """

    TURN = 2.6
    """Full lock a second while a key is held."""

    BACK = 5.0
    """The same when let go, or turned back through the middle."""

    PEDAL = 6.0
    """Pedal travel a second."""

    HAND = 14.0
    """The same for a stick or a trigger, which is as fast as the hand."""

    def __init__(self, car: Car | None = None) -> None:
        self.car = car
        self.steer = 0.0
        self.throttle = 0.0

    def reset(self) -> None:
        """Centre the wheel and release the pedals."""
        self.steer = self.throttle = 0.0

    def act(
        self,
        keys: Keys,
        speed: float,
        dt: float,
        stick: float | None = None,
        pedals: float | None = None,
    ) -> tuple[float, float]:
        """Inputs after ``dt`` more seconds; at speed the wheel turns more slowly.

        Args:
            keys: held.
            speed: forward [m/s].
            dt: [s].
            stick: of a pad in [-1, 1], left positive, instead of the keys; None without one.
            pedals: of its triggers likewise, brake negative.
        """
        reach = useful_lock(self.car, speed) if self.car else 1.0
        if stick is not None:
            self.steer = _toward(self.steer, stick * reach, self.HAND * dt)
            self.throttle = _toward(self.throttle, pedals or 0.0, self.HAND * dt)
            return self.steer, self.throttle
        wish = (float(keys.left) - float(keys.right)) * reach
        calm = 1.0 / (1.0 + (max(speed, 0.0) / 45.0) ** 2)
        back = wish == 0.0 or wish * self.steer < 0.0
        rate = self.BACK if back else self.TURN * (0.35 + 0.65 * calm)
        self.steer = _toward(self.steer, wish, rate * dt)
        self.throttle = _toward(self.throttle, float(keys.up) - float(keys.down), self.PEDAL * dt)
        return self.steer, self.throttle


def useful_lock(car: Car, speed: float) -> float:
    """Share of the lock at this speed [m/s] beyond which the front tyres only slide more.

    The angle that holds the tightest corner the tyres allow: the corner's own (wheelbase over
    radius) and the slip at which the front axle has nearly all of its grip (brush model).
    """
    v = max(speed, 1.0)
    row = car.row()
    most = float(cornering_grip(v * v, 1.0, row))
    corner = (car.l_front + car.l_rear) * most / (v * v)
    slip = 2.2 * car.mu / car.stiffness_front
    return min(1.0, (corner + slip) / float(steer_lock(v, row)))


def _toward(value: float, goal: float, step: float) -> float:
    return min(value + step, goal) if value < goal else max(value - step, goal)


_Pedal = Annotated[float, Range(-1.0, 1.0)]


@dataclass(frozen=True)
class Cue:
    """One line of a script: from ``at`` on, these inputs; or a press at that moment.

    ``at`` counts race time [s], or for ``key`` (a key's name) seconds since the game began.
    """

    at: Annotated[float, Range(0.0, 1e6)]
    steer: _Pedal | None = None
    throttle: _Pedal | None = None
    press: Literal["restart", "pause", "reset", "menu", "quit"] | None = None
    key: str | None = None


class Script:
    """Recorded inputs: each holds until the next line that names it.

    Args:
        cues: in order of time.

    Attributes:
        drives: True if it drives the car; False if it only strikes keys.
    """

    def __init__(self, cues: list[Cue]) -> None:
        self._cues = [cue for cue in cues if cue.key is None]
        self._keys = [(c.at, c.key) for c in cues if c.key is not None]
        self.drives = any(cue.steer is not None or cue.throttle is not None for cue in cues)
        self.rewind()

    def rewind(self) -> None:
        """Go back to the first line; presses that were made are not repeated."""
        self._next = 0
        self.steer = 0.0
        self.throttle = 0.0

    def keys(self, time: float) -> list[str]:
        """Names of the keys struck since the last call; ``time`` since the game began [s]."""
        struck = []
        while self._keys and self._keys[0][0] <= time + 1e-9:
            struck.append(self._keys.pop(0)[1])
        return struck

    def play(self, time: float) -> list[str]:
        """Take the inputs of this moment [s]; returns what was pressed since the last call."""
        pressed: list[str] = []
        while self._next < len(self._cues) and self._cues[self._next].at <= time + 1e-9:
            cue = self._cues[self._next]
            self._next += 1
            if cue.steer is not None:
                self.steer = cue.steer
            if cue.throttle is not None:
                self.throttle = cue.throttle
            if cue.press is not None:
                pressed.append(cue.press)
        return pressed


def read_script(path: Path) -> Script:
    """Read a script: a YAML (or JSON) list of ``{at: seconds, steer:, throttle:, press:, key:}``.

    Raises:
        UserError: naming the file and the lines that are wrong.
    """
    cues = config.read_list(Cue, path, "- {at: 0, throttle: 1}")
    return Script(sorted(cues, key=lambda cue: cue.at))
