"""The overlays there are, in the order of their keys. Panels stand in this order, too."""

from __future__ import annotations

from retroracer.game.overlays.lidar import Beams
from retroracer.game.overlays.lines import Lines
from retroracer.game.overlays.overlay import Overlay
from retroracer.game.overlays.pedals import Pedals
from retroracer.game.overlays.reward import RewardTerms
from retroracer.game.overlays.sight import Sight

OVERLAYS: list[type[Overlay]] = [Sight, Pedals, RewardTerms, Lines, Beams]
