"""A size that cannot be meant is asked about; the answer is an option."""

from __future__ import annotations

import numpy as np
import pytest

from retroracer.errors import UserError
from retroracer.track.importing import survey
from tests.track.survey.circuits import ROWS, XY

GENTLE = np.column_stack([XY, 0.0 * XY + 5.5])


def take(tmp_path, rows, scale=None, width=None, header="x,y,right,left"):
    path = tmp_path / "c.csv"
    np.savetxt(path, rows, delimiter=",", fmt="%.6f", header=header, comments="")
    return survey(path, "x", width, scale=scale)


@pytest.mark.parametrize(
    ("made", "asked", "factor"),
    [
        (0.1, "widths of 1.1 m: is this at 1:10?", 10.0),
        (1.0 / 24.0, "is this at 1:24?", 24.0),
        (1.0 / 43.0, "is this at 1:43?", 43.0),
        (1.0 / 0.3048, "widths of 36.1 m: is this in feet?", 0.3048),
        (10.0, "is this in decimetres?", 0.1),
    ],
)
def test_widths_that_no_road_has_are_asked_about_and_the_answer_is_taken(
    tmp_path, made, asked, factor
):
    rows = GENTLE * made
    extent = np.ptp(rows[:, :2], axis=0).max()
    with pytest.raises(UserError) as caught:
        take(tmp_path, rows)
    if extent > 20.0:
        assert asked in str(caught.value) and f"--scale {factor:g};" in str(caught.value)
    found = take(tmp_path, rows, scale=factor)
    assert np.allclose(found.xy, XY, atol=1e-3)
    assert np.allclose(found.left, 5.5, atol=1e-3)
    assert f"positions and widths times {factor:g}" in found.understood


def test_who_says_scale_1_means_it(tmp_path):
    found = take(tmp_path, GENTLE * [1, 1, 0.2, 0.2], scale=1.0)
    assert np.allclose(found.left, 1.5) and "raised" in found.notes[0]


def test_one_usual_width_is_enough_not_to_ask(tmp_path):
    rows = GENTLE * [1, 1, 0.25, 0.25]
    rows[:30, 2:] = 4.0
    assert take(tmp_path, rows).left.max() == pytest.approx(4.0)


def test_kilometres_degrees_and_millimetres_get_their_remedy(tmp_path):
    with pytest.raises(UserError, match="--scale 1000"):
        take(tmp_path, XY / 1000.0, width=11.0, header="x,y")
    assert np.allclose(take(tmp_path, XY / 1000.0, 1000.0, 11.0, "x,y").xy, XY, atol=1e-3)
    with pytest.raises(UserError, match="name the columns lon,lat"):
        take(tmp_path, XY * 1e-5, width=11.0, header="x,y")
    with pytest.raises(UserError, match=r"--scale 0\.001"):
        take(tmp_path, XY * 1000.0, width=11.0, header="x,y")
    assert np.allclose(take(tmp_path, XY * 1000.0, 0.001, 11.0, "x,y").xy, XY)


def test_units_in_the_names_need_no_scale(tmp_path):
    found = take(tmp_path, ROWS / 0.3048, header="x_ft,y_ft,right_ft,left_ft")
    assert np.allclose(found.xy, XY, atol=1e-5)
    with pytest.raises(UserError, match="their own size"):
        take(tmp_path, XY * 1e-5, 10.0, 11.0, "lon,lat")
