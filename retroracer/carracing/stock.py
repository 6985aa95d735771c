"""Gymnasium's own CarRacing, imported in one place.

Owns: what has to be said and silenced when Box2D is loaded. The rest of this room takes the
stock modules from here.
"""

from __future__ import annotations

import warnings

from gymnasium.error import DependencyNotInstalled

from retroracer.errors import UserError

try:
    with warnings.catch_warnings():
        # Box2D's wrapper types lack a module name; where warnings are errors, the complaint
        # about that crashes the interpreter.
        warnings.simplefilter("ignore", DeprecationWarning)
        from gymnasium.envs.box2d import car_dynamics, car_racing
except (ImportError, DependencyNotInstalled) as error:
    raise UserError(
        "CarRacing-v3 needs Box2D, which is not installed: pip install 'retroracer[pixels]'"
    ) from error

__all__ = ["car_dynamics", "car_racing"]
