"""Circuits in longitude and latitude: which line is taken, and what is refused."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest

from retroracer.errors import UserError
from retroracer.track.importing import survey
from retroracer.track.survey.reading import read_survey
from tests.track.survey.circuits import XY, lonlat

RING = lonlat().tolist()
CLOSED = [*RING, RING[0]]
OTHER = (lonlat(XY * 1.5) + [0.05, 0.0]).tolist()


def line(points, kind="LineString", name=None):
    geometry = {"type": kind, "coordinates": points}
    if name is None:
        return geometry
    return {"type": "Feature", "properties": {"name": name}, "geometry": geometry}


def collection(*features):
    return {"type": "FeatureCollection", "features": list(features)}


def save(tmp_path, content):
    path = tmp_path / "c.geojson"
    text = content if isinstance(content, str | bytes) else json.dumps(content)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def gpx(*tracks, tag="trk", inner="trkseg", point="trkpt", head=""):
    out = [f'<?xml version="1.0"?>\n{head}<gpx xmlns="http://www.topografix.com/GPX/1/1">']
    for name, *segments in tracks:
        out.append(f"<{tag}><name>{name}</name>")
        for segment in segments:
            out.append(f"<{inner}>" if inner else "")
            out += [
                f'<{point} lat="{lat:.8f}" lon="{lon:.8f}"><ele>3</ele></{point}>'
                for lon, lat in segment
            ]
            out.append(f"</{inner}>" if inner else "")
        out.append(f"</{tag}>")
    return "\n".join([*out, "</gpx>"])


def is_the_circuit(path, which=None, atol=0.05):
    found = survey(path, "x", 11.0, line=which)
    off = found.xy - XY
    assert len(found.xy) == len(XY)
    assert np.abs(off - off.mean(axis=0)).max() < atol
    return found


@pytest.mark.parametrize(
    "content",
    [
        line(CLOSED),
        line(RING),
        line([CLOSED], "Polygon"),
        line([[CLOSED]], "MultiPolygon"),
        line([RING[:40], RING[39:80], RING[79:] + RING[:1]], "MultiLineString"),
        line([[*p, 120.0] for p in CLOSED], name="With heights"),
        collection(line(CLOSED, name="Circuit")),
        collection(line([9.0, 45.0], "Point", "Cafe"), line(CLOSED, name="Circuit")),
        collection(line(RING[:50], name="Pit lane"), line(CLOSED, name="Circuit")),
        collection(line(RING[:61], name="a"), line(RING[60:] + RING[:1], name="b")),
        collection(line(RING[:61], name="a"), line(([*RING[60:], RING[0]])[::-1], name="b")),
        collection(
            line(RING[:61], name="Ring"),
            line(RING[3:9], name="Pits"),
            line(RING[60:] + RING[:1], name="Ring"),
        ),
        {"type": "GeometryCollection", "geometries": [line(CLOSED)]},
        {"type": "Feature", "properties": None, "geometry": line(CLOSED)},
    ],
)
def test_a_circuit_is_found_in_every_kind_of_geojson(tmp_path, content):
    found = is_the_circuit(save(tmp_path, content))
    assert any("touches the Earth (WGS 84) at 45.6" in told for told in found.understood)
    assert not found.notes


def test_several_laps_are_chosen_from_by_name_or_number(tmp_path):
    path = save(tmp_path, collection(line(OTHER, name="Old"), line(CLOSED, name="New\u202e")))
    with pytest.raises(UserError) as caught:
        survey(path, "x", 11.0)
    assert "--line NAME or NUMBER: 1 'Old' (" in str(caught.value)
    assert "\u202e" not in str(caught.value)
    is_the_circuit(path, "2")
    is_the_circuit(path, "new\\u202e")
    with pytest.raises(UserError, match="no line is called 'Third'"):
        survey(path, "x", 11.0, line="Third")


@pytest.mark.parametrize(
    "content",
    [
        gpx(("Lap", RING)),
        gpx(("Lap", CLOSED)),
        gpx(("Lap", RING[:30], RING[30:])),
        gpx(("Route", RING), tag="rte", inner="", point="rtept"),
        gpx(("Way there", RING[:20]), ("Lap", CLOSED)),
        gpx(("Lap", RING)).replace("<gpx xmlns=", "<g:gpx xmlns:g=").replace("</gpx>", "</g:gpx>"),
        gpx(("Lap", RING)).replace("\n", "\r\n").encode("utf-16"),
        gpx(("Lap", [RING[0]] * 9 + RING)),  # standing at the start
    ],
)
def test_a_circuit_is_found_in_every_kind_of_gpx(tmp_path, content):
    found = is_the_circuit(save(tmp_path, content))
    assert found.understood[0].startswith("'Lap'") or found.understood[0].startswith("'Route'")


def test_the_first_whole_lap_of_a_recording_is_taken(tmp_path):
    drift = lonlat(XY + [2.0, 1.0]).tolist()
    found = survey(save(tmp_path, gpx(("Day", RING + drift + drift[:30]))), "x", 11.0)
    assert 115 <= len(found.xy) <= 121
    assert "first whole lap" in found.notes[0]


def test_widths_are_asked_for(tmp_path):
    with pytest.raises(UserError, match="--width METRES"):
        survey(save(tmp_path, line(CLOSED)), "x")


BOMB = '<!DOCTYPE gpx [<!ENTITY a "ha">' + "".join(
    f'<!ENTITY a{k} "{f"&a{k - 1};" * 10}">' for k in range(1, 12)
)
HOSTILE = {
    "entities": (gpx(("&a11;", RING), head=BOMB + "]>\n"), "a document type"),
    "a file of ours": (
        gpx(("&x;", RING), head='<!DOCTYPE gpx [<!ENTITY x SYSTEM "file:///etc/passwd">]>'),
        "a document type",
    ),
    "tags within tags": ("<gpx>" + "<a>" * 200_000, "too deep"),
    "an open tag": ("<gpx><trk>", "not valid XML"),
    "KML": ("<kml></kml>", "<kml> is not GPX"),
    "waypoints": ('<gpx><wpt lat="1" lon="2"/></gpx>', "1 waypoints but no track"),
    "no position": ("<gpx><trk><trkpt/></trk></gpx>", 'c.geojson:1: <trkpt> has lon=""'),
    "beyond": ('<gpx><trk><trkpt lat="91" lon="0"/></trk></gpx>', 'has lat="91"'),
    "not a number": ('<gpx><trk><trkpt lat="nan" lon="0"/></trk></gpx>', 'has lat="nan"'),
    "nothing": ("<gpx/>", "no line"),
    "brackets": ("[" * 5_000_000, "nested too deep"),
    "braces": ('{"a":' * 1_000_000, "nested too deep"),
    "collections": ('{"type":"GeometryCollection","geometries":[' * 40 + "]}" * 40, "too deep"),
    "half": ('{"type": "Feat', "c.geojson:1: not valid JSON"),
    "a list": ("[1, 2]", "must be an object"),
    "NaN": ('{"type":"LineString","coordinates":[[NaN,1]]}', "NaN is not a JSON number"),
    "infinite": ('{"type":"LineString","coordinates":[[1e999,1],[1,2]]}', "point 1 of"),
    "digits": ('{"type":"LineString","coordinates":[[' + "9" * 6000 + ",1]]}", "too many digits"),
    "big": ('{"type":"LineString","coordinates":[[' + "9" * 600 + ",1]]}", "a number of about 60"),
    "words": (line([["a", "b"]]), "[longitude, latitude]"),
    "yes": (line([[True, False]] * 9), "[longitude, latitude]"),
    "one number": (line([1, 2, 3]), "point 1 of 'LineString' is 1"),
    "metres": (line((XY * 5.0).tolist()), "is not on Earth"),
    "surface": (line([CLOSED, CLOSED], "Polygon"), "a polygon with a hole"),
    "crs": (line(CLOSED) | {"crs": {"properties": {"name": "EPSG:3857"}}}, "WGS 84"),
    "points": (line([1, 2], "Point"), "no line"),
    "empty": (collection(), "no line"),
    "short": (line(RING[:4]), "only 4 points"),
    "many lines": (collection(*[line(RING[:2])] * 2500), "2500 lines"),
    "many points": (line(RING * 400), "more than 40000 points"),
    "scattered": (line(lonlat(XY * 400.0).tolist()), "over 100 km from the first"),
    "zip": (b"PK\x03\x04....", "a spreadsheet or an archive"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_circuit_is_refused_in_one_line_and_soon(tmp_path, name):
    content, message = HOSTILE[name]
    path = save(tmp_path, content)
    start = time.process_time()
    with pytest.raises(UserError) as caught:
        read_survey(path).checked()
    assert time.process_time() - start < 2.0
    assert message in str(caught.value) and "\n" not in str(caught.value)
    assert str(caught.value).startswith("c.geojson") and len(str(caught.value)) < 500


LARGE = {
    "tags": (b"<gpx>", b"<a/>", 5_500_000),
    "text": (b"<gpx><trk><name>", b"x\n", 11_000_000),
    "attributes": (b"<gpx ", b'a="1" ', 3_000_000),
    "lines": (b"", b"\n", 7_900_000),
    "comments": (b"", b"#\r", 3_900_000),
    "brackets": (b"[0", b",[]", 2_600_000),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", LARGE)
def test_large_files_of_nothing_are_refused_within_seconds(tmp_path, name):
    begin, piece, times = LARGE[name]
    path = save(tmp_path, begin + piece * times)
    start = time.process_time()
    with pytest.raises(UserError, match=r"^c\.geojson"):
        read_survey(path)
    assert time.process_time() - start < 5.0
