"""The schema of track pages, the file editors read it from, and the way back to YAML."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml
from pydantic import ValidationError

from retroracer.config.page import parse
from retroracer.render.palette import PRESETS
from retroracer.resources import tracks_dir
from retroracer.track.schema import Theme, TrackPage, editor_schema

ROOT = Path(__file__).parents[2]
PAGES = sorted((Path(__file__).parent / "pages").glob("*.yaml"))
SHIPPED = sorted(tracks_dir().glob("*.yaml"))
RENEW = (
    "schemas/track.schema.json is out of step; renew it: python -c 'from retroracer.track.schema"
    ' import editor_schema; print(editor_schema(), end="")\' > schemas/track.schema.json'
)


def data(path):
    """A page as plain data, every scalar as its author wrote it."""
    return parse(path.read_text(encoding="utf-8"))[0].plain()


def test_the_schema_file_is_in_step_with_the_models():
    written = (ROOT / "schemas" / "track.schema.json").read_text(encoding="utf-8")
    assert written == editor_schema(), RENEW


@pytest.mark.slow
@pytest.mark.parametrize("page", [*PAGES, *SHIPPED], ids=lambda p: p.stem)
def test_editors_accept_every_good_page(page):
    schema = json.loads(editor_schema())
    jsonschema.Draft202012Validator.check_schema(schema)
    core = yaml.safe_load(page.read_text(encoding="utf-8").replace("country: NO", "country: 'NO'"))
    jsonschema.Draft202012Validator(schema).validate(core)


@pytest.mark.parametrize(
    "wrong",
    [
        {"nmae": "x"},
        {"layout": {"width": 12}},
        {"layout": {"width": 12, "segments": [{"corner": "left", "radius": 3, "angle": 90}] * 2}},
        {"layout": {"width": 12, "segments": [{"straight": "long"}] * 2}},
        {"layout": {"points": [[0, 0], [1]] * 2}},
        {"race": {"direction": "backwards"}},
    ],
)
def test_editors_and_models_refuse_the_same(wrong):
    page = {"schema": 1, "name": "x", "layout": {"width": 12, "points_file": "x.csv"}} | wrong
    validator = jsonschema.Draft202012Validator(json.loads(editor_schema()))
    assert list(validator.iter_errors(page))
    if wrong != {"layout": {"width": 12}}:  # "exactly one form" is checked when the file is read
        with pytest.raises(ValidationError):
            TrackPage.model_validate(page)


@pytest.mark.parametrize("page", [*PAGES, *SHIPPED], ids=lambda p: p.stem)
def test_pages_survive_the_way_to_yaml_and_back(page, tmp_path):
    model = TrackPage.model_validate(data(page))
    again = tmp_path / page.name
    plain = model.model_dump(mode="json", by_alias=True, exclude_unset=True)
    again.write_text(yaml.safe_dump(plain, sort_keys=False), encoding="utf-8")
    assert TrackPage.model_validate(data(again)) == model


def test_theme_presets_are_those_that_can_be_drawn():
    for name in PRESETS:
        assert Theme(preset=name).preset == name
    with pytest.raises(ValidationError):
        Theme(preset="plaid")


@pytest.mark.parametrize("page", SHIPPED, ids=lambda p: p.stem)
def test_shipped_pages_name_the_schema_for_editors(page):
    first = page.read_text(encoding="utf-8").splitlines()[0]
    assert first == "# yaml-language-server: $schema=../schemas/track.schema.json"
