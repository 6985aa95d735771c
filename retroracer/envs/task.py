"""The task: what a driver sees, what it is paid for, and when an episode ends.

Compiled, per car, over the arrays of a ``Race``; env, training, evaluation and game all call
these. The observation lives in ``sight`` and is named here beside the rest; to change the
reward, change ``reward_terms``.
"""

from __future__ import annotations

from typing import NamedTuple

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
    observe_serial,
)
from retroracer.physics import state as st

__all__ = [
    "AHEAD",
    "AHEAD_BASE",
    "AHEAD_TIME",
    "LAYOUT",
    "LIMIT",
    "N_OBS",
    "OBS_NAMES",
    "REWARD_NAMES",
    "Ending",
    "Reward",
    "observe_rows",
    "observe_serial",
    "score_rows",
]


class Reward(NamedTuple):
    """Weights of the reward's terms.

    Attributes:
        progress: per metre of station gained inside track limits (lost ones cost everywhere).
        time: per second.
        off_track: per second beyond track limits.
        leaving: once, when they are left (an excursion shorter than the step goes free).
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
    wall: float = -10.0
    impact: float = -0.5
    crash: float = -5.0
    steering: float = -0.2
    pedals: float = -0.02


REWARD_NAMES = ("progress", "time", "off_track", "wall", "crash", "smoothness")


class Ending(NamedTuple):
    """When an episode ends.

    Attributes:
        off_track: seconds without a break beyond track limits: terminated.
        stall: seconds without gaining ``stall_distance``: terminated.
        stall_distance: [m].
        laps: laps after which it is truncated; 0 = never.
        time: seconds after which it is truncated.
    """

    off_track: float = 2.0
    stall: float = 3.0
    stall_distance: float = 6.0
    laps: int = 0
    time: float = 60.0


@compiled(inline=True)
def reward_terms(f, now, before, ended, dt, w, out):  # type: ignore[no-untyped-def]
    """Write one car's reward terms for the last control step.

    Args:
        f: (N_FLOATS,) its float state after the step.
        now: (2,) the action its driver chose for the step.
        before: (2,) the one before; zeros at an episode's start.
        ended: True if the episode was terminated by this step.
        dt: control step [s].
        w: ``Reward`` weights.
        out: (6,) float64, overwritten: REWARD_NAMES.
    """
    out[0] = w.progress * f[st.STEP_LEGAL]
    out[1] = w.time * dt
    left = 0.0 < f[st.OFF_FOR] <= f[st.STEP_OFF] + 1e-9
    out[2] = w.off_track * f[st.STEP_OFF] + (w.leaving if left else 0.0)
    out[3] = w.wall * f[st.STEP_WALL] + w.impact * f[st.STEP_IMPACT]
    out[4] = w.crash if ended else 0.0
    steer, pedal = now[0] - before[0], now[1] - before[1]
    out[5] = w.steering * steer * steer + w.pedals * pedal * pedal


@compiled(inline=True)
def judge(f, g, mark, ending):  # type: ignore[no-untyped-def]
    """Whether the episode is over: (terminated, truncated).

    Args:
        f: (N_FLOATS,) float state after the step.
        g: (N_INTS,) integer state.
        mark: (2,) progress and time when the car last got on, updated.
        ending: the ``Ending`` rules.
    """
    if f[st.PROGRESS] > mark[0] + ending.stall_distance:
        mark[0] = f[st.PROGRESS]
        mark[1] = f[st.TIME]
    lost = f[st.OFF_FOR] > ending.off_track or f[st.TIME] - mark[1] > ending.stall
    done = f[st.TIME] > ending.time - 1e-6 or (ending.laps > 0 and g[st.LAP] >= ending.laps)
    return lost, done and not lost


@compiled()
def score_rows(  # type: ignore[no-untyped-def]
    floats,
    ints,
    now,
    before,
    marks,
    ending,
    weights,
    dt,
    terms,
    reward,
    terminated,
    truncated,
    begin,
    end,
):
    """Judge and pay the cars of rows ``begin`` to ``end`` for their last control step.

    Args:
        floats: (N, N_FLOATS) after the step.
        ints: (N, N_INTS).
        now: (N, 2) actions chosen for the step.
        before: (N, 2) the ones before.
        marks: (N, 2) for ``judge``, updated.
        ending: ``Ending`` rules.
        weights: ``Reward`` weights.
        dt: control step [s].
        terms: (N, 6) overwritten.
        reward: (N,) overwritten with their sum.
        terminated: (N,) bool, overwritten.
        truncated: (N,) bool, overwritten.
        begin: first row.
        end: row after the last.
    """
    for i in range(begin, end):
        lost, done = judge(floats[i], ints[i], marks[i], ending)
        terminated[i] = lost
        truncated[i] = done
        reward_terms(floats[i], now[i], before[i], lost, dt, weights, terms[i])
        total = 0.0
        for k in range(terms.shape[1]):
            total += terms[i, k]
        reward[i] = total
