"""Simulators that are not ours, as actors of a RetroRacer learner.

In one terminal the learner, in another one an actor (the learner prints its address):

    python -m retroracer scale train --env examples.simulators:pendulum --actors 1
    python -m retroracer scale actor --address 127.0.0.1:PORT \
        --env examples.simulators:pendulum --actor-id 1
"""

import gymnasium


def pendulum() -> gymnasium.Env:
    """Swing a pole up and hold it there: 3 observations, 1 action."""
    return gymnasium.make("Pendulum-v1")


def racetrack() -> gymnasium.Env:
    """Follow a road among other cars; needs pip install highway-env."""
    import highway_env  # noqa: F401  registers its ids

    return gymnasium.make("racetrack-v0")
