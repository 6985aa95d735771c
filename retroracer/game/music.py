"""Music made of numbers: eight bars that repeat, as samples. Plays nothing itself.

A minor, 112 beats a minute: a bass in eighths, chords that swell, an arpeggio in sixteenths, a
drum on the beat and noise between. Every sound that reaches beyond the end goes on at the
beginning, so that the loop repeats without a click.
"""

from __future__ import annotations

import numpy as np

from retroracer.track.geometry import Array

BEAT = 60.0 / 112.0
"""Time between two beats [s]."""

CHORDS = ((57, 60, 64), (53, 57, 60), (48, 52, 55), (55, 59, 62),
          (57, 60, 64), (53, 57, 60), (50, 53, 57), (52, 56, 59))  # fmt: skip
"""The chord of each bar: A minor, F, C, G, A minor, F, D minor, E; as MIDI notes."""

ARPEGGIO = (0, 1, 2, 3, 2, 1, 2, 3, 4, 3, 2, 1, 2, 3, 2, 1)
"""Of each sixteenth of a bar the note: 0 to 2 of the chord, 3 to 5 the same an octave higher."""


def hertz(note: int) -> float:
    """Frequency of a MIDI note [Hz]."""
    return float(440.0 * 2.0 ** ((note - 69) / 12.0))


def music_loop(rate: int) -> Array:
    """Eight bars, 17.1 s, at ``rate`` samples a second, in [-1, 1]; the same in every process."""
    wave = np.zeros(round(4 * BEAT * len(CHORDS) * rate))
    noise = np.random.default_rng(3).uniform(-1.0, 1.0, round(0.05 * rate))
    hat = np.diff(noise, prepend=0.0) * np.exp(-np.arange(len(noise)) / (0.012 * rate))
    for bar, chord in enumerate(CHORDS):
        begins = 4 * bar
        for note in chord:
            for detune in (0.997, 1.003):
                _add(wave, rate, begins, 0.05 * _chord(detune * hertz(note), rate))
        for eighth in range(8):
            _add(wave, rate, begins + eighth / 2, 0.2 * _bass(hertz(chord[0] - 24), rate))
        for k, step in enumerate(ARPEGGIO):
            note = chord[step % 3] + 12 * (1 + step // 3)
            _add(wave, rate, begins + k / 4, 0.085 * _pluck(hertz(note), rate))
        for beat in range(4):
            _add(wave, rate, begins + beat, 0.3 * _drum(rate))
            _add(wave, rate, begins + beat + 0.5, 0.05 * hat)
    return np.asarray(wave / np.abs(wave).max())


def _add(wave: Array, rate: int, beat: float, sound: Array) -> None:
    """Add a sound that begins at a beat; what is beyond the end goes on at the beginning."""
    first = round(beat * BEAT * rate)
    np.add.at(wave, np.arange(first, first + len(sound)) % len(wave), sound)


def _tone(frequency: float, seconds: float, rate: int, levels: tuple[float, ...]) -> Array:
    """A tone of harmonics."""
    phase = 2.0 * np.pi * frequency * np.arange(round(seconds * rate)) / rate
    return np.asarray(sum(v * np.sin((k + 1) * phase) for k, v in enumerate(levels)))


def _shaped(sound: Array, rate: int, rise: float, fall: float) -> Array:
    """A sound that rises in some seconds, dies away in others and ends in silence."""
    t = np.arange(len(sound)) / rate
    ends = np.minimum(1.0, np.minimum(t / rise, t[::-1] / 0.01))
    return np.asarray(sound * ends * np.exp(-t / fall))


def _chord(frequency: float, rate: int) -> Array:
    return _shaped(_tone(frequency, 4.5 * BEAT, rate, (1.0, 0.35, 0.15)), rate, 0.5, 2.0)


def _bass(frequency: float, rate: int) -> Array:
    tone = _tone(frequency, 0.5 * BEAT, rate, (1.0, 0.6, 0.35, 0.2))
    return _shaped(tone, rate, 0.004, 0.2)


def _pluck(frequency: float, rate: int) -> Array:
    return _shaped(_tone(frequency, BEAT, rate, (1.0, 0.3, 0.25)), rate, 0.003, 0.14)


def _drum(rate: int) -> Array:
    """A blow whose pitch falls from 150 to 50 Hz."""
    t = np.arange(round(0.22 * rate)) / rate
    phase = 2.0 * np.pi * (50.0 * t + 100.0 * 0.03 * (1.0 - np.exp(-t / 0.03)))
    return _shaped(np.sin(phase), rate, 0.002, 0.07)
