"""Random circuits with the errors of published surveys, for evaluating drivers.

A circuit of ordinary length is drawn from a seed, measured every 5 m (``resurvey``), and imported
from that CSV file as by ``tracks import``. Every seed gives another circuit, so there is no fixed
set that drivers could be tuned to.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from retroracer.errors import UserError
from retroracer.track.csv_io import points_text
from retroracer.track.files import open_track
from retroracer.track.generate import SEED_RANGE, check_seed, mixed_seed, track_from_seed
from retroracer.track.importing import survey
from retroracer.track.page_writing import write_survey
from retroracer.track.recipe import TrackRanges
from retroracer.track.resurvey import POINTS_APART, Line, draw_errors, resurveyed
from retroracer.track.track import Track

CIRCUITS = TrackRanges(
    length=(2500.0, 6000.0),
    half_width=(4.5, 7.25),
    corner_spacing=(200.0, 420.0),
    straight_share=0.4,
    surveyed=0.0,
    roughness=(0.0002, 0.0015),
    smoothing=(2.0, 8.0),
    width_noise=(0.05, 0.3),
)
"""Lengths, corners and widths of permanent circuits, and errors of their surveys."""


def surveyed_text(seed: int) -> str:
    """The survey of a random circuit as a CSV file: a point every 5 m, and half-widths.

    Raises:
        UserError: if the seed is negative.
    """
    check_seed(seed)
    rng = np.random.default_rng([seed, 5])  # not the stream of the random track of this seed
    track = track_from_seed(int(rng.random() * SEED_RANGE), CIRCUITS)
    road = Line(
        track.xy,
        track.heading,
        track.length,
        track.half_width_left,
        track.half_width_right,
        np.arange(track.n, dtype=np.float64),
    )
    errors = draw_errors(rng, CIRCUITS, float(1.0 / np.abs(track.curvature).max()))
    line = resurveyed(rng, road, errors, POINTS_APART)
    return points_text(line.xy, line.right, line.left)


def surveyed_circuit(seed: int) -> Track:
    """The survey of a seed, imported from its CSV file; named ``surveyed-<seed>``."""
    name = f"surveyed-{seed}"
    with tempfile.TemporaryDirectory(prefix="retroracer-") as folder:
        file, page = Path(folder, f"{name}.csv"), Path(folder, f"{name}.yaml")
        file.write_text(surveyed_text(seed), encoding="utf-8")
        write_survey(page, survey(file, name), title=f"Surveyed {seed}", source=file.name)
        track = open_track(page).track
    return replace(track, name=name, meta={"source": "surveyed", "seed": seed})


def surveyed_circuits(seed: int, count: int) -> list[Track]:
    """``count`` circuits; the i-th depends only on ``seed`` and i.

    Raises:
        UserError: if the seed or the count is negative.
    """
    if count < 0:
        raise UserError(f"cannot make {count} circuits: give a count of 0 or more")
    check_seed(seed)
    return [surveyed_circuit(mixed_seed(seed, i)) for i in range(count)]
