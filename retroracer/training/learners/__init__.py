"""The algorithms: one file each behind one protocol (``learner``), and the tables that name them.

To add one: a file here with a ``Learner``, a line in a table below, a page in ``configs/``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from retroracer.training.learners.learner import Learner

RACING = {
    "imitation": "imitation:Imitation",
    "ppo": "ppo:PPO",
    "sac": "sac:SAC",
    "critics": "critics:Critics",
}
"""Learners of the racing task by name: the file in this folder, and the class in it."""

STREAMED = {"sac": "streamed:StreamedSAC"}
"""Learners that train on rows sent by actors in other processes, likewise."""

PIXELS = {
    "imitation": "pixels.imitation:Imitation",
    "ppo": "pixels.ppo:PPO",
    "sac": "pixels.off_policy:SAC",
    "sac-drq": "pixels.off_policy:SACDrQ",
    "dqn": "pixels.off_policy:DQN",
}
"""Learners of the pixel task, likewise."""


def find(table: dict[str, str], name: str) -> type[Learner]:
    """The learner class of that name; its libraries are imported now.

    Args:
        table: ``RACING``, ``STREAMED`` or ``PIXELS``.
        name: one of its keys.

    Raises:
        KeyError: if the table has no such name.
    """
    file, _, cls = table[name].partition(":")
    found: type[Learner] = getattr(import_module(f"{__name__}.{file}"), cls)
    return found


def section(name: str) -> str:
    """The key of a learner's settings on a page: its name with underscores."""
    return name.replace("-", "_")
