"""The task: observation, reward, and the end of an episode.

Compiled functions on the state of one car; env, training, evaluation and game all call them.
The observation is computed in ``observation`` and exported here with the rest. To add a reward
term, add its weights to ``Reward`` (and to ``PENALTIES``, if it is one), its name to ``Terms``, and
its amount to ``reward_terms``.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from retroracer.compiled import compiled
from retroracer.envs.observation import LAYOUT as LAYOUT
from retroracer.envs.observation import LIMIT as LIMIT
from retroracer.envs.observation import N_OBS as N_OBS
from retroracer.envs.observation import OBS_NAMES as OBS_NAMES
from retroracer.physics import state as st
from retroracer.track.geometry import Array, Bools, Ints


class Reward(NamedTuple):
    """Weights of the reward's terms.

    Attributes:
        progress: per metre of station gained inside track limits; metres lost count everywhere.
        time: per second.
        off_track: per second beyond track limits.
        leaving: once, when the car leaves track limits (not for an excursion shorter than the
            step).
        edge: per second at the very edge of the road; it falls with the square of the distance
            and is 0 from ``EDGE`` inside. The penalty for leaving jumps, and few changes of an
            action cross that jump; this term gives a slope before it.
        wall: per second against a wall.
        impact: per m/s of speed into a wall.
        crash: once, when the episode is terminated for leaving the road or standing still.
        steering: per squared change of the steer action between two control steps. Twitching
            wheels cost grip, and without this term drivers learn to twitch.
        pedals: likewise for the throttle action.
    """

    progress: float = 0.2
    time: float = -1.0
    off_track: float = -10.0
    leaving: float = -10.0
    edge: float = 0.0
    wall: float = -10.0
    impact: float = -0.5
    crash: float = -5.0
    steering: float = -0.2
    pedals: float = -0.02


EDGE = 0.5
"""Distance inside the edge of the road at which ``Reward.edge`` begins [m]."""

PENALTIES = ("off_track", "leaving", "edge", "wall", "impact", "crash")
"""The penalties for mistakes: weights that a training run may scale together."""


class Terms(NamedTuple):
    """The reward's terms, as ``info`` and the game show them; their sum is the reward."""

    progress: float
    time: float
    off_track: float
    edge: float
    wall: float
    crash: float
    smoothness: float


REWARD_NAMES = Terms._fields


@compiled(inline=True)
def reward_terms(f: Array, now: Array, before: Array, ended: bool, dt: float, w: Reward) -> Terms:
    """One car's reward terms for the last control step.

    Args:
        f: (N_FLOATS,) the car's float state after the step.
        now: (2,) the action its driver chose for the step.
        before: (2,) the action of the step before; zeros at an episode's start.
        ended: True if the episode was terminated by this step.
        dt: control step [s].
        w: weights of the terms.
    """
    left = 0.0 < f[st.OFF_FOR] <= f[st.STEP_OFF] + 1e-9
    inside = min(f[st.HALF_LEFT] - f[st.OFFSET], f[st.HALF_RIGHT] + f[st.OFFSET])
    near = 1.0 - min(max(inside / EDGE, 0.0), 1.0)
    steer, pedal = now[0] - before[0], now[1] - before[1]
    return Terms(
        progress=w.progress * f[st.STEP_LEGAL],
        time=w.time * dt,
        off_track=w.off_track * f[st.STEP_OFF] + (w.leaving if left else 0.0),
        edge=w.edge * dt * near * near,
        wall=w.wall * f[st.STEP_WALL] + w.impact * f[st.STEP_IMPACT],
        crash=w.crash if ended else 0.0,
        smoothness=w.steering * steer * steer + w.pedals * pedal * pedal,
    )


class Stall(NamedTuple):
    """A car has stalled if it gains less than ``distance`` [m] in ``seconds`` [s]."""

    seconds: float
    distance: float


EPISODE_STALL = Stall(seconds=3.0, distance=6.0)
"""Terminates an episode of training, so that no time is lost with cars that stand."""

EVALUATION_STALL = Stall(seconds=10.0, distance=10.0)
"""Ends an evaluation; it gives a driver that has spun more time to continue."""


@compiled(inline=True)
def stalled(f: Array, mark: Array, seconds: float, distance: float) -> bool:
    """True if a car has stalled.

    Args:
        f: (N_FLOATS,) the car's float state after the step.
        mark: (2,) progress [m] and time [s] at which it last moved on; zeros at the start; updated.
        seconds: of ``Stall`` [s].
        distance: of ``Stall`` [m].
    """
    if f[st.PROGRESS] > mark[0] + distance:
        mark[0] = f[st.PROGRESS]
        mark[1] = f[st.TIME]
    return bool(f[st.TIME] - mark[1] > seconds)


@compiled()
def stalled_rows(floats: Array, marks: Array, rule: Stall) -> Bools:
    """True for the cars that have stalled (N,); arguments as ``stalled``, one row per car."""
    out = np.zeros(len(floats), np.bool_)
    for i in range(len(floats)):
        out[i] = stalled(floats[i], marks[i], rule.seconds, rule.distance)
    return out


class Ending(NamedTuple):
    """When an episode ends.

    Attributes:
        off_track: uninterrupted time beyond track limits after which it is terminated [s].
        stall: time of ``Stall`` after which it is terminated [s].
        stall_distance: distance of ``Stall`` [m].
        laps: laps after which it is truncated; 0 = never.
        time: time after which it is truncated [s].
    """

    off_track: float = 2.0
    stall: float = EPISODE_STALL.seconds
    stall_distance: float = EPISODE_STALL.distance
    laps: int = 0
    time: float = 60.0


@compiled(inline=True)
def judge(f: Array, g: Ints, mark: Array, ending: Ending) -> tuple[bool, bool]:
    """(terminated, truncated): whether a car's episode has ended.

    Args:
        f: (N_FLOATS,) float state after the step.
        g: (N_INTS,) integer state.
        mark: (2,) of ``stalled``, updated.
        ending: the rules.
    """
    stands = stalled(f, mark, ending.stall, ending.stall_distance)
    lost = f[st.OFF_FOR] > ending.off_track or stands
    done = f[st.TIME] > ending.time - 1e-6 or (ending.laps > 0 and g[st.LAP] >= ending.laps)
    return lost, done and not lost
