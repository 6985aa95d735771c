"""What is heard: loops without a click, a mix that never reaches the full scale."""

import numpy as np
import pytest

from retroracer.game import sound
from retroracer.game.sound import LOOPS, LOUDEST, PEAKS, car_volumes, engine_loop, limited, revs


@pytest.mark.parametrize("speed", [0.0, 12.0, 40.0, 69.0, 95.0])
@pytest.mark.parametrize("off", [False, True])
def test_the_loudest_mix_keeps_its_headroom(speed: float, off: bool) -> None:
    """Full throttle, sliding, a beep, full volume: mixed as the mixer does, sample by sample."""
    volumes = limited(car_volumes(speed, 1.0, 1.0, off) | {sound._EVENTS: 1.0})
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
    }
    mix = np.zeros(4 * sound.RATE)
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
