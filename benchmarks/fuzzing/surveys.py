"""Damaged files of a circuit's points: CSV, GeoJSON and GPX, as ``tracks import`` reads them.

What is taken must be the circuit that was damaged: the same place, size, sides and widths.
Where only the words above columns or the units were changed, it must be what they say now.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.fuzzing import text
from benchmarks.fuzzing.case import Case, cli
from benchmarks.fuzzing.forked import NonsenseError
from retroracer.track.csv_io import read_points
from retroracer.track.files import open_track
from retroracer.track.validity import is_valid

N = 60
T = np.linspace(0.0, 2.0 * np.pi, N, endpoint=False)
R = 220.0 + 50.0 * np.sin(2.0 * T + 0.4) + 20.0 * np.cos(3.0 * T)
XY = np.stack([1.4 * R * np.cos(T), R * np.sin(T)], axis=1).round(3)
RIGHT, LEFT = (4.0 + np.cos(T)).round(3), (6.0 + np.sin(T)).round(3)
ROWS = np.column_stack([XY, RIGHT, LEFT])

METRES = 111_194.9
"""A degree of latitude, roughly [m]."""


def _lonlat() -> npt.NDArray[np.float64]:
    around = np.cos(np.radians(45.62))
    return np.stack([9.28 + XY[:, 0] / (METRES * around), 45.62 + XY[:, 1] / METRES], axis=1)


def _csv(head: str, separator: str = ",", columns: tuple[int, ...] = (0, 1, 2, 3)) -> str:
    rows = (separator.join(f"{row[k]:.3f}" for k in columns) for row in ROWS)
    return head + "".join(row + "\n" for row in rows)


RING = [[round(float(v), 7) for v in point] for point in _lonlat()]
GOOD = {
    "a.csv": _csv("# x_m,y_m,w_tr_right_m,w_tr_left_m\n"),
    "b.csv": _csv("x_m;y_m;w_right_m;w_left_m\n", ";"),
    "c.csv": _csv(""),
    "d.csv": _csv("east_m\tnorth_m\twidth_left\twidth_right\n", "\t", (0, 1, 3, 2)),
    "e.csv": ",x,y,right,left\n"
    + "".join(f"{k}," + ",".join(f"{v:.3f}" for v in row) + "\n" for k, row in enumerate(ROWS)),
    "f.csv": _csv("x_m;y_m;w_right_m;w_left_m\n", ";").replace(".", ","),
    "a.geojson": json.dumps({
        "type": "FeatureCollection",
        "features": [{
            "type": "Feature",
            "properties": {"name": "Lap"},
            "geometry": {"type": "LineString", "coordinates": RING},
        }],
    }),
    "a.gpx": "<gpx><trk><name>Lap</name><trkseg>\n"
    + "".join(f'<trkpt lat="{lat:.7f}" lon="{lon:.7f}"/>\n' for lon, lat in RING)
    + "</trkseg></trk></gpx>\n",
}  # fmt: skip

PIECES = (
    "nan", "inf", "-inf", "1e308", "-1e308", "9" * 400, "1e-400", "1e-320", "NaN", "null", "", "0",
    "-", ",", ";", "\t", "\n", "\r", '"', "'", "#", "[", "]", "{", "}", "<", ">", "&", "/>", "\\",
    "\x00", "\x1b[31m", "\u2028", "\ufeff", "\u0663", "\U0001d7cf", "<!DOCTYPE a>", "<![CDATA[",
    "<!--",
    "]]>", "&#0;", '{"type":"Polygon"}', "true", "[[[[", "1,5", "1 000", "N/A", "12m", "1e3",
    "0x10",
    '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>', '"coordinates":', "lat=",
)  # fmt: skip

HEADS = (
    "x_km", "x_ft", "x_cm", "y_m", "x_m", "w_left_m", "w_right_m", "left", "right", "lon", "lat",
    "north", "east", "s_m", "z", "", "width", "x y", "\u0445_m", "X_M", '"x_m"', "speed",
    "h\x1b[2J",
    "x_miles", "x_in", "half_width", "track_width", "psi_rad", "12", "x_m" * 300,
)  # fmt: skip


def _piece(rng: random.Random, old: str) -> str:
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        at, lost = rng.randrange(len(old) + 1), rng.choice((0, 1, 1, 1, 3, 40))
        digit, put = str(rng.randrange(10)), rng.choice(PIECES)
        put = rng.choice((digit, put, put * rng.randint(1, 50), old[at : at + lost] * 2))
        old = old[:at] + put + old[at + lost :]
    return old


def _head(rng: random.Random, old: str) -> str:
    """A column is called something else, or two change names."""
    first, _, rest = old.partition("\n")
    signs = next((c for c in ";\t," if c in first), ",")
    names = first.split(signs)
    at, other = rng.randrange(len(names)), rng.randrange(len(names))
    if rng.random() < 0.3:
        names[at], names[other] = names[other], names[at]
    else:
        names[at] = rng.choice(HEADS)
    return signs.join(names) + "\n" + rest


def _column(rng: random.Random, old: str) -> str:
    """A column is scaled, moved, lost, doubled, or all of one value."""
    rows = old.splitlines()
    signs = next((c for c in ";\t," if c in rows[1]), ",")
    cells = [row.split(signs) for row in rows]
    at, way, factor = rng.randrange(4), rng.randrange(6), rng.choice((0.1, 10, 1000, 0.3048, -1, 0))
    for row in cells[rng.choice((0, 1)) :]:
        if at >= len(row):
            continue
        if way == 0:
            del row[at]
        elif way == 1:
            row.insert(at, row[at])
        elif way == 2:
            row[at] = rng.choice(("0", "", "nan", "7"))
        elif way == 3:
            row.append(rng.choice(("", "1", "x")))
        elif way == 4:
            row[at] += rng.choice(("m", " ", "e0", "0", '"'))
        else:
            try:
                row[at] = f"{float(row[at]) * factor:.4f}"
            except ValueError:
                continue
    return "\n".join(signs.join(row) for row in cells) + "\n"


CSV: tuple[text.Damage, ...] = (
    _piece, _piece, _piece, _head, _head, _column, text.lines, text.number, text.number, text.cut,
)  # fmt: skip
MARKED: tuple[text.Damage, ...] = (
    _piece, _piece, _piece, text.number, text.number, text.word, text.lines, text.cut,
)  # fmt: skip

SAID = {"head", "column"}
"""Damage after which the file may well say something else."""


def cases(seed: int, count: int, folder: Path) -> Iterator[Case]:
    """Damaged files, each imported."""
    names = list(GOOD)
    for k in range(count):
        rng = random.Random(f"{seed} {k}")
        base = rng.choice(names)
        how, raw = text.damaged(rng, GOOD[base], CSV if base.endswith("csv") else MARKED)
        path = folder / f"{k}" / f"lap{k}.{base.split('.')[1]}"
        path.parent.mkdir(parents=True)
        path.write_bytes(raw)
        out = path.parent / "taken.yaml"
        bare = base.endswith(("geojson", "gpx"))
        wide = ("--width", "10") if bare else ()
        same = not SAID & {part.strip("_") for part in how.split("-")}
        yield Case(
            f"{k}-{base}-{how.replace('_', '')}",
            (path,),
            cli("tracks", "import", str(path), "--out", str(out), *wide),
            _of_lap(out, bare, same),
            named=path.name,
            lines=8,
        )


def _of_lap(out: Path, bare: bool, same: bool) -> Callable[[], None]:
    def check() -> None:
        track = open_track(out).track
        points = read_points(out.with_name("taken_points.csv"))
        xy = np.asarray(points.xy)
        if not is_valid(track) or not np.isfinite(xy).all():
            raise NonsenseError("no valid track")
        if not 100.0 < track.length < 50_000.0:
            raise NonsenseError(f"{track.length} m long")
        if not same:
            return
        if bare:  # projected about its own middle
            xy = xy - xy.mean(axis=0) + XY.mean(axis=0)
        gaps = np.hypot(*(xy[:, None] - XY[None]).transpose(2, 0, 1)).min(axis=1)
        if np.median(gaps) > (30.0 if bare else 1.0):
            raise NonsenseError(f"another circuit: {np.median(gaps):.1f} m beside the first")
        if not bare:
            near = np.hypot(*(xy[:, None] - XY[None]).transpose(2, 0, 1)).argmin(axis=1)
            off = np.abs(points.left - LEFT[near]) + np.abs(points.right - RIGHT[near])
            if np.median(off) > 0.6:
                raise NonsenseError(f"other widths, by {np.median(off):.2f} m")

    return check
