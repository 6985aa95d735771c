"""Names of columns decide, whatever their order; names that do not are refused."""

from __future__ import annotations

import numpy as np
import pytest

from retroracer.errors import UserError
from retroracer.track.csv_io import read_points
from tests.track.survey.circuits import LEFT, RIGHT, ROWS, XY, edges, lonlat

X, Y = XY.T
EDGE_LEFT, EDGE_RIGHT = edges()


def read(tmp_path, header, *columns, sep=","):
    path = tmp_path / "c.csv"
    lines = [sep.join(repr(float(v)) for v in row) for row in np.column_stack(columns)]
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return read_points(path)


PAIRS = [
    ("x_m,y_m", X, Y),
    ("y,x", Y, X),
    ("X,Y", X, Y),
    ("north_m,east_m", Y, X),
    ("Easting,Northing", X, Y),
    ("Northing [m],Easting [m]", Y, X),
    ("N,E", Y, X),
    ("x_ref_m,y_ref_m", X, Y),
    ("x_pos,y_pos", X, Y),
    ("pos_y,pos_x", Y, X),
    ("position.x,position.y", X, Y),
    ("xpos,ypos", X, Y),
    ("center_x,center_y", X, Y),
    ("centerY,centerX", Y, X),
    ("cx,cy", X, Y),
    ("x_coord,y_coord", X, Y),
    ("UTM Northing (m),UTM Easting (m)", Y, X),
    ("x_km,y_km", X / 1000.0, Y / 1000.0),
    ("y (ft),x (ft)", Y / 0.3048, X / 0.3048),
    ("x_north_m,y_east_m", Y, X),
    ("south,west", -Y, -X),
    ("west_m,north_m", -X, Y),
    ("y_down,x", -Y, X),
    ("x,y_up", X, Y),
    ("x_in,y_in", X / 0.0254, Y / 0.0254),
    ("\uff38,\uff39", X, Y),
]
WIDTHS = [
    ("w_tr_right_m,w_tr_left_m", RIGHT, LEFT),
    ("width_left,width_right", LEFT, RIGHT),
    ("left,right", LEFT, RIGHT),
    ("left_width_m,right_width_m", LEFT, RIGHT),
    ("wl,wr", LEFT, RIGHT),
    ("d_left,d_right", LEFT, RIGHT),
    ("halfWidthRight,halfWidthLeft", RIGHT, LEFT),
    ("w_right [cm],w_left [cm]", 100.0 * RIGHT, 100.0 * LEFT),
    ("dist_to_left_bound,dist_to_right_bound", LEFT, RIGHT),
]


@pytest.mark.parametrize(("header", "first", "second"), PAIRS, ids=[p[0] for p in PAIRS])
@pytest.mark.parametrize("widths", [0, 1])
def test_usual_names_of_positions_are_understood_in_any_order(
    tmp_path, header, first, second, widths
):
    names, one, other = WIDTHS[widths]
    found = read(tmp_path, f"{names},{header}", one, other, first, second)
    assert np.allclose(found.xy, XY, atol=1e-8)
    assert np.allclose(found.right, RIGHT) and np.allclose(found.left, LEFT)


@pytest.mark.parametrize(("names", "one", "other"), WIDTHS, ids=[w[0] for w in WIDTHS])
def test_usual_names_of_widths_are_understood_in_any_order(tmp_path, names, one, other):
    found = read(tmp_path, f"east,{names},north", X, one, other, Y)
    assert np.allclose(found.xy, XY)
    assert np.allclose(found.right, RIGHT) and np.allclose(found.left, LEFT)


@pytest.mark.parametrize("name", ["width", "w", "track_width_m", "total width"])
def test_one_width_is_of_the_whole_road(tmp_path, name):
    found = read(tmp_path, f"x,{name},y", X, 2.0 * RIGHT, Y)
    assert np.allclose(found.right, RIGHT) and np.allclose(found.left, RIGHT)


def test_a_half_width_is_of_either_side(tmp_path):
    found = read(tmp_path, "half_width,y,x", RIGHT, Y, X)
    assert np.allclose(found.right, RIGHT) and np.allclose(found.left, RIGHT)


def test_racing_lines_keep_their_other_columns_to_themselves(tmp_path):
    zero = 0.0 * X
    header = "# s_m; x_m; y_m; psi_rad; kappa_radpm; vx_mps; ax_mps2"
    found = read(tmp_path, header, np.arange(len(X)), X, Y, zero, zero, zero, zero, sep=";")
    assert np.array_equal(found.xy, XY) and found.right is None
    assert "left out: 's_m', 'psi_rad'" in found.understood[0]


def test_the_reference_line_goes_before_the_racing_line_beside_it(tmp_path):
    header = "x_raceline_m,y_raceline_m,x_ref_m,y_ref_m,width_right_m,width_left_m,x_normvec_m"
    found = read(tmp_path, header, X + 3.0, Y, X, Y, RIGHT, LEFT, 0.0 * X)
    assert np.array_equal(found.xy, XY) and np.array_equal(found.left, LEFT)


@pytest.mark.parametrize(
    "header",
    [
        "left_x,left_y,right_x,right_y",
        "xl,yl,xr,yr",
        "left_bound_x_m,left_bound_y_m,right_bound_x_m,right_bound_y_m",
        "x_left,y_left,x_right,y_right",
        "inner_x,inner_y,outer_x,outer_y",
    ],
)
def test_points_of_both_edges_give_the_line_between(tmp_path, header):
    found = read(tmp_path, header, *EDGE_LEFT.T, *EDGE_RIGHT.T)
    assert np.allclose(found.xy, 0.5 * (EDGE_LEFT + EDGE_RIGHT))
    assert np.allclose(found.left + found.right, LEFT + RIGHT)


def test_edges_beside_a_middle_line_give_its_widths(tmp_path):
    header = "center_x,center_y,inner_x,inner_y,outer_x,outer_y"
    found = read(tmp_path, header, X, Y, *EDGE_LEFT.T, *EDGE_RIGHT.T)
    assert np.array_equal(found.xy, XY)
    assert np.allclose(found.left, LEFT) and np.allclose(found.right, RIGHT)
    # Driven the other way round, the inner edge lies to the right.
    back = read(tmp_path, header, X[::-1], Y[::-1], *EDGE_LEFT[::-1].T, *EDGE_RIGHT[::-1].T)
    assert np.allclose(back.right, LEFT[::-1]) and np.allclose(back.left, RIGHT[::-1])


def test_edges_called_by_the_wrong_sides_are_refused(tmp_path):
    with pytest.raises(UserError, match="called left lie to the right of travel"):
        read(tmp_path, "left_x,left_y,right_x,right_y", *EDGE_RIGHT.T, *EDGE_LEFT.T)
    down = EDGE_LEFT * [1, -1], EDGE_RIGHT * [1, -1]
    with pytest.raises(UserError, match="y_south"):
        read(tmp_path, "left_x,left_y,right_x,right_y", *down[0].T, *down[1].T)
    found = read(tmp_path, "left_x,left_y_south,right_x,right_y_south", *down[0].T, *down[1].T)
    assert np.allclose(found.xy, 0.5 * (EDGE_LEFT + EDGE_RIGHT))


@pytest.mark.parametrize(
    ("header", "order"),
    [
        ("lon,lat", 1),
        ("Latitude,Longitude", -1),
        ("lat_deg,lng_deg", -1),
        ("GPS Lat [°],GPS Long [°]", -1),
    ],
)
def test_longitude_and_latitude_become_metres(tmp_path, header, order):
    degrees = lonlat()[:, ::order]
    found = read(tmp_path, header, *degrees.T)
    off = found.xy - XY - (found.xy - XY).mean(axis=0)
    assert np.abs(off).max() < 0.03  # what the flat reference is off by
    assert found.on_earth and "WGS 84" in " ".join(found.understood)


@pytest.mark.parametrize(
    ("header", "named"),
    [
        ("rechts,hoch,w_right,w_left", ["'rechts'", "'hoch'", "'w_right' (width to the right)"]),
        ("# rechts, hoch, w_right, w_left", ["'rechts'", "'hoch'"]),
        ("foo,bar,baz,qux", ["'foo', 'bar', 'baz', 'qux'"]),
        ("x,foo,w_right,w_left", ["'foo'", "'x' (x)"]),
        ("x_px,y_px,w_right,w_left", ["'x_px', 'y_px'"]),
        ("x,z,w_right,w_left", ["x and y"]),
        ("x_mi,y_mi,w_right,w_left", ["'x_mi', 'y_mi'"]),
        ("x_down,y,w_right,w_left", ["'x_down'"]),
        ("x,y,w_right,breite", ["to the right, but none to the left", "'breite'"]),
        ("x,y,x_m,w_left", ["all name positions"]),
        ("x,y,east,north", ["all name positions"]),
        ("x,y,left,w_left", ["a width to the left, but none to the right"]),
        ("x,y,width,track_width", ["all give the full width"]),
        ("x,y,w_right", ["3 names for 4 columns"]),
        ("x,y,w_right,w_left,z", ["5 names for 4 columns"]),
    ],
)
def test_names_understood_by_half_are_refused_with_the_words(tmp_path, header, named):
    with pytest.raises(UserError) as caught:
        read(tmp_path, header, *ROWS.T)
    assert str(caught.value).startswith("c.csv:1: ")
    for words in named:
        assert words in str(caught.value)


def test_what_was_understood_is_told(tmp_path):
    found = read(tmp_path, "lap,north_m,west_km,speed,grün", 0 * X, Y, -X / 1000.0, X, X)
    assert found.understood == (
        "columns: x from 'west_km' in km, negated, y from 'north_m'; left out: 'lap', 'speed';"
        " not understood: 'grün'",
    )
    assert np.allclose(found.xy, XY)
