"""Settings and recipes: what is refused and how, and that a recipe reads back as it was written."""

from __future__ import annotations

import copy
import dataclasses
import json
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dqa.conversion import recipe as recipes
from dqa.conversion.recipe import Recipe
from dqa.errors import RecipeError
from dqa.support import strict_yaml
from dqa.support.settings import CODINGS, METRICS, RENAMED, RUNTIMES, ConvertConfig, firmware_runtime

SHA = "0123456789abcdef" * 4
finite = st.floats(allow_nan=False, allow_infinity=False)
positive = st.floats(min_value=1e-300, allow_nan=False, allow_infinity=False)


@st.composite
def configs(draw: st.DrawFn) -> ConvertConfig:
    bits = draw(st.integers(1, 8))
    maps: dict[str, Any] = draw(
        st.sampled_from(
            [
                {"bits": draw(st.floats(1, 8))},
                {"ram": draw(st.just("auto") | st.integers(1, 2**31 - 1)), "runtime": draw(st.sampled_from(RUNTIMES))},
                {"ram": "auto", "important": draw(st.floats(0.01, 1)), "error_coding": draw(st.sampled_from(CODINGS))},
                {"maps": "planes", "method": "direct", "bits": bits},
                {"maps": "planes", "bits": bits, "extra_bits": draw(st.integers(0, min(4, 8 - bits)))},
                {"maps": "planes", "bits": 5, "ranking": "random", "seed": draw(st.integers(0, 2**32 - 1))},
            ]
        )
    )
    return ConvertConfig(
        **maps,
        input_scale=draw(positive | st.lists(positive, min_size=1, max_size=4).map(tuple)),
        input_zero_point=draw(finite | st.lists(finite, min_size=1, max_size=4).map(tuple)),
        calibration_samples=draw(st.integers(1, 10**6)),
        metric=draw(st.none() | st.sampled_from(METRICS)),
    )


values = st.recursive(
    st.booleans() | st.integers(-(2**31), 2**31) | finite | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
edges = st.dictionaries(st.text(max_size=20), st.dictionaries(st.text(max_size=8), values, max_size=3), max_size=3)


@given(configs(), st.none() | st.just(SHA), edges)
def test_a_recipe_reads_back_as_it_was_written(config: ConvertConfig, sha256: str | None, decisions: dict[str, Any]) -> None:
    recipe = Recipe(config, sha256, sha256, {"dqa": "0.1.0", "numpy": "2.0"}, decisions)
    text = recipes.dump(recipe)
    assert recipes.parse(text) == recipe
    assert recipes.dump(recipes.parse(text)) == text


def test_decisions_may_hold_numpy_numbers_and_arrays_and_keep_their_exact_values(tmp_path: Path) -> None:
    scales = np.random.default_rng(0).random(5)
    recipe = Recipe(ConvertConfig(), edges={"conv1": {"scales": scales, "low": np.int8(-8), "important": (1, 4)}})
    recipes.save(recipe, tmp_path / "recipe.yaml")
    again = recipes.load(tmp_path / "recipe.yaml")
    assert again.edges == {"conv1": {"scales": scales.tolist(), "low": -8, "important": [1, 4]}}


def test_a_recipe_of_settings_alone_is_enough() -> None:
    recipe = recipes.parse("dqa_recipe: 1\nconfig: {bits: 3, input_scale: 1/255}")
    assert recipe == Recipe(ConvertConfig(bits=3, input_scale=1 / 255))


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ({"bits": 0}, "bits: expected a number from 1 to 8, got 0"),
        ({"bits": 9}, "bits"),
        ({"maps": "planes", "bits": 3.5}, "bits: expected a whole number from 1 to 8, got 3.5"),
        ({"maps": "packed"}, "maps: expected coded or planes, got 'packed'"),
        ({"bits": True}, "bits"),
        ({"bits": "4"}, "bits"),
        ({"extra_bits": 5}, "extra_bits"),
        ({"extra_bits": -1}, "extra_bits"),
        ({"maps": "planes", "bits": 6, "extra_bits": 3}, r"bits \+ extra_bits: expected at most 8, got 6 \+ 3"),
        ({"important": 1.1}, "important"),
        ({"important": float("nan")}, "important"),
        ({"method": "paper"}, "method: expected dqa or direct, got 'paper'"),
        ({"method": ["dqa"]}, "method"),
        ({"error_coding": 3}, "error_coding"),
        ({"input_scale": 0}, "input_scale: expected a number greater than 0"),
        ({"input_scale": "1/0"}, "input_scale"),
        ({"input_scale": []}, "input_scale"),
        ({"input_scale": [1.0, -1.0]}, "input_scale"),
        ({"input_scale": 10**400}, "input_scale"),
        ({"input_zero_point": float("inf")}, "input_zero_point"),
        ({"input_zero_point": "a"}, "input_zero_point"),
        ({"calibration_samples": 0}, "calibration_samples"),
        ({"weight_bits": 4.0}, "weight_bits: expected 4 or 8"),
        ({"maps": "planes", "ranking": "sensitivity"}, "ranking: expected gain, energy or random"),
        ({"seed": -1}, "seed"),
        ({"metric": "accuracy"}, "metric: expected top1, auc, miou or mse"),
        ({"maps": "planes", "bits": 4, "extra_bits": True}, "extra_bits"),
    ],
)
def test_a_setting_that_is_not_allowed_is_named(setting: dict[str, Any], named: str) -> None:
    with pytest.raises(RecipeError, match=named) as caught:
        ConvertConfig(**setting)
    assert caught.value.exit_code == 2


def test_numbers_are_taken_as_text_lists_and_fractions() -> None:
    assert ConvertConfig(input_scale="1/255").input_scale == 1 / 255  # type: ignore[arg-type]
    assert ConvertConfig(input_scale=[1, 2]).input_scale == (1.0, 2.0)  # type: ignore[arg-type]
    assert ConvertConfig(input_zero_point="0.5, 1/4,-3e-2").input_zero_point == (0.5, 0.25, -0.03)  # type: ignore[arg-type]


HEAD = "dqa_recipe: 1\n"


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("", "expected names and values", ""),
        ("just text", "expected names and values", ""),
        ("[1, 2", "not YAML", ""),
        ("a\0b", "not YAML", ""),
        ("config: {}", "dqa_recipe: expected 1, got None", "its first line"),
        ("dqa_recipe: 2", "expected 1, got 2", ""),
        (HEAD + "confg: {}", "unknown key 'confg'", "did you mean 'config'"),
        (HEAD + "config: {bitz: 4}", "unknown key 'bitz'", "did you mean 'bits'"),
        (HEAD + "config: {zzz: 4}", "unknown key 'zzz'", "known: method"),
        (HEAD + "config: {1: 4}", "expected a name, got 1", ""),
        (HEAD + "config: {0: 4}", "config: expected a name, got 0", "quotes"),
        (HEAD + "config: {false: 4}", "config: expected a name, got False", "quotes"),
        (HEAD + "null: 4", "recipe: expected a name, got None", "quotes"),
        (HEAD + "edges: {0: {}}", "edges: expected a name, got 0", "quotes"),
        (HEAD + "config: {bits: !!bool abc}", "not YAML", ""),
        (HEAD + "config: {bits: !!int ''}", "not YAML", ""),
        (HEAD + "config: !!timestamp abc", "not YAML", ""),
        (HEAD + "phases: [1, 1, 2]", "phases: expected whole numbers that begin at 0", ""),
        (HEAD + "phases: []", "phases: expected whole numbers that begin at 0", ""),
        (HEAD + "config: [bits]", "config: expected names and values", ""),
        (HEAD + "config:\n  bits: 4\n  bits: 5", "line 4: 'bits' is given twice", ""),
        (HEAD + "config: {bits: 99}", "bits: expected a number", ""),
        (HEAD + "config: {? [a] : 1}", "a key must be a name", ""),
        (HEAD + "model: {sha256: abc}", "model.sha256: expected 64 hexadecimal digits", ""),
        (HEAD + "model: {md5: abc}", "unknown key 'md5'", ""),
        (HEAD + "versions: {dqa: 0.1}", "versions.dqa: expected text", "quotes"),
        (HEAD + "edges: {conv: 4}", "edges.conv: expected names and values", ""),
        (HEAD + "edges: &a {x: *a}", "aliases are not allowed", ""),
        (HEAD + "edges: " + "[" * 100_000, "nest", ""),  # dqa says so, or PyYAML from 6.0.4 on
        (HEAD + "config: !!python/object/apply:os.system ['touch owned']", "not YAML", ""),
        (HEAD + "edges: {x: {y: 2026-99-99}}", "not YAML", ""),
    ],
)
def test_a_recipe_that_does_not_fit_is_refused_with_the_place(
    text: str, message: str, hint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    with pytest.raises(RecipeError) as caught:
        recipes.load(path)
    assert str(path) in caught.value.message
    assert message in caught.value.message
    assert hint in caught.value.hint
    assert [entry.name for entry in tmp_path.iterdir()] == ["recipe.yaml"]


def test_a_recipe_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.yaml", tmp_path):
        with pytest.raises(RecipeError, match="recipe"):
            recipes.load(path)
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RecipeError, match="not UTF-8"):
        recipes.load(tmp_path / "binary.yaml")
    (tmp_path / "long.yaml").write_bytes(b"#" * (strict_yaml.MAX_BYTES + 1))
    with pytest.raises(RecipeError, match="longer than"):
        recipes.load(tmp_path / "long.yaml")
    os.mkfifo(tmp_path / "pipe.yaml")  # opening it would wait for a writer
    with pytest.raises(RecipeError, match="is not a file"):
        recipes.load(tmp_path / "pipe.yaml")


@given(st.text(max_size=200) | st.text("{}[]:,&*!|>-'\"#% \n\tab1", max_size=60).map(lambda text: HEAD + text))
def test_any_text_is_a_recipe_or_refused(text: str) -> None:
    try:
        recipe = recipes.parse(text)
    except RecipeError:
        return
    assert dataclasses.is_dataclass(recipe)


def test_decisions_made_for_another_model_are_refused() -> None:
    recipe = Recipe(ConvertConfig(), model_sha256=SHA, calibration_sha256=SHA)
    recipe.check_inputs(SHA, SHA)
    recipe.check_inputs(SHA, None)
    with pytest.raises(RecipeError, match="another model file"):
        recipe.check_inputs("f" * 64, SHA)
    with pytest.raises(RecipeError, match="another calibration file"):
        recipe.check_inputs(SHA, "f" * 64)


def test_what_a_recipe_cannot_hold_is_not_written() -> None:
    with pytest.raises(ValueError, match="nan"):
        recipes.dump(Recipe(ConvertConfig(), edges={"a": {"b": float("nan")}}))
    with pytest.raises(TypeError, match="object"):
        recipes.dump(Recipe(ConvertConfig(), edges={"a": {"b": object()}}))


def test_the_recipes_of_the_examples_are_valid(root: Path) -> None:
    folder = root / "examples" / "mlperf_tiny"
    paths = sorted({*folder.glob("*.yaml")} - {folder / "devices.yaml"})  # the runner of MLPerf Tiny reads that one
    assert [path.stem for path in paths] == ["ad", "ic", "kws", "vww"]
    for path in paths:
        assert not recipes.load(path).edges


GIVEN: dict[str, Any] = {
    "bits": 5,
    "method": "dqa",
    "extra_bits": 1,
    "important": 0.5,
    "error_coding": "raw",
    "ranking": "random",
    "seed": 3,
    "runtime": "tflm",
}


@pytest.mark.parametrize(
    ("ground", "idle"),
    [
        (
            {"bits": 4},
            {**dict.fromkeys(("method", "extra_bits", "important", "error_coding", "ranking", "seed"), "maps coded"), "runtime": "ram"},
        ),
        ({"ram": "auto"}, {"bits": "ram", "extra_bits": "ram", "seed": "ranking gain"}),
        ({"ram": 9999, "maps": "planes"}, {"bits": "ram", "extra_bits": "ram", "seed": "ranking gain"}),
        (
            {"ram": "auto", "method": "direct"},
            {"bits": "ram", "extra_bits": "ram"} | dict.fromkeys(("important", "error_coding", "ranking", "seed"), "method direct"),
        ),
        ({"maps": "planes"}, {"seed": "ranking gain", "runtime": "ram"}),
        ({"maps": "planes", "ranking": "random"}, {"runtime": "ram"}),
        (
            {"maps": "planes", "method": "direct"},
            {"runtime": "ram"} | dict.fromkeys(("extra_bits", "important", "error_coding", "ranking", "seed"), "method direct"),
        ),
        (
            {"maps": "planes", "extra_bits": 0},
            {"runtime": "ram"} | dict.fromkeys(("important", "error_coding", "ranking", "seed"), "extra_bits 0"),
        ),
        (
            {"maps": "planes", "bits": 8},
            {"runtime": "ram"} | dict.fromkeys(("important", "error_coding", "ranking", "seed"), "extra_bits 0"),
        ),
        ({"maps": "planes", "important": 0}, {"runtime": "ram"} | dict.fromkeys(("error_coding", "ranking", "seed"), "important 0")),
    ],
)
def test_a_setting_without_effect_is_refused_with_the_one_that_makes_it_so(ground: dict[str, Any], idle: dict[str, str]) -> None:
    for name, value in GIVEN.items():
        if name in ground:
            continue
        if name == "extra_bits" and ground.get("bits") == 8:
            value = 0
        if name not in idle:
            assert getattr(ConvertConfig(**ground, **{name: value}), name) == value
            continue
        assert getattr(ConvertConfig(**ground), name) is None
        with pytest.raises(RecipeError, match=f"^{name} has no effect with {idle[name]}") as caught:
            ConvertConfig(**ground, **{name: value})
        assert caught.value.hint
        text = HEAD + "config: " + json.dumps({**ground, name: value})
        with pytest.raises(RecipeError, match=f"^{name} has no effect"):
            recipes.parse(text)


@pytest.mark.parametrize("value", ["coded", "planes", None, 3])
def test_a_setting_under_the_name_it_had_before_is_refused_with_the_new_one(value: object) -> None:
    for name, now in RENAMED.items():
        with pytest.raises(RecipeError, match=f"^{name} is now called {now}$") as caught:
            ConvertConfig(**{name: value})  # type: ignore[arg-type]
        assert (caught.value.hint, caught.value.exit_code) == (f"write {now} instead of {name}", 2)
        with pytest.raises(RecipeError, match=f"^{name} is now called {now}$"):
            recipes.parse(HEAD + "config: " + json.dumps({"bits": 3, name: value}))


def test_settings_are_copied_and_sent_to_other_processes() -> None:
    config = ConvertConfig(maps="planes", bits=3)
    assert pickle.loads(pickle.dumps(config)) == copy.deepcopy(config) == config  # noqa: S301 - our own bytes


def test_what_is_not_given_has_its_default_where_it_has_an_effect() -> None:
    planes = ConvertConfig(maps="planes")
    assert (planes.bits, planes.method, planes.extra_bits, planes.important, planes.error_coding) == (4, "dqa", 2, 0.4, "huffman")
    assert (planes.ranking, planes.seed, planes.runtime) == ("gain", None, None)
    assert (ConvertConfig(bits=4).ram, ConvertConfig().extra_bits, ConvertConfig().bits) == (None, None, None)
    assert ConvertConfig() == ConvertConfig(ram="auto")
    assert ConvertConfig(ram="auto").runtime == "standalone" and ConvertConfig(ram="auto").important == 0.4
    assert [ConvertConfig(maps="planes", bits=bits).extra_bits for bits in (5, 6, 7, 8)] == [2, 2, 1, 0]
    assert ConvertConfig(maps="planes", ranking="random").seed == 0
    assert planes.packing == ConvertConfig().packing == ConvertConfig(bits=4).packing
    assert dataclasses.replace(planes, calibration_samples=3).extra_bits == 2


def test_a_tree_of_tensorflow_lite_micro_belongs_to_its_runtime(tmp_path: Path) -> None:
    assert [firmware_runtime(*given) for given in ((None, None), ("standalone", None), ("tflm", None), ("tflm", tmp_path))] == [
        "standalone",
        "standalone",
        "tflm",
        "tflm",
    ]
    for runtime in (None, "standalone"):
        with pytest.raises(RecipeError, match="tflm has no effect with runtime standalone"):
            firmware_runtime(runtime, tmp_path)
    with pytest.raises(RecipeError, match="runtime: expected standalone or tflm, got 'zephyr'"):
        firmware_runtime("zephyr", None)
