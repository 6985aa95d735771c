"""What is heard: loops without a click, a mix that never reaches the full scale."""

import numpy as np
import pygame
import pytest

from retroracer.game import sound
from retroracer.game.music import BEAT, CHORDS, hertz, music_loop
from retroracer.game.sound import LOOPS, LOUDEST, PEAKS, car_volumes, engine_loop, limited, revs


@pytest.mark.slow
@pytest.mark.parametrize("speed", [0.0, 12.0, 40.0, 69.0, 95.0])
@pytest.mark.parametrize("off", [False, True])
def test_the_loudest_mix_keeps_its_headroom(speed: float, off: bool) -> None:
    """Full throttle, sliding, a beep, full volume: mixed as the mixer does, sample by sample."""
    loud = {sound._EVENTS: 1.0, sound._MUSIC: sound.MUSIC_LEVEL}
    volumes = limited(car_volumes(speed, 1.0, 1.0, off) | loud)
    f = np.geomspace(sound.LOWEST, sound.HIGHEST, LOOPS)
    low = min(int(revs(speed) * (LOOPS - 1)), LOOPS - 2)
    engines = {k % 2: 0.5 * engine_loop(f[k]) for k in (low, low + 1)}
    waves = {
        sound._ENGINE_A: engines[0],
        sound._ENGINE_B: engines[1],
        sound._TYRES: 0.5 * sound.noise_loop(900.0, 2600.0),
        sound._GROUND: 0.8 * sound.noise_loop(40.0, 260.0),
        sound._WIND: 0.6 * sound.noise_loop(300.0, 1500.0, 1.7),
        sound._EVENTS: 0.4 * sound.beep(440, 0.14),
        sound._MUSIC: 0.5 * music_loop(sound.RATE),
    }
    mix = np.zeros(18 * sound.RATE)
    for channel, wave in waves.items():
        assert np.abs(wave).max() <= PEAKS[channel] + 1e-9
        mix += volumes[channel] * np.resize(wave, len(mix))
    assert np.abs(mix).max() < LOUDEST <= 10 ** (-3 / 20)


def test_the_limiter_leaves_quiet_sounds_alone_and_never_turns_louder_into_quieter() -> None:
    quiet = {sound._ENGINE_A: 0.3}
    assert limited(quiet) == quiet
    levels = [
        sum(PEAKS[n] * v for n, v in limited(dict.fromkeys(PEAKS, volume)).items())
        for volume in np.linspace(0.0, 1.0, 30)
    ]
    assert levels == sorted(levels) and levels[-1] < LOUDEST


def test_wind_and_tyres_are_heard_where_they_belong() -> None:
    slow, fast = car_volumes(20.0, 1.0, 0.0, False), car_volumes(75.0, 1.0, 0.0, False)
    assert fast[sound._WIND] > 5 * slow[sound._WIND]
    assert car_volumes(30.0, 0.0, 0.8, False)[sound._TYRES] > slow[sound._TYRES] == 0.0


@pytest.mark.slow
def test_the_music_repeats_without_a_click_and_plays_the_chords_it_names() -> None:
    wave = music_loop(sound.RATE)
    assert np.abs(wave).max() == 1.0 and abs(wave.mean()) < 0.01
    steps = np.abs(np.diff(wave, append=wave[:1]))
    assert steps[-1] < 0.5 * steps.max()
    bar = round(4 * BEAT * sound.RATE)
    for k, chord in enumerate(CHORDS):
        heard = np.abs(np.fft.rfft(wave[k * bar : (k + 1) * bar]))
        at = np.fft.rfftfreq(bar, 1.0 / sound.RATE)

        def level(note: int, heard: np.ndarray = heard, at: np.ndarray = at) -> float:
            return float(heard[np.abs(at - hertz(note)) < 1.5].max())

        for note in chord:  # louder than the half-tones beside it
            assert level(note + 12) > 3.0 * max(level(note + 11), level(note + 13)), (k, note)


@pytest.mark.slow
def test_music_is_off_until_asked_for_and_plays_on_when_the_car_is_quiet() -> None:
    channel = lambda: pygame.mixer.Channel(sound._MUSIC)  # noqa: E731
    playing = sound.Sound(volume=0.8)
    assert not playing.trouble, playing.trouble
    try:
        playing.drive(30.0, 1.0, 0.0, False)
        assert not channel().get_busy()
        playing.choose(0.8, False, True)
        assert channel().get_busy() and channel().get_volume() == pytest.approx(0.4, abs=0.01)
        playing.drive(30.0, 1.0, 0.0, False)
        assert 0.0 < channel().get_volume() < 0.4, "pressed with the car's sounds"
        playing.quiet()
        assert channel().get_busy() and not pygame.mixer.Channel(sound._WIND).get_busy()
        playing.choose(0.8, True, True)
        assert not channel().get_busy(), "mute"
        playing.drive(30.0, 1.0, 0.0, False)
        assert not channel().get_busy()
    finally:
        playing.close()
