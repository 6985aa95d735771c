"""Every hand-made broken page gives exactly the message beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from retroracer.errors import UserError
from retroracer.track.files import load_track

BROKEN = Path(__file__).parent / "broken"
PAGES = sorted(BROKEN.glob("*.yaml"))


def test_there_are_at_least_twenty_broken_pages():
    assert len(PAGES) >= 20
    assert {p.stem for p in PAGES} == {p.stem for p in BROKEN.glob("*.txt")}


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_broken_page_gives_exactly_the_message_beside_it(page, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)  # the message must not depend on where one stands
    with pytest.raises(UserError) as caught:
        load_track(page)
    assert f"{caught.value}\n" == page.with_suffix(".txt").read_text(encoding="utf-8")


def test_every_error_code_of_the_table_has_a_broken_page():
    told = "".join(p.read_text(encoding="utf-8") for p in BROKEN.glob("*.txt"))
    codes = [1, 2, 3, 4, 5, 6, 10, 11, 12, 13, 20, 21, 22, 23, 24, 30, 31]
    assert [code for code in map("T{:02d}".format, codes) if f": {code}: " not in told] == []
