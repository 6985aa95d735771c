from __future__ import annotations

import itertools
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from retroracer.agents import model_file
from retroracer.agents.facts import Facts
from retroracer.agents.policy import ACTIVATIONS, Policy, load_policy
from retroracer.envs import task
from retroracer.errors import UserError
from retroracer.physics.car import car_facts, load_car

LAYOUT = "chase-22"


def layers_of(rng, *widths):
    return [
        (
            rng.normal(0, a**-0.5, (a, b)).astype(np.float32),
            rng.normal(0, 0.1, b).astype(np.float32),
        )
        for a, b in itertools.pairwise(widths)
    ]


def policy_of(activation="relu", widths=(22, 256, 256, 2)):
    facts = Facts(LAYOUT, 0, activation=activation)
    return Policy(layers_of(np.random.default_rng(1), *widths), facts, "test")


def model_zip(path, layers=None, facts=None, **entries):
    """A model file as far as inference reads it; ``entries`` replace or add raw bytes."""
    layers = layers or layers_of(np.random.default_rng(1), 22, 8, 2)
    parts = {
        model_file.FACTS_ENTRY: (facts or Facts(LAYOUT, 5)).to_json().encode(),
        model_file.ACTOR_ENTRY: model_file.actor_bytes(layers),
        **entries,
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, raw in parts.items():
            if raw is not None:
                archive.writestr(name, raw)
    return path


def test_a_zip_tells_for_how_long_its_driver_holds_an_action(tmp_path):
    for told, steps in ((None, 1), (0.05, 1), (0.1, 2), (0.15000000000000002, 3)):
        notes = {} if told is None else {"control_dt": told}
        path = model_zip(tmp_path / "m.zip", facts=Facts(LAYOUT, 5, notes=notes))
        assert load_policy(path, LAYOUT).action_repeat == steps
    for told in (0.0, -0.05, 0.07, 1e9, "soon", [0.1], True):
        path = model_zip(tmp_path / "m.zip", facts=Facts(LAYOUT, 5, notes={"control_dt": told}))
        with pytest.raises(UserError, match="control_dt"):
            load_policy(path, LAYOUT)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_rows_action_is_bit_identical_for_any_batch_and_place(activation):
    policy = policy_of(activation)
    obs = np.random.default_rng(2).normal(size=(600, 22)).astype(np.float32)
    alone = np.concatenate([policy.act(row[None]) for row in obs])
    for n in (1, 2, 3, 7, 16, 63, 64, 200, 256, 257, 600):
        assert policy.act(obs[:n]).tobytes() == alone[:n].tobytes()
        assert policy.act(obs[-n:]).tobytes() == alone[-n:].tobytes()
    assert policy.act(obs[::2]).tobytes() == alone[::2].tobytes()
    assert policy.act(np.asfortranarray(obs)).tobytes() == alone.tobytes()


@pytest.mark.slow
@pytest.mark.parametrize("core", ["Haswell", "Zen", "SkylakeX", "Sandybridge"])
def test_rows_are_bit_identical_under_other_cpus_kernels(core, tmp_path):
    """OpenBLAS can be told to use another CPU's kernels; elsewhere the setting does nothing."""
    code = (
        "import numpy as np; from test_policy import policy_of; p = policy_of();"
        "x = np.random.default_rng(0).normal(size=(70, 22)).astype('f4');"
        "a = p.act(x); print(all(p.act(x[i:i+1]).tobytes() == a[i].tobytes() for i in range(70)))"
    )
    features = Path("/proc/cpuinfo").read_text() if sys.platform == "linux" else ""
    if core == "SkylakeX" and "avx512f" not in features:
        pytest.skip("this CPU has no AVX-512")
    if core in ("Haswell", "Zen") and "avx2" not in features:
        pytest.skip("this CPU has no AVX2")
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(Path(__file__).parent), "OPENBLAS_CORETYPE": core},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.strip() == "True", done.stderr


def test_actions_stay_in_their_box_for_any_finite_observation():
    policy = policy_of()
    obs = np.random.default_rng(3).normal(size=(50, 22)).astype(np.float32) * 1e6
    actions = policy.act(obs)
    assert actions.dtype == np.float32
    assert actions.shape == (50, 2)
    assert np.abs(actions).max() <= 1.0


def test_activations_are_what_they_are_named_after():
    x = np.linspace(-3, 3, 61, dtype=np.float32)
    expected = {
        "relu": np.where(x > 0, x, 0),
        "tanh": np.tanh(x),
        "elu": np.where(x > 0, x, np.exp(np.minimum(x, 0)) - 1),
    }
    for name, activate in ACTIVATIONS.items():
        y = x.copy()
        activate(y)
        np.testing.assert_allclose(y, expected[name], atol=1e-6)


def test_observations_of_another_length_are_refused():
    with pytest.raises(ValueError, match="must be \\(N, 22\\)"):
        policy_of().act(np.zeros((3, 21), np.float32))


def test_a_path_or_a_shipped_name_finds_the_model(tmp_path, monkeypatch):
    monkeypatch.setattr(model_file, "models_dir", lambda: tmp_path)
    path = model_zip(tmp_path / "base.zip")
    assert load_policy("base", LAYOUT).name == "base"
    assert load_policy(path, LAYOUT).facts.steps == 5
    with pytest.raises(UserError, match="no model 'bsae'; did you mean 'base'"):
        load_policy("bsae", LAYOUT)
    with pytest.raises(UserError, match="there are: base"):
        load_policy("other/zzz", LAYOUT)
    with pytest.raises(UserError, match="is a folder"):
        load_policy(tmp_path, LAYOUT)


def test_a_model_of_another_observation_layout_says_how_to_mend_it(tmp_path):
    path = model_zip(tmp_path / "m.zip")
    with pytest.raises(UserError, match=r"'chase-22'.*'racing-1'; retrain it"):
        load_policy(path, "racing-1")


def damaged_npz(tmp_path, **arrays):
    path = tmp_path / "x.npz"
    np.savez(path, **arrays)
    return path.read_bytes()


def test_what_is_not_a_model_is_refused_in_one_line(tmp_path):
    def refusal(**entries):
        with pytest.raises(UserError) as caught:
            load_policy(model_zip(tmp_path / "m.zip", **entries), LAYOUT)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    w, b = np.ones((22, 2), np.float32), np.ones(2, np.float32)
    facts = json.loads(Facts(LAYOUT, 5).to_json())
    npz, record = "actor.npz", "retroracer.json"
    assert "not saved by RetroRacer" in refusal(**{record: None})
    assert "not saved by RetroRacer" in refusal(**{npz: None})
    assert "cannot be read" in refusal(**{record: b"[1]"})
    assert "cannot be read" in refusal(**{record: b"[" * 100_000})
    assert "upgrade RetroRacer" in refusal(**{record: json.dumps(facts | {"format": 9}).encode()})
    assert "whole number" in refusal(**{record: json.dumps(facts | {"steps": "x"}).encode()})
    assert "activation 'gelu'" in refusal(facts=Facts(LAYOUT, 5, activation="gelu"))
    assert "claims 2,000,000 bytes" in refusal(**{record: b" " * 2_000_000})
    assert "not finite" in refusal(**{npz: damaged_npz(tmp_path, weight0=w * np.nan, bias0=b)})
    assert "do not fit" in refusal(**{npz: damaged_npz(tmp_path, weight0=w[:, :1].copy(), bias0=b)})
    assert "plain float32" in refusal(**{npz: damaged_npz(tmp_path, weight0=w.astype("f8"))})
    pickled = damaged_npz(tmp_path, weight0=np.array([{}], dtype=object), bias0=b)
    assert "plain float32" in refusal(**{npz: pickled})
    (tmp_path / "text.zip").write_text("hello")
    with pytest.raises(UserError, match="not a zip file"):
        load_policy(tmp_path / "text.zip", LAYOUT)


@pytest.mark.slow
def test_a_zip_bomb_is_refused_before_it_is_inflated(tmp_path):
    inner = tmp_path / "inner.npz"
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("weight0.npy", bytes(model_file.MAX_WEIGHTS_BYTES + 1))
    assert inner.stat().st_size < 400_000
    path = model_zip(tmp_path / "m.zip", **{"actor.npz": inner.read_bytes()})
    with pytest.raises(UserError, match="too large"):
        load_policy(path, LAYOUT)


def test_actors_that_cannot_drive_are_refused(tmp_path):
    def refusal(layers, layout=LAYOUT, **facts):
        path = model_zip(tmp_path / "m.zip", layers, Facts(layout, 5, **facts))
        with pytest.raises(UserError) as caught:
            load_policy(path, layout)
        told = str(caught.value)
        assert told.isprintable() and len(told) < 300
        return told

    rng = np.random.default_rng(1)
    today = task.LAYOUT
    assert "21 observations into 2" in refusal(layers_of(rng, 21, 8, 2), today)
    assert "22 observations into 3" in refusal(layers_of(rng, 22, 8, 3), today)
    assert "23 observations into 2" in refusal(layers_of(rng, 23, 2), today)
    huge = layers_of(rng, 22, 8, 2)
    huge[1][0][0, 0] = 1e38
    for activation in ACTIVATIONS:
        assert "overflow" in refusal(huge, activation=activation)
    deep = [(1e9 * w, b) for w, b in layers_of(rng, 22, 8, 8, 8, 2)]
    assert "overflow" in refusal([(w.astype(np.float32), b) for w, b in deep])
    none = np.zeros((0, 2), np.float32), np.zeros(2, np.float32)
    assert "wide" in refusal([none])
    assert "wide" in refusal(layers_of(rng, 22, 5000, 2))


def test_one_file_holds_one_driver(tmp_path):
    with zipfile.ZipFile(model_file.find_model("base")) as archive:
        parts = {n: archive.read(n) for n in archive.namelist()}
    assert load_policy(model_zip(tmp_path / "same.zip", **parts)).n_observations == 22
    layers = model_file.read_actor("base")
    layers[1][1][3] += 0.5
    bent = parts | {model_file.ACTOR_ENTRY: model_file.actor_bytes(layers)}
    with pytest.raises(UserError, match="two different drivers"):
        load_policy(model_zip(tmp_path / "two.zip", **bent))


@pytest.mark.slow
def test_facts_of_strangers_are_short_printable_and_finite(tmp_path):
    facts = json.loads(Facts(LAYOUT, 5).to_json())

    def read(**changed):
        record = json.dumps(facts | changed).encode()
        return model_file.read_facts(model_zip(tmp_path / "m.zip", **{"retroracer.json": record}))

    told = read(observation_layout="x\x1b[2J\x1b]0;title\x07", package_version="9" * 70_000)
    assert told.observation_layout.isprintable() and len(told.package_version) <= 120
    told = read(notes={"a\nb" * 99: ["\u202e" * 999, {"deep": "\x00"}]}, tracks=["t" * 10_000])
    assert all(len(t) <= 120 and t.isprintable() for t in told.tracks)
    (key,) = told.notes
    assert key.isprintable() and told.notes[key][0].isprintable()
    wrong = [
        {name: value}
        for name in Facts.__dataclass_fields__
        for value in ({"a": [1]}, [["x"]], 1.5, True, "text", -1, 10**30, float("nan"), None)
    ]
    for changed in [*wrong, {"notes": {"a": float("inf")}}, {"notes": {"a": 10**400}}]:
        try:
            read(**changed).to_json()
        except UserError as error:
            assert str(error).isprintable() and len(str(error)) < 400
    for text in ("[" * 100_000, '{"a":' * 40_000, '{"format": 1e999}', "\xff", "9" * 5000, "{}"):
        with pytest.raises(UserError, match="cannot be read"):
            model_file.read_facts(
                model_zip(tmp_path / "m.zip", **{"retroracer.json": text.encode("latin-1")})
            )


def test_the_car_of_a_model_is_what_its_parameters_say(tmp_path):
    car = car_facts(load_car("kart"))
    facts = Facts(LAYOUT, 5, car=car | {"name": "/etc/passwd.yaml"})
    path = model_zip(tmp_path / "m.zip", facts=facts)
    assert model_file.car_of(model_file.read_facts(path), path).mass == load_car("kart").mass
    assert model_file.car_of(Facts(LAYOUT, 5), path) == load_car()
    wrong = [{}, {"mass": -1.0}, {"mass": 10**300}, {"mass": "1"}, {"mass": [1]}, {"wings": 4.0}]
    for changed in wrong:
        record = {"name": "gt"} if not changed else car | changed
        with pytest.raises(UserError, match="damaged: of its car") as caught:
            model_file.car_of(Facts(LAYOUT, 5, car=record), path)
        assert str(caught.value).isprintable() and len(str(caught.value)) < 400


def test_a_model_of_stable_baselines_alone_is_told_apart(tmp_path):
    stock = {"retroracer.json": None, "data": b"{}", "policy.pth": b""}
    with pytest.raises(UserError, match=r"by Stable-Baselines3 alone.*retroracer models adopt"):
        load_policy(model_zip(tmp_path / "m.zip", **stock))


@pytest.mark.slow
def test_any_single_damage_is_a_users_error_or_harmless(tmp_path):
    """Every byte matters to somebody: flip one at a time all over a model file."""
    whole = bytearray(model_zip(tmp_path / "m.zip").read_bytes())
    sample = np.random.default_rng(4).choice(len(whole), 400, replace=False)
    for i in [*sample, *range(len(whole) - 300, len(whole))]:
        broken = bytearray(whole)
        broken[i] ^= 0xFF
        (tmp_path / "b.zip").write_bytes(broken)
        try:
            assert np.isfinite(load_policy(tmp_path / "b.zip", LAYOUT).act(np.zeros((1, 22)))).all()
        except UserError:
            continue
    for cut in range(0, len(whole), 97):
        (tmp_path / "b.zip").write_bytes(whole[:cut])
        with pytest.raises(UserError):
            load_policy(tmp_path / "b.zip", LAYOUT)


def test_facts_survive_json():
    from retroracer.agents.facts import from_json

    facts = Facts("l", 7, 1, layers=(8, 8), tracks=("monza",), car={"name": "gt", "mass": 1300.0})
    assert from_json(facts.to_json().encode(), "x") == facts
    newer = json.loads(facts.to_json()) | {"weather": "rain"}
    assert from_json(json.dumps(newer).encode(), "x") == facts
    with pytest.raises(ValueError, match="plain data"):
        Facts("l", 7, notes={"a": object()}).to_json()
