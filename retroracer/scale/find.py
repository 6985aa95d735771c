"""Finds the learners of a cluster by the names of their hubs."""

from __future__ import annotations

from typing import Any

from retroracer.errors import UserError
from retroracer.scale.cluster import NAMESPACE, load_ray
from retroracer.scale.hub import name_of


def names() -> list[str]:
    """Names of the runs that have a hub on the cluster."""
    ray = load_ray()
    begin = name_of("")
    found = ray.util.list_named_actors(all_namespaces=True)
    mine = [a["name"] for a in found if a["namespace"] == NAMESPACE]
    return sorted(name.removeprefix(begin) for name in mine if name.startswith(begin))


def find_hub(run: str | None) -> Any:
    """The hub of a run, or of the only run if ``run`` is None; None if there is no such hub.

    Raises:
        UserError: if ``run`` is None and there are several.
    """
    ray = load_ray()
    if run is None:
        known = names()
        if len(known) > 1:
            raise UserError(
                f"there are several learners, {', '.join(known)}: choose one by --run-name"
            )
        if not known:
            return None
        run = known[0]
    try:
        return ray.get_actor(name_of(run), namespace=NAMESPACE)
    except ValueError:
        return None


def statuses() -> list[dict[str, Any]]:
    """The status of every learner whose hub answers."""
    ray = load_ray()
    found = []
    for run in names():
        hub = find_hub(run)
        try:
            found.append(ray.get(hub.status.remote(), timeout=10.0))
        except (ray.exceptions.RayError, AttributeError):
            continue
    return found
