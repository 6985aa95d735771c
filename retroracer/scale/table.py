"""The table of a learner and its actors: live during a run, and for ``scale status``.

Owns the table's layout; the figures come from the hub.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.table import Table


def table_of(status: Mapping[str, Any]) -> Table | None:
    """The actors as a table with the learner as its caption; None before the first status."""
    if not status:
        return None
    table = Table(caption=learner_line(status), caption_justify="left")
    for name in ("actor", "drives", "on"):
        table.add_column(name)
    for name in ("rows", "rows/s", "version", "lag", "joined"):
        table.add_column(name, justify="right")
    for actor in status["actors"]:
        rate = f"{actor['rows_per_second']:,.0f}"
        table.add_row(
            str(actor["actor"]),
            actor["env"],
            actor["node"],
            f"{actor['rows']:,}",
            rate if actor["here"] else f"silent {actor['silent_s']:.0f} s",
            str(actor["version"]) if actor["version"] else "fallback",
            "-" if actor["lag"] is None else str(actor["lag"]),
            str(actor["joined"]),
        )
    return table


def learner_line(status: Mapping[str, Any]) -> str:
    """The learner's figures in one line."""
    told = status["learner"]
    actors = status["actors"]
    here = [a for a in actors if a["here"]]
    lags = [a["lag"] for a in here if a["lag"] is not None]
    parts = [
        f"{len(here)} actors",
        f"{told.get('rows_per_second', 0.0):,.0f} rows/s",
        f"{told.get('updates_per_second', 0.0):,.0f} updates/s",
        f"debt {told.get('debt', 0.0):,.0f} updates",
        f"replay {told.get('replay', 0.0):,.0f}",
        f"version {status['version']}",
        f"lag at most {max(lags, default=0)}",
    ]
    for name, what in (("refused_rows", "rows refused"), ("lost_pieces", "pieces lost")):
        if told.get(name):
            parts.append(f"{told[name]:,.0f} {what}")
    return ", ".join(parts)
