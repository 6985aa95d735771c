"""A race whose track's page was saved: what becomes of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from retroracer.game.editor.reload import Built
from retroracer.game.race.carry_over import carry_over, same_look

if TYPE_CHECKING:
    from retroracer.game.screens.race import RaceScreen


def rebuild(race: RaceScreen, built: Built) -> None:
    """Drive on the saved track: at the same place of the lap, with the same clock."""
    track, scene, before = built.track, built.scene, race.session
    if track is None or scene is None:
        return
    if track.digest == before.track.digest:  # at most its colours and names were changed
        if not same_look(track, before.track):
            race.scene = race.view.scene = scene
            race.hud.restyle(track.title, scene.palette)
        return
    race.take(replace(race.setup, track=track), scene)
    if before.ticks:
        carry_over(before, race.session)
    race.view.jump()
    race.app.tell(f"{track.title}: the track was reloaded; this lap does not count")
