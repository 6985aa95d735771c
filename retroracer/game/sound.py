"""The sound of a car, made of numbers: engine, tyres, ground. Silent where there is no device.

Owns synthesis and the mixer. Loops are whole periods, so that they repeat without a click; two
neighbouring engine loops are cross-faded by volume, never swapped.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from contextlib import suppress

import numpy as np
import numpy.typing as npt
import pygame

from retroracer.game.music import music_loop
from retroracer.track.geometry import Array

RATE = 22_050
"""Samples a second."""

LOOPS = 20
LOWEST, HIGHEST = 45.0, 240.0
"""Firing frequencies of the engine's loops [Hz]."""

GEARS = (18.0, 29.0, 41.0, 54.0, 68.0, 100.0)
"""Speeds [m/s] at which a gear is done: for the ear only, the car has none."""

LOUDEST = 0.7
"""Peak of everything together, of the full scale: 3 dB of headroom."""

SOFT = 0.45
"""Where the limiter begins to press [of the full scale]."""

MUSIC_LEVEL = 0.5
"""Volume of the music against the car's."""

_ENGINE_A, _ENGINE_B, _TYRES, _GROUND, _WIND, _EVENTS, _MUSIC = range(7)
PEAKS = {_ENGINE_A: 0.5, _ENGINE_B: 0.5, _TYRES: 0.5, _GROUND: 0.8, _WIND: 0.6, _EVENTS: 0.4,
         _MUSIC: 0.5}  # fmt: skip
"""Largest sample of each channel's loops [of the full scale]."""


def engine_loop(frequency: float) -> Array:
    """A loop of a four-stroke at a firing frequency [Hz], about a tenth of a second, in [-1, 1]."""
    periods = max(4, round(frequency * 0.1))
    count = round(RATE * periods / frequency)
    phase = 2.0 * np.pi * periods * np.arange(count) / count
    wave = np.zeros(count)
    # Half orders make it rough, low orders full; higher ones fade so that it does not buzz.
    for order, level in ((0.5, 0.35), (1.0, 1.0), (1.5, 0.28), (2.0, 0.6), (3.0, 0.32),
                         (4.0, 0.2), (6.0, 0.1)):  # fmt: skip
        if periods * order == round(periods * order):
            wave += level * np.sin(order * phase + order * order)
    wave = np.tanh(1.4 * wave / np.abs(wave).max())
    return np.asarray(wave / np.abs(wave).max())


def noise_loop(low: float, high: float, seconds: float = 0.8) -> Array:
    """A loop of noise between two frequencies [Hz], in [-1, 1]; the same in every process."""
    count = round(RATE * seconds)
    rng = np.random.default_rng(7)
    spectrum = np.zeros(count // 2 + 1, complex)
    band = np.fft.rfftfreq(count, 1.0 / RATE)
    inside = (band >= low) & (band <= high)
    spectrum[inside] = np.exp(2j * np.pi * rng.random(int(inside.sum())))
    wave = np.fft.irfft(spectrum, count)
    return np.asarray(wave / np.abs(wave).max())


def beep(frequency: float, seconds: float) -> Array:
    """A tone with soft ends, in [-1, 1]."""
    count = round(RATE * seconds)
    t = np.arange(count) / RATE
    ends = np.minimum(1.0, np.minimum(t, t[::-1]) / 0.006)
    tone = np.sin(2 * np.pi * frequency * t) + 0.3 * np.sin(6 * np.pi * frequency * t)
    return np.asarray(ends * tone / 1.3)


def thud(seconds: float = 0.28) -> Array:
    """A dull blow that dies away, in [-1, 1]: bodywork on bodywork."""
    wave = noise_loop(70.0, 700.0, seconds)
    t = np.arange(len(wave)) / RATE
    wave = wave * np.minimum(1.0, t / 0.003) * np.exp(-t / 0.055)
    return np.asarray(wave / np.abs(wave).max())


def revs(speed: float) -> float:
    """Where an engine would be between idle (0) and its limit (1) at a speed [m/s]."""
    before = 0.0
    for top in GEARS:
        if speed < top:
            floor = 0.0 if before == 0.0 else 0.45
            return floor + (1.0 - floor) * (speed - before) / (top - before)
        before = top
    return 1.0


def limited(volumes: Mapping[int, float]) -> dict[int, float]:
    """Volumes whose mix stays below ``LOUDEST`` even if all peaks meet; quiet ones are kept.

    The channels' volumes are pressed together, not the samples: nothing is clipped or bent.
    """
    total = sum(PEAKS[channel] * volume for channel, volume in volumes.items())
    if total <= SOFT:
        return dict(volumes)
    room = LOUDEST - SOFT
    pressed = SOFT + room * float(np.tanh((total - SOFT) / room))
    return {channel: volume * pressed / total for channel, volume in volumes.items()}


def car_volumes(speed: float, throttle: float, slip: float, off: bool) -> dict[int, float]:
    """Volume of each channel for a car, before the limiter and the player's own volume.

    Args:
        speed: [m/s].
        throttle: in [-1, 1].
        slip: of its tyres, 0 none to 1 sliding.
        off: True beyond the road.
    """
    where = revs(abs(speed)) * (LOOPS - 1)
    share = where - min(int(where), LOOPS - 2)
    loud = 0.28 + 0.42 * max(throttle, 0.0)
    even, odd = float(np.sqrt(1.0 - share)), float(np.sqrt(share))
    if min(int(where), LOOPS - 2) % 2:
        even, odd = odd, even
    rolling = min(abs(speed) / 40.0, 1.0)
    fast = min(abs(speed) / 80.0, 1.0)
    return {
        _ENGINE_A: loud * even,
        _ENGINE_B: loud * odd,
        _TYRES: 0.6 * min(max(slip, 0.0), 1.0),
        _GROUND: rolling * (0.9 if off else 0.12),
        _WIND: 0.55 * fast * fast,
    }


class Sound:
    """The mixer and what is played on it, at a volume of 0 to 1; for good silent if not wanted."""

    def __init__(
        self, wanted: bool = True, volume: float = 0.7, mute: bool = False, music: bool = False
    ) -> None:
        self.trouble = ""  # why there is no sound
        self._ready = False
        self._music: pygame.mixer.Sound | None = None  # made when it is wanted first
        self._playing: list[int] = [-1, -1]
        self.choose(volume, mute, music)
        if not wanted:
            return
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                pygame.mixer.init(RATE, -16, 1, 512)
                pygame.mixer.set_num_channels(8)
        except (pygame.error, NotImplementedError, ImportError) as error:
            self.trouble = f"no sound: {error}"
            return
        self._engine = [_sound(0.5 * engine_loop(f)) for f in np.geomspace(LOWEST, HIGHEST, LOOPS)]
        noises = {_TYRES: noise_loop(900.0, 2600.0), _GROUND: noise_loop(40.0, 260.0),
                  _WIND: noise_loop(300.0, 1500.0, 1.7)}  # fmt: skip
        self._loops = {number: _sound(PEAKS[number] * wave) for number, wave in noises.items()}
        self._beeps = {"red": _sound(0.4 * beep(440, 0.14)), "green": _sound(0.4 * beep(880, 0.4)),
                       "lap": _sound(0.3 * beep(660, 0.12))}  # fmt: skip
        self._thud = _sound(0.4 * thud())
        self._ready = True
        self.choose(volume, mute, music)

    def choose(self, volume: float, mute: bool, music: bool) -> None:
        """Take over the player's choices; music begins, or stops, at once."""
        self.volume, self.mute, self.music = volume, mute, music
        if not self._ready:
            return
        channel = pygame.mixer.Channel(_MUSIC)
        if not music or mute:
            channel.stop()
            return
        if self._music is None:
            self._music = _sound(PEAKS[_MUSIC] * music_loop(RATE))
        self._loop(_MUSIC, self._music, MUSIC_LEVEL * volume)

    def drive(self, speed: float, throttle: float, slip: float, off: bool) -> None:
        """Sound like a car; arguments as of ``car_volumes``."""
        if not self._ready:
            return
        level = 0.0 if self.mute else self.volume
        # A beep may sound at any moment: its room is kept free.
        wanted = car_volumes(speed, throttle, slip, off) | {_EVENTS: 1.0}
        music = self._music if self.music and not self.mute else None
        if music is not None:
            wanted[_MUSIC] = MUSIC_LEVEL
        volumes = limited({n: level * v for n, v in wanted.items()})
        low = min(int(revs(abs(speed)) * (LOOPS - 1)), LOOPS - 2)
        # Each channel keeps its parity of loops, so a change is always one that fades in.
        for index in (low, low + 1):
            slot = index % 2
            channel = pygame.mixer.Channel((_ENGINE_A, _ENGINE_B)[slot])
            if self._playing[slot] != index:
                channel.play(self._engine[index], loops=-1, fade_ms=12)
                self._playing[slot] = index
            channel.set_volume(volumes[(_ENGINE_A, _ENGINE_B)[slot]])
        loops = self._loops if music is None else self._loops | {_MUSIC: music}
        for number, sound in loops.items():
            self._loop(number, sound, volumes[number])

    def _loop(self, number: int, sound: pygame.mixer.Sound, volume: float) -> None:
        channel = pygame.mixer.Channel(number)
        if not channel.get_busy():
            channel.play(sound, loops=-1)
        channel.set_volume(volume)

    def signal(self, name: str) -> None:
        """A beep: "red", "green" or "lap"."""
        if self._ready:
            self._event(self._beeps[name], 1.0)

    def bump(self, closing: float) -> None:
        """A blow of two cars that met at a speed [m/s]."""
        if self._ready:
            self._event(self._thud, min(0.25 + closing / 8.0, 1.0))

    def _event(self, sound: pygame.mixer.Sound, loud: float) -> None:
        if not self.mute:
            channel = pygame.mixer.Channel(_EVENTS)
            channel.play(sound)
            channel.set_volume(limited({_EVENTS: loud * self.volume})[_EVENTS])

    def quiet(self) -> None:
        """Stop all that is playing but music: paused, or in a menu."""
        if self._ready:
            for number in range(_MUSIC):
                pygame.mixer.Channel(number).stop()
            self._playing = [-1, -1]

    def close(self) -> None:
        """Close the sound device."""
        if self._ready:
            with suppress(pygame.error):
                pygame.mixer.quit()
            self._ready = False


def _sound(wave: Array) -> pygame.mixer.Sound:
    samples: npt.NDArray[np.int16] = np.clip(wave * 32767.0, -32768, 32767).astype(np.int16)
    return pygame.mixer.Sound(buffer=samples.tobytes())
