"""However a table is written, the same circuit is read."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from retroracer.errors import UserError
from retroracer.track.csv_io import read_points, write_points
from tests.track.survey.circuits import LEFT, RIGHT, ROWS, XY

CALM = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
NAMES = {
    "x": ["x", "x_m", "X [m]", "East", "x_ref", "pos_x", "easting_m", "center_x"],
    "y": ["y", "y_m", "Y [m]", "North", "y_ref", "pos_y", "northing_m", "center_y"],
    "right": ["w_tr_right_m", "right", "width_right", "w_r"],
    "left": ["w_tr_left_m", "left", "width_left", "w_l"],
}


def write(tmp_path, text):
    path = tmp_path / "c.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
    return path


def same(path, atol=1e-9):
    found = read_points(path)
    assert np.allclose(found.xy, XY, atol=atol)
    assert np.allclose(found.right, RIGHT, atol=atol)
    assert np.allclose(found.left, LEFT, atol=atol)
    return found


@pytest.mark.slow
@CALM
@given(data=st.data())
def test_every_dialect_order_and_axis_gives_the_same_geometry(tmp_path, data):
    draw = data.draw
    separator = draw(st.sampled_from([",", ";", "\t", "|", " ", ", ", " ; ", "   "]))
    comma = draw(st.booleans())
    quotes = draw(st.sampled_from(["", '"'])) or ('"' if comma and "," in separator else "")
    comment = draw(st.sampled_from(["", "#", "# ", "% ", "// "]))
    end = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    index, trailing, mirrored = draw(st.booleans()), draw(st.booleans()), draw(st.booleans())
    pick = draw(st.integers(0, 7))
    order = draw(st.permutations(["x", "y", "right", "left"]))
    columns = dict(zip(("x", "y", "right", "left"), ROWS.T, strict=True))
    names = {role: NAMES[role][pick % len(NAMES[role])] for role in order}
    if mirrored:
        names["x"], columns["x"] = "west_m", -columns["x"]
        names["y"] = "north_m"
    if separator.isspace():
        names = {role: name.replace(" ", "_") for role, name in names.items()}
    blank_end = trailing and not separator.isspace()
    quote = "" if comment else quotes

    def line(cells, mark):
        return separator.join(f"{mark}{c}{mark}" for c in cells) + separator * blank_end

    def number(value):
        return f"{value:.3f}".replace(".", ",") if comma else f"{value:.3f}"

    counted = index and not comment and not separator.isspace()
    out = [comment + line(([""] if counted else []) + [names[r] for r in order], quote)]
    for i in range(len(ROWS)):
        cells = [number(columns[role][i]) for role in order]
        out.append(line(([str(i)] if counted else []) + cells, quotes))
    text = end.join(out) + end * draw(st.integers(0, 3))
    coded = draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"]))
    same(write(tmp_path, text.encode(coded)))


def body(rows=ROWS, sep=","):
    return "".join(sep.join(f"{v:.3f}" for v in row) + "\n" for row in rows)


def test_a_column_that_counts_the_rows_is_left_out_without_names_too(tmp_path):
    text = "".join(f"{i},{line}\n" for i, line in enumerate(body().splitlines()))
    assert "counts the rows" in " ".join(same(write(tmp_path, text)).understood)
    same(write(tmp_path, ",0,1,2,3\n" + text))  # pandas, without names
    same(write(tmp_path, "0,1,2,3\n" + body()))


def test_names_one_short_stand_above_all_but_the_row_numbers(tmp_path):
    text = "".join(f"{i + 1} {line}\n" for i, line in enumerate(body(sep=" ").splitlines()))
    same(write(tmp_path, "x y w_right w_left\n" + text))


def test_other_lines_above_the_names_and_units_below_are_passed_over(tmp_path):
    text = '"Format","Logger"\n"Venue","Somewhere"\n"Version",2\n\n'
    names = '"Pos X","Pos Y","Width Right","Width Left","Speed"\n"km","km","cm","cm","km/h"\n'
    rows = np.column_stack([XY / 1000.0, 100.0 * RIGHT, 100.0 * LEFT, RIGHT])
    lines = "".join(",".join(f"{v:.6f}" for v in row) + "\n" for row in rows)
    same(write(tmp_path, text + names + lines), atol=1e-5)


def test_comments_of_prose_are_no_names(tmp_path):
    top = "# 8f2c-11\n# made by hand, with care, and x and y in metres\n"
    same(write(tmp_path, top + body()))
    same(write(tmp_path, top + "# x_m,y_m,w_tr_right_m,w_tr_left_m\n" + body()))
    same(write(tmp_path, "Monza\n" + body().replace("\n", "  # a point\n")))


def test_rows_without_a_position_are_left_out_and_told(tmp_path):
    text = "x,y,right,left\n" + body() + "nan,nan,nan,nan\n,,,\nNA,NA,5,5\n"
    found = same(write(tmp_path, text))
    assert any(told.startswith("3 rows without a position") for told in found.understood)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x,y,right,left\n" + body() + "1,,5,5\n", "c.csv:122: column 2 is empty"),
        (body() + "1,2,NA,5\n", "c.csv:121: column 3 is na"),
        ("x;y\n" + "1,5;2,5\n" * 9 + "1.5;2.5\n", "decimal points (line 11) and decimal commas"),
        ("x;y\n" + '"1,234.5";2\n' * 9, "without marks between thousands"),
        ("1,50,2,50,3,25,4,75\n" * 9, "commas both between columns and within numbers"),
        ("1,05,2,50\n" * 9, "commas both between columns and within numbers"),
        (body(np.column_stack([np.arange(120) * 4.5, ROWS])), "the first one only grows"),
        ("x,y\n" + "1_0,2\n" * 9, "'1_0' in column 1 is not a number"),
        ("x,y\n" + "\u0661,2\n" * 9, "'\u0661' in column 1 is not a number"),
        ("1," * 20_000 + "\n", "c.csv:1: 40000 characters"),
        ("1," * 900 + "1\n", "c.csv:1: 901 columns"),
        ("1e9,1e9,3,3\n" * 9, "c.csv:1: (1e+09, 1e+09) is too far away"),
    ],
)
def test_what_may_be_misread_is_refused_with_its_line(tmp_path, text, message):
    with pytest.raises(UserError) as caught:
        read_points(write(tmp_path, text))
    assert message in str(caught.value) and str(caught.value).startswith("c.csv")


def test_nine_decimals_come_back_as_they_were(tmp_path):
    rng = np.random.default_rng(3)
    rows = (rng.normal(0.0, 300.0, (50, 4)).round(9), np.abs(rng.normal(5.0, 1.0, 50)).round(9))
    path = tmp_path / "o.csv"
    write_points(path, rows[0][:, :2], rows[1], rows[1], decimals=9)
    found = read_points(path)
    assert np.array_equal(found.xy, rows[0][:, :2]) and np.array_equal(found.left, rows[1])
