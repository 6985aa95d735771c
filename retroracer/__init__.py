"""RetroRacer: a racing game that trains its own drivers, sharing one simulator.

Rooms, in import order (a package imports only from packages above it):
``track`` (geometry, files, generator), ``physics`` (car, kernel, race),
``render`` (camera, drawing), ``envs`` (task, batch, Gymnasium adapters),
``agents`` (policy inference without torch), ``training`` (train, fine-tune,
evaluate), ``game`` (the window).

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
