"""Files damaged at random give a circuit or one line of refusal, and soon."""

from __future__ import annotations

import json
import random
import time

import numpy as np
import pytest

from retroracer.errors import UserError
from retroracer.track.importing import survey
from retroracer.track.validity import is_valid
from tests.track.survey.circuits import ROWS, XY, lonlat

RING = lonlat()[::3]
HEADER = "s_m;x_m;y_m;w_right_m;w_left_m\n"
CSV = HEADER + "".join(
    f"{k};" + ";".join(f"{v:.2f}" for v in row) + "\n" for k, row in enumerate(ROWS[::3])
)
GEOJSON = json.dumps(
    {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "properties": {"name": "Lap"},
                "geometry": {"type": "LineString", "coordinates": RING.round(7).tolist()},
            }
        ],
    }
)
GPX = (
    "<gpx><trk><name>Lap</name><trkseg>"
    + "".join(f'<trkpt lat="{lat:.7f}" lon="{lon:.7f}"/>\n' for lon, lat in RING)
    + "</trkseg></trk></gpx>"
)
PIECES = [
    *("nan", "inf", "-inf", "1e308", "-1e308", "9" * 400, "1e-400", "NaN", "null", "", "0", "-"),
    *(",", ";", "\t", "\n", "\r", '"', "'", "#", "[", "]", "{", "}", "<", ">", "&", "/>", "\\"),
    *("\x00", "\x1b[31m", "\u2028", "\ufeff", "\udcff", "é", "x_m", "lon", "lat", "left", "km"),
    *("<!DOCTYPE a>", "<![CDATA[", "<!--", "]]>", "&#0;", '{"type":"Polygon"}', "true", "[[[["),
]


def mutated(text: str, rng: random.Random) -> bytes:
    for _ in range(rng.choice([1, 1, 1, 2, 4])):
        at, cut = rng.randrange(len(text) + 1), rng.choice([0, 1, 1, 1, 3, 40])
        digit, piece = str(rng.randrange(10)), rng.choice(PIECES)
        what = rng.choice([digit, piece, piece * rng.randint(1, 50), text[at : at + cut] * 2])
        text = text[:at] + what + text[at + cut :]
    data = bytearray(text.encode("utf-8", "surrogateescape"))
    if data and rng.random() < 0.2:
        data[rng.randrange(len(data))] = rng.randrange(256)
    if rng.random() < 0.1:
        del data[rng.randrange(len(data) + 1) :]
    return bytes(data)


@pytest.mark.slow
@pytest.mark.parametrize("text", [CSV, GEOJSON, GPX], ids=["csv", "geojson", "gpx"])
def test_damaged_files_give_a_circuit_or_one_line(tmp_path, text):
    """Any other exception escapes and fails."""
    rng, path, taken = random.Random(11), tmp_path / "damaged", 0
    path.write_text(text, encoding="utf-8")
    whole = survey(path, "x", 11.0)
    assert len(whole.xy) == len(RING)
    for _ in range(120):
        path.write_bytes(mutated(text, rng))
        start = time.process_time()
        try:
            found = survey(path, "x", 11.0)
        except UserError as error:
            message = str(error)
            assert "damaged" in message and len(message) < 900
            assert message.isprintable(), message
        else:
            taken += 1
            assert is_valid(found.track) and np.isfinite(found.xy).all()
            # Never another circuit than the one that was damaged: a place lies where it lay.
            assert 0.5 < np.ptp(found.xy[:, 0]) / np.ptp(XY[:, 0]) < 2.0
        assert time.process_time() - start < 5.0
    assert 5 < taken < 115
