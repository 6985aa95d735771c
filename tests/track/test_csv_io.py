"""Reading centrelines as others write them."""

from __future__ import annotations

import numpy as np
import pytest

from retroracer.errors import UserError
from retroracer.track.csv_io import read_points, write_points

ANGLE = np.linspace(0.0, 2.0 * np.pi, 12, endpoint=False)
ROWS = np.column_stack(
    [100.0 * np.cos(ANGLE), 100.0 * np.sin(ANGLE), 0.0 * ANGLE + 5.0, 0.0 * ANGLE + 6.5]
).round(3)


def body(rows=ROWS, sep=",", end="\n"):
    return end.join(sep.join(f"{v:.3f}" for v in row) for row in rows) + end


def read(tmp_path, text):
    path = tmp_path / "survey.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
    return read_points(path)


@pytest.mark.parametrize(
    "text",
    [
        body(),
        "# x_m,y_m,w_tr_right_m,w_tr_left_m\n" + body(),
        "x_m,y_m,w_tr_right_m,w_tr_left_m\n" + body(),
        "#x_m , y_m , w_tr_right_m , w_tr_left_m\n" + body(sep=", "),
        "# made by hand\n# x_m; y_m; w_tr_right_m; w_tr_left_m\n" + body(sep=";"),
        "x_m;y_m;w_tr_right_m;w_tr_left_m\n" + body(sep=";").replace(".", ","),
        "x\ty\tw_right\tw_left\n" + body(sep="\t"),
        body(sep="   "),
        "\ufeffx_m,y_m,w_tr_right_m,w_tr_left_m\r\n" + body(end="\r\n") + "\r\n",
        ("x_m,y_m,w_tr_right_m,w_tr_left_m\n" + body()).encode("utf-16"),
        "x,y,right,left,banking\n" + body(np.column_stack([ROWS, 0 * ANGLE])),
        "\n\n" + body().replace("\n", "\n\n"),
    ],
)
def test_every_usual_dialect_is_read_alike(tmp_path, text):
    points = read(tmp_path, text)
    assert np.allclose(points.xy, ROWS[:, :2])
    assert np.allclose(points.right, 5.0) and np.allclose(points.left, 6.5)


def test_a_header_names_columns_in_any_order(tmp_path):
    text = "w_tr_left_m,x_m,w_tr_right_m,y_m\n" + body(ROWS[:, [3, 0, 2, 1]])
    points = read(tmp_path, text)
    assert np.allclose(points.xy, ROWS[:, :2])
    assert np.allclose(points.right, 5.0) and np.allclose(points.left, 6.5)


def test_two_columns_have_no_width_and_three_a_full_one(tmp_path):
    assert read(tmp_path, body(ROWS[:, :2])).left is None
    three = read(tmp_path, body(ROWS[:, :3]))
    assert np.allclose(three.left, 2.5) and np.allclose(three.right, 2.5)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "survey.csv: only 0 points"),
        (body(ROWS[:5]), "survey.csv: only 5 points"),
        (body() + "1,2,3\n", "survey.csv:13: 3 columns where the lines above have 4"),
        (body() + "1,2,x,3\n", "survey.csv:13: 'x' in column 3 is not a number"),
        (body() + "1,nan,3,3\n", "survey.csv:13: column 2 is nan"),
        (body() + "1,1e999,3,3\n", "survey.csv:13: column 2 is inf"),
        (body() + "1,2,-3,3\n", "survey.csv:13: width -3 m to the right"),
        (body() + "1,2,3,0\n", "survey.csv:13: width 0 m to the left"),
        (body() + "9e9,2,3,3\n", "survey.csv:13: this point lies over 100 km from the first"),
        ("1\n" * 20, "survey.csv:1: one column"),
        (b"\x00" * 50, "survey.csv: holds binary data"),
        (b"caf\xe9,1\n", "survey.csv:1: not UTF-8 text"),
        ("1,2,3,4\n" * 40_001, "survey.csv:40001: more than 40000 points"),
    ],
)
def test_what_is_no_list_of_points_is_refused_with_its_line(tmp_path, text, message):
    with pytest.raises(UserError) as caught:
        read(tmp_path, text)
    assert str(caught.value).startswith(message)


def test_points_are_written_as_they_are_read(tmp_path):
    path = tmp_path / "out.csv"
    write_points(path, ROWS[:, :2], ROWS[:, 2], ROWS[:, 3])
    assert path.read_text(encoding="utf-8").startswith("# x_m,y_m,w_tr_right_m,w_tr_left_m\n")
    points = read_points(path)
    assert np.array_equal(np.column_stack([points.xy, points.right, points.left]), ROWS)
