"""RetroRacer: a racing game that trains its own drivers, sharing one simulator.

Packages, in import order (each imports only from those above it): ``config`` (settings and
YAML pages), ``track`` (geometry, files, generator), ``physics`` (car, kernel, race), ``laptime``
(the minimum lap time), ``render`` (camera, drawing), ``envs`` (task, batch, Gymnasium adapters),
``carracing`` (CarRacing-v3, fast), ``agents`` (networks, updates, model files, inference without
torch), ``training`` (runs, learners, evaluation), ``scale`` (Ray), ``game`` (the window), ``cli``
(the commands).

Words and signs used everywhere: SI units; headings in radians, 0 along +x,
counter-clockwise positive; ``lateral_offset`` and ``curvature`` positive to the
left; actions ``steer`` (left positive) and ``throttle`` (negative brakes) in
[-1, 1]. A "step" is a control step, a "frame" is a drawn image.
"""

__version__ = "0.1.0"

import os as _os

from _retroracer_registration import register_with_gymnasium as _register_with_gymnasium

_os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")  # what we print is ours
_register_with_gymnasium()
