"""The task: what a driver sees, what it is paid for, and when an episode ends.

Compiled, per car, over the arrays of a ``Race``; env, training, evaluation and game all call
these. The observation is made in ``observation`` and named here beside the rest. A new reward
term: its weights in ``Reward`` (and in ``PENALTIES``, if it is one), its name in ``Terms``, its
amount in ``reward_terms``.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from retroracer.compiled import compiled
from retroracer.envs.observation import (
    AHEAD,
    AHEAD_BASE,
    AHEAD_TIME,
    LAYOUT,
    LIMIT,
    N_OBS,
    OBS_NAMES,
    observe_rows,
)
from retroracer.physics import state as st
from retroracer.track.geometry import Array, Bools, Ints

__all__ = [
    "AHEAD",
    "AHEAD_BASE",
    "AHEAD_TIME",
    "EDGE",
    "EPISODE_STALL",
    "EVALUATION_STALL",
    "LAYOUT",
    "LIMIT",
    "N_OBS",
    "OBS_NAMES",
    "PENALTIES",
    "REWARD_NAMES",
    "Ending",
    "Reward",
    "Stall",
    "Terms",
    "judge",
    "observe_rows",
    "reward_terms",
    "stalled_rows",
]


class Reward(NamedTuple):
    """Weights of the reward's terms.

    Attributes:
        progress: per metre of station gained inside track limits (lost ones cost everywhere).
        time: per second.
        off_track: per second beyond track limits.
        leaving: once, when they are left (an excursion shorter than the step goes free).
        edge: per second at the very edge of the road, falling with the square of the distance to
            nothing ``EDGE`` inside. Leaving is a cliff, which few changes of an action cross;
            this is the slope before it.
        wall: per second against a wall.
        impact: per m/s of speed into a wall.
        crash: once, when the episode is ended for leaving the road or standing still.
        steering: per squared change of the steer action between two control steps. Wheels that
            twitch cost grip, and nothing else tells a driver so: left free, it learns to.
        pedals: likewise of the throttle action.
    """

    progress: float = 0.2
    time: float = -1.0
    off_track: float = -10.0
    leaving: float = -10.0
    edge: float = -1.0
    wall: float = -10.0
    impact: float = -0.5
    crash: float = -5.0
    steering: float = -0.2
    pedals: float = -0.02


EDGE = 0.5
"""How far inside the road ``Reward.edge`` begins [m]."""

PENALTIES = ("off_track", "leaving", "edge", "wall", "impact", "crash")
"""Weights that a training run may scale together: what a mistake costs."""


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
        f: (N_FLOATS,) its float state after the step.
        now: (2,) the action its driver chose for the step.
        before: (2,) the one before; zeros at an episode's start.
        ended: True if the episode was terminated by this step.
        dt: control step [s].
        w: the weights.
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
    """A car has stalled when it gains less than ``distance`` [m] within ``seconds``."""

    seconds: float
    distance: float


EPISODE_STALL = Stall(seconds=3.0, distance=6.0)
"""Ends an episode: learners should not wait for cars that stand."""

EVALUATION_STALL = Stall(seconds=10.0, distance=10.0)
"""Ends an evaluation: a driver that spun may take its time to get going again."""


@compiled(inline=True)
def stalled(f: Array, mark: Array, seconds: float, distance: float) -> bool:
    """Whether a car has stalled.

    Args:
        f: (N_FLOATS,) its float state after the step.
        mark: (2,) progress [m] and time [s] when it last got on, zeros at the start; updated.
        seconds: of ``Stall``.
        distance: likewise.
    """
    if f[st.PROGRESS] > mark[0] + distance:
        mark[0] = f[st.PROGRESS]
        mark[1] = f[st.TIME]
    return bool(f[st.TIME] - mark[1] > seconds)


@compiled()
def stalled_rows(floats: Array, marks: Array, rule: Stall) -> Bools:
    """Which of N cars have stalled (N,); arguments as ``stalled``, one row a car."""
    out = np.zeros(len(floats), np.bool_)
    for i in range(len(floats)):
        out[i] = stalled(floats[i], marks[i], rule.seconds, rule.distance)
    return out


class Ending(NamedTuple):
    """When an episode ends.

    Attributes:
        off_track: seconds without a break beyond track limits: terminated.
        stall: seconds of ``Stall``: terminated.
        stall_distance: its distance [m].
        laps: laps after which it is truncated; 0 = never.
        time: seconds after which it is truncated.
    """

    off_track: float = 2.0
    stall: float = EPISODE_STALL.seconds
    stall_distance: float = EPISODE_STALL.distance
    laps: int = 0
    time: float = 60.0


@compiled(inline=True)
def judge(f: Array, g: Ints, mark: Array, ending: Ending) -> tuple[bool, bool]:
    """Whether the episode is over: (terminated, truncated).

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
