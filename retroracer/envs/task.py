"""The task: what a driver sees and what it is paid for. The one observation, the one reward.

Compiled, per car, over the arrays of a ``Race``; env, training, evaluation and game all call
these. To change the reward, change ``reward_terms``; to change what a driver sees, change
``observe_car`` and give the layout a new id.

The observation, 22 numbers, each scaled to about one and clipped to +-LIMIT:

==  ===================  =========================  =======================================
 i  name                 scaled by                  meaning, sign
==  ===================  =========================  =======================================
 0  speed                vx / 50 m/s                forward
 1  lateral_velocity     vy / 10 m/s                left positive
 2  yaw_rate             / 2 rad/s                  counter-clockwise positive
 3  steer_angle          / 0.5 rad                  of the front wheels, left positive
 4  lateral_offset       / 6 m                      left of the centreline positive
 5  heading_error        / 1 rad                    car minus track, in (-pi, pi]
 6  edge_left            / 6 m                      distance to the left edge, < 0 beyond it
 7  edge_right           / 6 m                      distance to the right edge, < 0 beyond it
 8  grip                 / 1.5                      friction coefficient under the car now
 9  previous_steer       1                          last action
10  previous_throttle    1                          last action
11  curvature_1..6       root(10 m * |mean|)        mean curvature of six stretches ahead, left +
17  bend_1..3            root(10 m * rms)           root mean square curvature of three further
                                                    stretches: a chicane does not cancel out
20  width_near           / 12 m                     width of the road a fifth of the way ahead
21  width_far            / 12 m                     and three fifths of it
==  ===================  =========================  =======================================

The way ahead is AHEAD_BASE + AHEAD_TIME * speed metres long, divided at the shares AHEAD:
it stretches with speed, so that a car always sees further than it needs to brake. Roots,
because the speed a corner allows goes with the root of its radius.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit, prange

from retroracer.physics import state as st
from retroracer.physics.car import MU
from retroracer.track import bank as b

LAYOUT = "road-22.1"
"""Id of this observation; a model remembers the one it was trained on."""

N_OBS = 22
LIMIT = 5.0
"""Bound of every observation."""

OBS_NAMES = (
    "speed",
    "lateral_velocity",
    "yaw_rate",
    "steer_angle",
    "lateral_offset",
    "heading_error",
    "edge_left",
    "edge_right",
    "grip",
    "previous_steer",
    "previous_throttle",
    *(f"curvature_{k}" for k in range(1, 7)),
    *(f"bend_{k}" for k in range(1, 4)),
    "width_near",
    "width_far",
)

AHEAD_BASE = 30.0
"""Length of the way ahead at rest [m]."""

AHEAD_TIME = 3.0
"""By how much it grows with speed [s]."""

AHEAD = np.array([0.0, 0.03, 0.07, 0.12, 0.19, 0.28, 0.40, 0.56, 0.76, 1.0])
"""Where the way ahead is divided: six near stretches, then three far ones."""

N_NEAR = 6
WIDTH_AT = np.array([0.2, 0.6])


class Reward(NamedTuple):
    """Weights of the reward's terms.

    Attributes:
        progress: per metre of station gained inside track limits (lost ones cost everywhere).
        time: per second.
        off_track: per second beyond track limits.
        wall: per second against a wall.
        impact: per m/s of speed into a wall.
        crash: once, when the episode is ended for leaving the road or standing still.
    """

    progress: float = 0.2
    time: float = -1.0
    off_track: float = -10.0
    wall: float = -10.0
    impact: float = -0.5
    crash: float = -5.0


REWARD_NAMES = ("progress", "time", "off_track", "wall", "crash")


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
    stall: float = 6.0
    stall_distance: float = 6.0
    laps: int = 0
    time: float = 60.0


@njit(cache=True, error_model="numpy")
def clipped(value):  # type: ignore[no-untyped-def]
    """A scaled observation within its bounds."""
    return min(max(value, -LIMIT), LIMIT)


@njit(cache=True, error_model="numpy")
def ahead_of(main, facts, track, first, n, u):  # type: ignore[no-untyped-def]
    """Heading [rad], bend [1/m] and width [m] at cell coordinate ``u``, any number of laps on."""
    lap = math.floor(u / n)
    u -= lap * n
    row = min(int(u), n - 1)
    f = u - row
    here = first + row
    if row + 1 < n:
        there = here + 1
        turn = 0.0
        more = 0.0
    else:
        there = first
        turn = facts[track, b.CLOSING_TURN]
        more = facts[track, b.TOTAL_BEND]
    heading = main[here, b.HEADING]
    heading += f * (main[there, b.HEADING] + turn - heading) + lap * facts[track, b.CLOSING_TURN]
    bend = main[here, b.BEND]
    bend += f * (main[there, b.BEND] + more - bend) + lap * facts[track, b.TOTAL_BEND]
    width = main[here, b.LEFT] + main[here, b.RIGHT]
    return heading, bend, width


@njit(cache=True, error_model="numpy")
def observe_car(f, g, p, action, bank, out):  # type: ignore[no-untyped-def]
    """Write one car's observation.

    Args:
        f: (N_FLOATS,) its float state.
        g: (N_INTS,) its integer state.
        p: (N_PARAMS,) its car's parameters.
        action: (2,) the last action it chose.
        bank: the packed tracks.
        out: (22,) float32, overwritten; the table above.
    """
    error = f[st.HEADING] - f[st.TRACK_HEADING]
    error -= 2.0 * math.pi * math.floor(error / (2.0 * math.pi) + 0.5)
    offset = f[st.OFFSET]
    out[0] = clipped(f[st.VX] / 50.0)
    out[1] = clipped(f[st.VY] / 10.0)
    out[2] = clipped(f[st.YAW_RATE] / 2.0)
    out[3] = clipped(f[st.STEER_ANGLE] / 0.5)
    out[4] = clipped(offset / 6.0)
    out[5] = error
    out[6] = clipped((f[st.HALF_LEFT] - offset) / 6.0)
    out[7] = clipped((f[st.HALF_RIGHT] + offset) / 6.0)
    out[8] = clipped(p[MU] * f[st.GRIP] / 1.5)
    out[9] = action[0]
    out[10] = action[1]
    main = bank.main
    facts = bank.facts
    track = g[st.TRACK]
    first = bank.start[track]
    n = bank.size[track]
    per_spacing = 1.0 / facts[track, b.SPACING]
    u = f[st.S] * per_spacing
    reach = AHEAD_BASE + AHEAD_TIME * max(f[st.VX], 0.0)
    heading = f[st.TRACK_HEADING]
    bend = 0.0
    for k in range(9):
        at = u + AHEAD[k + 1] * reach * per_spacing
        next_heading, next_bend, _ = ahead_of(main, facts, track, first, n, at)
        stretch = (AHEAD[k + 1] - AHEAD[k]) * reach
        if k < N_NEAR:
            mean = (next_heading - heading) / stretch
            root = math.sqrt(10.0 * abs(mean))
            out[11 + k] = clipped(root if mean >= 0.0 else -root)
        else:
            square = max(next_bend - bend, 0.0) / stretch
            out[11 + k] = clipped(math.sqrt(10.0 * math.sqrt(square)))
        heading = next_heading
        bend = next_bend
    for k in range(2):
        at = u + WIDTH_AT[k] * reach * per_spacing
        _, _, width = ahead_of(main, facts, track, first, n, at)
        out[20 + k] = clipped(width / 12.0)


@njit(cache=True, error_model="numpy")
def reward_terms(f, ended, dt, w, out):  # type: ignore[no-untyped-def]
    """Write one car's reward terms for the last control step.

    Args:
        f: (N_FLOATS,) its float state after the step.
        ended: True if the episode was terminated by this step.
        dt: control step [s].
        w: ``Reward`` weights.
        out: (5,) float64, overwritten: REWARD_NAMES.
    """
    out[0] = w.progress * f[st.STEP_LEGAL]
    out[1] = w.time * dt
    out[2] = w.off_track * f[st.STEP_OFF]
    out[3] = w.wall * f[st.STEP_WALL] + w.impact * f[st.STEP_IMPACT]
    out[4] = w.crash if ended else 0.0


@njit(cache=True, error_model="numpy")
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


@njit(cache=True, error_model="numpy")
def observe_serial(floats, ints, params, actions, bank, out):  # type: ignore[no-untyped-def]
    """Observations of N cars into ``out`` (N, 22) float32."""
    for i in range(len(floats)):
        observe_car(floats[i], ints[i], params[i], actions[i], bank, out[i])


@njit(cache=True, error_model="numpy", parallel=True)
def observe_parallel(floats, ints, params, actions, bank, out):  # type: ignore[no-untyped-def]
    """The same over threads."""
    for i in prange(len(floats)):
        observe_car(floats[i], ints[i], params[i], actions[i], bank, out[i])


@njit(cache=True, error_model="numpy")
def score(floats, ints, marks, ending, weights, dt, terms, reward, terminated, truncated):  # type: ignore[no-untyped-def]
    """Judge and pay N cars for their last control step.

    Args:
        floats: (N, N_FLOATS) after the step.
        ints: (N, N_INTS).
        marks: (N, 2) for ``judge``, updated.
        ending: ``Ending`` rules.
        weights: ``Reward`` weights.
        dt: control step [s].
        terms: (N, 5) overwritten.
        reward: (N,) overwritten with their sum.
        terminated: (N,) bool, overwritten.
        truncated: (N,) bool, overwritten.
    """
    for i in range(len(floats)):
        lost, done = judge(floats[i], ints[i], marks[i], ending)
        terminated[i] = lost
        truncated[i] = done
        reward_terms(floats[i], lost, dt, weights, terms[i])
        total = 0.0
        for k in range(terms.shape[1]):
            total += terms[i, k]
        reward[i] = total
